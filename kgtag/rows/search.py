"""Rows of completions and of what a query means."""

from typing import NotRequired

from typing_extensions import TypedDict

from graph.model import Kind


class SuggestionRow(TypedDict):
    """A completion: the label that completes the text, in its language, and the concept's preferred label. `path` has
    the labels of the broader concepts, from the top, where other completions have the same label.

    Example:
        {"concept": "shoes", "label": "Shoes", "pref_label": "Shoes", "kind": "category", "lang": "en"}
    """

    concept: str
    label: str
    pref_label: str
    kind: Kind
    lang: str
    path: NotRequired[list[str]]


class Suggestions(TypedDict):
    """Completions of a text, best first.

    Example:
        {"query": "sho"}
    """

    query: str
    suggestions: list[SuggestionRow]
    revision: str


class NamedConceptRow(TypedDict):
    """A concept that a part of a query may name; `probability` is calibrated.

    Example:
        {"concept": "running", "label": "Running shoes", "probability": 0.97}
    """

    concept: str
    label: str
    probability: float


class QuerySpanRow(TypedDict):
    """A part of a search query, half-open characters. `type`: category, attribute, value, price, size, quantity,
    text.

    `rule` says why it is not wanted as such, "negated" also in `negated`; `amount` has `gte`, `lte`, `unit` and
    `dimension` of prices and quantities, `text` of sizes.

    Example:
        {"start": 0, "end": 13, "surface": "running shoes", "type": "category"}
    """

    start: int
    end: int
    surface: str
    type: str
    concepts: list[NamedConceptRow]
    attribute: NotRequired[str]
    rule: NotRequired[str]
    negated: NotRequired[bool]
    amount: NotRequired[dict[str, float | str]]


class ExpansionRow(TypedDict):
    """Another text for a concept of the query; `why`: synonym, translation, narrower or close.

    Example:
        {"text": "trainers", "weight": 0.97, "why": "synonym", "concept": "sneakers"}
    """

    text: str
    weight: float
    why: str
    concept: str


class FacetValueRow(TypedDict):
    """A value of a facet, with its number of items.

    Example:
        {"concept": "red", "label": "Red", "count": 12}
    """

    concept: str
    label: str
    count: int


class FacetRow(TypedDict):
    """An attribute that applies to a query's category, with its most used values.

    Example:
        {"attribute": "colour", "label": "Colour"}
    """

    attribute: str
    label: str
    values: list[FacetValueRow]


class ParsedQueryRow(TypedDict):
    """A parsed search query. `category` is what is looked for, null where no category is named; `elasticsearch` is a
    body for the search API of Elasticsearch and OpenSearch.

    Example:
        {"query": "running shoes", "remainder": "", "elasticsearch": {"query": {"match_all": {}}}}
    """

    query: str
    spans: list[QuerySpanRow]
    category: NamedConceptRow | None
    remainder: str
    expansions: list[ExpansionRow]
    facets: list[FacetRow]
    elasticsearch: dict[str, object]


class QueryAnswer(ParsedQueryRow):
    """A parsed search query, and the revision it was parsed with."""

    revision: str
