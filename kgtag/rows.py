"""Rows of the pipeline and of the service: what the library, `--json`, the HTTP API and its client give, defined once.

Each row is a plain dict, typed; the example in its docstring is the one of the OpenAPI description. Rows of concepts,
versions, proposals and audits are in `graph.rows`.
"""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from graph.errors import ErrorDetail
from graph.model import Kind, Status
from graph.rows import (
    ConceptRef,
    ConceptRow,
    FeedbackRow,
    FindingRow,
    ProblemRow,
    ProposalRow,
    RelationKey,
    ReleaseRow,
    VersionRow,
)


class TagRow(TypedDict):
    """A tag of a product, with where it comes from. Fields that do not apply are left out.

    `span` holds half-open character offsets into the product's `field`, its title unless another is named.
    `probability` is calibrated; the scores of the stages rank. `why` is a sentence, where it was asked for.

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


class LinkRow(TypedDict):
    """A concept that a text may mean. `score` ranks, `probability` is calibrated."""

    concept: str
    label: str | None
    score: float
    probability: float
    method: str


class LinksRow(TypedDict):
    """The candidates for a text, best first. `nil`: none of them is meant."""

    links: list[LinkRow]
    nil: bool


class EvidenceRow(TypedDict):
    """Why two concepts are neighbours. `path` leads from one to the other; `count` items have both, `of` the first."""

    type: Literal["asserted", "inferred", "cooccurrence", "embedding"]
    score: float
    path: NotRequired[list[str]]
    count: NotRequired[int]
    of: NotRequired[int]


class NeighbourRow(TypedDict):
    """A neighbour of a concept, with its evidence. `group` is what it is good for, `support` the items behind it.

    Example:
        {"concept": "sneakers", "label": "Sneakers", "relation": "broader", "direction": "out", "group": "taxonomy",
         "score": 1.0, "evidence": [{"type": "asserted", "score": 1.0}]}
    """

    concept: str
    label: str
    relation: str
    direction: Literal["out", "in", "both"]
    group: Literal["taxonomy", "facets", "goes_with", "like_it"]
    score: float
    evidence: list[EvidenceRow]
    support: NotRequired[str]


class ConceptNeighbours(TypedDict):
    """A page of the neighbours of a concept, best first.

    Example:
        {"concept": "running", "next_cursor": null}
    """

    concept: str
    neighbours: list[NeighbourRow]
    next_cursor: str | None


class Neighbours(ConceptNeighbours):
    """The neighbours of a concept, best first."""

    revision: str


class ConceptError(TypedDict):
    """A row of a batch whose concept is unknown.

    Example:
        {"concept": "shose"}
    """

    concept: str
    error: ErrorDetail


class NeighboursBatch(TypedDict):
    """The neighbours of several concepts, in the order asked for."""

    results: list[ConceptNeighbours | ConceptError]
    revision: str


class RecommendedConcepts(TypedDict):
    """Concepts related to all of the given ones, best first.

    Example:
        {"given": ["running"]}
    """

    given: list[str]
    concepts: list[NeighbourRow]
    revision: str


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


class PlaceRow(TypedDict):
    """Under `broader`, with its children `narrower` moved under the new concept. `path` leads down to `broader`;
    `attribute` is that of a value."""

    broader: str
    label: str
    path: list[str]
    attribute: NotRequired[str]
    narrower: list[ConceptRef]
    score: float
    probability: float


class LikelyRow(ConceptRef):
    """An attribute or a value that concepts like a new one have, and the share of their votes."""

    score: float


class PlacedRow(TypedDict):
    """A new concept with its places, best first; `known` names concepts that have the label already, `attributes` and
    `values` are those of concepts like it, but for attributes that the first place gives anyway."""

    label: str
    places: list[PlaceRow]
    known: list[ConceptRef]
    attributes: list[LikelyRow]
    values: list[LikelyRow]


class Placed(TypedDict):
    """Places for new concepts, in the order asked. `by_meaning`: whether meaning counts, beside letters and words.

    Example:
        {"concepts": [{"label": "Trail shoes", "known": [], "places": [{"broader": "running",
         "label": "Running shoes", "path": ["Shoes", "Sneakers", "Running shoes"], "narrower": [], "score": 1.9,
         "probability": 0.61}], "attributes": [{"concept": "terrain", "label": "Terrain", "kind": "attribute",
         "score": 0.8}], "values": []}], "by_meaning": false, "revision": "4f2a91c07d3be685"}
    """

    concepts: list[PlacedRow]
    by_meaning: bool
    revision: str


class KeyRow(TypedDict):
    """The key that asked: its id and name, under which its changes are made, and all scopes that it has or implies.

    Example:
        {"id": "3fa9c2", "name": "ann", "author": "api:ann", "scopes": ["read", "propose"],
         "revision": "4f2a91c07d3be685"}
    """

    id: str
    name: str
    author: str
    scopes: list[str]
    revision: str | None


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


class ConceptPage(TypedDict):
    """A page of concepts, by id. `next_cursor` is null on the last one."""

    concepts: list[ConceptRow]
    total: int
    next_cursor: str | None
    revision: str


class RelatedConcepts(TypedDict):
    """Concepts related to one by a relation. `total`: before the limit.

    Example:
        {"concept": "running"}
    """

    concept: str
    concepts: list[ConceptRow]
    total: int
    revision: str


class AuditFixes(TypedDict):
    """Safe repairs as a proposal takes them, and the findings that they repair.

    Example:
        {"title": "Safe repairs of the audit", "reason": "repairs that need no decision", "changes": [], "fixed": [],
         "revision": "4f2a91c07d3be685"}
    """

    title: str
    reason: str
    changes: list[dict[str, Any]]
    fixed: list[FindingRow]
    revision: str


class TreeNode(TypedDict):
    """A concept in the tree. `children`: how many are directly below it, `items`: how many carry it."""

    concept: str
    label: str
    kind: Kind
    status: Status
    children: int
    items: int


class TreeLevel(TypedDict):
    """A level of the tree, by label. `parent` is null at the top.

    Example:
        {"parent": null, "nodes": [{"concept": "shoes", "label": "Shoes", "kind": "category", "status": "active",
         "children": 3, "items": 42}], "total": 1, "next_cursor": null, "revision": "4f2a91c07d3be685"}
    """

    parent: str | None
    nodes: list[TreeNode]
    total: int
    next_cursor: int | None
    revision: str


class TaxonomySize(TypedDict):
    """The size of the taxonomy: concepts by scheme and kind, relations by type.

    Example:
        {"revision": "4f2a91c07d3be685", "version": 12, "concepts": 11, "schemes": {"shop": {"category": 5,
         "attribute": 2, "value": 4}}, "relations": {"broader": 5, "value_of": 4}}
    """

    revision: str
    version: int
    concepts: int
    schemes: dict[str, dict[str, int]]
    relations: dict[str, int]


class PathConcept(TypedDict):
    """A concept on a path."""

    concept: str
    label: str
    kind: Kind


class PathRow(TypedDict):
    """The concepts of a path, and the relation between each two, as it is stored."""

    concepts: list[PathConcept]
    relations: list[RelationKey]


class PathAnswer(TypedDict):
    """Paths between two concepts, shortest first.

    Example:
        {"source": "running", "target": "shoes", "paths": [{"concepts": [
         {"concept": "running", "label": "Running shoes", "kind": "category"},
         {"concept": "shoes", "label": "Shoes", "kind": "category"}],
         "relations": [{"type": "broader", "source": "running", "target": "shoes"}]}]}
    """

    source: str
    target: str
    paths: list[PathRow]
    revision: str


class TouchedConcept(TypedDict):
    """A concept that a version touched, with the number of items that have it now."""

    concept: str
    label: str
    items: int


class VersionImpact(TypedDict):
    """What a version touched, as it is now: `total` concepts, those of the most items first, and `items` with any.

    Example:
        {"version": 12, "items": 42, "total": 1, "concepts": [{"concept": "shoes", "label": "Shoes", "items": 42}]}
    """

    version: int
    items: int
    total: int
    concepts: list[TouchedConcept]
    revision: str


class UndoneVersion(TypedDict):
    """The version that was undone, and the version and revision that this led to.

    Example:
        {"undone": 12, "version": 15, "revision": "4f2a91c07d3be685"}
    """

    undone: int
    version: int
    revision: str


class VersionPage(TypedDict):
    """A page of versions, newest first. `next_cursor` is null on the last one; `next_before` is its older name."""

    revision: str
    versions: list[VersionRow]
    next_before: int | None
    next_cursor: int | None


class Releases(TypedDict):
    """Versions with names, oldest first."""

    revision: str
    releases: list[ReleaseRow]


class ProposalPage(TypedDict):
    """A page of proposals, newest first. `next_cursor` is null on the last one."""

    proposals: list[ProposalRow]
    next_cursor: int | None
    revision: str


JobKind = Literal["import", "tag", "train", "audit"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]


class JobProgress(TypedDict):
    """How far a job is. `total` is null while it is unknown."""

    done: int
    total: int | None
    unit: str


class JobFile(TypedDict):
    """An uploaded file of a job; `role` is the field it was sent in."""

    role: str
    name: str
    bytes: int


class JobRow(TypedDict):
    """A job. `log` has the last lines of its command, `summary` what it counted, `result` whether there is a file to
    get. `cancelling`: it was cancelled, and still runs.

    Example:
        {"id": "20260801T093000000000-5f2c1a9b", "kind": "tag", "state": "running", "by": "shop",
         "created": "2026-08-01T09:30:00.000000+00:00",
         "progress": {"done": 64, "total": 300, "unit": "products"}, "options": {"store": true},
         "files": [{"role": "file", "name": "shop.csv", "bytes": 20480}], "log": [], "result": false}
    """

    id: str
    kind: JobKind
    state: JobState
    progress: JobProgress
    options: dict[str, Any]
    files: list[JobFile]
    by: str
    created: str
    started: NotRequired[str]
    ended: NotRequired[str]
    cancelling: NotRequired[bool]
    summary: NotRequired[dict[str, Any]]
    error: NotRequired[ErrorDetail]
    log: list[str]
    result: bool
    revision: str | None


class JobPage(TypedDict):
    """A page of jobs, newest first. `next_cursor` is null on the last one."""

    jobs: list[JobRow]
    next_cursor: str | None
    revision: str | None


class ImportResult(TypedDict):
    """What an import did. `words` puts it into a sentence, `notes` names what was left out of the files.

    Example:
        {"created": 11, "updated": 0, "unchanged": 0, "relations": 12, "moved": 0, "back": 0, "deprecated": 0,
         "concepts": 11, "words": "11 concepts created", "notes": []}
    """

    created: int
    updated: int
    unchanged: int
    relations: int
    moved: int
    back: int
    deprecated: int
    concepts: int
    revision: str
    words: str
    notes: list[str]
    labels_removed: NotRequired[int]
    definitions_removed: NotRequired[int]
    notations_removed: NotRequired[int]
    relations_removed: NotRequired[int]
    kept_local: NotRequired[int]
    diff: NotRequired[dict[str, Any]]


class Health(TypedDict):
    """The process answers. `revision` is null as long as there is no snapshot."""

    status: Literal["ok"]
    revision: str | None


class Readiness(TypedDict):
    """The snapshot that is served. `stale`: the store has not confirmed it lately, `error` tells why.

    `quarantined` counts content of the store that is left out because it breaks an invariant, `codes` by the
    invariant; `problems`, the first 100 of them with repairs, are for callers with a key. `model_error`: why models
    that were put in place since are not served.

    Example:
        {"status": "ready", "revision": "4f2a91c07d3be685", "version": 12, "concepts": 11, "stale_for": 0.21,
         "error": null, "model": "words-1", "model_error": null, "quarantined": 0, "codes": {}}
    """

    status: Literal["ready", "stale"]
    revision: str
    version: int
    concepts: int
    stale_for: float
    error: str | None
    model: str | None
    model_error: str | None
    quarantined: int
    codes: dict[str, int]
    problems: NotRequired[list[ProblemRow]]


class Observed(TypedDict):
    """Items with a tag, of all.

    Example:
        {"count": 31, "of": 240}
    """

    count: int
    of: int


class BurstRow(TypedDict):
    """A time in which a tag is on more items than usual. `weight`: how much likelier it makes the counts, in logs.

    Example:
        {"start": "2026-06", "end": "2026-08", "weight": 14.2, "p": 8e-06, "q": 0.0002}
    """

    start: str
    end: str
    weight: float
    p: float
    q: float


class SeasonRow(TypedDict):
    """How a tag depends on the month, years compared. `index`: of January to December, items with the tag to those
    expected from the year alone; `peaks`: months, from 1, with a fifth more.

    Example:
        {"peaks": [11, 12], "index": [1.1, 0.9, 0.8, 0.8, 0.7, 0.6, 0.7, 0.8, 0.9, 1.1, 1.5, 1.8], "p": 0.0001,
         "q": 0.002}
    """

    peaks: list[int]
    index: list[float | None]
    p: float
    q: float


class TrendFigures(TypedDict):
    """Figures over time. Intervals hold 95 times in a hundred; `growth` is the share of the recent periods less that of
    as many before, null where either have no items; `p` is its chance without growth, `q` the false discovery rate over
    all that were tested. `counts` are by period.

    Example:
        {"count": 52, "share": 0.11, "low": 0.09, "high": 0.14, "now": {"count": 31, "of": 240},
         "before": {"count": 21, "of": 230}, "growth": 0.04, "growth_low": -0.02, "growth_high": 0.1, "p": 0.19,
         "q": 0.4, "first_seen": "2025-02-03", "last_seen": "2026-01-30", "new": false, "counts": [21, 31]}
    """

    count: int
    share: float
    low: float
    high: float
    now: Observed
    before: Observed
    growth: float | None
    growth_low: float | None
    growth_high: float | None
    p: float
    q: float
    first_seen: str
    last_seen: str
    new: bool
    burst: BurstRow | None
    season: SeasonRow | None
    counts: list[int]


class TagTrend(TrendFigures):
    """The trend of a concept on items.

    Example:
        {"concept": "red", "label": "Red", "kind": "value", "attribute": "colour"}
    """

    concept: str
    label: str
    kind: Kind
    attribute: NotRequired[str]


class NilTrend(TrendFigures):
    """The trend of mentions that have no concept, taken together where they are spelt alike.

    Example:
        {"surface": "gorpcore", "attribute": "style"}
    """

    surface: str
    attribute: NotRequired[str]


class Trends(TypedDict):
    """Trends of tags. `totals` are items by period, `recent` the periods that growth compares with as many before, or
    with those of the year before (`year_ago`); `timeless` items have no time, or one in the future or before 1990, and
    are left out.

    Example:
        {"by": "month", "periods": ["2025-12", "2026-01"], "totals": [230, 240], "recent": 1,
         "year_ago": false, "items": 470, "timeless": 0}
    """

    by: Literal["day", "week", "month", "quarter", "year"]
    periods: list[str]
    totals: list[int]
    recent: int
    year_ago: bool
    items: int
    timeless: int
    tags: list[TagTrend]
    nil: list[NilTrend]
    revision: str


class ComparedTag(TypedDict):
    """A tag's share of two catalogues; `difference` with its 95% interval, `q` the false discovery rate.

    Example:
        {"concept": "red", "label": "Red", "kind": "value", "count": 52, "share": 0.11, "other_count": 18,
         "other_share": 0.05, "difference": 0.06, "low": 0.02, "high": 0.1, "p": 0.002, "q": 0.01}
    """

    concept: str
    label: str
    kind: Kind
    count: int
    share: float
    other_count: int
    other_share: float
    difference: float
    low: float
    high: float
    p: float
    q: float


class VerdictShare(TypedDict):
    """Tags that people or gold confirm, of those they looked at, with a 95% interval.

    Example:
        {"right": 2, "of": 5, "share": 0.4, "low": 0.1176, "high": 0.7693}
    """

    right: int
    of: int
    share: float
    low: float
    high: float


class TagQuality(TypedDict):
    """The quality of a tag; what is not known is left out.

    `score`: a product of the others, in [0, 1]; `support`: items that carry it, narrower ones included; `agreement`:
    share of its items whose title names it; `conflict`: share whose title names one beside it instead;
    `confusability`: how much its label is like that of `confused_with`, times the other's share of use; `coverage`:
    share of items of its categories that have it, of a category that of the broader one's items. Of values alone,
    `entropy`: of its categories, to that of all items'; `information`: share of its own entropy that the category
    explains; `drift`: how much its categories change between the halves of time.

    Example:
        {"concept": "navy", "label": "Navy", "kind": "value", "score": 0.21, "support": 40, "attribute": "colour",
         "confused_with": "navy-blue", "confusability": 0.6, "agreement": 0.4, "conflict": 0.3, "coverage": 0.05,
         "entropy": 0.8, "information": 0.02, "drift": 0.1}
    """

    concept: str
    label: str
    kind: Kind
    score: float
    support: int
    attribute: NotRequired[str]
    precision: NotRequired[VerdictShare]
    confused_with: NotRequired[str]
    confusability: NotRequired[float]
    agreement: NotRequired[float]
    conflict: NotRequired[float]
    coverage: NotRequired[float]
    entropy: NotRequired[float]
    information: NotRequired[float]
    drift: NotRequired[float]


class QualityReport(TypedDict):
    """The quality of tags, the worst first, on so many items, by so many verdicts."""

    items: int
    verdicts: int
    tags: list[TagQuality]
    revision: str


class SegmentRow(TypedDict):
    """A saved query over tags. `reads`: the query with today's labels; `tree`: with concept ids, as it is evaluated.

    Example:
        {"name": "red summer shoes", "query": "sandals AND red", "reads": "Sandals AND Red",
         "tree": ["and", ["tag", "sandals"], ["tag", "red"]], "author": "ann",
         "at": "2026-08-03T10:15:30.000001+00:00"}
    """

    name: str
    query: str
    reads: str
    tree: list[Any]
    author: str
    at: str


class Segments(TypedDict):
    """All saved segments, by name."""

    segments: list[SegmentRow]
    revision: str


class SegmentCount(SegmentRow):
    """A segment, and how many stored items match.

    Example:
        {"count": 120}
    """

    count: int
    revision: str


class QueryCount(TypedDict):
    """How many stored items match a query over tags, with the first of them.

    Example:
        {"query": "sandals AND red", "reads": "Sandals AND Red", "count": 120, "items": ["sku-1"]}
    """

    query: str
    reads: str
    count: int
    items: list[str]
    revision: str


class SegmentItems(TypedDict):
    """A page of ids of the items that match a segment.

    Example:
        {"name": "red summer shoes", "items": ["sku-1"], "next_cursor": null}
    """

    name: str
    items: list[str]
    next_cursor: str | None
    revision: str


class CoverageRow(TypedDict):
    """What has a concept, of how much, with a 95% interval. `elsewhere`: values that are the label of something else
    alone, such as the fabric "jersey" where there are only shirts of the name; they are not known.

    Example:
        {"name": "Material", "known": 30, "of": 40, "elsewhere": 2, "share": 0.75, "low": 0.598, "high": 0.8582}
    """

    name: str
    known: int
    of: int
    elsewhere: int
    share: float
    low: float
    high: float


class MissingRow(TypedDict):
    """A text without a concept, and how often it occurs.

    Example:
        {"text": "gorpcore", "count": 12, "attribute": "style"}
    """

    text: str
    count: int
    attribute: NotRequired[str]


class CoverageFigures(CoverageRow):
    """Coverage in all and by group, the least covered first, and what is missing most.

    Example:
        {"name": "", "known": 30, "of": 40, "elsewhere": 2, "share": 0.75, "low": 0.598, "high": 0.8582}
    """

    by_attribute: list[CoverageRow]
    by_category: list[CoverageRow]
    by_language: list[CoverageRow]
    over_time: list[CoverageRow]
    missing: list[MissingRow]


class CoverageReport(TypedDict):
    """The share of what has a concept: of the mentions in stored items, and of gold values and queries where they were
    given."""

    mentions: CoverageFigures
    values: NotRequired[CoverageFigures]
    queries: NotRequired[CoverageFigures]
    revision: str


class CheckRow(TypedDict):
    """A tag to check: whether it is right, "right" or "wrong", goes into `verdict`. The sizes are those of its stratum,
    from which it was drawn."""

    item: str
    title: str
    concept: str
    label: str
    attribute: str | None
    stratum: str
    stratum_size: int
    verdict: Literal["right", "wrong"] | None


class StratumRow(TypedDict):
    """The precision of a part of the tags, from checks."""

    name: str
    population: int
    checks: int
    right: int
    precision: float
    low: float
    high: float


class PrecisionEstimate(TypedDict):
    """The precision of stored tags with its 95% interval, from so many checks; `unchecked` tags are of strata that
    nobody checked, and are left out."""

    precision: float
    low: float
    high: float
    checks: int
    population: int
    unchecked: int
    strata: list[StratumRow]


class ArmRow(TypedDict):
    """What became of the products of one model: verdicts on tags, and tags that reviewers missed."""

    products: int
    tags_per_product: float | None
    reviewed: int
    right: int
    wrong: int
    missing: int
    share_right: float | None


class SplitRow(TypedDict):
    """Products divided between champion and challenger. `p` is valid however often one looks; `better` is null until it
    is below alpha. `more`: about how many more reviewed products that takes."""

    share: float
    share_of_products: float
    champion: ArmRow
    challenger: ArmRow
    difference: float | None
    p: float
    better: Literal["champion", "challenger"] | None
    certain_after: int | None
    certain_since: str | None
    more: int | None


class DifferenceRow(TypedDict):
    """How the tags of one attribute differ, null for categories."""

    attribute: str | None
    products: int
    same: int
    only_champion: int
    only_challenger: int


class ShadowRow(TypedDict):
    """Products that both tagged. `overlap` is the mean Jaccard index of their tags. Verdicts are on what the champion
    showed: those on tags that only the challenger gives are lacking, so they do not tell which is better."""

    products: int
    same: int
    agreement: float
    overlap: float
    by_attribute: list[DifferenceRow]
    right_lost: int
    right_kept: int
    wrong_dropped: int
    wrong_kept: int
    missing_found: int


class SpeedRow(TypedDict):
    """Milliseconds for a product that came by itself."""

    products: int
    median_ms: float
    p95_ms: float


class ChallengerReport(TypedDict):
    """Champion and challenger compared, on decisions of these two versions."""

    champion: str
    challenger: str
    since: str
    until: str
    decisions: int
    of_other_models: int
    alpha: float
    split: SplitRow | None
    shadow: ShadowRow | None
    speed: dict[Literal["champion", "challenger"], SpeedRow | None]


class ChallengerAnswer(ChallengerReport):
    """The report, and the taxonomy that is served."""

    revision: str | None
