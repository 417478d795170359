"""The values that travel down the line from product to tags, and the ports between its stations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Method = Literal["given", "predicted", "exact", "fuzzy", "dense", "implied", "backed_off"]
"""How a tag came to be: given with the product, classified by the extractor, found by the linker, or derived."""

Rule = Literal[
    "deprecated",
    "uncertain",
    "implausible",
    "excluded",
    "single_choice",
    "outranked",
    "not_applicable",
    "duplicate",
]
"""Why enforcement dropped a candidate tag."""


@dataclass(frozen=True, slots=True)
class Product:
    """What comes in. `category` is a concept id or a label; `lang` a language tag."""

    id: str
    title: str
    text: str | None = None
    category: str | None = None
    lang: str | None = None

    def cut(self, span: Span) -> str:
        """What stands there."""
        return (self.title if span.field == "title" else self.text or "")[span.start : span.end]


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
        """To sort by, what stands in the title before what stands in the text."""
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

    `score` is the extractor's probability in [0, 1].
    """

    span: Span
    surface: str
    attribute: str
    score: float


@dataclass(frozen=True, slots=True)
class Inferred:
    """A value that the text implies without saying it. `score` is the probability in [0, 1]."""

    value: str
    attribute: str
    score: float


@dataclass(frozen=True, slots=True)
class Extraction:
    """All that was found in one product: mentions by span, categories best first as (name, probability), and values
    `inferred` for attributes without a mention."""

    mentions: tuple[Mention, ...]
    categories: tuple[tuple[str, float], ...] = ()
    inferred: tuple[Inferred, ...] = ()


class Extractor(Protocol):
    """Reads product text. Deterministic: same products, same answer, in whatever batches."""

    @property
    def version(self) -> str: ...

    @property
    def attributes(self) -> tuple[str, ...]:
        """Attribute names it can extract."""
        ...

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        """One extraction per product, in order."""
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
    """A concept the linker proposes. `score` ranks, `probability` is calibrated."""

    concept: str
    score: float
    probability: float
    method: Literal["exact", "fuzzy", "dense"]


@dataclass(frozen=True, slots=True)
class Linked:
    """Candidates best first; `link` is the decision, None for NIL."""

    candidates: tuple[Candidate, ...]
    link: Candidate | None


class Linker(Protocol):
    def link(self, queries: Sequence[Query]) -> list[Linked]: ...


class Plausibility(Protocol):
    """Calibrated probability of a triple of concepts, from the graph embeddings."""

    def probabilities(self, triples: Sequence[tuple[str, str, str]]) -> list[float | None]:
        """One per (head, relation, tail), in [0, 1]; None when the scorer knows nothing of one of them."""
        ...


@dataclass(frozen=True, slots=True)
class CandidateTag:
    """A tag before enforcement. `probability` joins extraction and linking."""

    concept: str
    probability: float
    method: Method
    span: Span | None = None
    surface: str | None = None
    extract_score: float | None = None
    link_score: float | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of the consistent set, with where it came from. Field for field what CONTRACT's `Tag` says."""

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


@dataclass(frozen=True, slots=True)
class DroppedTag:
    tag: Tag
    rule: Rule


@dataclass(frozen=True, slots=True)
class Nil:
    """A mention without a concept: a day-zero tag. `attribute` is a concept id when the attribute is known."""

    span: Span
    surface: str
    attribute: str | None
    score: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """A relation that enforcement accepted because it is plausible, though nobody asserted it."""

    head: str
    relation: str
    tail: str
    probability: float


@dataclass(frozen=True, slots=True)
class Consistent:
    """What enforcement returns: no two of `tags` contradict each other or the taxonomy."""

    tags: tuple[Tag, ...]
    dropped: tuple[DroppedTag, ...]
    proposals: tuple[Proposal, ...] = ()


@dataclass(frozen=True, slots=True)
class Tagging:
    """One "tags out" row."""

    id: str
    tags: tuple[Tag, ...]
    dropped: tuple[DroppedTag, ...]
    nil: tuple[Nil, ...]
    model: str
    revision: str
    proposals: tuple[Proposal, ...] = ()
