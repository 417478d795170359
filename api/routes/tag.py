"""Tagging: one product, or a stream of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.answers import json
from api.auth import require_scope
from api.batch import Lines, tag_lines
from api.bodies import JsonBody, require_media_type, schema
from api.parameters import TaggerKey
from api.schemas import ProductBody
from api.service import Service, require_tagger, service

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1", tags=["tag"])

_NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "text/plain", "application/octet-stream")
_MICRO_BATCH = 32
_PATIENCE = 60.0
"""Seconds that a client may leave its answers unread."""

Store = Annotated[bool, Query(description="Keep the tags with the item in the record; the key needs `edit` as well.")]


@router.post("/tag", openapi_extra=schema(ProductBody), response_model=None)
async def tag(
    request: Request,
    key: TaggerKey,
    body: Annotated[ProductBody, Depends(JsonBody(ProductBody))],
    store: Store = False,
) -> Response:
    """The tags of one product: where each comes from, what was dropped by which rule, what has no concept yet."""
    if store:
        require_scope(key, "edit")
    found = service(request)
    row = await to_thread.run_sync(_tag, found, body, store, limiter=found.tagging)
    return json(row)


def _tag(found: Service, body: ProductBody, store: bool) -> dict[str, object]:
    tagger = require_tagger(found)
    product = body.product()
    try:
        (tagging,) = tagger.tag([product])
    except BaseException:
        found.metrics.failed()
        raise
    if store:
        found.live.store.put_items([tagging.to_item(product)])
    found.metrics.tagged(tagging)
    return tagging.to_dict()


@router.post(
    "/tag/batch",
    response_model=None,
    openapi_extra={
        "requestBody": {"required": True, "content": {_NDJSON[0]: {"schema": ProductBody.model_json_schema()}}}
    },
)
async def tag_batch(request: Request, key: TaggerKey, store: Store = False) -> Response:
    """A product a line in, a row a line out, in order, while the request is still being sent.

    A line that can't be tagged gives `{"id", "error": problem}` and the stream goes on. Read the answers while you
    write: a client that leaves them unread for a minute is cut off.
    """
    if store:
        require_scope(key, "edit")
    require_media_type(request, _NDJSON)
    found = service(request)
    require_tagger(found)
    return _Stream(_rows(request, found, store))


async def _rows(request: Request, found: Service, store: bool) -> AsyncIterator[bytes]:
    lines = Lines()
    async for chunk in request.stream():
        lines.feed(chunk)
        while batch := lines.take(_MICRO_BATCH):
            yield await to_thread.run_sync(tag_lines, found, batch, store, limiter=found.tagging)
    lines.finish()
    while batch := lines.take(_MICRO_BATCH):
        yield await to_thread.run_sync(tag_lines, found, batch, store, limiter=found.tagging)


class _Stream(Response):
    """Starlette's own streaming answer listens for a disconnect, and would eat the request that is still coming."""

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        self.blocks = blocks
        self.status_code = 200
        self.background: BackgroundTask | None = None
        self.media_type = _NDJSON[0]
        self.init_headers({"X-Accel-Buffering": "no", "Cache-Control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async for block in self.blocks:
                message = {"type": "http.response.body", "body": block, "more_body": True}
                await asyncio.wait_for(send(message), _PATIENCE)
        except ClientDisconnect:
            return
        except TimeoutError:
            log.warning("a batch was cut off: its client left the answers unread for %.0f s", _PATIENCE)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
