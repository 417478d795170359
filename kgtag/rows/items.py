"""Rows of stored items, of changes to them and of who hears of those, of feedback and profiles."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from graph.model import Kind
from graph.rows import FeedbackRow


class ItemTagRow(TypedDict):
    """A tag of a stored item. `start` and `end` are half-open characters of the title.

    Example:
        {"concept": "red", "label": "Red", "kind": "value", "attribute": "colour", "probability": 0.97,
         "method": "exact", "status": "accepted", "start": 0, "end": 3, "surface": "Red"}
    """

    concept: str
    label: str
    kind: NotRequired[Kind]
    attribute: NotRequired[str]
    probability: float
    method: str
    status: Literal["accepted", "proposed", "rejected", "merged"]
    start: NotRequired[int]
    end: NotRequired[int]
    surface: NotRequired[str]


class ItemNilRow(TypedDict):
    """A mention without a concept.

    Example:
        {"surface": "teal", "attribute": "colour", "probability": 0.9}
    """

    surface: str
    attribute: NotRequired[str]
    probability: float


class ItemRow(TypedDict):
    """A stored item with its tags; `model` and `tagged_revision` made them. A tag of a concept that is gone has no
    kind. `at`: when it was listed, null for one that is older than times.

    Example:
        {"id": "sku-1", "title": "Red leather trainers", "at": "2026-01-31T12:00:00Z"}
    """

    id: str
    title: str
    lang: str | None
    model: str
    tagged_revision: str
    at: str | None
    tags: list[ItemTagRow]
    nil: NotRequired[list[ItemNilRow]]
    revision: str


class TaxonomyChanged(TypedDict):
    """An event of the feed: a new version. `concepts` are the first hundred that it touched.

    Example:
        {"id": "v12", "position": "12-345", "type": "taxonomy", "at": "2026-08-03T10:15:30.000001+00:00", "version": 12,
         "author": "ann", "reason": "clearer", "origin": "kgtag", "summary": "1 concept changed: Sandals",
         "concepts": ["sandals"], "changes": 1}
    """

    id: str
    position: str
    type: Literal["taxonomy"]
    at: str
    version: int
    revision: str | None
    author: str
    reason: str
    origin: str
    summary: str
    concepts: list[str]
    changes: int


class ItemChanged(TypedDict):
    """An event of the feed: the tags of an item may have changed, or it was erased.

    Example:
        {"id": "i345", "position": "12-345", "type": "item", "at": "2026-08-03T10:15:30.000001+00:00", "item": "sku-1",
         "change": "tagged"}
    """

    id: str
    position: str
    type: Literal["item"]
    at: str
    item: str
    change: Literal["tagged", "erased"]


class WebhookRow(TypedDict):
    """An address that the feed is sent to. `position` is after what it took, `failures` are those since then.

    Example:
        {"id": "wh_0f2a4c6e8b1d", "url": "https://shop.example/hooks", "types": ["taxonomy", "item"], "state": "active",
         "position": "12-345", "failures": 0, "error": null}
    """

    id: str
    url: str
    types: list[str]
    created: str
    state: Literal["active", "failing", "gone"]
    position: str
    failures: int
    error: str | None
    secret: NotRequired[str]


class Webhooks(TypedDict):
    """Webhooks; a new one with its secret."""

    webhooks: list[WebhookRow]
    revision: str | None


class ItemPage(TypedDict):
    """Ids of items that have a concept as an accepted tag, by id. `next_cursor` is null on the last page.

    Example:
        {"concept": "red", "items": ["sku-1", "sku-7"], "next_cursor": null}
    """

    concept: str
    items: list[str]
    next_cursor: str | None
    revision: str


class GivenFeedback(TypedDict):
    """Feedback as it was stored."""

    feedback: FeedbackRow
    revision: str


class FeedbackPage(TypedDict):
    """A page of feedback, oldest first. `next_cursor` is null on the last one."""

    feedback: list[FeedbackRow]
    next_cursor: str | None
    revision: str


class ProfileTagRow(TypedDict):
    """A tag of a profile. `weight`: the strongest has 1."""

    concept: str
    label: str
    kind: Kind
    weight: float


class ProfileEventRow(TypedDict):
    """Something that a visitor did with an item or a concept."""

    at: str
    weight: float
    item: NotRequired[str]
    concept: NotRequired[str]


class ProfileRow(TypedDict):
    """All that is kept of a visitor: the events, the latest first, and what they come to, the strongest tag first.

    Example:
        {"profile": "v1", "tags": [{"concept": "red", "label": "Red", "kind": "value", "weight": 1.0}],
         "events": [{"at": "2026-01-31T12:00:00Z", "weight": 1.0, "item": "sku-1"}], "revision": "4f2a91c07d3be685"}
    """

    profile: str
    tags: list[ProfileTagRow]
    events: list[ProfileEventRow]
    revision: str


class StoredEvents(TypedDict):
    """How many events were stored."""

    stored: int
    revision: str


class RecommendedItemRow(TypedDict):
    """An item. `shared`: the tags that weigh most; `behaviour`: in [0, 1], how often others chose it with those.

    Example:
        {"item": "en-0012", "title": "Merino crew socks", "score": 0.8, "shared": ["material.merino-wool"],
         "why": "same: merino wool"}
    """

    item: str
    title: str
    score: float
    shared: list[str]
    why: str
    behaviour: NotRequired[float]


class RecommendedItems(TypedDict):
    """Items like the given ones, best first.

    Example:
        {"given": ["running"], "items": []}
    """

    given: list[str]
    items: list[RecommendedItemRow]
    revision: str
