"""The values that pass through the pipeline from product to tags, and the ports between its stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from html import escape
from typing import Any, Literal, Protocol, cast

from graph.claims import Claim
from graph.model import ItemNil, ItemTag, TaggedItem
from kgtag.rows.concepts import LinkRow, LinksRow
from kgtag.rows.tagging import DroppedRow, FlagRow, NilRow, PlausibleRow, TaggingRow, TagRow

Method = Literal["given", "predicted", "exact", "fuzzy", "dense", "implied", "backed_off", "shared"]
"""The origin of a tag: given with the product, predicted by the extractor, found by the linker, derived, or shared by
the variants of the product."""

Rule = Literal[
    "deprecated", "uncertain", "implausible", "excluded", "single_choice", "outranked", "not_applicable", "duplicate",
    "negated", "imitated", "not_included", "intended_for", "accessory", "modifier", "unsupported_language",
]  # fmt: skip
"""Why a candidate tag was dropped: by enforcement, or, from "negated" on, since the text doesn't mean it, or is in a
language that the taxonomy has no labels in."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product to be tagged.

    Attributes:
        id: Comes back with the tags.
        title: The text that is read first.
        text: A description.
        category: A concept id or a label; predicted otherwise.
        lang: A language tag; guessed otherwise.
        at: When it was listed, as `2026-01-31T12:00:00Z`.
        group: What variants of one product have in common, such as the id of the product that they are variants of.

    Example:
        >>> Product("1", "Trailhead dome tent, green", category="Tents").to_dict()
        {'id': '1', 'title': 'Trailhead dome tent, green', 'category': 'Tents'}
    """

    id: str
    title: str
    text: str | None = None
    category: str | None = None
    lang: str | None = None
    at: str | None = None
    group: str | None = None

    def cut(self, span: Span) -> str:
        """The text of a span."""
        return (self.title if span.field == "title" else self.text or "")[span.start : span.end]

    def to_dict(self) -> dict[str, Any]:
        """A row of a product file; fields without a value are left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


Field = Literal["title", "text"]
"""Which of a product's two texts."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open character offsets into the product's title, or into its text, as it was given."""

    start: int
    end: int
    field: Field = "title"

    @property
    def place(self) -> tuple[bool, int, int]:
        """Sort key: spans of the title before those of the text."""
        return self.field == "text", self.start, self.end


@dataclass(frozen=True, slots=True)
class AnnotatedProduct:
    """A product with its gold: by attribute, the values; an empty list says "known to be absent".

    `spans` holds (attribute, span) for the values that stand in the title or the text, those of the title first;
    `concepts` (attribute, surface) → concept id or None (NIL), when the annotators linked them.
    """

    product: Product
    attributes: Mapping[str, tuple[str, ...]]
    spans: tuple[tuple[str, Span], ...] = ()
    concepts: Mapping[tuple[str, str], str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mention:
    """A span the extractor took for a value of `attribute` (the attribute's name as the extractor was trained on it).

    `probability` is calibrated, in [0, 1].
    """

    span: Span
    surface: str
    attribute: str
    probability: float


@dataclass(frozen=True, slots=True)
class Inferred:
    """A value that was inferred from the whole text. `probability` is calibrated, in [0, 1]; `span`: where the title
    names it, if it does."""

    value: str
    attribute: str
    probability: float
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """All that was found in one product: mentions by span, categories best first as (name, probability), and values
    `inferred` for attributes without a mention."""

    mentions: tuple[Mention, ...]
    categories: tuple[tuple[str, float], ...] = ()
    inferred: tuple[Inferred, ...] = ()


class Extractor(Protocol):
    """Finds attribute values in product text. Subclass it, or write a class with the same members.

    Deterministic: the same products give the same answer, in whatever batches. Other packages add extractors with an
    entry point of the group `kgtag.extractors`: a function from the argument in `--model NAME:ARGUMENT` to an
    extractor.

    Example:
        >>> class Sizes(Extractor):
        ...     version, attributes = "sizes-1", ("Size",)
        ...     def extract(self, products):
        ...         return [Extraction(()) for product in products]
        >>> Sizes().extract([Product("1", "Socks, size 42")])
        [Extraction(mentions=(), categories=(), inferred=())]
    """

    @property
    def version(self) -> str:
        """Names the model in every answer; changes when answers may."""
        ...

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes that it extracts: concept ids or labels of the taxonomy."""
        ...

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories that it predicts."""
        return ()

    @property
    def reads_text(self) -> bool:
        """Whether it reads a product's text besides the title."""
        return True

    @property
    def concepts(self) -> Mapping[str, str]:
        """Concept ids of attribute and category names, as recorded in training; the rest is found by label."""
        return {}

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        """One extraction per product, in order. The products' texts are clean (`kgtag.text.clean_product`)."""
        ...


@dataclass(frozen=True, slots=True)
class Query:
    """What the linker is asked: a surface and its context. `attribute` and `category` are concept ids."""

    text: str
    attribute: str | None = None
    category: str | None = None
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A concept that a mention may name. `score` ranks, `probability` is calibrated; `label` is filled for people."""

    concept: str
    score: float
    probability: float
    method: Literal["exact", "fuzzy", "dense"]
    label: str | None = None

    def to_dict(self) -> LinkRow:
        """A row of `links`, ready for JSON."""
        return {
            "concept": self.concept,
            "label": self.label,
            "score": round(self.score, 4),
            "probability": round(self.probability, 4),
            "method": self.method,
        }


@dataclass(frozen=True, slots=True)
class Linked:
    """Candidates, best first; `link` is the decision, None for NIL."""

    candidates: tuple[Candidate, ...]
    link: Candidate | None

    def labelled(self, label: Callable[[str], str]) -> Linked:
        """The same with labels, by a function from a concept's id."""
        named = tuple(replace(candidate, label=label(candidate.concept)) for candidate in self.candidates)
        return Linked(named, named[0] if self.link is not None else None)

    def to_dict(self) -> LinksRow:
        """The answer of `kgtag link`, ready for JSON."""
        return {"links": [candidate.to_dict() for candidate in self.candidates], "nil": self.link is None}


class Linker(Protocol):
    """Links mentions to concepts of one snapshot.

    Example:
        >>> class Colors(Linker):
        ...     def link(self, queries):
        ...         red = Candidate("red", 1.0, 0.9, "exact")
        ...         return [Linked((red,), red) if query.text == "red" else Linked((), None) for query in queries]
        >>> Colors().link([Query("red")])[0].link.concept
        'red'
    """

    def link(self, queries: Sequence[Query]) -> list[Linked]:
        """One answer per query, in order."""
        ...


class Plausibility(Protocol):
    """Calibrated probability of a triple of concepts, from the graph embeddings."""

    def probabilities(self, triples: Sequence[tuple[str, str, str]]) -> list[float | None]:
        """One per (head, relation, tail), in [0, 1]; None when the scorer knows nothing of one of them."""
        ...


@dataclass(frozen=True, slots=True)
class CandidateTag:
    """A tag before enforcement. `probability` joins extraction and linking; enforcement adds the `plausibility`. A
    `rule` says why the text doesn't mean it; enforcement drops it."""

    concept: str
    probability: float
    method: Method
    span: Span | None = None
    surface: str | None = None
    extract_score: float | None = None
    link_score: float | None = None
    plausibility: float | None = None
    rule: Rule | None = None

    @classmethod
    def linked(cls, mention: Mention, candidate: Candidate) -> CandidateTag:
        """A link of a mention: right when both the span and the link are."""
        return cls(
            concept=candidate.concept,
            probability=mention.probability * candidate.probability,
            method=candidate.method,
            span=mention.span,
            surface=mention.surface,
            extract_score=mention.probability,
            link_score=candidate.score,
        )

    @classmethod
    def inferred(cls, value: Inferred, candidate: Candidate, *, surface: str | None = None) -> CandidateTag:
        """A tag of an inferred value. Where the value is a label as it stands, linking adds no doubt."""
        linked = 1.0 if candidate.method == "exact" else candidate.probability
        return cls(
            concept=candidate.concept,
            probability=value.probability * linked,
            method=candidate.method,
            span=value.span,
            surface=surface,
            extract_score=value.probability,
            link_score=candidate.score,
        )


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of the consistent set, with its provenance.

    Attributes:
        concept: The concept's id.
        label: Its preferred label in the product's language.
        kind: "category", "attribute" or "value".
        method: How the tag was found.
        probability: Calibrated, 0 to 1.
        attribute: Of a value: its attribute's id.
        span: Where it stands in the product; None for a tag that no text states.
        surface: The text there.
        extract_score, link_score: The stages' own scores. They rank; the probability is calibrated.
        plausibility: Probability of the value on its category by the embeddings.
        implied_by: The concept that implies this broader one.

    Example:
        >>> Tag("red", "Red", "value", "exact", 0.97, attribute="color").to_dict()  # doctest: +NORMALIZE_WHITESPACE
        {'concept': 'red', 'label': 'Red', 'kind': 'value', 'attribute': 'color', 'method': 'exact',
         'probability': 0.97}
    """

    concept: str
    label: str
    kind: str
    method: Method
    probability: float
    attribute: str | None = None
    span: Span | None = None
    surface: str | None = None
    extract_score: float | None = None
    link_score: float | None = None
    plausibility: float | None = None
    implied_by: str | None = None

    def to_dict(self) -> TagRow:
        """The row of a tag; fields that do not apply are left out."""
        row: dict[str, Any] = {"concept": self.concept, "label": self.label, "kind": self.kind}
        optional: dict[str, Any] = {
            "attribute": self.attribute,
            **_place(self.span),
            "surface": self.surface,
            "method": self.method,
            "extract_score": _round(self.extract_score),
            "link_score": _round(self.link_score),
            "plausibility": _round(self.plausibility),
            "probability": _round(self.probability),
            "implied_by": self.implied_by,
        }
        return cast(TagRow, row | {name: value for name, value in optional.items() if value is not None})


@dataclass(frozen=True, slots=True)
class DroppedTag:
    """A candidate that enforcement left out, and the rule; `against` is the concept of the tag that it contradicts."""

    tag: Tag
    rule: Rule
    against: str | None = None

    def to_dict(self) -> DroppedRow:
        """The row of the tag, with the rule."""
        row: dict[str, Any] = {**self.tag.to_dict(), "rule": self.rule}
        return cast("DroppedRow", row if self.against is None else row | {"against": self.against})


@dataclass(frozen=True, slots=True)
class Nil:
    """A mention without a concept. `attribute` is a concept id, where the taxonomy has the attribute."""

    span: Span
    surface: str
    attribute: str | None
    probability: float

    def to_dict(self) -> NilRow:
        """The row of a mention without a concept; fields that do not apply are left out."""
        optional = {**_place(self.span), "surface": self.surface, "attribute": self.attribute}
        row = {name: value for name, value in optional.items() if value is not None}
        return cast(NilRow, row | {"score": round(self.probability, 4)})


@dataclass(frozen=True, slots=True)
class Proposal:
    """A relation that enforcement accepted because it is plausible, though nobody asserted it."""

    head: str
    relation: str
    tail: str
    probability: float

    def to_dict(self) -> PlausibleRow:
        """The row of an accepted relation."""
        probability = round(self.probability, 4)
        return {"head": self.head, "relation": self.relation, "tail": self.tail, "probability": probability}


@dataclass(frozen=True, slots=True)
class Consistent:
    """The result of enforcement: no two of `tags` contradict each other or the taxonomy."""

    tags: tuple[Tag, ...]
    dropped: tuple[DroppedTag, ...]
    proposals: tuple[Proposal, ...] = ()


@dataclass(frozen=True, slots=True)
class Tagging:
    """The tags of one product. Prints as a table, in notebooks as HTML.

    Attributes:
        id: The product's.
        tags: Most probable first.
        dropped: Candidates that enforcement left out, each with its rule.
        nil: Mentions without a concept.
        model: Version of the model.
        revision: Revision of the taxonomy.
        proposals: Relations that enforcement took for granted.
        text_read: Whether the product's text was read: a model trained on titles reads titles alone.
        flags: Terms in title and text that a shop may not use, or must prove, with their field.
        at: The product's.
        unsupported_language: The product's language, if the taxonomy has no labels in it: then only names that stand
            in the product as a label has them are tags.

    Example:
        >>> red = Tag("red", "Red", "value", "exact", 0.97, attribute="color", span=Span(0, 3), surface="red")
        >>> tagging = Tagging("1", (red,), (), (), "labels-1", "4f2a")
        >>> tagging
        Tagging of '1' (model labels-1, revision 4f2a)
          color: Red 0.97 'red'
        >>> tagging.by_attribute()["color"][0].label
        'Red'
        >>> tagging.to_dict()["tags"]  # doctest: +NORMALIZE_WHITESPACE
        [{'concept': 'red', 'label': 'Red', 'kind': 'value', 'attribute': 'color', 'span': [0, 3], 'surface': 'red',
          'method': 'exact', 'probability': 0.97}]
    """

    id: str
    tags: tuple[Tag, ...]
    dropped: tuple[DroppedTag, ...]
    nil: tuple[Nil, ...]
    model: str
    revision: str
    proposals: tuple[Proposal, ...] = ()
    unsupported_language: str | None = None
    text_read: bool = True
    flags: tuple[tuple[Field, Claim], ...] = ()
    at: str | None = None

    def by_attribute(self) -> dict[str, list[Tag]]:
        """Tags by attribute id, categories under "category"; most probable first."""
        found: dict[str, list[Tag]] = {}
        for tag in self.tags:
            found.setdefault(tag.attribute or tag.kind, []).append(tag)
        return found

    def to_dict(self) -> TaggingRow:
        """The row of "tags out", ready for JSON."""
        row: TaggingRow = {
            "id": self.id,
            "tags": [tag.to_dict() for tag in self.tags],
            "dropped": [dropped.to_dict() for dropped in self.dropped],
            "nil": [nil.to_dict() for nil in self.nil],
            "model": self.model,
            "revision": self.revision,
        }
        if self.proposals:
            row["proposals"] = [proposal.to_dict() for proposal in self.proposals]
        if self.unsupported_language:
            row["unsupported_language"] = self.unsupported_language
        if not self.text_read:
            row["text_read"] = False
        if self.at is not None:
            row["at"] = self.at
        if self.flags:
            row["flags"] = [_flag(field, claim) for field, claim in self.flags]
        return row

    def to_item(self, product: Product) -> TaggedItem:
        """The item that a store keeps; offsets are of the title, tags from the text have only a surface."""
        tags = []
        for tag in self.tags:
            span = tag.span if tag.span is not None and tag.span.field == "title" else None
            start, end = (span.start, span.end) if span is not None else (None, None)
            tags.append(ItemTag(tag.concept, tag.probability, tag.method, start, end, tag.surface))
        nil = tuple(ItemNil(one.surface, one.attribute, one.probability) for one in self.nil)
        made = product.id, product.title, product.lang, self.model, self.revision
        return TaggedItem(*made, tuple(tags), product.at, nil)

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """(attribute, label, probability, where from) of each tag, then of each NIL mention."""
        rows = [
            (name, tag.label, f"{tag.probability:.2f}", f"{tag.surface!r}" if tag.surface else f"({tag.method})")
            for name, tags in self.by_attribute().items()
            for tag in tags
        ]
        return rows + [
            (nil.attribute or "?", "no concept", f"{nil.probability:.2f}", f"{nil.surface!r}") for nil in self.nil
        ]

    def __repr__(self) -> str:
        head = f"Tagging of {self.id!r} (model {self.model}, revision {self.revision[:12]})"
        lines = [f"  {name}: {label} {probability} {origin}" for name, label, probability, origin in self._rows()]
        return "\n".join([head, *lines])

    def _repr_html_(self) -> str:
        cells = (
            "<tr>" + "".join(f"<td>{escape(cell, quote=False)}</td>" for cell in row) + "</tr>" for row in self._rows()
        )
        head = "".join(f"<th>{name}</th>" for name in ("attribute", "tag", "probability", "from"))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(cells)}</tbody></table>"


def _place(span: Span | None) -> dict[str, Any]:
    """`span`, and `field` where it is not the title."""
    if span is None:
        return {"span": None}
    return {"span": [span.start, span.end], "field": None if span.field == "title" else span.field}


def _flag(field: Field, claim: Claim) -> FlagRow:
    row: FlagRow = {
        "kind": claim.kind,
        "term": claim.term,
        "severity": claim.severity,
        "span": [claim.start, claim.end],
    }
    return row if field == "title" else {**row, "field": field}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
