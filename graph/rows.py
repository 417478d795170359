"""Rows of the taxonomy service: what the library, `--json` and the HTTP API give, defined once.

Each row is a plain dict, typed; the example in its docstring is the one of the OpenAPI description.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal, NotRequired, cast

from typing_extensions import TypedDict

from graph.model import RELATION_TYPES, Choice, Concept, Feedback, Kind, ProblemCode, Proposal, ProposalStatus, Status
from graph.model.changes import HistoryEntry, Origin, Release, Version
from graph.model.proposals import to_json as proposal_to_json

if TYPE_CHECKING:
    from graph.taxonomy import Taxonomy  # which loads pyarrow; the command line starts without


class ConceptRef(TypedDict):
    """A concept that another one refers to. `primary` marks the broader concept that paths follow.

    Example:
        {"concept": "shoes", "label": "Shoes", "kind": "category", "status": "active", "primary": true}
    """

    concept: str
    label: str
    kind: Kind
    status: Status
    primary: NotRequired[bool]


class ConceptRow(TypedDict):
    """A concept with every field, empty ones included; texts by language. `choice` is that of an attribute.

    Example:
        {"id": "sneakers", "label": "Sneakers", "scheme": "shop", "kind": "category", "status": "active",
         "pref_label": {"en": "Sneakers", "zh": "运动鞋"}, "alt_label": {"en": ["trainers"]}, "hidden_label": {},
         "definition": {}, "notation": null, "choice": null}
    """

    id: str
    label: str
    scheme: str
    kind: Kind
    status: Status
    pref_label: dict[str, str]
    alt_label: dict[str, list[str]]
    hidden_label: dict[str, list[str]]
    definition: dict[str, str]
    notation: str | None
    choice: Choice | None


class ConceptCounts(TypedDict):
    """How many concepts are narrower, and how many values an attribute has; the relations list the first 200."""

    narrower: int
    values: int


class ConceptDetail(ConceptRow):
    """A concept with its path from the top, its relations by type, its ETag, and the revision of the taxonomy.

    Example:
        {"relations": {}, "etag": "0f1e2d3c4b5a6978"}
    """

    path: list[ConceptRef]
    relations: dict[str, list[ConceptRef]]
    counts: ConceptCounts
    etag: str
    revision: str


class Review(TypedDict):
    """Items that still carry a split concept: how many, and the first 20 ids."""

    items: int
    examples: list[str]


class SplitResult(ConceptDetail):
    """The concept that was split, with the ids of its parts, and the items left for people to look at."""

    parts: list[str]
    review: Review


class VersionHead(TypedDict):
    """When, by whom and why a change set was accepted. `origin` is "outside" for an external edit.

    Example:
        {"version": 12, "at": "2026-08-03T10:15:30.000001+00:00", "author": "ann", "reason": "clearer",
         "origin": "kgtag", "release": "2026.08.0"}
    """

    version: int
    at: str
    author: str
    reason: str
    origin: Origin
    revision: str | None
    release: str | None


class VersionRow(VersionHead):
    """An accepted change set: what it came to, the concepts it touched, and how many changes it has.

    Example:
        {"summary": "1 concept changed: Sandals", "concepts": ["sandals"], "changes": 1}
    """

    summary: str
    concepts: list[str]
    changes: int


class ConceptChange(TypedDict):
    """A concept before and after; null where it did not exist."""

    concept: str
    label: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class RelationKey(TypedDict):
    """The ends of a relation."""

    type: str
    source: str
    target: str


class RelationChange(TypedDict):
    """A relation before and after; null where it did not exist."""

    relation: RelationKey
    before: dict[str, Any] | None
    after: dict[str, Any] | None


RetagEnds = TypedDict("RetagEnds", {"from": str, "to": str, "back": bool})


class RetagChange(TypedDict):
    """Tags of items that moved from one concept to another; `surfaces` are those moved, null for all."""

    retag: RetagEnds
    surfaces: list[str] | None


ChangeRow = ConceptChange | RelationChange | RetagChange


class VersionDetail(VersionHead):
    """An accepted change set with each change before and after.

    Example:
        {"changes": [{"relation": {"type": "related", "source": "running", "target": "sandals"}, "before": null,
         "after": {"type": "related", "source": "running", "target": "sandals"}}]}
    """

    changes: list[ChangeRow]


class ReleaseRow(TypedDict):
    """A version with a calendar name (CalVer).

    Example:
        {"name": "2026.08.0", "version": 12, "revision": "4f2a91c07d3be685",
         "at": "2026-08-03T10:15:30.000001+00:00", "author": "ann", "notes": "autumn assortment"}
    """

    name: str
    version: int
    revision: str
    at: str
    author: str
    notes: str


class CommentRow(TypedDict):
    """A comment on a proposal.

    Example:
        {"at": "2026-08-03T10:15:30.000001+00:00", "author": "ben", "text": "and the Chinese label?"}
    """

    at: str
    author: str
    text: str


class ProposalSize(TypedDict):
    """How many changes and comments a proposal has."""

    changes: int
    comments: int


class ProposalHead(TypedDict):
    """A proposed edit. Fields of a decision are there once it is made.

    Example:
        {"id": 3, "title": "merge 'Kicks' (kicks) into 'Sneakers' (sneakers)", "status": "open", "author": "ann",
         "created": "2026-08-03T10:15:30.000001+00:00", "reason": "the same thing", "base_version": 12,
         "concepts": ["kicks", "sneakers"]}
    """

    id: int
    title: str
    status: ProposalStatus
    author: str
    key: NotRequired[str]
    created: str
    reason: str
    base_version: int
    base_revision: str
    decided_by: NotRequired[str]
    decided_at: NotRequired[str]
    version: NotRequired[int]
    concepts: list[str]
    etag: str


class ProposalRow(ProposalHead):
    """A proposed edit in a list, with counts of its changes and comments."""

    counts: ProposalSize


class ProposalDetail(ProposalHead):
    """A proposed edit with its changes and comments. `outdated`: concepts that changed since, while it is open.

    Example:
        {"changes": [{"put_relation": {"type": "replaced_by", "source": "kicks", "target": "sneakers"}}],
         "comments": [], "outdated": []}
    """

    operation: NotRequired[dict[str, Any]]
    changes: list[dict[str, Any]]
    evidence: NotRequired[dict[str, Any]]
    comments: list[CommentRow]
    outdated: NotRequired[list[str]]
    revision: NotRequired[str]


class RepairRow(TypedDict):
    """What repairs a problem, and the statement that does it in the store's language."""

    words: str
    statement: str


class ProblemRow(TypedDict):
    """Content of the store that is left out of the snapshot because it breaks an invariant.

    Example:
        {"code": "cycle", "concepts": ["running", "shoes"], "message": "'running' is broader than itself", "repair":
         {"words": "delete what closes the cycle", "statement": "DELETE FROM relation WHERE …"}}
    """

    code: ProblemCode
    concepts: list[str]
    message: str
    repair: RepairRow


Grade = Literal["error", "warning", "info"]


class CheckRow(TypedDict):
    """How one check of an audit went.

    Example:
        {"name": "cycle", "severity": "error", "seconds": 0.002, "count": 0}
    """

    name: str
    severity: Grade
    seconds: float
    count: int


class FeedbackRow(TypedDict):
    """What a person thinks of a tag. `span` is half-open characters of the title.

    Example:
        {"id": "20261130T093000.123456-ab12cd34", "at": "2026-11-30T09:30:00Z", "reviewer": "ann", "concept": "red",
         "verdict": "wrong", "item": "sku-1", "product": null, "span": null, "reason": "it is the brand"}
    """

    id: str
    at: str
    reviewer: str
    concept: str
    verdict: Literal["right", "wrong", "missing"]
    item: str | None
    product: dict[str, Any] | None
    span: list[int] | None
    reason: str


class FindingRow(TypedDict):
    """A finding of a check. `repair` says in words what to do, and as `op` which edit does it.

    `item`: the id of the item concerned. `safe` repairs need no decision. `new`: whether an earlier version, with which
    it was compared, did not have it.

    Example:
        {"check": "empty_definition", "severity": "info", "concepts": ["red"], "message": "'Red' has no definition",
         "evidence": {}}
    """

    check: str
    severity: Grade
    concepts: list[str]
    message: str
    evidence: dict[str, Any]
    item: NotRequired[str]
    repair: NotRequired[dict[str, Any]]
    new: NotRequired[bool]


class AuditReport(TypedDict):
    """The findings of an audit, the gravest first. `total`: before the limit."""

    revision: str
    checks: list[CheckRow]
    findings: list[FindingRow]
    total: NotRequired[int]


_OUTWARD = tuple(relation for relation in RELATION_TYPES if relation != "broader")
_LISTED = 200
"""Narrower concepts and values that a concept's own row lists."""
_EXAMPLES = 20
"""Items that a review names."""


def concept_ref(taxonomy: Taxonomy, id: str, lang: str | None = None) -> ConceptRef:
    """A short row of a concept. Raises UnknownConcept."""
    concept = taxonomy[id]
    return {"concept": id, "label": concept.label(lang), "kind": concept.kind, "status": concept.status}


def concept_row(concept: Concept, lang: str | None = None) -> ConceptRow:
    """The row of a concept by itself, with its label in a language."""
    return {
        "id": concept.id,
        "label": concept.label(lang),
        "scheme": concept.scheme,
        "kind": concept.kind,
        "status": concept.status,
        "pref_label": dict(concept.pref_label),
        "alt_label": {tag: list(texts) for tag, texts in concept.alt_label.items()},
        "hidden_label": {tag: list(texts) for tag, texts in concept.hidden_label.items()},
        "definition": dict(concept.definition),
        "notation": concept.notation,
        "choice": concept.choice if concept.kind == "attribute" else None,
    }


def concept_detail(taxonomy: Taxonomy, id: str, lang: str | None = None) -> ConceptDetail:
    """The row of a concept with its place in the taxonomy. Raises UnknownConcept.

    Args:
        taxonomy: The snapshot.
        id: The concept's id.
        lang: Language of the labels shown.
    """

    def refs(ids: Sequence[str]) -> list[ConceptRef]:
        return [concept_ref(taxonomy, other, lang) for other in ids[:_LISTED]]

    path = taxonomy.path(id)
    broader = refs(taxonomy.out(id, "broader"))
    for row in broader:
        row["primary"] = len(path) > 1 and row["concept"] == path[-2]
    narrower, values = taxonomy.into(id, "broader"), taxonomy.values_of(id)
    relations: dict[str, list[ConceptRef]] = {
        "broader": broader,
        "narrower": refs(narrower),
        "values": refs(values),
        "attributes": refs(taxonomy.into(id, "applies_to")),
        "replaces": refs(taxonomy.into(id, "replaced_by")),
        **{type: refs(taxonomy.out(id, type)) for type in _OUTWARD},
    }
    return {
        **concept_row(taxonomy[id], lang),
        "path": refs(path),
        "relations": {type: rows for type, rows in relations.items() if rows},
        "counts": {"narrower": len(narrower), "values": len(values)},
        "etag": taxonomy.etag(id),
        "revision": taxonomy.revision,
    }


def feedback_row(one: Feedback) -> FeedbackRow:
    """The row of feedback."""
    return {
        "id": one.id,
        "at": one.at,
        "reviewer": one.reviewer,
        "concept": one.concept,
        "verdict": one.verdict,
        "item": one.item,
        "product": None if one.product is None else dict(one.product),
        "span": None if one.span is None else list(one.span),
        "reason": one.reason,
    }


def review_row(items: Sequence[str]) -> Review:
    """The row of items that still carry a concept after its tags moved."""
    return {"items": len(items), "examples": list(items[:_EXAMPLES])}


def names_by_version(releases: Iterable[Release]) -> dict[int, str]:
    """The names of released versions."""
    return {one.version: one.name for one in releases}


def version_head(version: Version | HistoryEntry, releases: Mapping[int, str]) -> VersionHead:
    """What the rows of a version begin with; `releases` are names by version."""
    return {
        "version": version.version,
        "at": version.at,
        "author": version.author,
        "reason": version.reason,
        "origin": version.origin,
        "revision": version.revision or None,
        "release": releases.get(version.version),
    }


def version_row(version: Version, releases: Mapping[int, str]) -> VersionRow:
    """The row of a version in a list; `releases` are names by version."""
    head = version_head(version, releases)
    return {**head, "summary": version.summary, "concepts": list(version.concepts), "changes": version.changes}


def release_row(release: Release) -> ReleaseRow:
    """The row of a release."""
    return cast(ReleaseRow, asdict(release))


def proposal_detail(proposal: Proposal) -> ProposalDetail:
    """The row of a proposal with its changes and comments."""
    row = {name: value for name, value in proposal_to_json(proposal).items() if name != "seen"}
    return cast(ProposalDetail, row | {"concepts": proposal.concepts, "etag": proposal.etag})


def proposal_row(proposal: Proposal) -> ProposalRow:
    """The row of a proposal in a list."""
    left_out = ("changes", "comments", "evidence", "operation")
    counts: ProposalSize = {"changes": len(proposal.changes), "comments": len(proposal.comments)}
    row = {name: value for name, value in proposal_detail(proposal).items() if name not in left_out}
    return cast(ProposalRow, row | {"counts": counts})
