"""The taxonomy as a whole, and its history."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import json
from api.parameters import Limit, Reader
from api.service import service
from graph.columns import TYPES

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


@router.get("/versions", dependencies=[Reader], response_model=None)
def versions(
    request: Request,
    before: Annotated[int | None, Query(ge=1, le=1 << 53, description="Only older versions than this one.")] = None,
    limit: Limit = 50,
) -> Response:
    """Accepted change sets, newest first. Edits by hand in the database leave no version. Asks the record."""
    live = service(request).live
    newest = before - 1 if before is not None else live.current.taxonomy.version
    after = max(0, newest - limit)
    # Without `before`, what was accepted since this snapshot comes along.
    entries = list(live.store.history(after=after, limit=newest - after if before is not None else None))
    rows = [
        {"version": e.version, "at": e.at, "author": e.author, "reason": e.reason, "changes": len(e.changes)}
        for e in reversed(entries)
    ]
    return json(
        {"revision": live.current.taxonomy.revision, "versions": rows, "next_before": after + 1 if after else None}
    )
