"""Hard product titles against the sample shop: denials, imitations, accessories, misleading nouns, messy spelling.

    python benchmarks/hard_titles.py [--model DIR] [--embeddings DIR] [--failures]

`hard_titles.jsonl` was written for it, half English, half Chinese, without regard to the rules that it measures; its
failures have been looked at since. `hard_titles_held_out.jsonl` was written later, by someone who had not read the
rules; its failures have been looked at once, too, so that it is no longer fresh. A row has the right `category` (null:
the shop has none for the product), right `values` and `wrong` concepts, that a hasty reader would give. `accepted` are
other categories, broad ones mostly, that count as the right one. Neither `values` nor `wrong` are all there is, so
there is no precision; the sample's own test titles have one.

The titles are tagged by labels only and, with --model, by a trained model, categories withheld. The floor is a plain
lookup: whatever label stands in the title, leftmost and longest, without any rule, its first category the title's.
With --failures, every title that went wrong is printed on stderr with what it was given.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from common import arguments, machine, report, table

from graph.stores import load_taxonomy, open_store
from graph.taxonomy import Taxonomy
from kgtag.data import read_annotated, sample
from kgtag.data.importing import import_files
from kgtag.evaluation.tagging import closed, evaluate_tagging
from kgtag.tag.models import assemble_tagger, load_models
from kgtag.tag.tagger import Tagger
from kgtag.types import Product, Span, Tag, Tagging

HERE = Path(__file__).parent
PARTS = {"first": HERE / "hard_titles.jsonl", "held out": HERE / "hard_titles_held_out.jsonl"}
FLOOR = "lookup"
LANGUAGES = (("en",), ("zh",), ("en", "zh"))


@dataclass(frozen=True)
class Row:
    id: str
    lang: str
    kind: str
    title: str
    category: str | None
    values: tuple[str, ...]
    wrong: tuple[str, ...]
    accepted: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a system gave: concepts with those they imply, the likeliest category, and its probability."""

    row: Row
    concepts: frozenset[str]
    category: str | None
    sure: float

    @property
    def wrong(self) -> list[str]:
        return [id for id in self.row.wrong if id in self.concepts]

    @property
    def missed(self) -> list[str]:
        return [id for id in self.row.values if id not in self.concepts]

    @property
    def category_right(self) -> bool:
        return self.category == self.row.category or self.category in self.row.accepted


class Lookup:
    """The floor, as a tagger."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self._concepts: dict[str, str] = {}
        for concept in sorted(taxonomy, key=lambda one: one.kind != "category"):
            if concept.kind != "attribute":
                for texts in (*[[text] for text in concept.pref_label.values()], *concept.alt_label.values()):
                    for text in texts:
                        self._concepts.setdefault(text.casefold(), concept.id)
        longest = sorted(self._concepts, key=len, reverse=True)
        self._labels = re.compile(
            "|".join(rf"{_edge(label[0], '<!')}{re.escape(label)}{_edge(label[-1], '!')}" for label in longest)
        )

    def tag(self, products: Iterable[Product]) -> list[Tagging]:
        return [Tagging(one.id, tuple(self._tags(one.title)), (), (), FLOOR, "") for one in products]

    def _tags(self, title: str) -> Iterable[Tag]:
        for found in self._labels.finditer(title.lower()):
            concept = self.taxonomy[self._concepts[found[0]]]
            yield Tag(concept.id, found[0], concept.kind, "exact", 1.0, span=Span(*found.span()), surface=found[0])


def _edge(character: str, side: str) -> str:
    """Latin words are whole words; Chinese has no spaces."""
    return f"(?{side}[a-z0-9])" if re.match("[a-z0-9]", character) else ""


def answers(tagger: Tagger, rows: Sequence[Row]) -> list[Answer]:
    taggings = tagger.tag([Product(row.id, row.title) for row in rows])
    found = []
    for row, tagging in zip(rows, taggings, strict=True):
        own = [tag for tag in tagging.tags if tag.kind == "category" and tag.method != "implied"]
        best = max(own, key=lambda tag: tag.probability, default=None)
        concepts = frozenset(closed([tag.concept for tag in tagging.tags], tagger.taxonomy))
        found.append(Answer(row, concepts, best.concept if best else None, best.probability if best else 0.0))
    return found


Counts = tuple[int, int]
"""How many, of how many."""


def wrong_titles(of: Sequence[Answer], taxonomy: Taxonomy) -> Counts:
    return sum(bool(one.wrong) for one in of), sum(bool(one.row.wrong) for one in of)


def wrong_concepts(of: Sequence[Answer], taxonomy: Taxonomy) -> Counts:
    return sum(len(one.wrong) for one in of), sum(len(one.row.wrong) for one in of)


def values_found(of: Sequence[Answer], taxonomy: Taxonomy) -> Counts:
    wanted = sum(len(one.row.values) for one in of)
    return wanted - sum(len(one.missed) for one in of), wanted


def category_right(of: Sequence[Answer], taxonomy: Taxonomy) -> Counts:
    return sum(one.category_right for one in of), len(of)


def category_broader(of: Sequence[Answer], taxonomy: Taxonomy) -> Counts:
    """Titles with a category that were given only an ancestor of it."""
    asked = [(one, one.row.category, one.category) for one in of if one.row.category]
    broader = [
        one
        for one, gold, given in asked
        if gold and given and not one.category_right and taxonomy.is_ancestor(given, gold)
    ]
    return len(broader), len(asked)


MEASURES: dict[str, Callable[[Sequence[Answer], Taxonomy], Counts]] = {
    "titles with a wrong tag, of those that tempt to one": wrong_titles,
    "wrong concepts given, of all that tempt": wrong_concepts,
    "right values found": values_found,
    "right category, or none where the shop has none": category_right,
    "broader category given instead, of the titles with a category": category_broader,
}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--model", type=Path, help="a model trained on the sample shop")
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--failures", action="store_true", help="print the titles that went wrong")
    given = parser.parse_args()
    host = machine()
    parts = {
        name: [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
        for name, path in PARTS.items()
    }
    with tempfile.TemporaryDirectory() as temporary:
        store = open_store(f"sqlite:///{Path(temporary) / 'shop.db'}")
        store.migrate()
        import_files(store, "jsonl", [sample.TAXONOMY], scheme=sample.SCHEME, author="benchmark")
        taxonomy = load_taxonomy(store)
    systems = {FLOOR: cast(Tagger, Lookup(taxonomy)), "labels": assemble_tagger(load_models(), taxonomy)}
    if given.model is not None:
        systems["trained"] = assemble_tagger(load_models(given.model, given.embeddings), taxonomy)
    summary = _print_plain(systems)
    for part, rows in parts.items():
        found = {name: answers(tagger, rows) for name, tagger in systems.items()}
        _print_sure(part, found)
        _print_shares(part, found, taxonomy)
        summary[part] = {name: _goals(all, taxonomy) for name, all in found.items()}
        if given.failures:
            for name in [name for name in found if name != FLOOR]:
                _print_failures(f"{part}, {name}", found[name])
    sizes = " and ".join(f"{len(rows)} ({part})" for part, rows in parts.items())
    data = f"{sizes} hard titles of own writing, for the sample shop; its {summary['n']} test titles"
    report("hard_titles", data, host, save=given.save, **summary)


def _print_shares(part: str, found: dict[str, list[Answer]], taxonomy: Taxonomy) -> None:
    kinds = list(dict.fromkeys(one.row.kind for one in found[FLOOR]))
    heads = [f"{name}, {'both' if len(of) > 1 else of[0]}" for name in found for of in LANGUAGES]
    for title, measure in MEASURES.items():
        lines = []
        for kind in (*kinds, "all"):
            counts = [
                measure([one for one in all if one.row.lang in of and kind in (one.row.kind, "all")], taxonomy)
                for all in found.values()
                for of in LANGUAGES
            ]
            wholes = [whole for _, whole in counts[: len(LANGUAGES)]]
            if any(wholes):
                cells = [part / whole if whole else "" for part, whole in counts]
                lines.append((kind.replace("_", " "), *wholes[:2], *cells))
        table(f"{part} part: {title}", ("kind", "of, en", "of, zh", *heads), lines)


def _print_plain(systems: dict[str, Tagger]) -> dict[str, Any]:
    """Beside them: the sample's own test titles."""
    gold = list(read_annotated(sample.TEST))
    plain = {name: evaluate_tagging(tagger, gold) for name, tagger in systems.items()}
    lines = [(name, one.precision, one.recall, one.f1) for name, one in plain.items()]
    table("the sample's plain test titles", ("", "precision", "recall", "F1"), lines, rivals=[FLOOR])
    return {"n": len(gold), "plain_f1": {name: round(one.f1, 4) for name, one in plain.items()}}


def _sure_of_foreign(of: Sequence[Answer], languages: Sequence[str]) -> float:
    foreign = [one for one in of if one.row.kind == "out_of_domain" and one.row.lang in languages]
    return sum(one.sure > 0.5 and not one.category_right for one in foreign) / len(foreign)


def _print_sure(part: str, found: dict[str, list[Answer]]) -> None:
    lines = [(name, *(_sure_of_foreign(of, which) for which in LANGUAGES)) for name, of in found.items()]
    title = f"{part} part, out of domain: titles given a wrong category with a probability above .5"
    table(title, ("", "en", "zh", "both"), lines, rivals=[FLOOR])


def _goals(of: Sequence[Answer], taxonomy: Taxonomy) -> dict[str, float]:
    """The shares that the project has goals for."""

    def share(measure: Callable[[Sequence[Answer], Taxonomy], Counts], *kinds: str) -> float:
        part, whole = measure([one for one in of if one.row.kind in kinds], taxonomy)
        return round(part / whole, 4)

    return {
        "denied": share(wrong_concepts, "negation", "free_from"),
        "head": share(category_right, "head_noun"),
        "sure_of_foreign": round(_sure_of_foreign(of, ("en", "zh")), 4),
    }


def _print_failures(name: str, of: Sequence[Answer]) -> None:
    print(f"\n{name}", file=sys.stderr)
    for one in of:
        if one.wrong or one.missed or not one.category_right:
            faults = [f"+{id}" for id in one.wrong] + [f"-{id}" for id in one.missed]
            if not one.category_right:
                faults.append(f"category {one.category} {one.sure:.2f}, not {one.row.category}")
            print(f"{one.row.id}  {one.row.title}  →  {', '.join(faults)}", file=sys.stderr)


if __name__ == "__main__":
    main()
