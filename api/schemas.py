"""The bodies of requests: strict, bounded, without other fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from graph.editing import OPERATIONS
from graph.errors import InputError
from graph.feed import FeedType
from graph.labels import CONTROL
from graph.model import LANGUAGE_TAG, Choice, Kind, Status, Verdict
from graph.model.times import time_text
from graph.proposals.workflow import Draft, read_draft
from kgtag.recommend import EvidenceType, Group
from kgtag.types import Product


def _id(value: str) -> str:
    if value != value.strip() or not value.isprintable():
        raise ValueError("an id has no blanks around it and no unprintable characters")
    return value


def _language(value: str) -> str:
    if not LANGUAGE_TAG.fullmatch(value):
        raise ValueError("this is not a language tag, like 'en' or 'zh-Hans'")
    return value


def _visible(value: str) -> str:
    if not value.strip():
        raise ValueError("a label has something in it")
    if CONTROL.search(value):
        raise ValueError("a label has no control characters, line breaks among them")
    return value


def _time(text: str) -> str:
    try:
        return time_text(text)
    except InputError as error:
        raise ValueError(str(error)) from None


Id = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_id)]
Language = Annotated[str, Field(max_length=35), AfterValidator(_language)]
Time = Annotated[str, Field(max_length=40), AfterValidator(_time)]
Label = Annotated[str, Field(max_length=1_000), AfterValidator(_visible)]
Labels = Annotated[dict[Language, Label], Field(max_length=200)]
LabelLists = Annotated[dict[Language, Annotated[list[Label], Field(max_length=500)]], Field(max_length=200)]
Definitions = Annotated[dict[Language, Annotated[str, Field(max_length=20_000)]], Field(max_length=200)]
Ids = Annotated[list[Id], Field(max_length=2_000)]
Reason = Annotated[str, Field(max_length=2_000, description="Kept in the history.")]
Revision = Annotated[
    str | None,
    Field(max_length=64, description="The taxonomy's revision as it was read; 412 when anything has changed since."),
]


class Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ProductBody(Body):
    """A product as in a product file. The tagger limits the length of its texts.

    Example:
        {"id": "1", "title": "Red leather trainers", "category": "Sneakers"}
    """

    id: Id | int = Field(default="1", description="Comes back with the answer.")
    title: str
    text: str | None = None
    category: Annotated[str, Field(max_length=1_000)] | None = Field(
        default=None, description="A concept id or a label; predicted when it is missing."
    )
    lang: Language | None = None
    image: str | None = Field(default=None, description="Accepted, and not used.")
    at: Time | None = Field(default=None, description="When it was listed, in ISO 8601; kept with a stored item.")
    group: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="The same for variants of one product, which agree where they are tagged together."
    )

    def product(self) -> Product:
        given = self.text or None, self.category or None, self.lang, self.at, self.group or None
        return Product(str(self.id), self.title, *given)


class NeighboursBody(Body):
    """Concepts whose neighbours are asked for, with the filters of a single request.

    Example:
        {"concepts": ["running", "red"], "group": "goes_with", "limit": 5}
    """

    concepts: Annotated[list[Id], Field(min_length=1, max_length=200)]
    relation: Annotated[str, Field(max_length=100)] | None = None
    evidence: Annotated[list[EvidenceType], Field(min_length=1, max_length=10)] | None = None
    kind: Kind | None = None
    group: Group | None = None
    least: Annotated[float, Field(ge=0, le=1)] = 0.0
    limit: Annotated[int, Field(ge=1, le=200)] = 20
    lang: Annotated[str, Field(max_length=35)] | None = None


class ItemTagBody(Body):
    """A tag of an item. `start` and `end` are half-open characters of the title.

    Example:
        {"concept": "red", "start": 0, "end": 3}
    """

    concept: Id
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    method: Annotated[str, Field(max_length=100)] = "given"
    status: Literal["accepted", "proposed", "rejected"] = "accepted"
    start: Annotated[int, Field(ge=0)] | None = None
    end: Annotated[int, Field(ge=1)] | None = None


class ItemBody(Body):
    """An item to store.

    Example:
        {"title": "Red leather trainers", "tags": [{"concept": "red", "start": 0, "end": 3}, {"concept": "sneakers"}]}
    """

    title: Annotated[str, Field(max_length=10_000)]
    lang: Language | None = None
    tags: Annotated[list[ItemTagBody], Field(max_length=1_000)]
    at: Time | None = Field(
        default=None, description="When it was listed, in ISO 8601; else as before, of a new item now."
    )

    @model_validator(mode="after")
    def _within(self) -> ItemBody:
        seen = set[str]()
        for tag in self.tags:
            _require_span(self.title, tag.start, tag.end)
            if tag.concept in seen:
                raise ValueError(f"the tag {tag.concept!r} is given twice")
            seen.add(tag.concept)
        return self


class SegmentBody(Body):
    """A boolean query over tags, by id or label.

    Example:
        {"query": "sneakers AND (red OR blue) NOT leather"}
    """

    query: Annotated[str, Field(min_length=1, max_length=2_000)]


class WebhookBody(Body):
    """An address to send the feed of changes to.

    Example:
        {"url": "https://shop.example/hooks/kgtag", "types": ["item"]}
    """

    url: Annotated[str, Field(max_length=2_000)]
    types: Annotated[list[FeedType] | None, Field(min_length=1, max_length=2)] = None
    since: Annotated[str | None, Field(max_length=40, description="A position of the feed; now by default.")] = None


def _require_span(title: str | None, start: int | None, end: int | None) -> None:
    if (start is None) != (end is None):
        raise ValueError("a span has a start and an end")
    if start is not None and end is not None and (start >= end or (title is not None and end > len(title))):
        raise ValueError(f"the span {start} to {end} is not in the title")


class FeedbackBody(Body):
    """A verdict on a tag of an item that is stored, or of a product.

    Example:
        {"item": "sku-1", "concept": "red", "verdict": "wrong", "reviewer": "ann", "reason": "it is the brand"}
    """

    item: Id | None = None
    product: ProductBody | None = None
    concept: Id
    verdict: Verdict
    span: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="Half-open characters of the title that the tag is about."
    )
    reviewer: Annotated[str, Field(min_length=1, max_length=300)] | None = Field(
        default=None, description="Else the key's name."
    )
    reason: Reason = ""

    @model_validator(mode="after")
    def _about_something(self) -> FeedbackBody:
        if self.item is None and self.product is None:
            raise ValueError("feedback is about an item or a product; name one")
        if self.product is not None and not self.product.title.strip():
            raise ValueError("a product has a title")
        if self.span is not None:
            _require_span(self.product.title if self.product is not None else None, self.span[0], self.span[1])
        return self


class EventBody(Body):
    """Something that a visitor did with an item or a concept.

    Example:
        {"item": "sku-1", "weight": 3, "at": "2026-01-31T12:00:00Z"}
    """

    item: Id | None = None
    concept: Id | None = None
    weight: Annotated[float, Field(gt=0, le=1_000)] = Field(
        default=1.0, description="How much it says: a purchase more than a look."
    )
    at: Time | None = Field(default=None, description="When, in ISO 8601; UTC where it names no zone; now by default.")

    @model_validator(mode="after")
    def _about_one(self) -> EventBody:
        if (self.item is None) == (self.concept is None):
            raise ValueError("an event is about an item or a concept; name one")
        return self


class EventsBody(Body):
    """Events of one profile.

    Example:
        {"events": [{"item": "sku-1", "weight": 3}, {"concept": "sneakers"}]}
    """

    events: Annotated[list[EventBody], Field(min_length=1, max_length=1_000)]


class _Editable(Body):
    """Fields and relations of a concept. Each relation names all its targets; what is not named stays."""

    pref_label: Annotated[Labels, Field(min_length=1)] | None = None
    alt_label: LabelLists | None = None
    hidden_label: LabelLists | None = None
    definition: Definitions | None = None
    notation: Annotated[str, Field(max_length=300)] | None = None
    status: Status | None = None
    choice: Choice | None = None
    broader: Ids | None = None
    primary: Id | None = Field(default=None, description="The broader concept that paths follow.")
    related: Ids | None = None
    value_of: Annotated[list[Id], Field(max_length=1)] | Id | None = None
    applies_to: Ids | None = None
    excludes: Ids | None = None
    exact_match: Ids | None = None
    close_match: Ids | None = None
    replaced_by: Annotated[list[Id], Field(max_length=1)] | Id | None = None
    reason: Reason = ""
    expected_revision: Revision = None

    @model_validator(mode="after")
    def _no_nulls(self) -> _Editable:
        may_be = ("notation", "primary", "expected_revision")
        nulls = [n for n in self.model_fields_set if n not in may_be and getattr(self, n) is None]
        if nulls:
            raise ValueError(f"{min(nulls)} is null; leave it out to keep it, or give an empty list to clear it")
        return self


class NewConcept(_Editable):
    """A concept to create, with its relations.

    Example:
        {"id": "suede", "kind": "value", "pref_label": {"en": "Suede", "zh": "绒面革"}, "value_of": "material"}
    """

    id: Id | None = Field(default=None, description="Generated when it is missing.")
    scheme: Id | None = Field(default=None, description="Needed unless there is just one.")
    kind: Kind
    pref_label: Annotated[Labels, Field(min_length=1)]


class ConceptPatch(_Editable):
    """Fields and relations to replace; what is not named stays.

    Example:
        {"pref_label": {"en": "Sports shoes"}, "reason": "clearer"}
    """

    @model_validator(mode="after")
    def _something(self) -> ConceptPatch:
        if not self.model_fields_set - {"reason", "expected_revision"}:
            raise ValueError("nothing to change was given")
        return self


class Merge(Body):
    """The concept that takes another one over.

    Example:
        {"into": "sneakers"}
    """

    into: Id = Field(description="The concept that stays.")
    reason: Reason = ""
    expected_revision: Revision = None


class Deprecate(Body):
    """The successor of a concept that goes out of use, when it has one.

    Example:
        {"replaced_by": "red", "reason": "too fine"}
    """

    replaced_by: Id | None = None
    reason: Reason = ""
    expected_revision: Revision = None


class Undo(Body):
    """Why a version is undone; without a reason, that of the version is kept.

    Example:
        {"reason": "wrong file"}
    """

    reason: Reason = ""


class Move(Body):
    """The new place of a concept.

    Example:
        {"broader": ["shoes"]}
    """

    broader: Ids = Field(description="All its broader concepts from now on; none puts it at the top.")
    primary: Id | None = Field(default=None, description="The one that paths follow; else the first.")
    reason: Reason = ""
    expected_revision: Revision = None


class PartBody(Body):
    """A concept that takes a part of another one over."""

    id: Id | None = Field(default=None, description="Generated when it is missing; may be that of an existing concept.")
    pref_label: Labels = {}
    alt_label: LabelLists = {}
    hidden_label: LabelLists = {}
    definition: Definitions = {}
    takes: Ids = Field(default=[], description="Concepts whose relations with the split one go to this part.")


class Split(Body):
    """The concepts that replace one.

    Example:
        {"parts": [{"id": "trainers", "pref_label": {"en": "Trainers"}, "takes": ["running"]},
         {"pref_label": {"en": "Plimsolls"}}]}
    """

    parts: Annotated[list[PartBody], Field(min_length=2, max_length=100)]
    reason: Reason = ""
    expected_revision: Revision = None


class NewProposal(Body):
    """An edit, `{"operation": "merge", "concept": …, "into": …}`, or `changes` as the history has them.

    Example:
        {"operation": "merge", "concept": "crimson", "into": "red", "reason": "too fine"}
    """

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    operation: Annotated[str, Field(max_length=30, examples=list(OPERATIONS))] | None = None
    changes: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=10_000)] | None = None
    title: Annotated[str, Field(max_length=300)] = Field(default="", description="Generated when it is missing.")
    reason: Reason = ""
    evidence: dict[str, Any] | None = Field(default=None, description="Any JSON that supports it.")

    @model_validator(mode="after")
    def _one_of_them(self) -> NewProposal:
        if (self.operation is None) == (self.changes is None):
            raise ValueError("either operation, with its fields, or changes")
        if self.changes is not None and self.model_extra:
            raise ValueError(f"{min(self.model_extra)} is a field of no change")
        return self

    def draft(self) -> Draft:
        """The draft of the proposal. Raises InputError for an invalid change."""
        return read_draft(self.model_dump(exclude_unset=True))


class NewLabel(Body):
    """A new concept that has no place yet. `lang`: of its label; guessed from the script when left out."""

    label: Annotated[str, Field(min_length=1, max_length=300)]
    definition: Annotated[str, Field(max_length=5_000)] | None = None
    lang: Annotated[str, Field(max_length=35)] | None = None


class AskBody(Body):
    """A question about stored items or concepts.

    Example:
        {"question": "Which shoes are red?", "lang": "en"}
    """

    question: Annotated[str, Field(max_length=600), AfterValidator(_visible)]
    lang: Literal["en", "zh"] | None = Field(default=None, description="Language of the answer; else the question's.")


class PlaceBody(Body):
    """New concepts to find places for, among concepts of a kind and a scheme.

    Example:
        {"concepts": [{"label": "Trail shoes", "lang": "en"}], "limit": 5}
    """

    concepts: Annotated[list[NewLabel], Field(min_length=1, max_length=200)]
    kind: Kind | None = Field(default=None, description="Else categories, where there are any.")
    scheme: Annotated[str, Field(max_length=300)] | None = None
    limit: Annotated[int, Field(ge=1, le=60)] = 5
    lang: Annotated[str, Field(max_length=35)] | None = Field(
        default=None, description="Language of labels that are shown."
    )


class NewComment(Body):
    """A comment on a proposal.

    Example:
        {"text": "and the Chinese label?"}
    """

    text: Annotated[str, Field(max_length=20_000), AfterValidator(_visible)]


class Decision(Body):
    """A comment to go with a decision.

    Example:
        {"comment": "they differ in the sole"}
    """

    comment: Annotated[str, Field(max_length=20_000)] = ""
    force: bool = Field(
        default=False, description="For admins: withdraw or rebase what is not one's own. Nobody accepts their own."
    )
