"""Rows of concepts: links, neighbours, places, pages, versions and proposals."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from graph.errors import ErrorDetail
from graph.model import Kind, Status
from graph.rows import ConceptRef, ConceptRow, FindingRow, ProposalRow, RelationKey, ReleaseRow, VersionRow


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
