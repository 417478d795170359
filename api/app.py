"""The app: `kgtag serve`, or `uvicorn --factory api.app:create_app`."""

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from types import FrameType
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors, openapi
from api.answers import Direct
from api.observe import Observe, SnapshotCollector
from api.paths import keep_slashes
from api.routes import (
    analytics,
    challenger,
    changes,
    concepts,
    edits,
    items,
    jobs,
    pages,
    place,
    profiles,
    proposals,
    recommend,
    search,
    segments,
    tag,
    taxonomy,
)
from api.service import Service
from graph.errors import InputError
from graph.formats.reading import limit_files
from kgtag.serve.settings import Settings, read_settings
from kgtag.tag.models import Models

log = logging.getLogger(__name__)

_DESCRIPTION = """Product text in, consistent tags linked to a taxonomy out; and what is related to a tag, and why.

Every call but `/`, `/page/…`, `/healthz`, `/readyz` and `/browser/…` needs a key: `Authorization: Bearer KEY` or
`X-API-Key: KEY`, made by `kgtag keys create`. Scope `propose` implies `read`, `edit` and `approve` imply `propose`,
`admin` implies all; `tag` stands by itself. Errors are `application/problem+json`, with a `type` that does not change.
Every JSON answer names the `revision` of the taxonomy it was made from; the header `X-Stale-For` marks an answer made
while the store has been unavailable for so many seconds. `X-Taxonomy-Version` has its version; sent with a request, no
older one answers, whichever of several processes does."""


class App(FastAPI):
    """An app behind `front`, which observes all requests and answers the busiest."""

    front: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.front or super().__call__)(keep_slashes(scope), receive, send)


def create_app(settings: Settings | None = None, *, models: Models | None = None) -> FastAPI:
    """The app for the settings (those of the environment), with models that are loaded already, or theirs.

    Starting the app raises InputError for what does not get better by waiting: an unsupported store URL, a model that
    does not fit the taxonomy. While the store is unavailable the app starts, answers 503, and keeps trying.
    """
    settings = settings or read_settings()
    limit_files(settings.max_file_mb)
    service = Service(settings, models=models)
    service.metrics.exposed.register(SnapshotCollector(service))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            await run_in_threadpool(service.start)
        except InputError as error:
            log.error("%s", error)
            raise
        loop = asyncio.get_running_loop()
        _on_signals(service, loop)
        try:
            yield
        finally:
            service.ended.set()
            await run_in_threadpool(service.stop)

    app = App(
        title="kgtag",
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        # FastAPI's own spans have paths and queries, so ids and texts; api.tracing has none.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = service
    errors.install(app)
    for router in (
        recommend.router,  # first: it gets the most requests
        tag.router,
        search.router,
        search.questions,
        taxonomy.router,
        pages.probes,
        proposals.router,
        pages.router,
        items.router,
        items.concept_items,
        profiles.router,
        jobs.router,
        changes.router,
        challenger.router,
        place.router,
        analytics.router,
        segments.router,
        concepts.router,
        edits.router,
        edits.history,
        concepts.one,
    ):
        app.include_router(router)
    app.front = Observe(Direct(super(App, app).__call__, answer=service.answer), service=service)
    app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]
    return app


def _on_signals(service: Service, loop: asyncio.AbstractEventLoop) -> None:
    """When the process is asked to end, end the streams that the server would wait for; load the models and keys anew
    at SIGHUP, unless that comes from a terminal that closes."""
    if threading.current_thread() is not threading.main_thread():
        return

    def end(number: int, frame: FrameType | None, before: Any) -> None:
        service.stopping.set()
        loop.call_soon_threadsafe(service.ended.set)
        if callable(before):
            before(number, frame)

    def reload(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(loop.run_in_executor, None, service.reload)

    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, partial(end, before=signal.getsignal(one)))
    if hasattr(signal, "SIGHUP") and not sys.stdin.isatty():
        signal.signal(signal.SIGHUP, reload)
