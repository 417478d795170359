"""For the machinery around the service: whether it is alive, whether it can answer, what it has done."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from api.auth import caller
from api.errors import Problem, problems
from api.http import PageReader, json
from api.service import service
from graph.api_keys import allows
from kgtag.rows import Health, Readiness

router = APIRouter(tags=["health"])

_METRICS: dict[int | str, Any] = {200: {"content": {"text/plain": {"example": "kgtag_ready 1.0"}}}}


@router.get("/healthz", response_model=Health)
async def health(request: Request) -> Response:
    """The process answers."""
    row: Health = {"status": "ok", "revision": service(request).revision}
    return json(row)


@router.get("/readyz", response_model=Readiness, responses=problems(503))
async def ready(request: Request) -> Response:
    """200 as soon as there is a snapshot to answer from, even one that has grown stale; 503 with the reason before.

    With a key of scope `read` it names the quarantined content and its repairs, without one only counts.
    """
    found = service(request)
    if found.revision is None:
        raise Problem("not-ready", f"no snapshot yet: {found.error}")
    served, freshness = found.current, found.live.freshness
    row: Readiness = {
        "status": "stale" if found.stale_for is not None else "ready",
        "revision": served.taxonomy.revision,
        "version": served.taxonomy.version,
        "concepts": len(served.taxonomy),
        "stale_for": round(freshness.stale_for, 3),
        "error": freshness.error,
        "model": served.tagger.version if served.tagger is not None else None,
        "quarantined": len(served.taxonomy.problems),
        "codes": dict(Counter(problem.code for problem in served.taxonomy.problems)),
    }
    key = await caller(request)
    if key is not None and allows(key, "read"):
        row["problems"] = found.derived.problems
    return json(row)


@router.get("/metrics", dependencies=[PageReader], response_class=PlainTextResponse, responses=problems(401, 403, 503))
async def metrics(request: Request) -> Response:
    """For Prometheus: requests by route and status, latency, the snapshot's age, products tagged, drops by rule.

    With several workers, counters are the sums over all of them, and gauges are of the one that answers.
    """
    content = await run_in_threadpool(service(request).metrics.exposition)
    return Response(content, media_type=CONTENT_TYPE_LATEST)
