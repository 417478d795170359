"""Rows of answers to questions."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from graph.model import Kind


class CitationRow(TypedDict):
    """What an answer rests on: a tag of an item, with its place in the title; a mention that has no concept; or,
    without an `item`, a relation of the graph or the definition of a concept.

    Example:
        {"item": "en-0535", "title": "Hiking backpack, forest green", "concept": "color.forest-green",
         "label": "Forest green", "attribute": "color", "span": [17, 29], "surface": "forest green"}
    """

    item: NotRequired[str]
    title: NotRequired[str]
    concept: NotRequired[str]
    label: NotRequired[str]
    attribute: NotRequired[str]
    span: NotRequired[list[int]]
    surface: NotRequired[str]
    status: NotRequired[Literal["rejected"]]
    relation: NotRequired[str]
    target: NotRequired[str]
    target_label: NotRequired[str]
    definition: NotRequired[str]


class AskedItemRow(TypedDict):
    """An item of an answer.

    Example:
        {"item": "en-0535", "title": "Hiking backpack, forest green"}
    """

    item: str
    title: str


class AskedValueRow(TypedDict):
    """A value of an answer; `items` have it. Without `concept`, a mention that no concept stands for.

    Example:
        {"text": "Forest green", "concept": "color.forest-green", "attribute": "color", "items": 1}
    """

    text: str
    concept: NotRequired[str]
    attribute: NotRequired[str]
    kind: NotRequired[Kind]
    items: NotRequired[int]


class AskedDifferenceRow(TypedDict):
    """What two items have of one attribute; empty where no tag says.

    Example:
        {"attribute": "color", "label": "Color", "first": ["Black"], "second": ["Red"]}
    """

    attribute: str
    label: str
    first: list[str]
    second: list[str]


class AskAnswerRow(TypedDict):
    """An answer with what it rests on. `known` is false where tags and graph do not say; `reason` says why.

    `holds` answers a question for yes or no. `items`, `values` and `citations` are the first, `count` is of all.

    Example:
        {"question": "What colour is en-0535?", "intent": "value", "known": true, "lang": "en",
         "answer": "Color of Hiking backpack, forest green: Forest green."}
    """

    question: str
    intent: str
    lang: str
    known: bool
    answer: str
    reason: NotRequired[str]
    holds: NotRequired[bool]
    count: NotRequired[int]
    items: list[AskedItemRow]
    values: list[AskedValueRow]
    differences: NotRequired[list[AskedDifferenceRow]]
    citations: list[CitationRow]


class AskAnswer(AskAnswerRow):
    """An answer, and the revision of the taxonomy it comes from."""

    revision: str
