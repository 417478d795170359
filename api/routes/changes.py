"""The feed of changes, as server-sent events, and the webhooks that it is sent to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.errors import BODY, Problem, problems
from api.http import AdminKey, BodyRoute, JsonBody, Reader, json
from api.schemas import WebhookBody
from api.service import Service, service
from graph.errors import StoreError
from graph.feed import FEED_TYPES, FeedEvent, FeedType, Position, events_after, head
from kgtag.rows.items import Webhooks
from kgtag.serve.webhooks import create_webhook, delete_webhook, webhook_row, webhooks

router = APIRouter(prefix="/v1", tags=["changes"], responses=problems(401, 403, 503), route_class=BodyRoute)

_LOOK_SECONDS = 0.25
_HEARTBEAT_SECONDS = 15.0
_STREAM: dict[str, Any] = {
    "description": "Events whose data is a TaxonomyChanged or an ItemChanged.",
    "content": {
        "text/event-stream": {
            "schema": {"anyOf": [{"$ref": f"#/components/schemas/{n}"} for n in ("TaxonomyChanged", "ItemChanged")]}
        }
    },
}


@router.get(
    "/changes", response_class=StreamingResponse, dependencies=[Reader], responses=problems(422) | {200: _STREAM}
)
async def changes(
    request: Request,
    since: Annotated[
        str | None, Query(max_length=40, description="A position such as `12-345`; now by default.")
    ] = None,
    type: Annotated[list[FeedType] | None, Query(description="Only events of this type; repeatable.")] = None,
    follow: Annotated[bool, Query(description="Wait for more; else end with the last event so far.")] = True,
    last: Annotated[str | None, Header(alias="Last-Event-ID", max_length=40)] = None,
) -> Response:
    """Server-sent events: each new version of the taxonomy, each item whose tags may have changed or that was erased.

    The id of an event is the position after it; `Last-Event-ID` (or `since`) continues there, and nothing is missed.
    An item that changed several times comes once, with its last change.
    """
    found = service(request)
    given = last or since
    at = Position.read(given) if given else await run_in_threadpool(head, found.live.store)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = _events(found, at, tuple(type or FEED_TYPES), follow)
    return StreamingResponse(stream, headers=headers, media_type="text/event-stream")


async def _events(found: Service, at: Position, types: tuple[FeedType, ...], follow: bool) -> AsyncIterator[bytes]:
    yield b"retry: 1000\nid: %b\n\n" % str(at).encode()
    beat, store, looked = time.monotonic(), found.live.store, None
    while not found.stopping.is_set():
        events: list[FeedEvent] = []
        try:
            newest = await run_in_threadpool(found.feed.get, store)
            if newest != looked:
                events = await run_in_threadpool(events_after, store, at, types=types)
                looked = newest if not events else None
        except StoreError:  # those who follow wait for it, as for an event
            if not follow:
                raise
        if events:
            at, beat = events[-1].position, time.monotonic()
            rows = (b"id: %b\ndata: %b\n\n" % (str(e.position).encode(), orjson.dumps(e.to_row())) for e in events)
            yield b"".join(rows)
            continue
        if not follow:
            return
        if time.monotonic() - beat > _HEARTBEAT_SECONDS:
            beat = time.monotonic()
            yield b": still here\n\n"
        await asyncio.sleep(_LOOK_SECONDS)


@router.post("/webhooks", status_code=201, response_model=Webhooks, responses=problems(*BODY))
def add_webhook(
    request: Request, key: AdminKey, body: Annotated[WebhookBody, Depends(JsonBody(WebhookBody))]
) -> Response:
    """Send the feed to an address from now or `since` on: signed as Standard Webhooks, in order, at least once.

    The secret to check signatures with is in this answer alone. `webhook-id` is the same whenever an event is sent
    again. What is not answered with 2xx is tried again, later each time, at most an hour apart; 410 ends it.
    """
    found = service(request)
    types, private = tuple(body.types or FEED_TYPES), found.settings.webhook_private
    hook = create_webhook(found.live.store, body.url, types=types, since=body.since, private=private)
    row = next(webhook_row(one, at) for one, at in webhooks(found.live.store) if one.id == hook.id)
    page: Webhooks = {"webhooks": [{**row, "secret": hook.secret}], "revision": found.revision}
    return json(page, status=201)


@router.get("/webhooks", response_model=Webhooks)
def list_webhooks(request: Request, key: AdminKey) -> Response:
    """All webhooks, without their secrets, how far each is, and why the last attempt failed."""
    found = service(request)
    rows = [webhook_row(hook, at) for hook, at in webhooks(found.live.store)]
    page: Webhooks = {"webhooks": rows, "revision": found.revision}
    return json(page)


@router.delete("/webhooks/{id}", status_code=204, responses=problems(404, 422))
def remove_webhook(request: Request, key: AdminKey, id: Annotated[str, Path(max_length=100)]) -> Response:
    """End a webhook: nothing more is sent to it."""
    if not delete_webhook(service(request).live.store, id):
        raise Problem("not-found", f"no webhook {id!r}; see GET /v1/webhooks")
    return Response(status_code=204)
