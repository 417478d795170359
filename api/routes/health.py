"""For the machinery around the service: is it alive, can it answer, what has it done."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answers import json
from api.auth import Require
from api.errors import RETRY_SECONDS, Problem, response
from api.service import service

router = APIRouter(tags=["health"])


@router.get("/healthz", response_model=None)
async def healthz(request: Request) -> Response:
    """The process answers."""
    return json({"status": "ok", "revision": service(request).revision})


@router.get("/readyz", response_model=None)
async def readyz(request: Request) -> Response:
    """200 as soon as there is a snapshot to answer from, even one that has grown stale; 503 with the reason before."""
    found = service(request)
    if found.revision is None:
        headers = {"Retry-After": str(RETRY_SECONDS)}
        detail = f"no snapshot yet: {found.error}"
        return response(Problem(503, detail, title="not ready", headers=headers), request)
    live = found.live
    served, freshness = live.current, live.freshness
    problems = served.taxonomy.problems
    row: dict[str, Any] = {
        "status": "stale" if found.stale_for is not None else "ready",
        "revision": served.taxonomy.revision,
        "version": served.taxonomy.version,
        "concepts": len(served.taxonomy),
        "stale_for": round(freshness.stale_for, 3),
        "error": freshness.error,
        "model": served.tagger.version if served.tagger is not None else None,
        "quarantined": len(problems),
        "problems": found.derived.problems,
    }
    return json(row)


@router.get("/metrics", dependencies=[Depends(Require("read", basic=True))], response_model=None)
async def metrics(request: Request) -> Response:
    """For Prometheus: requests by route and status, latency, the snapshot's age, products tagged, drops by rule."""
    content = await run_in_threadpool(service(request).metrics.exposition)
    return Response(content, media_type=CONTENT_TYPE_LATEST)
