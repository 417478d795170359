"""What stands outside of `/v1`: pages for people, probes and metrics for machinery, files for Neo4j Browser.

The pages are `/` to work in (see `api/page`) and `/docs` for the API; they load nothing from elsewhere. The files for
Neo4j Browser hold no data, so they need no key. Browser fetches them from another origin, with headers of its own that
make a web browser ask beforehand.
"""

import base64
import hashlib
import re
from collections import Counter
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response

from api.auth import caller
from api.errors import Problem, problems
from api.http import JobKey, PageReader, json
from api.service import service
from graph.api_keys import SCOPES, allows
from graph.neo4j import browser
from kgtag.rows.service import Health, KeyRow, Readiness

router = APIRouter(include_in_schema=False)
probes = APIRouter(tags=["health"])

_NOTHING_ELSE = "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT = {**_ANY_ORIGIN, "Access-Control-Allow-Headers": "*", "Access-Control-Max-Age": "600"}


_PAGE = Path(__file__).parents[1] / "page"
_PAGE_POLICY = f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; {_NOTHING_ELSE}"
_PAGE_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@router.get("/")
async def index() -> Response:
    """The page to work in; it asks for a key."""
    headers = {"Content-Security-Policy": _PAGE_POLICY, "Cache-Control": "no-cache"}
    return FileResponse(_PAGE / "index.html", headers=headers, media_type="text/html")


@router.get("/page/{file:path}")
async def page_file(file: str) -> Response:
    """A part of the page: code, style, or a library. It holds no data, so it needs no key."""
    if file not in _page_files():
        raise Problem("not-found", f"the page has no part {file!r}")
    path = _PAGE / file
    return FileResponse(path, headers={"Cache-Control": "no-cache"}, media_type=_PAGE_TYPES[path.suffix])


@cache
def _page_files() -> frozenset[str]:
    found = (path for path in _PAGE.rglob("*") if path.suffix in _PAGE_TYPES)
    return frozenset(path.relative_to(_PAGE).as_posix() for path in found)


@router.get("/openapi.json", dependencies=[PageReader])
async def openapi(request: Request) -> Response:
    """The OpenAPI description."""
    return json({**request.app.openapi(), "x-revision": service(request).revision})


@router.get("/docs", dependencies=[PageReader])
async def docs() -> Response:
    """Swagger UI."""
    return HTMLResponse(*_docs())


@cache
def _docs() -> tuple[str, int, dict[str, str]]:
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="kgtag HTTP API",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon.png",
        swagger_ui_parameters={"defaultModelsExpandDepth": 0, "displayRequestDuration": True},
    )
    html = bytes(page.body).decode()
    policy = f"default-src 'none'; script-src 'self' '{_hash(html, 'script')}'; style-src 'self'"
    return html, 200, {"Content-Security-Policy": f"{policy}; img-src 'self' data:; {_NOTHING_ELSE}"}


@router.get("/docs/{file}", dependencies=[PageReader])
async def docs_file(file: Literal["swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"]) -> Response:
    """A file of Swagger UI, as the package fastapi-offline carries it."""
    with resources.as_file(resources.files("fastapi_offline") / "static" / file) as path:
        return FileResponse(path, headers={"Cache-Control": "private, max-age=3600"})


def _hash(html: str, tag: str) -> str:
    """The only inline element of a kind, as a policy names it."""
    (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


@router.get(f"/browser/{browser.STYLE}")
async def style() -> Response:
    return Response(browser.style(), headers=_ANY_ORIGIN, media_type="text/plain; charset=utf-8")


@router.get(f"/browser/{browser.GUIDE}")
async def guide() -> Response:
    return Response(browser.guide(), headers=_ANY_ORIGIN, media_type="text/html; charset=utf-8")


@router.get(f"/browser/{browser.ARCHIVE}")
async def queries() -> Response:
    return Response(browser.archive(), headers=_ANY_ORIGIN, media_type="application/zip")


@router.options("/browser/{file}")
async def preflight(file: str) -> Response:
    return Response(status_code=204, headers=_PREFLIGHT)


@probes.get("/healthz", response_model=Health)
async def health(request: Request) -> Response:
    """The process answers."""
    row: Health = {"status": "ok", "revision": service(request).revision}
    return json(row)


@probes.get("/readyz", response_model=Readiness, responses=problems(503))
async def ready(request: Request) -> Response:
    """200 as soon as there is a snapshot to answer from, even one that has grown stale; 503 with the reason before.

    With a key of scope `read` it names the quarantined content, its repairs and what is wrong; without one it counts.
    """
    found = service(request)
    if found.revision is None:
        raise Problem("not-ready", "no snapshot yet: the store is away, or the service starts; its log says why")
    served, freshness, key = found.current, found.live.freshness, await caller(request)
    reads = key is not None and allows(key, "read")
    error = freshness.error if reads or freshness.error is None else "a key of scope read shows it"
    row: Readiness = {
        "status": "stale" if found.stale_for is not None else "ready",
        "revision": served.taxonomy.revision,
        "version": served.taxonomy.version,
        "concepts": len(served.taxonomy),
        "stale_for": round(freshness.stale_for, 3),
        "error": error,
        "model": served.tagger.version if served.tagger is not None else None,
        "model_error": found.model_error if reads else None,
        "quarantined": len(served.taxonomy.problems),
        "codes": dict(Counter(problem.code for problem in served.taxonomy.problems)),
    }
    if reads:
        row["problems"] = found.derived.problems
    return json(row)


@probes.get("/v1/key", response_model=KeyRow, responses=problems(401, 403, 503))
async def own_key(request: Request, key: JobKey) -> Response:
    """What the caller's key may: its scopes, with those that they imply, and the author of its changes."""
    scopes: list[str] = [scope for scope in SCOPES if allows(key, scope)]
    row: KeyRow = {
        "id": key.id, "name": key.name, "author": f"api:{key.name or key.id}", "scopes": scopes,
        "revision": service(request).revision,
    }  # fmt: skip
    return json(row)


@probes.get("/metrics", dependencies=[PageReader], response_class=PlainTextResponse, responses=problems(401, 403, 503))
async def metrics(request: Request) -> Response:
    """For Prometheus: requests by route and status, latency, the snapshot's age, products tagged, drops by rule.

    With several workers, counters are the sums over all of them, and gauges are of the one that answers.
    """
    content = await run_in_threadpool(service(request).metrics.exposition)
    return Response(content, media_type=CONTENT_TYPE_LATEST)
