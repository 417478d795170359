"""The taxonomy as a whole: its size, its history, its audit."""

from dataclasses import replace
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.errors import problems
from api.http import Lang, Limit, Reader, json, require_known
from api.service import Derived, service
from graph.audit import Severity
from graph.audit.report import finding_row
from graph.columns.columns import TYPES
from graph.editing import Signature
from graph.errors import InputError
from graph.history.entries import effects, version_detail
from graph.history.versions import entry_at
from graph.model import Kind, RelationType
from graph.model.changes import change_to_json
from graph.paths import shortest_paths
from graph.rows import AuditReport, VersionDetail, names_by_version, release_row, version_row
from graph.taxonomy import Taxonomy
from kgtag.embed.audit import fixes_of_store
from kgtag.rows.concepts import (
    AuditFixes,
    PathAnswer,
    Releases,
    TaxonomySize,
    TreeLevel,
    TreeNode,
    VersionImpact,
    VersionPage,
)

_CROWD, _KEPT = 500, 32
"""Concepts on a level of the tree from which on its order is kept, and levels that are kept at most."""

router = APIRouter(prefix="/v1", tags=["taxonomy"], dependencies=[Reader], responses=problems(401, 403, 503))


@router.get("/taxonomy", response_model=TaxonomySize)
def taxonomy(request: Request) -> Response:
    """Its size: concepts by scheme and kind, relations by type."""
    snapshot = service(request).current.taxonomy
    columns = snapshot.columns
    kinds = columns.kind.values
    codes = columns.scheme.codes * len(kinds) + columns.kind.codes
    counts = np.bincount(codes, minlength=len(kinds) * len(snapshot.schemes))
    rows = counts.reshape(len(snapshot.schemes), len(kinds)).tolist() if len(snapshot) else []
    relations = np.bincount(columns.edges.type, minlength=len(TYPES)).tolist()
    size: TaxonomySize = {
        "revision": snapshot.revision,
        "version": snapshot.version,
        "concepts": len(snapshot),
        "schemes": {
            scheme: {kind: count for kind, count in zip(kinds, row, strict=True) if count}
            for scheme, row in zip(snapshot.schemes, rows, strict=True)
        },
        "relations": {type: count for type, count in zip(TYPES, relations, strict=True) if count},
    }
    return json(size)


@router.get("/taxonomy/tree", response_model=TreeLevel, responses=problems(422))
async def tree(
    request: Request,
    parent: Annotated[str | None, Query(max_length=300, description="Its children; without one, the top.")] = None,
    kind: Annotated[
        Kind, Query(description="What the top has: categories, or attributes, whose children are values.")
    ] = ("category"),
    scheme: Annotated[str | None, Query(max_length=300, description="Only this scheme, at the top.")] = None,
    cursor: Annotated[int, Query(ge=0, le=1 << 53, description="`next_cursor` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
    lang: Lang = None,
) -> Response:
    """A level of the hierarchy, by label: the top, or the children of a concept. Values stand below their attribute."""
    derived = service(request).derived
    if parent is not None:
        await require_known(derived.served.taxonomy, parent)
    return json(await run_in_threadpool(_level, derived, parent, kind, scheme, cursor, limit, lang))


def _level(
    derived: Derived, parent: str | None, kind: Kind, scheme: str | None, cursor: int, limit: int, lang: str | None
) -> TreeLevel:
    served = derived.served
    taxonomy = served.taxonomy
    below = taxonomy.adjacency("broader", forward=False)
    found = _by_label(derived, parent, kind, scheme, lang)
    counted = served.items.cooccurrence if served.items is not None else None
    nodes: list[TreeNode] = []
    for i in found[cursor : cursor + limit]:
        concept = taxonomy.concepts[i]
        children = len(_children(taxonomy, concept.id)) if concept.kind == "attribute" else len(below.row(i))
        nodes.append(
            {
                "concept": concept.id, "label": concept.label(lang), "kind": concept.kind, "status": concept.status,
                "children": children, "items": counted.count(i) if counted is not None else 0,
            }
        )  # fmt: skip
    end = cursor + limit
    return {
        "parent": parent,
        "nodes": nodes,
        "total": len(found),
        "next_cursor": end if end < len(found) else None,
        "revision": taxonomy.revision,
    }


def _by_label(derived: Derived, parent: str | None, kind: Kind, scheme: str | None, lang: str | None) -> list[int]:
    """A level in order; those that take long to sort are kept for the next page, as long as the snapshot is served."""
    asked = (parent, kind, scheme, lang)
    if (kept := derived.levels.get(asked)) is not None:
        return kept
    taxonomy = derived.served.taxonomy
    found = _top(taxonomy, kind, scheme) if parent is None else _children(taxonomy, parent)
    found.sort(key=lambda i: (taxonomy.concepts[i].label(lang).casefold(), i))
    if len(found) > _CROWD:
        if len(derived.levels) >= _KEPT:
            derived.levels.clear()
        derived.levels[asked] = found
    return found


def _top(taxonomy: Taxonomy, kind: Kind, scheme: str | None) -> list[int]:
    columns = taxonomy.columns
    wanted = columns.kind.where(kind) & ~columns.status.where("deprecated")
    if scheme is not None:
        wanted &= columns.scheme.where(scheme)
    broader = columns.edges.source[columns.edges.type == TYPES.index("broader")]
    wanted[broader] = False
    found: list[int] = np.flatnonzero(wanted).tolist()
    return found


def _children(taxonomy: Taxonomy, parent: str) -> list[int]:
    """Concepts directly below; of an attribute, its values that have nothing broader among them."""
    found = [taxonomy.index(id) for id in taxonomy.into(parent, "broader")]
    if taxonomy[parent].kind == "attribute":
        values = taxonomy.adjacency("value_of", forward=False).row(taxonomy.index(parent))
        found += [int(i) for i in values if not len(taxonomy.broader[int(i)])]
    return found


@router.get("/taxonomy/path", response_model=PathAnswer, responses=problems(422))
async def path(
    request: Request,
    source: Annotated[str, Query(alias="from", max_length=300, description="The concept the paths begin at.")],
    target: Annotated[str, Query(alias="to", max_length=300, description="The concept they lead to.")],
    relation: Annotated[
        list[RelationType] | None, Query(description="Only along these relations; repeat it for several.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 5,
    lang: Lang = None,
) -> Response:
    """Paths between two concepts along asserted relations, in either direction, shortest first.

    None has more than 8 steps, or more than one step more than the shortest.
    """
    taxonomy = service(request).current.taxonomy
    await require_known(taxonomy, source, target)
    found = await run_in_threadpool(shortest_paths, taxonomy, source, target, relations=relation or TYPES, limit=limit)
    answer: PathAnswer = {
        "source": source,
        "target": target,
        "paths": [
            {
                "concepts": [
                    {"concept": id, "label": taxonomy[id].label(lang), "kind": taxonomy[id].kind} for id in concepts
                ],
                "relations": [{"type": one.type, "source": one.source, "target": one.target} for one in steps],
            }
            for concepts, steps in found
        ],
        "revision": taxonomy.revision,
    }
    return json(answer)


VersionBound = Annotated[int | None, Query(ge=1, le=1 << 53, description="Only older versions than this one.")]
Cursor = Annotated[int | None, Query(ge=1, le=1 << 53, description="`next_cursor` of the page before.")]


@router.get("/taxonomy/versions", response_model=VersionPage, responses=problems(422))
def versions(
    request: Request,
    before: VersionBound = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    concept: Annotated[
        str | None, Query(max_length=300, description="Only those that touched it, or more than 100 concepts.")
    ] = None,
) -> Response:
    """Accepted changes, newest first: who, when, why, and what they came to. Reads the store.

    External edits are among them (`origin` "outside") once the service has noticed them.
    """
    live = service(request).live
    found = live.store.versions(before=cursor if cursor is not None else before, concept=concept, limit=limit)
    releases = names_by_version(live.store.releases())
    following = found[-1].version if len(found) == limit and found[-1].version > 1 else None
    page: VersionPage = {
        "revision": live.current.taxonomy.revision,
        "versions": [version_row(one, releases) for one in found],
        "next_before": following,
        "next_cursor": following,
    }
    return json(page)


@router.get("/taxonomy/versions/{version}", response_model=VersionDetail, responses=problems(404, 422))
def version(request: Request, version: Annotated[int, Path(ge=1, le=1 << 53)]) -> Response:
    """One version, each of its changes before and after. Reads the store.

    `revision` is that of the taxonomy the version led to.
    """
    store = service(request).live.store
    return json(version_detail(entry_at(store, version), names_by_version(store.releases())))


@router.get("/taxonomy/versions/{version}/impact", response_model=VersionImpact, responses=problems(404, 422))
def impact(
    request: Request, version: Annotated[int, Path(ge=1, le=1 << 53)], limit: Limit = 50, lang: Lang = None
) -> Response:
    """What a version touched, as it is now: concepts, and the items that have any of them. Reads the store."""
    live = service(request).live
    entry = entry_at(live.store, version)
    taxonomy, items = live.current.taxonomy, live.current.items
    touched = [id for id in effects(entry.changes, entry.undo).touched() if id in taxonomy]
    rows = [taxonomy.index(id) for id in touched]
    counted = [items.cooccurrence.count(row) if items is not None else 0 for row in rows]
    first = sorted(zip(counted, touched, strict=True), key=lambda one: (-one[0], one[1]))[:limit]
    answer: VersionImpact = {
        "version": version,
        "items": items.cooccurrence.count_any(rows) if items is not None else 0,
        "total": len(touched),
        "concepts": [{"concept": id, "label": taxonomy[id].label(lang), "items": count} for count, id in first],
        "revision": taxonomy.revision,
    }
    return json(answer)


@router.get("/taxonomy/releases", response_model=Releases)
def releases(request: Request) -> Response:
    """Versions with names, oldest first. Reads the store."""
    live = service(request).live
    rows = [release_row(one) for one in live.store.releases()]
    answer: Releases = {"revision": live.current.taxonomy.revision, "releases": rows}
    return json(answer)


@router.get("/audit/fixes", response_model=AuditFixes, responses=problems(422))
def fixes(
    request: Request,
    check: Annotated[list[str] | None, Query(description="Only these checks; repeat it for several.")] = None,
) -> Response:
    """The repairs of findings that need no decision, as `POST /v1/proposals` takes them. Reads the store; writes
    nothing."""
    live = service(request).live
    reason = "repairs that need no decision"
    found = fixes_of_store(live.store, Signature("api", reason), checks=check)
    answer: AuditFixes = {
        "title": "Safe repairs of the audit",
        "reason": reason,
        "changes": [change_to_json(change) for change in found.changes.changes],
        "fixed": [finding_row(finding) for finding in found.fixed],
        "revision": live.current.taxonomy.revision,
    }
    return json(answer)


@router.get("/audit", response_model=AuditReport, responses=problems(422))
def audit(
    request: Request,
    check: Annotated[list[str] | None, Query(description="Only these checks; repeat it for several.")] = None,
    severity: Annotated[Severity | None, Query(description="Findings at least as grave.")] = None,
    limit: Annotated[int, Query(ge=0, le=100_000)] = 1_000,
) -> Response:
    """Findings of every check, the gravest first. Computed once per snapshot: the first call waits for that, and after
    an edit only what it touched is looked at again."""
    report = service(request).audit()
    names = [one.name for one in report.checks]
    wrong = [name for name in check or () if name not in names]
    if wrong:
        raise InputError(f"no check {wrong[0]!r}; there is {', '.join(names)}")
    found = report.failing(severity or "info")
    if check is not None:
        found = [one for one in found if one.check in check]
    return json({**replace(report, findings=tuple(found[:limit])).to_json(), "total": len(found)})
