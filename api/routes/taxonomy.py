"""The taxonomy as a whole: its size, its history, its audit."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.errors import problems
from api.http import Limit, Reader, json
from api.service import service
from graph.audit import Severity
from graph.audit.report import SEVERITIES
from graph.columns.columns import TYPES
from graph.errors import InputError
from graph.history.entries import version_detail
from graph.history.versions import entry_at
from graph.rows import AuditReport, VersionDetail, names_by_version, release_row, version_row
from kgtag.rows import Releases, TaxonomySize, VersionPage

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


VersionBound = Annotated[int | None, Query(ge=1, le=1 << 53, description="Only older versions than this one.")]
Cursor = Annotated[int | None, Query(ge=1, le=1 << 53, description="`next_cursor` of the page before.")]


@router.get("/taxonomy/versions", response_model=VersionPage, responses=problems(422))
def versions(request: Request, before: VersionBound = None, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Accepted changes, newest first: who, when, why, and what they came to. Reads the store.

    External edits are among them (`origin` "outside") once the service has noticed them.
    """
    live = service(request).live
    found = live.store.versions(before=cursor if cursor is not None else before, limit=limit)
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


@router.get("/taxonomy/releases", response_model=Releases)
def releases(request: Request) -> Response:
    """Versions with names, oldest first. Reads the store."""
    live = service(request).live
    rows = [release_row(one) for one in live.store.releases()]
    answer: Releases = {"revision": live.current.taxonomy.revision, "releases": rows}
    return json(answer)


@router.get("/audit", response_model=AuditReport, responses=problems(422))
def audit(
    request: Request,
    check: Annotated[list[str] | None, Query(description="Only these checks; repeat it for several.")] = None,
    severity: Annotated[Severity | None, Query(description="Findings at least as grave.")] = None,
    limit: Annotated[int, Query(ge=0, le=100_000)] = 1_000,
) -> Response:
    """Findings of every check, the gravest first. Computed once per snapshot; the first call waits for that."""
    report = service(request).audit()
    names = [row["name"] for row in report["checks"]]
    wrong = [name for name in check or () if name not in names]
    if wrong:
        raise InputError(f"no check {wrong[0]!r}; there is {', '.join(names)}")
    grave = SEVERITIES[: SEVERITIES.index(severity) + 1] if severity else SEVERITIES
    found = [f for f in report["findings"] if f["severity"] in grave and (check is None or f["check"] in check)]
    return json({**report, "findings": found[:limit], "total": len(found)})
