"""Coverage: the share of gold values, of mentions in stored items, and of queries that have a concept."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from graph.labels import folded_form, normal_form, words
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy, find_concept
from kgtag.compute.intervals import wilson
from kgtag.evaluation.analytics.table import By, Periods, day_of
from kgtag.extract.dictionary import LabelFinder
from kgtag.extract.scope import FUNCTION_WORD
from kgtag.link.candidates.label_table import LabelTable
from kgtag.rows.analytics import CoverageFigures, CoverageRow, MissingRow
from kgtag.text import guess_language
from kgtag.types import AnnotatedProduct

_MISSING = 50


@dataclass(slots=True)
class _Tally:
    """What is known, of how much, in all and by group, and what is missing."""

    known: Counter[tuple[str, str]] = field(default_factory=Counter)
    of: Counter[tuple[str, str]] = field(default_factory=Counter)
    missing: Counter[tuple[str, str]] = field(default_factory=Counter)
    spelt: dict[tuple[str, str], str] = field(default_factory=dict)
    elsewhere: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, known: bool, groups: dict[str, str | None], times: int = 1, *, elsewhere: bool = False) -> None:
        for group in (("all", ""), *((name, value) for name, value in groups.items() if value)):
            self.of[group] += times
            self.known[group] += times * known
            self.elsewhere[group] += times * elsewhere

    def miss(self, text: str, attribute: str | None, times: int = 1) -> None:
        key = (attribute or "", folded_form(normal_form(text)))
        self.missing[key] += times
        self.spelt.setdefault(key, text)

    def figures(self) -> CoverageFigures:
        names: dict[str, list[str]] = defaultdict(list)
        for group, name in self.of:
            names[group].append(name)
        found: CoverageFigures = {
            **self._row("all", ""),
            "by_attribute": self._rows("attribute", names),
            "by_category": self._rows("category", names),
            "by_language": self._rows("language", names),
            "over_time": sorted(self._rows("period", names), key=lambda row: row["name"]),
            "missing": [self._missing(key, n) for key, n in self.missing.most_common(_MISSING)],
        }
        return found

    def _rows(self, group: str, names: dict[str, list[str]]) -> list[CoverageRow]:
        rows = [self._row(group, name) for name in names[group]]
        return sorted(rows, key=lambda row: (row["share"], -row["of"], row["name"]))

    def _row(self, group: str, name: str) -> CoverageRow:
        known, of = self.known[group, name], self.of[group, name]
        low, high = wilson(known, of)
        share = round(known / of, 4) if of else 0.0
        return {
            "name": name,
            "known": known,
            "of": of,
            "elsewhere": self.elsewhere[group, name],
            "share": share,
            "low": round(float(low), 4),
            "high": round(float(high), 4),
        }

    def _missing(self, key: tuple[str, str], count: int) -> MissingRow:
        row: MissingRow = {"text": self.spelt[key], "count": count}
        return {**row, "attribute": key[0]} if key[0] else row


class Coverage:
    """Measures against the labels of one snapshot, compared as the linker compares them: whatever case, accents,
    number, spaces and hyphens."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self._table = LabelTable(taxonomy)
        self._finders = [LabelFinder(self._table, kind) for kind in ("category", "value")]

    def values(self, gold: Iterable[AnnotatedProduct]) -> CoverageFigures:
        """The share of gold values, and of gold categories (attribute "category"), that are the label of a value of
        their attribute, or of a category. Those that label something else alone count as `elsewhere`."""
        tally = _Tally()
        for one in gold:
            product = one.product
            language = product.lang or guess_language(product.title)
            groups = {"category": product.category, "language": language}
            asked = [("category", product.category)] if product.category else []
            asked += [(name, value) for name, values in one.attributes.items() for value in values]
            for name, value in asked:
                known, elsewhere = self._known(name, value)
                tally.add(known, {**groups, "attribute": name}, elsewhere=elsewhere)
                if not known:
                    tally.miss(value, name)
        return tally.figures()

    def mentions(self, items: Iterable[TaggedItem], *, by: By = "month") -> CoverageFigures:
        """The share of the mentions in stored items that have a concept: those of tags with a place in the text, to
        them and the mentions without a concept."""
        tally, days, seen = _Tally(), list[int](), list[tuple[int, int]]()
        for item in items:
            category = self._category(item)
            groups = {"category": category, "language": item.lang}
            linked = [tag for tag in item.tags if tag.status == "accepted" and tag.surface is not None]
            for tag in linked:
                attribute = self.taxonomy.attribute_of(tag.concept) if tag.concept in self.taxonomy else None
                tally.add(True, {**groups, "attribute": attribute})
            for nil in item.nil:
                tally.add(False, {**groups, "attribute": nil.attribute})
                tally.miss(nil.surface, nil.attribute)
            if item.at is not None and (linked or item.nil):
                days.append(day_of(item.at))
                seen.append((len(linked), len(item.nil)))
        periods = Periods.of(np.array(days, dtype=np.int64), by)
        for at, (known, unknown) in zip(periods.index.tolist(), seen, strict=True):
            name = periods.names[at]
            tally.of["period", name] += known + unknown
            tally.known["period", name] += known
        return tally.figures()

    def queries(self, queries: Iterable[tuple[str, int]]) -> CoverageFigures:
        """The share of queries, each as often as it was asked, in which a category or value is named; missing are the
        words that no label has."""
        tally = _Tally()
        for query, times in queries:
            spans = [span for finder in self._finders for span, _ in finder.find(query)]
            tally.add(bool(spans), {"language": guess_language(query)}, times)
            for word in words(query):
                inside = any(span.start <= word.start and word.end <= span.end for span in spans)
                if not inside and word.folded[:1].isalpha() and not FUNCTION_WORD.fullmatch(word.folded):
                    tally.miss(query[word.start : word.end], None, times)
        return tally.figures()

    def _known(self, attribute: str, value: str) -> tuple[bool, bool]:
        """Whether the value has a concept where it belongs, and whether only another one has its label."""
        taxonomy, found = self.taxonomy, self._labelled(value)
        if attribute == "category":
            known = any(taxonomy[id].kind == "category" for id in found)
        else:
            home = find_concept(taxonomy, attribute, "attribute")
            known = home is not None and any(taxonomy.attribute_of(id) == home for id in found)
        return known, not known and any(taxonomy[id].kind != "attribute" for id in found)

    def _labelled(self, text: str) -> Sequence[str]:
        normal = normal_form(text)
        exact = self._table.exact.get(normal)
        texts = (exact,) if exact is not None else self._table.folded.get(folded_form(normal), ())
        return [self.taxonomy.ids[at] for at in self._table.concepts_of(texts)]

    def _category(self, item: TaggedItem) -> str | None:
        """The most specific category that is accepted."""
        taxonomy = self.taxonomy
        accepted = (tag.concept for tag in item.tags if tag.status == "accepted" and tag.concept in taxonomy)
        own = set(map(taxonomy.resolve, accepted))
        categories = sorted(id for id in own if taxonomy[id].kind == "category")
        return max(categories, key=taxonomy.depth, default=None)
