"""A search query as spans, expansions, facets and a query body: what the parser gives."""

from dataclasses import dataclass, field
from typing import Literal, cast

from kgtag.rows.search import ParsedQueryRow, QuerySpanRow
from kgtag.search.amounts import Amount
from kgtag.types import Rule

SpanType = Literal["category", "attribute", "value", "price", "size", "quantity", "text"]
Why = Literal["synonym", "translation", "narrower", "close"]
DENIED: tuple[Rule, ...] = ("negated", "not_included")
"""Rules by which a query excludes what it names."""


@dataclass(frozen=True, slots=True)
class NamedConcept:
    """A concept that a span may name; `probability` is calibrated."""

    concept: str
    label: str
    probability: float


@dataclass(frozen=True, slots=True, repr=False)
class QuerySpan:
    """A part of a query, half-open characters, with the concepts it names, most probable first.

    Attributes:
        type: Kind of the concept, or of the amount; "text" for excluded words without a concept.
        attribute: Of a value: its attribute's id.
        rule: Why it is not wanted as such: "negated" ("no polyester"), "intended_for" ("case for iPhone"), "modifier"
            ("dog" in "dog bed"), …; None for what is wanted.
        amount: The bounds of a price, size or quantity.
    """

    start: int
    end: int
    surface: str
    type: SpanType
    concepts: tuple[NamedConcept, ...] = ()
    attribute: str | None = None
    rule: Rule | None = None
    amount: Amount | None = None

    @property
    def negated(self) -> bool:
        """Whether the query excludes it."""
        return self.rule in DENIED

    def __repr__(self) -> str:
        named = ", ".join(f"{one.label} {one.probability:.2f}" for one in self.concepts)
        bounds = [f"{name} {value}" for name, value in self.amount.to_dict().items()] if self.amount is not None else []
        notes = [self.type, named, ", ".join(bounds), self.rule or ""]
        return f"{self.surface}: {'; '.join(note for note in notes if note)}"

    def to_dict(self) -> QuerySpanRow:
        """The row of a span; fields that do not apply are left out."""
        row: QuerySpanRow = {
            "start": self.start,
            "end": self.end,
            "surface": self.surface,
            "type": self.type,
            "concepts": [
                {"concept": one.concept, "label": one.label, "probability": round(one.probability, 4)}
                for one in self.concepts
            ],
        }
        if self.attribute is not None:
            row["attribute"] = self.attribute
        if self.rule is not None:
            row["rule"] = self.rule
        if self.negated:
            row["negated"] = True
        if self.amount is not None:
            row["amount"] = cast(dict[str, float | str], self.amount.to_dict())
        return row


@dataclass(frozen=True, slots=True)
class Expansion:
    """A text to search for as well as a concept's own; `weight` in (0, 1]."""

    text: str
    weight: float
    why: Why
    concept: str


@dataclass(frozen=True, slots=True)
class Facet:
    """An attribute that applies to the category, with its values, most used first: (concept, label, items)."""

    attribute: str
    label: str
    values: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True, repr=False)
class ParsedQuery:
    """A parsed search query.

    Attributes:
        query: As given.
        spans: From left to right, not overlapping.
        category: What is looked for, by its head noun; None where the query names no category.
        remainder: The words outside the spans, without function words.
        expansions: Other words for what is wanted.
        facets: Attributes that apply to the category.
        elasticsearch: A body for the search API of Elasticsearch and OpenSearch (see `kgtag.search.elastic`).
    """

    query: str
    spans: tuple[QuerySpan, ...]
    category: NamedConcept | None
    remainder: str
    expansions: tuple[Expansion, ...]
    facets: tuple[Facet, ...]
    elasticsearch: dict[str, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        head = f"ParsedQuery of {self.query!r}"
        if self.category is not None:
            head += f" ({self.category.label}, {self.category.probability:.2f})"
        lines = [f"  {one!r}" for one in self.spans]
        lines += [f"  other words: {self.remainder}"] if self.remainder else []
        lines += [f"  also: {', '.join(one.text for one in self.expansions)}"] if self.expansions else []
        lines += [f"  facets: {', '.join(one.label for one in self.facets)}"] if self.facets else []
        return "\n".join([head, *lines])

    def to_dict(self) -> ParsedQueryRow:
        """The answer of `GET /v1/search/query`, ready for JSON, without `revision`."""
        category = self.category
        return {
            "query": self.query,
            "spans": [span.to_dict() for span in self.spans],
            "category": None
            if category is None
            else {"concept": category.concept, "label": category.label, "probability": round(category.probability, 4)},
            "remainder": self.remainder,
            "expansions": [
                {"text": one.text, "weight": round(one.weight, 4), "why": one.why, "concept": one.concept}
                for one in self.expansions
            ],
            "facets": [
                {
                    "attribute": facet.attribute,
                    "label": facet.label,
                    "values": [{"concept": id, "label": label, "count": count} for id, label, count in facet.values],
                }
                for facet in self.facets
            ],
            "elasticsearch": self.elasticsearch,
        }
