"""The taxonomy as a whole, and its history."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.answers import json
from api.parameters import Limit, Reader
from api.service import service
from graph.columns.columns import TYPES
from graph.history.replay import entry_at
from graph.history.rows import entry_row, release_row, releases_by_version, version_row

router = APIRouter(prefix="/v1/taxonomy", tags=["taxonomy"])


@router.get("", dependencies=[Reader], response_model=None)
def taxonomy(request: Request) -> Response:
    """Its size: concepts by scheme and kind, relations by type."""
    snapshot = service(request).current.taxonomy
    columns = snapshot.columns
    kinds = columns.kind.values
    counts = np.bincount(
        columns.scheme.codes * len(kinds) + columns.kind.codes, minlength=len(kinds) * len(snapshot.schemes)
    )
    rows = counts.reshape(len(snapshot.schemes), len(kinds)).tolist() if len(snapshot) else []
    schemes = {
        scheme: {kind: count for kind, count in zip(kinds, row, strict=True) if count}
        for scheme, row in zip(snapshot.schemes, rows, strict=True)
    }
    relations = np.bincount(columns.edges.type, minlength=len(TYPES)).tolist()
    return json(
        {
            "revision": snapshot.revision,
            "version": snapshot.version,
            "concepts": len(snapshot),
            "schemes": schemes,
            "relations": {type: count for type, count in zip(TYPES, relations, strict=True) if count},
        }
    )


VersionBound = Annotated[int | None, Query(ge=1, le=1 << 53, description="Only older versions than this one.")]
Cursor = Annotated[int | None, Query(ge=1, le=1 << 53, description="`next_cursor` of the page before.")]


@router.get("/versions", dependencies=[Reader], response_model=None)
def versions(request: Request, before: VersionBound = None, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Accepted changes, newest first: who, when, why, and what they came to. Asks the record.

    Edits by hand in the database are among them (`origin` "outside") once the service has noticed them.
    """
    live = service(request).live
    found = live.store.versions(before=cursor if cursor is not None else before, limit=limit)
    releases = releases_by_version(live.store)
    following = found[-1].version if len(found) == limit and found[-1].version > 1 else None
    return json(
        {
            "revision": live.current.taxonomy.revision,
            "versions": [version_row(one, releases) for one in found],
            "next_before": following,
            "next_cursor": following,
        }
    )


@router.get("/versions/{version}", dependencies=[Reader], response_model=None)
def version(request: Request, version: Annotated[int, Path(ge=1, le=1 << 53)]) -> Response:
    """One version, each of its changes with what was there before and after. Asks the record.

    `revision` is that of the taxonomy the version led to.
    """
    store = service(request).live.store
    return json(entry_row(entry_at(store, version), releases_by_version(store)))


@router.get("/releases", dependencies=[Reader], response_model=None)
def releases(request: Request) -> Response:
    """Versions with names, oldest first. Asks the record."""
    live = service(request).live
    rows = [release_row(one) for one in live.store.releases()]
    return json({"revision": live.current.taxonomy.revision, "releases": rows})
