"""Responses: JSON encoded by hand, as a response model would validate what was just built, and streams of lines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

log = logging.getLogger(__name__)

_PATIENCE = 60.0
"""Seconds that a client may leave its answers unread."""


def json(row: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The row as a response."""
    return Response(orjson.dumps(row), status, headers, media_type="application/json")


class NdjsonStream(Response):
    """NDJSON sent while the request is still being read.

    Starlette's own streaming response listens for a disconnect, and would consume the rest of the request.
    """

    media_type = "application/x-ndjson"

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        self.blocks = blocks
        self.status_code = 200
        self.background: BackgroundTask | None = None
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


def lines_of(*rows: type) -> dict[str, Any]:
    """The description of a stream with one of the rows on each line."""
    refs = [{"$ref": f"#/components/schemas/{row.__name__}"} for row in rows]
    schema = {"anyOf": refs, "type": "object", "description": "One line of the stream."}
    return {"description": "Successful Response", "content": {NdjsonStream.media_type: {"schema": schema}}}
