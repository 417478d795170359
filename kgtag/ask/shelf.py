"""The stored items that a question names: by title, id, or words of the title; and what they are tagged with."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from graph.labels import CJK, normalise, singular, typed_form
from graph.model import TaggedItem
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.recommend.items import ItemTags
from kgtag.tag.stored import narrowest

_FIRST = 0xE000
"""The first of the characters (private use) that stand for items in a question."""
_TOKEN = re.compile(
    r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]|[^\s,;:?!\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]+"
)
MARKS = re.compile("[\ue000-\uf8ff]")
"""Characters that stand for items."""
_PHRASE = 3
"""Words in a row of a title that name it; two where one has a digit, five Chinese characters."""
_NUMBER = re.compile(r"\d{3}|(?<!\S)(?=\S*\d\S*\d)(?=\S*[A-Za-z]{2})\S{5,}")
"""What a name has, rather than a description."""
_EDGES = "\"'“”?？.,，!:：;()"
_SHORTEST = 8
"""Characters of a title that is looked for in questions as it stands; shorter ones are words like any other."""
_COVERED = 0.8
"""Share of a description's words, by rarity, that an item's title has."""
_FUNCTION = frozenset(
    ("the", "a", "an", "of", "for", "with", "and", "or", "in", "on", "by", "to", "from", "at", "is", "are")
)
_READ = 5_000
"""Items read from the store for one answer at most."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What an item is tagged with: a concept, or, without one, a mention (NIL)."""

    item: str
    title: str
    concept: str | None
    attribute: str | None
    text: str
    span: tuple[int, int] | None = None
    surface: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All of one item. `rejected`: concepts that people took off it."""

    item: str
    title: str
    accepted: tuple[Fact, ...]
    rejected: frozenset[str] = field(default_factory=frozenset)

    def of(self, attribute: str) -> list[Fact]:
        """Its values of an attribute, or its categories for "category"."""
        return [one for one in self.accepted if one.attribute == attribute]


class Shelf:
    """The tagged items of one snapshot. Safe to share between threads.

    Args:
        taxonomy: The snapshot.
        items: Its items.
        store: Where they are, for the spans of their tags.
    """

    def __init__(self, taxonomy: Taxonomy, items: ItemTags, store: TaxonomyStore) -> None:
        self._taxonomy, self.items, self._store = taxonomy, items, store

    def mark(self, question: str) -> tuple[str, list[list[str]]]:
        """The question with one character in place of each item that it names by id or whole title, and the ids that
        each character may stand for."""
        tokens = [(match.start(), match.end(), _key(match.group())) for match in _TOKEN.finditer(question)]
        found: list[tuple[int, int, list[str]]] = []
        for i, (start, _, _) in enumerate(tokens):
            key = ""
            for _, end, part in tokens[i:]:
                key += part
                if key and len(key) in self._lengths and key in self._by_title:
                    found.append((start, end, self._by_title[key]))
                if (id := question[start:end].strip(_EDGES)) in self.items and self._is_id(question, start, id):
                    found.append((start, start + len(question[start:end].rstrip(_EDGES)), [id]))
        named = list[list[str]]()
        for start, end, ids in sorted(found, key=lambda one: (one[0] - one[1], one[0])):
            if "\0" not in question[start:end] and not MARKS.search(question, start, end):
                named.append(ids)
                question = question[:start] + chr(_FIRST + len(named) - 1) + "\0" * (end - start - 1) + question[end:]
        return question.replace("\0", ""), named

    def mark_phrase(
        self, question: str, marks: Sequence[list[str]], describes: Callable[[str], bool]
    ) -> tuple[str, list[list[str]]] | None:
        """The question with one more character, in place of the longest run of words that stands so in a title and does
        not describe items by their tags; None without any."""
        tokens = [(match.start(), match.end()) for match in _TOKEN.finditer(question)]
        best: tuple[int, int, int, list[str]] = (0, 0, 0, [])
        for i, (start, _) in enumerate(tokens):
            for j in range(min(len(tokens), i + 40), i + 1, -1):
                if j - i <= best[0]:
                    break
                phrase = question[start : tokens[j - 1][1]].strip(_EDGES)
                long = j - i >= (5 if CJK.search(phrase) else _PHRASE) or (j - i == 2 and any(map(str.isdigit, phrase)))
                if (
                    long
                    and not MARKS.search(phrase)
                    and (ids := self._with_phrase(phrase))
                    and (_NUMBER.search(phrase) or not describes(phrase))
                ):
                    best = (j - i, start, start + len(phrase), ids)
        if not best[0]:
            return None
        return question[: best[1]] + chr(_FIRST + len(marks)) + question[best[2] :], [*marks, best[3]]

    def _with_phrase(self, phrase: str) -> list[str]:
        """Items whose titles have the words as they stand, or those of them that begin so."""
        words = _words(phrase)
        sets = [self._by_word.get(word, set()) for word in words]
        numbers = set.intersection(*sets) if sets else set()
        typed = typed_form(normalise(phrase))
        found = {n: f" {typed_form(normalise(self.items.titles[n]))} " for n in numbers}
        here = [n for n, title in found.items() if (typed if CJK.search(typed) else f" {typed} ") in title]
        begin = [n for n in here if found[n].startswith(f" {typed}")]
        return [self.items.ids[n] for n in sorted(begin or here)]

    def _is_id(self, question: str, start: int, id: str) -> bool:
        """Whether digits and the like are meant as an id: "item 7", not "7"."""
        before = question[:start].lower().rstrip(" #\"'“:")
        return len(id) >= 4 or before.endswith(("item", "product", "article", "id", "商品", "产品", "and", "和"))

    def named(self, text: str, marks: Sequence[Sequence[str]]) -> list[str] | None:
        """The items that a marked text stands for; None where it has no mark."""
        at = [ord(one) - _FIRST for one in text if 0 <= ord(one) - _FIRST < len(marks)]
        return list(marks[at[0]]) if at else None

    def by_words(self, text: str) -> list[str]:
        """Items whose titles have the words, all of them or nearly all by rarity; those with the shortest titles first.
        Empty where no word is known, or too many fit for a name."""
        words = [word for word in _words(text) if word not in _FUNCTION]
        if not words:
            return []
        weight = {word: math.log(1 + len(self.items) / (len(self._by_word.get(word, ())) + 0.5)) for word in words}
        known: Counter[int] = Counter()
        score: dict[int, float] = defaultdict(float)
        for word in set(words):
            for number in self._by_word.get(word, ()):
                known[number] += 1
                score[number] += weight[word]
        total = sum(weight[word] for word in set(words))
        best = max(score.values(), default=0.0)
        if best < _COVERED * total:
            return []
        ids = [number for number, one in score.items() if one >= best - 1e-9]
        phrase = typed_form(normalise(text))
        for starts in (False, True):  # titles that have the words as they stand, then those that begin so
            typed = {number: typed_form(normalise(self.items.titles[number])) for number in ids}
            ids = [n for n in ids if (typed[n].startswith(phrase) if starts else phrase in typed[n])] or ids
        ids.sort(key=lambda number: (len(self.items.titles[number]), self.items.ids[number]))
        return [self.items.ids[number] for number in ids]

    def with_all(self, conditions: Sequence[Sequence[str]]) -> list[str]:
        """Ids of the items that have one of the concepts of each condition, in order."""
        found: set[int] | None = None
        for concepts in conditions:
            here = {number for id in concepts for number in self.having(id)}
            found = here if found is None else found & here
        return [self.items.ids[number] for number in sorted(found or ())]

    def having(self, concept: str) -> set[int]:
        """Numbers of the items with a concept or a narrower one; of an attribute, with any value."""
        one = self._taxonomy.resolve(concept)
        ids = self._taxonomy.values_of(one) if self._taxonomy[one].kind == "attribute" else [one]
        return {number for id in ids for number in self.items.having(id)}

    def facts(self, ids: Iterable[str]) -> list[Facts]:
        """What the items are tagged with, in the order given; without broader concepts of a tag."""
        stored = (self._store.item(id) for id, _ in zip(ids, range(_READ), strict=False))
        return [self._facts(item) for item in stored if item is not None]

    def _facts(self, item: TaggedItem) -> Facts:
        taxonomy = self._taxonomy
        tags = {
            taxonomy.resolve(tag.concept): tag
            for tag in item.tags
            if tag.status == "accepted" and tag.concept in taxonomy
        }
        facts = []
        for id in narrowest(taxonomy, tags):
            concept, tag = taxonomy[id], tags[id]
            if concept.kind == "attribute":
                continue
            span = (tag.start, tag.end) if tag.start is not None and tag.end is not None else None
            attribute = taxonomy.attribute_of(id) or "category"
            facts.append(Fact(item.id, item.title, id, attribute, concept.label(), span, tag.surface))
        facts += [Fact(item.id, item.title, None, nil.attribute, nil.surface, None, nil.surface) for nil in item.nil]
        rejected = frozenset(tag.concept for tag in item.tags if tag.status == "rejected")
        return Facts(item.id, item.title, tuple(facts), rejected)

    @cached_property
    def _by_title(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for id, title in zip(self.items.ids, self.items.titles, strict=True):
            key = "".join(_key(match.group()) for match in _TOKEN.finditer(title))
            if len(key) >= _SHORTEST or (CJK.search(key) and len(key) >= _SHORTEST // 2):
                found.setdefault(key, []).append(id)
        return found

    @cached_property
    def _lengths(self) -> frozenset[int]:
        return frozenset(map(len, self._by_title))

    @cached_property
    def _by_word(self) -> Mapping[str, set[int]]:
        found: dict[str, set[int]] = defaultdict(set)
        for number, title in enumerate(self.items.titles):
            for word in _words(title):
                found[word].add(number)
        return dict(found)


def _key(text: str) -> str:
    return typed_form(normalise(text)).replace(" ", "")


def _words(text: str) -> list[str]:
    """Words in the singular; of Chinese, pairs of characters."""
    found: list[str] = []
    for run in typed_form(normalise(text)).split():
        if CJK.search(run):
            parts = re.findall(r"[a-z0-9.]+|[^a-z0-9.]+", run)
            found += [
                two
                for part in parts
                for two in ([part[i : i + 2] for i in range(max(1, len(part) - 1))] if CJK.search(part) else [part])
            ]
        else:
            found.append(singular(run.strip(".-'")))
    return [word for word in found if word]
