"""Questions made from WDC-PAVE's gold: how many are answered exactly, and how many that have no answer are refused.

    nice python benchmarks/ask.py --data DIR [--each 120] [--save NAME] [--show N]

DIR holds `wdc_pave/wdc_with_all_attributes_normalized/train_large.jsonl.gz` (Brinkmann et al. 2024, WDC-PAVE: 1,066
offers of five categories; webdatacommons.org). The gold tags are stored as items, but for one value in seven, which is
held out: a question for it has no answer. Templates of `HELD_OUT` were written after the grammar was frozen, and the
results were stored before anything was changed for them. Items are named by their title, by id, or by the fewest
first words of the title that stand in no other. Nothing is trained. The floor is a bag of words that is given the
item: the values of the attribute whose name has most words in the question; "yes" where one of the item's tags
stands in the question, else "no"; items with all the tags that stand in the question.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from common import arguments, bucket, machine, percentile, report, table

from graph.columns.assemble import TaxonomyData
from graph.formats.annotated import AnnotatedRow, induce
from graph.importing import import_parsed
from graph.labels import normalise, singular
from graph.model import ItemTag, TaggedItem
from graph.stores import load_taxonomy, open_store
from graph.taxonomy import Taxonomy
from kgtag.ask.asker import Asker
from kgtag.serve.assemble import assemble_served
from kgtag.tag.models import Models

FILE = "wdc_pave/wdc_with_all_attributes_normalized/train_large.jsonl.gz"
HELD = 14
"""Percent of the values that are held out of the store."""
SEEN: dict[str, tuple[str, ...]] = {
    "value": (
        "What is the {a} of {p}?", "What {a} does {p} have?", "Which {a} is {p}?", "Tell me the {a} of {p}",
        "What's the {a} of {p}?", "{p}的{a}是什么？", "{p}是什么{a}？", "I'd like to know the {a} of {p}.",
        "{p} - what {a}?", "Could you give me the {a} for {p}?", "{a} for {p}?", "Which {a} is listed for {p}?",
        "What {a} has been recorded for {p}?", "{p}: {a}?", "Do you know what {a} {p} has?",
        "please look up the {a} of {p}", "{p}的{a}是多少？", "麻烦查一下{p}的{a}", "{p}，{a}是什么？",
    ),
    "has": (
        "Is the {a} of {p} {v}?", "Does {p} have {v}?", "Is {p} {v}?", "Does {p} have {v} as {a}?", "{p}的{a}是{v}吗？",
        "{p}有{v}吗？", "Would you say {p} is {v}?", "Can you confirm that {p} has {v}?",
        "Is it true that the {a} of {p} is {v}?", "{p}: is it {v}?", "Does {p} come with {v}?",
        "I wonder whether {p} has {v}", "Is {v} the {a} of {p}?", "{p}是{v}的吗？", "请问{p}的{a}是不是{v}？",
    ),
    "items": (
        "Which items have {v}?", "Show me products with {v}", "Do you have {v} products?", "哪些商品是{v}的？",
        "Could you list everything that has {v}?", "I am after something {v}", "What do you carry that is {v}?",
        "Give me all products tagged {v}", "{v} products", "有哪些商品是{v}的？", "帮我找{v}的商品",
    ),
    "without": (
        "Which {v} items are not {w}?", "Which items have {v} and no {w}?", "Show me {v} products without {w}",
        "{v} but not {w}", "Anything {v} without {w}?", "everything with {v} except {w}",
    ),
    "count": (
        "How many items have {v}?", "How many {v} products are there?", "有多少{v}的商品？",
        "What is the total number of {v} products?", "Count everything that is {v}", "{v}的商品一共有多少？",
    ),
    "difference": (
        "What is the difference between {p} and {q}?", "How does {p} differ from {q}?", "{p}和{q}有什么区别？",
        "{p} or {q}: what are the differences?", "What makes {p} different from {q}?",
        "In which respects do {p} and {q} differ?", "{p}和{q}哪里不一样？",
    ),
    "shelf": (
        "What {a} do {c} come in?", "Which {a} do {c} have?", "Which {a} are there among {c}?",
        "List the {a} available for {c}", "In which {a} can I get {c}?",
    ),
}  # fmt: skip
HELD_OUT: dict[str, tuple[str, ...]] = {
    "value": (
        "A customer asks about the {a} of {p}", "{p}, which {a}?", "Got a question on {p}: what {a} is it?",
        "{a} {p}", "What would the {a} be for {p}?", "Remind me of the {a} of {p}, will you?",
        "With which {a} is {p} sold?", "As for {p}, what is its {a}?", "Is there a {a} given for {p}?",
        "{p}的{a}", "我想了解{p}的{a}", "{p}采用哪种{a}？",
    ),
    "has": (
        "Are we sure that {p} is {v}?", "Is it the case that {p} has {v}?", "Someone claims {p} has {v}. Is that so?",
        "Does the {a} of {p} equal {v}?", "Is {p} one of those with {v}?", "{p} - {v} or not?", "So {p} is {v}?",
        "Should I describe {p} as {v}?", "{p}到底是不是{v}？", "{p}的{a}可是{v}？",
    ),
    "items": (
        "Got any {v}?", "Who has {v} here?", "Let me see whatever is {v}", "Which of your products would be {v}?",
        "My client insists on {v}, what can we offer?", "Everything in {v}, please", "你们卖{v}吗？", "想看看{v}的东西",
    ),
    "without": (
        "All {v}, leaving out {w}", "Which {v} products have nothing to do with {w}?", "{v}, no {w} please",
        "I want {v} but it must not be {w}", "要{v}的，不要{w}的",
    ),
    "count": (
        "What's the count of {v} items?", "How large is the stock of {v}?", "In how many cases do we have {v}?",
        "{v}有几件？", "统计一下{v}的商品数量",
    ),
    "difference": (
        "Set {p} against {q}: where do they part?", "Why would one pick {p} over {q}, how are they not the same?",
        "Differences, {p} against {q}", "Are {p} and {q} the same?", "对比一下{p}跟{q}", "{p}同{q}比起来有何差异？",
    ),
    "shelf": (
        "Across {c}, which {a} occur?", "What are the possible values of {a} in {c}?", "{c}: all {a}",
        "For {c}, name every {a}", "{c}都有哪些{a}？",
    ),
}  # fmt: skip
UNKNOWN_ATTRIBUTES = (
    "warranty", "release date", "country of assembly", "energy label", "return policy", "noise level", "battery life",
    "star rating", "shelf life", "price", "delivery time", "recommended age",
)  # fmt: skip


@dataclass
class Question:
    """A question with its right answer: ids by kind, `holds`, or None for "not known"."""

    kind: str
    parts: dict[str, str]
    gold: Any
    item: str | None = None
    why: str = ""
    text: str = ""


@dataclass
class Shop:
    """The stored gold. `tags`: concepts by item and attribute; `single`: attributes of which no item has two values,
    and twenty and more have one."""

    taxonomy: Taxonomy
    titles: dict[str, str] = field(default_factory=dict)
    category: dict[str, str] = field(default_factory=dict)
    tags: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    absent: dict[str, list[str]] = field(default_factory=dict)
    single: set[str] = field(default_factory=set)


def read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def stocked(rows: Sequence[dict[str, Any]], url: str) -> tuple[Any, Shop]:
    """The store with the gold tags, and what is in it."""
    gold = {
        str(r["id"]): {a: [v for v in found if v != "n/a"] for a, found in r["target_scores"].items()} for r in rows
    }
    store = open_store(url)
    store.migrate()
    empty = Taxonomy.of(TaxonomyData.of(0, (), ()))
    made = induce((AnnotatedRow(r["category"], gold[str(r["id"])]) for r in rows), empty, scheme="wdc", lang="en")
    import_parsed(store, made, author="benchmark", reason="gold")
    taxonomy = load_taxonomy(store)
    shop, items = Shop(taxonomy), []
    names = {normalise(c.label()): c.id for c in taxonomy if c.kind == "attribute"}
    homes = {normalise(c.label()): c.id for c in taxonomy if c.kind == "category"}
    several: set[str] = set()
    for row in rows:
        id, title = str(row["id"]), " ".join(row["input_title"].split())
        shop.titles[id], shop.category[id] = title, homes[normalise(row["category"])]
        shop.tags[id], shop.absent[id] = {}, []
        for name, values in gold[id].items():
            attribute = names.get(normalise(name))
            if attribute is None:
                continue
            ids = {v for v in map(str, taxonomy.values_of(attribute)) if v in _values(taxonomy, attribute, values)}
            several |= {attribute} if len(ids) > 1 else set()
            if not ids or bucket(f"{id} {attribute}") < HELD:
                shop.absent[id].append(attribute)
            else:
                shop.tags[id][attribute] = ids
        concepts = [shop.category[id], *(one for ids in shop.tags[id].values() for one in sorted(ids))]
        items.append(
            TaggedItem(id, title, "en", "gold", taxonomy.revision, tuple(ItemTag(c, 1.0, "given") for c in concepts))
        )
    store.put_items(items)
    many = {a for a in names.values() if sum(a in tags for tags in shop.tags.values()) >= 20}
    shop.single = many - several
    return store, shop


def _values(taxonomy: Taxonomy, attribute: str, values: Sequence[str]) -> set[str]:
    return {id for value in values for id in taxonomy.lookup(value) if taxonomy.attribute_of(id) == attribute}


class Writer:
    """Writes questions about a shop."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop, self.draw = shop, random.Random(seed)
        self.ids = sorted(shop.titles)
        self._titles = "\n".join(normalise(title) for title in shop.titles.values())

    def name(self, id: str) -> str:
        """By title, id, or the fewest first words (three and more) that stand in no other title."""
        title, way = self.shop.titles[id], self.draw.random()
        if way < 0.4 and len(title) <= 200:
            return title
        if way < 0.7:
            return id
        words = title.split()
        for n in range(3, len(words)):
            if self._titles.count(normalise(" ".join(words[:n]))) == 1:
                return " ".join(words[:n])
        return title if len(title) <= 200 else id

    def label(self, id: str) -> str:
        return self.shop.taxonomy[id].label("en")

    def questions(self, each: int) -> Iterator[Question]:
        shop, draw = self.shop, self.draw
        pairs = [(id, a) for id in self.ids for a in sorted(shop.tags[id])]
        missing = [(id, a) for id in self.ids for a in shop.absent[id]]
        for id, a in draw.sample(pairs, each):
            yield Question("value", {"a": self._plain(a), "p": self.name(id)}, shop.tags[id][a], id)
        for id, a in draw.sample(missing, each):
            yield Question("value", {"a": self._plain(a), "p": self.name(id)}, None, id, "no value")
        for id in draw.sample(self.ids, each // 3):
            yield Question(
                "value", {"a": draw.choice(UNKNOWN_ATTRIBUTES), "p": self.name(id)}, None, id, "no attribute"
            )
        for _, a in draw.sample(pairs, each // 3):
            yield Question(
                "value", {"a": self._plain(a), "p": str(draw.randrange(10**8, 10**9))}, None, None, "no item"
            )
        for id, a in draw.sample(pairs, each):
            yield self._has(id, a, draw.choice(sorted(shop.tags[id][a])), True)
        for id, a in draw.sample([(id, a) for id, a in pairs if a in shop.single], each):
            others = [
                v
                for other in self.ids
                if shop.category[other] == shop.category[id]
                for v in shop.tags[other].get(a, ())
            ]
            others = sorted(set(others) - shop.tags[id][a])
            if others:
                yield self._has(id, a, draw.choice(others), False)
        for id, a in draw.sample(missing, each):
            values = shop.taxonomy.values_of(a)
            yield self._has(id, a, draw.choice(values), None)
        yield from self._shelves(each)

    def _has(self, id: str, a: str, value: str, gold: bool | None) -> Question:
        return Question("has", {"a": self._plain(a), "p": self.name(id), "v": self.label(value)}, gold, id)

    def _plain(self, attribute: str) -> str:
        return self.label(attribute).replace("(s)", "").lower()

    def _shelves(self, each: int) -> Iterator[Question]:
        shop, draw, taxonomy = self.shop, self.draw, self.shop.taxonomy
        having: dict[str, set[str]] = defaultdict(set)
        for id in self.ids:
            for ids in shop.tags[id].values():
                for one in ids:
                    having[one].add(id)
        words = [
            v
            for v in sorted(having)
            if re.fullmatch(r"[A-Za-z][A-Za-z -]+", self.label(v)) and len(taxonomy.lookup(self.label(v))) == 1
        ]
        for value in draw.sample(words, min(each, len(words))):
            yield Question("items", {"v": self.label(value)}, having[value])
        for value in draw.sample(words, min(each, len(words))):
            yield Question("count", {"v": self.label(value)}, len(having[value]))
        both = [(v, w) for v in words for w in words if v != w and having[v] & having[w] and having[v] - having[w]]
        for v, w in draw.sample(both, min(each, len(both))):
            yield Question("without", {"v": self.label(v), "w": self.label(w)}, having[v] - having[w])
        for _ in range(each // 3):
            made = " ".join(draw.sample(("ultraviolet", "bamboo", "vegan", "holographic", "foldable", "magnetic"), 2))
            yield Question("items", {"v": made}, None, None, "no tag")
        for _ in range(each):
            p = draw.choice(self.ids)
            q = draw.choice([id for id in self.ids if shop.category[id] == shop.category[p] and id != p])
            mine, theirs = shop.tags[p], shop.tags[q]
            gold = {
                a: (mine.get(a, set()), theirs.get(a, set())) for a in {*mine, *theirs} if mine.get(a) != theirs.get(a)
            }
            yield Question("difference", {"p": self.name(p), "q": self.name(q)}, gold)
        shelves: dict[tuple[str, str], set[str]] = defaultdict(set)
        for id in self.ids:
            for a, ids in shop.tags[id].items():
                shelves[shop.category[id], a] |= ids
        for (c, a), ids in draw.sample(sorted(shelves.items()), min(each, len(shelves))):
            yield Question("shelf", {"a": self._plain(a), "c": self.label(c)}, ids)


def right(question: Question, answer: dict[str, Any]) -> bool:
    """Whether an answer is the gold one, exactly."""
    gold = question.gold
    if gold is None:
        return not answer["known"]
    if not answer["known"]:
        return False
    match question.kind:
        case "value" | "shelf":
            return {row.get("concept") for row in answer["values"]} == gold
        case "has":
            return answer.get("holds") == gold
        case "count":
            return answer.get("count") == gold
        case "items" | "without":
            shown = {row["item"] for row in answer["items"]}
            return answer.get("count") == len(gold) and shown <= gold and len(shown) == min(20, len(gold))
    found = {row["attribute"]: row for row in answer.get("differences", ())}
    return set(found) == set(gold)


def floor(shop: Shop, question: Question) -> dict[str, Any] | None:
    """The bag of words, which is given the item; None for a kind of question that it has no answer to."""
    taxonomy, text = shop.taxonomy, question.text
    for part in ("p", "q"):
        text = text.replace(question.parts.get(part, "\0"), " ")
    words = set(singular(normalise(text)).split()) | {singular(normalise(text))}
    plain = " " + singular(normalise(re.sub(r"[^\w.]+", " ", text))) + " "
    tags = shop.tags.get(question.item or "", {})
    match question.kind:
        case "value":
            scored = [(len(words & set(singular(normalise(taxonomy[a].label())).split())), a) for a in tags]
            best = max(scored, default=(0, ""))
            return {"known": best[0] > 0, "values": [{"concept": id} for id in tags.get(best[1], ())]}
        case "has":
            holds = any(
                f" {singular(normalise(taxonomy[id].label()))} " in plain for ids in tags.values() for id in ids
            )
            return {"known": True, "holds": holds}
        case "items" | "count" | "without":
            every = {id for ids in shop.tags.values() for each in ids.values() for id in each}
            named = {
                id
                for id in every
                if len(label := taxonomy[id].label()) > 2 and f" {singular(normalise(label))} " in plain
            }
            ids = [i for i, each in shop.tags.items() if named and named <= set().union(*each.values())]
            return {"known": bool(ids), "count": len(ids), "items": [{"item": i} for i in ids[:20]]}
    return None


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--each", type=int, default=120, help="questions of each kind")
    parser.add_argument("--show", type=int, default=0, help="wrong answers of each kind to print")
    options = parser.parse_args()
    host = machine()
    with TemporaryDirectory() as directory:
        store, shop = stocked(read(options.data / FILE), f"sqlite:///{directory}/shop.db")
        asker = Asker(assemble_served(Models(), store, shop.taxonomy, None), store)
        asked = {
            name: _run(shop, templates, asker.ask, options)
            for name, templates in (("seen", SEEN), ("held out", HELD_OUT))
        }
    rows = [_row(asked, kind, none) for kind in SEEN for none in (False, True)]
    rows += [_row(asked, None, none) for none in (False, True)]
    columns = ("question", "right", "n", "templates seen", "held out", "held out, wrong answer", "floor, held out")
    table("Questions from WDC-PAVE's gold", columns, [row for row in rows if row[2]])
    times = [one[4] * 1000 for one in asked["held out"]]
    speed = {"median_ms": round(percentile(times, 0.5), 1), "p95_ms": round(percentile(times, 0.95), 1)}
    print(speed)
    report("ask", f"WDC-PAVE, {len(shop.titles)} offers, one value in seven held out", host, save=options.save, **speed)


Outcome = tuple[Question, bool, bool, bool | None, float]
"""A question, whether the answer is right, whether it claims to know, whether the floor's is right, seconds."""


def _row(asked: dict[str, list[Outcome]], kind: str | None, none: bool) -> list[object]:
    """Shares of one kind of question, of all for None: those without an answer (`none`), or with one."""
    seen, held = (
        [one for one in asked[name] if kind in (None, one[0].kind) and (one[0].gold is None) == none]
        for name in ("seen", "held out")
    )
    floors = [one[3] for one in held if one[3] is not None]

    def share(hits: Sequence[object]) -> float | None:
        return sum(map(bool, hits)) / len(hits) if hits else None

    wrong = share([known and not right for _, right, known, _, _ in held])
    what = "refused" if none else "answered exactly"
    return [
        kind or "all",
        what,
        len(held),
        share([o[1] for o in seen]),
        share([o[1] for o in held]),
        wrong,
        share(floors),
    ]


def _run(shop: Shop, templates: dict[str, tuple[str, ...]], ask: Callable[[str], Any], options: Any) -> list[Outcome]:
    found, wrong = [], defaultdict(int)
    for number, question in enumerate(Writer(shop, 0).questions(options.each)):
        among = templates[question.kind]
        if question.kind == "has" and len(shop.taxonomy.lookup(question.parts["v"])) > 1:
            among = tuple(one for one in among if "{a}" in one)  # "2" alone names no attribute
        question.text = among[number % len(among)].format(**question.parts)
        started = time.perf_counter()
        answer = ask(question.text)
        seconds = time.perf_counter() - started
        hit, simple = right(question, answer), floor(shop, question)
        if not hit and wrong[question.kind, str(question.gold)[:4]] < options.show:
            wrong[question.kind, str(question.gold)[:4]] += 1
            print(f"\n{question.kind} {question.text}\n  gold {str(question.gold)[:150]}")
            print(f"  {answer['intent']}: {answer['answer'][:200]}")
        found.append(
            (question, hit, bool(answer["known"]), None if simple is None else right(question, simple), seconds)
        )
    return found


if __name__ == "__main__":
    main()
