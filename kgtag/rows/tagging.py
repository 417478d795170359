"""Rows of products and their tags, and of the problems that stand in place of them."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from graph.errors import ErrorDetail


class MappedRow(TypedDict):
    """A tag in the terms of another scheme: `match` is exact or close, as editors mapped it, or `broader`, that of the
    nearest broader concept that is mapped.

    Example:
        {"concept": "google:187", "label": "Shoes", "match": "exact"}
    """

    concept: str
    label: str
    match: Literal["exact", "close", "broader"]


class TagRow(TypedDict):
    """A tag of a product, with where it comes from. Fields that do not apply are left out.

    `span` holds half-open character offsets into the product's `field`, its title unless another is named.
    `probability` is calibrated; the scores of the stages rank. `why`, a sentence, and `mapped`, the counterpart in
    another scheme, are there where they were asked for.

    Example:
        {"concept": "red", "label": "Red", "kind": "value", "attribute": "colour", "span": [0, 3], "surface": "Red",
         "method": "exact", "extract_score": 0.9, "link_score": 1.0, "probability": 0.9}
    """

    concept: str
    label: str
    kind: str
    attribute: NotRequired[str]
    span: NotRequired[list[int]]
    field: NotRequired[Literal["title", "text"]]
    surface: NotRequired[str]
    method: str
    extract_score: NotRequired[float]
    link_score: NotRequired[float]
    plausibility: NotRequired[float]
    probability: float
    implied_by: NotRequired[str]
    why: NotRequired[str]
    mapped: NotRequired[MappedRow]


class DroppedRow(TagRow):
    """A tag that enforcement left out, and the rule; `against` is the tag that it contradicts."""

    rule: str
    against: NotRequired[str]


class NilRow(TypedDict):
    """A mention without a concept. `score` is the extractor's.

    Example:
        {"span": [4, 8], "surface": "teal", "attribute": "colour", "score": 0.9}
    """

    span: list[int]
    field: NotRequired[Literal["title", "text"]]
    surface: str
    attribute: NotRequired[str]
    score: float
    why: NotRequired[str]


class PlausibleRow(TypedDict):
    """A relation that enforcement accepted because it is plausible, though it is not in the taxonomy."""

    head: str
    relation: str
    tail: str
    probability: float


class FlagRow(TypedDict):
    """A term that a shop may not use, or must prove: a counterfeit, a medical claim, a forbidden superlative.

    Example:
        {"kind": "counterfeit", "term": "super clone", "severity": "error", "span": [4, 15]}
    """

    kind: Literal["counterfeit", "medical", "superlative"]
    term: str
    severity: Literal["error", "warning", "info"]
    span: list[int]
    field: NotRequired[Literal["title", "text"]]


class TaggingRow(TypedDict):
    """The tags of one product: a row of "tags out". `at`: the time that the product was given with.

    Example:
        {"id": "1", "dropped": [], "model": "shop-1"}
    """

    id: str
    tags: list[TagRow]
    dropped: list[DroppedRow]
    nil: list[NilRow]
    model: str
    revision: str
    proposals: NotRequired[list[PlausibleRow]]
    unsupported_language: NotRequired[str]
    text_read: NotRequired[bool]
    at: NotRequired[str]
    flags: NotRequired[list[FlagRow]]


class BrokenRow(TypedDict):
    """An invariant that an edit would break."""

    code: str
    concepts: list[str]
    message: str


class FieldError(TypedDict):
    """A wrong field of a request: where it is, and what is wrong with it."""

    loc: list[str | int]
    msg: str


class ProblemDetails(ErrorDetail):
    """A problem document (RFC 9457). `type` is stable; `title` and `detail` are for people.

    Example:
        {"type": "urn:kgtag:problem:unknown-concept", "title": "Unknown Concept", "status": 404,
         "detail": "no concept 'sneaker'; did you mean 'Sneakers' (sneakers)?", "near": ["'Sneakers' (sneakers)"]}
    """

    instance: NotRequired[str]
    revision: NotRequired[str | None]
    near: NotRequired[list[str]]
    problems: NotRequired[list[BrokenRow]]
    errors: NotRequired[list[FieldError]]
    scope: NotRequired[str]


class ErrorRow(TypedDict):
    """A row of a batch that failed, in the place of its result. A line that is not a product and names no id has the id
    null, and the `line`'s number from 1.

    Example:
        {"id": null, "line": 2}
    """

    id: str | None
    line: NotRequired[int]
    error: ErrorDetail
    revision: NotRequired[str | None]


class DescriptionRow(TypedDict):
    """A description, and the concepts that it states. `unused`: tags that the template leaves out. `missing` and
    `added`, where the text was tagged again: tags that are not found in it, and tags that the product does not have.

    Example:
        {"id": "en-0535", "lang": "en", "description": "Forest green ripstop nylon backpack by Nordvik, 40 L.",
         "concepts": ["backpacks", "color.forest-green"]}
    """

    id: str
    lang: str
    description: str
    concepts: list[str]
    unused: NotRequired[list[str]]
    missing: NotRequired[list[str]]
    added: NotRequired[list[str]]
