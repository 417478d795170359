"""Tagging: one product, or a stream of them.

A batch is cut into lines with bounded memory, tagged some lines at a time, and answered meanwhile.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.errors import BODY, Problem, from_error, problems
from api.http import MAX_BODY, NDJSON, BodyRoute, JsonBody, TaggerKey, describe_body, json, parse, require_media_type
from api.schemas import ProductBody
from api.service import Service, require_tagger, service
from graph.errors import KgtagError
from graph.store import TaxonomyStore
from kgtag.data import BadRow
from kgtag.rows import ErrorRow, TaggingRow
from kgtag.tag.batch import Outcome, ProductRow, outcome_row, tag_rows
from kgtag.tag.reasons import with_reasons
from kgtag.tag.tagger import Tagger
from kgtag.types import Product

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1", tags=["tag"], responses=problems(401, 403, 503), route_class=BodyRoute)

_MICRO_BATCH = 32
_PATIENCE = 60.0
"""Seconds that a client may leave its answers unread."""

Store = Annotated[bool, Query(description="Keep the tags with the item in the store.")]

Explain = Annotated[bool, Query(description="Say in a sentence, `why`, for each tag.")]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a batch. `text` is None for one longer than MAX_BODY, of which nothing is kept."""

    number: int
    text: bytes | None


class Lines:
    """Chunks in, lines out; blank ones are skipped. Holds one unfinished line of at most MAX_BODY bytes."""

    def __init__(self) -> None:
        self._ready: deque[Line] = deque()
        self._open = bytearray()
        self._too_long = False
        self._number = 0

    def feed(self, chunk: bytes) -> None:
        first, *rest = chunk.split(b"\n")
        self._extend(first)
        for part in rest:
            self._close()
            self._extend(part)

    def finish(self) -> None:
        """End the stream: what is left is a line."""
        if self._open or self._too_long:
            self._close()

    def take(self, most: int) -> list[Line]:
        return [self._ready.popleft() for _ in range(min(most, len(self._ready)))]

    def _extend(self, part: bytes) -> None:
        if self._too_long or len(self._open) + len(part) > MAX_BODY:
            self._too_long = True
            self._open.clear()
        else:
            self._open += part

    def _close(self) -> None:
        self._number += 1
        text = None if self._too_long else bytes(self._open)
        if text is None or text.strip():
            self._ready.append(Line(self._number, text))
        self._open.clear()
        self._too_long = False


def tag_lines(service: Service, lines: list[Line], store: bool, explain: bool = False) -> bytes:
    """A line of NDJSON for each line, in order. Never raises for what is wrong with a line."""
    rows = [_read(line) for line in lines]
    outcomes = _attempt(service.current.tagger, rows, service.live.store if store else None)
    written = []
    for row, outcome in zip(rows, outcomes, strict=True):
        service.metrics.tagged(outcome)
        result = from_error(outcome) if isinstance(outcome, KgtagError) else outcome
        written.append(orjson.dumps(outcome_row(row, result, revision=service.revision, explain=explain)))
    return b"\n".join(written) + b"\n"


def _read(line: Line) -> ProductRow:
    try:
        if line.text is None:
            raise Problem("body-too-large", f"line {line.number} is longer than {MAX_BODY:,} bytes")
        body = parse(ProductBody, line.text, name=f"line {line.number}")
    except Problem as problem:
        return BadRow(_id(line), line.number, problem)
    product = body.product()
    return product if "id" in body.model_fields_set else replace(product, id=str(line.number))


def _attempt(tagger: Tagger | None, rows: list[ProductRow], store: TaxonomyStore | None) -> list[Outcome]:
    """When the pipeline itself breaks, the rows are tried one by one, so that only the one it broke on is lost."""
    if tagger is None:
        lost = Problem("no-model", "no model fits the taxonomy any more")
        return [row.error if isinstance(row, BadRow) else lost for row in rows]
    try:
        return tag_rows(tagger, rows, store=store)
    except Exception:
        if len(rows) == 1:
            log.exception("tagging item %r failed", rows[0].id)
            return [Problem("internal-error", "something went wrong here; the server's log says what")]
    return [outcome for row in rows for outcome in _attempt(tagger, [row], store)]


def _id(line: Line) -> str | None:
    """The id in a line that is not a product, None without one."""
    found: Any = None
    with suppress(orjson.JSONDecodeError):
        document = orjson.loads(line.text or b"null")
        found = document.get("id") if isinstance(document, dict) else None
    plain = isinstance(found, str | int) and not isinstance(found, bool) and found != ""
    return str(found)[:300] if plain else None


class NdjsonStream(Response):
    """NDJSON sent while the request is read: Starlette's streaming response would consume the rest of the request."""

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


@router.post("/tag", response_model=TaggingRow, responses=problems(*BODY))
async def tag(
    request: Request,
    key: TaggerKey,
    body: Annotated[ProductBody, Depends(JsonBody(ProductBody))],
    store: Store = False,
    explain: Explain = False,
) -> Response:
    """The tags of one product: where each comes from, what was dropped by which rule, what has no concept yet."""
    found = service(request)
    row = await to_thread.run_sync(_tag, found, body.product(), store, limiter=found.tagging)
    return json(with_reasons(row) if explain else row)


def _tag(found: Service, product: Product, store: bool) -> TaggingRow:
    tagger = require_tagger(found)
    outcome: Outcome = KgtagError("tagging failed")
    try:
        (outcome,) = tag_rows(tagger, [product], store=found.live.store if store else None)
    finally:
        found.metrics.tagged(outcome)
    if isinstance(outcome, KgtagError):
        raise outcome
    return outcome.to_dict()


@router.post(
    "/tag/batch",
    status_code=200,
    response_class=NdjsonStream,
    responses=problems(415, 422) | {200: lines_of(TaggingRow, ErrorRow)},
    openapi_extra=describe_body(ProductBody, NDJSON[0]),
)
async def tag_batch(request: Request, key: TaggerKey, store: Store = False, explain: Explain = False) -> Response:
    """A product a line in, a row a line out, in order, while the request is still being sent.

    A line that can't be tagged gives `{"id", "error": problem}`, a broken one `{"id": null, "line", "error"}`, and the
    stream continues. Read the answers while you write: a client that leaves them unread for a minute is cut off.
    """
    require_media_type(request, NDJSON)
    found = service(request)
    require_tagger(found)
    return NdjsonStream(_rows(request, found, store, explain))


async def _rows(request: Request, found: Service, store: bool, explain: bool) -> AsyncIterator[bytes]:
    lines = Lines()
    async for chunk in request.stream():
        lines.feed(chunk)
        while batch := lines.take(_MICRO_BATCH):
            yield await to_thread.run_sync(tag_lines, found, batch, store, explain, limiter=found.tagging)
    lines.finish()
    while batch := lines.take(_MICRO_BATCH):
        yield await to_thread.run_sync(tag_lines, found, batch, store, explain, limiter=found.tagging)
