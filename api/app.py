"""The app: `uvicorn --factory api.app:create_app`, or `kgtag serve`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from api import docs_page, errors, page
from api.answers import json
from api.auth import Require
from api.observe import Observe, SnapshotCollector
from api.routes import audit, browser, concepts, edits, health, neighbours, proposals, recommend, search, tag, taxonomy
from api.service import Service
from graph.errors import InputError
from kgtag.config import Settings, read_settings
from kgtag.tag.models import Models

log = logging.getLogger(__name__)

_DESCRIPTION = """Product text in, consistent tags linked to a taxonomy out; and what is related to a tag, and why.

Every call but `/`, `/healthz`, `/readyz` and `/browser/…` needs a key: `Authorization: Bearer KEY` or
`X-API-Key: KEY`, made by `kgtag keys create`. Scope `propose` implies `read`, `edit` and `approve` imply `propose`,
`admin` implies all; `tag` stands by itself. Errors are `application/problem+json`. Every JSON answer names the
`revision` of the taxonomy it was made from; an answer with a header `X-Stale-For` was made while the record has been
out of reach for so many seconds."""


def create_app(settings: Settings | None = None, *, models: Models | None = None) -> FastAPI:
    """The app for the settings (default: the environment's), with models already loaded if there are.

    Starting it raises what can't get better by waiting: a URL that is none, a model that doesn't fit the taxonomy.
    A record out of reach isn't that: the app starts, answers 503, and goes on trying.
    """
    service = Service(settings or read_settings(), models=models)
    service.metrics.registry.register(SnapshotCollector(service))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            await run_in_threadpool(service.start)
        except InputError as error:
            log.error("%s", error)
            raise
        try:
            yield
        finally:
            await run_in_threadpool(service.stop)

    app = FastAPI(
        title="kgtag",
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    app.add_middleware(Observe, service=service)
    errors.install(app)
    _include_routes(app)
    return app


def _include_routes(app: FastAPI) -> None:
    for router in (
        neighbours.router,  # First: it is asked most.
        tag.router,
        search.router,
        recommend.router,
        audit.router,
        taxonomy.router,
        health.router,
        proposals.router,
        browser.router,
        concepts.router,
        edits.router,
        concepts.one,
    ):
        app.include_router(router)
    # A person opens these in a browser, which asks for the key as a password.
    reader = Depends(Require("read", basic=True))

    @app.get("/", include_in_schema=False)
    async def try_it() -> Response:
        return HTMLResponse(page.html(), headers={"Content-Security-Policy": page.policy()})

    @app.get("/openapi.json", include_in_schema=False, dependencies=[reader])
    async def openapi(request: Request) -> Response:
        return json(app.openapi() | {"revision": request.app.state.service.revision})

    @app.get("/docs", include_in_schema=False, dependencies=[reader])
    async def docs() -> Response:
        content = docs_page.render(app.openapi())
        return HTMLResponse(content, headers={"Content-Security-Policy": docs_page.POLICY})
