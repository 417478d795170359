"""Search queries parsed into spans that name concepts, and a remainder."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from graph.model import KINDS
from graph.taxonomy import Taxonomy
from kgtag.extract.dictionary import LabelFinder
from kgtag.link import TaxonomyLinker
from kgtag.link.candidates.label_table import LabelTable
from kgtag.text import clean
from kgtag.types import Linked, Linker, Query, Span

_CONCEPTS = 3
"""Concepts named per span at most."""
_NARROWER = 10
"""Narrower concepts that a query is expanded by at most."""
_NARROWER_WEIGHT = 0.8


@dataclass(frozen=True, slots=True)
class NamedConcept:
    """A concept that a span may name; `probability` is the linker's."""

    concept: str
    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class QuerySpan:
    """A part of a query, half-open characters, with the concepts it names, most probable first."""

    start: int
    end: int
    surface: str
    type: str
    concepts: tuple[NamedConcept, ...]


@dataclass(frozen=True, slots=True)
class Expansion:
    """A text to search for as well; `weight` in (0, 1], `why` is "synonym" or "narrower"."""

    text: str
    weight: float
    why: str


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query as spans and a remainder.

    Attributes:
        query: As given.
        spans: From left to right, not overlapping.
        remainder: The words outside the spans.
        expansions: Other labels of the named concepts, and labels of narrower ones.
        facets: Ids of attributes that apply to the named categories.
    """

    query: str
    spans: tuple[QuerySpan, ...]
    remainder: str
    expansions: tuple[Expansion, ...]
    facets: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The answer as a row ready for JSON."""
        row = asdict(self)
        for span in row["spans"]:
            for one in span["concepts"]:
                one["probability"] = round(one["probability"], 4)
        return row


class QueryParser:
    """Parses search queries against one snapshot; the linker gives concepts their probabilities."""

    def __init__(self, taxonomy: Taxonomy, linker: Linker) -> None:
        table = linker.table if isinstance(linker, TaxonomyLinker) else LabelTable(taxonomy)
        self._taxonomy = taxonomy
        self._linker = linker
        self._finders = [LabelFinder(table, kind) for kind in KINDS]

    def parse(self, query: str, *, lang: str | None = None) -> ParsedQuery:
        """Find the labels in a query; `lang` is of labels in the answer. Raises TextError: it's empty or too long."""
        text = clean(query)
        spans = tuple(self._spans(text, lang))
        named = [span.concepts[0].concept for span in spans]
        categories = [id for id in named if self._taxonomy[id].kind == "category"]
        facets = sorted({attribute for id in categories for attribute in self._taxonomy.attributes_for(id)})
        gaps = zip((0, *(span.end for span in spans)), (*(span.start for span in spans), len(text)), strict=True)
        remainder = " ".join(" ".join(text[start:end] for start, end in gaps).split())
        return ParsedQuery(query, spans, remainder, tuple(self._expansions(named, lang)), tuple(facets))

    def _spans(self, text: str, lang: str | None) -> Iterator[QuerySpan]:
        """The longest labels, without overlap; a span may name concepts of several kinds."""
        found: dict[Span, set[str]] = {}
        for finder in self._finders:
            for span, ids in finder.find(text):
                found.setdefault(span, set()).update(ids)
        chosen: list[Span] = []
        for span in sorted(found, key=lambda one: (one.start, -one.end)):
            if not chosen or span.start >= chosen[-1].end:
                chosen.append(span)
        surfaces = [text[span.start : span.end] for span in chosen]
        links = self._linker.link([Query(surface, lang=lang) for surface in surfaces])
        for span, surface, linked in zip(chosen, surfaces, links, strict=True):
            concepts = self._concepts(linked, found[span], lang)
            yield QuerySpan(span.start, span.end, surface, self._taxonomy[concepts[0].concept].kind, concepts)

    def _concepts(self, linked: Linked, found: set[str], lang: str | None) -> tuple[NamedConcept, ...]:
        probable = {candidate.concept: candidate.probability for candidate in linked.candidates}
        ranked = sorted(found, key=lambda id: (-probable.get(id, 0.0), id))[:_CONCEPTS]
        return tuple(NamedConcept(id, self._taxonomy[id].label(lang), probable.get(id, 0.0)) for id in ranked)

    def _expansions(self, named: list[str], lang: str | None) -> Iterator[Expansion]:
        seen = set()
        for id in dict.fromkeys(named):
            for text, tag, kind in self._taxonomy[id].labels():
                if kind != "hidden" and (lang is None or tag.split("-")[0] == lang.split("-")[0]) and text not in seen:
                    seen.add(text)
                    yield Expansion(text, 1.0, "synonym")
            for narrower in self._taxonomy.into(id, "broader")[:_NARROWER]:
                text = self._taxonomy[narrower].label(lang)
                if text not in seen:
                    seen.add(text)
                    yield Expansion(text, _NARROWER_WEIGHT, "narrower")
