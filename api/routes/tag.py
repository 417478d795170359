"""Tagging: one product, or a stream of them.

A batch is cut into lines, tagged some lines at a time, and answered meanwhile.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing, suppress
from dataclasses import replace
from itertools import islice
from typing import Annotated, Any

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.errors import BODY, Problem, from_error, problems
from api.http import NDJSON, BodyRoute, JsonBody, TaggerKey, describe_body, json, parse, require_media_type
from api.limits import chunks
from api.lines import Line, Lines
from api.schemas import ProductBody
from api.service import Service, require_tagger, service
from graph.errors import KgtagError
from graph.store import TaxonomyStore
from kgtag.data import BadRow
from kgtag.rows.tagging import ErrorRow, TaggingRow
from kgtag.tag.batch import Outcome, ProductRow, join_outcomes, outcome_row
from kgtag.tag.shown import TAGS, Shown
from kgtag.types import Product

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1", tags=["tag"], responses=problems(401, 403, 503), route_class=BodyRoute)

_MICRO_BATCH = 32
_EMPTY, _EMPTY_SECONDS = 256 << 10, 0.05
"""Bytes without a line, above which each chunk is followed by a pause."""

Store = Annotated[bool, Query(description="Keep the tags with the item in the store.")]

Explain = Annotated[bool, Query(description="Say in a sentence, `why`, for each tag.")]

Scheme = Annotated[
    str | None,
    Query(max_length=300, description="Give each tag in the terms of this scheme as well, `mapped`, through mappings."),
]


def tag_lines(service: Service, lines: list[Line], store: bool, shown: Shown = TAGS) -> bytes:
    """A line of NDJSON for each line, in order. Never raises for what is wrong with a line."""
    read = [_read(line, service.settings.max_body) for line in lines]
    outcomes = _attempt(service, read, service.live.store if store else None)
    written = []
    for (row, _), outcome in zip(read, outcomes, strict=True):
        service.metrics.tagged(outcome)
        written.append(_written(service, row, outcome, shown))
    return b"".join(written)


def _written(service: Service, row: ProductRow, outcome: Outcome, shown: Shown = TAGS) -> bytes:
    result = from_error(outcome) if isinstance(outcome, KgtagError) else outcome
    return orjson.dumps(outcome_row(row, result, revision=service.revision, shown=shown)) + b"\n"


def _read(line: Line, limit: int) -> tuple[ProductRow, bool]:
    """The row, and whether it has an id of the caller's."""
    try:
        if line.text is None:
            raise Problem("body-too-large", f"line {line.number} is longer than {limit:,} bytes")
        body = parse(ProductBody, line.text, name=f"line {line.number}")
    except Problem as problem:
        return BadRow(_id(line), line.number, problem), False
    product, named = body.product(), "id" in body.model_fields_set
    return product if named else replace(product, id=str(line.number)), named


def _attempt(service: Service, read: list[tuple[ProductRow, bool]], store: TaxonomyStore | None) -> list[Outcome]:
    """When the pipeline itself breaks, the rows are tried one by one, so that only the one it broke on is lost."""
    rows = [row for row, _ in read]
    if service.current.tagger is None:
        lost = Problem("no-model", "no model fits the taxonomy any more")
        return [row.error if isinstance(row, BadRow) else lost for row in rows]
    try:
        return _outcomes(service, read, store)
    except Exception:
        if len(rows) == 1:
            log.exception("tagging item %r failed", rows[0].id)
            return [Problem("internal-error", "something went wrong here; the server's log says what")]
    return [outcome for one in read for outcome in _attempt(service, [one], store)]


def _outcomes(service: Service, read: list[tuple[ProductRow, bool]], store: TaxonomyStore | None) -> list[Outcome]:
    given = [(row, named) for row, named in read if isinstance(row, Product)]
    tagged = service.attempt([row for row, _ in given], [named for _, named in given])
    return join_outcomes([row for row, _ in read], tagged, store=store, masked=service.settings.mask_personal)


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

    def __init__(self, blocks: AsyncGenerator[bytes]) -> None:
        self.blocks = blocks
        self.status_code = 200
        self.background: BackgroundTask | None = None
        self.init_headers({"X-Accel-Buffering": "no", "Cache-Control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async with aclosing(self.blocks):
                async for block in self.blocks:
                    await send({"type": "http.response.body", "body": block, "more_body": True})
        except ClientDisconnect:
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def lines_of(*rows: type) -> dict[str, Any]:
    """The description of a stream with one of the rows on each line."""
    refs = [{"$ref": f"#/components/schemas/{row.__name__}"} for row in rows]
    schema = {"anyOf": refs, "type": "object", "description": "One line of the stream."}
    return {"description": "Successful Response", "content": {NdjsonStream.media_type: {"schema": schema}}}


async def _place(request: Request, key: TaggerKey) -> AsyncIterator[None]:
    """A place among the taggings, taken before the body is read."""
    with service(request).taggings.hold(key.id):
        yield


@router.post("/tag", response_model=TaggingRow, responses=problems(*BODY))
async def tag(
    request: Request,
    key: TaggerKey,
    place: Annotated[None, Depends(_place)],
    body: Annotated[ProductBody, Depends(JsonBody(ProductBody))],
    store: Store = False,
    explain: Explain = False,
    scheme: Scheme = None,
) -> Response:
    """The tags of one product: where each comes from, what was dropped by which rule, what has no concept yet."""
    found = service(request)
    named = "id" in body.model_fields_set
    shown = Shown.of(found.current.taxonomy, explain=explain, scheme=scheme)
    return json(await to_thread.run_sync(_tag, found, body.product(), named, store, shown, limiter=found.tagging))


def _tag(found: Service, product: Product, named: bool, store: bool, shown: Shown) -> TaggingRow:
    require_tagger(found)
    outcome: Outcome = KgtagError("tagging failed")
    try:
        (outcome,) = _outcomes(found, [(product, named)], found.live.store if store else None)
    finally:
        found.metrics.tagged(outcome)
    if isinstance(outcome, KgtagError):
        raise outcome
    return shown.row(outcome)


@router.post(
    "/tag/batch",
    status_code=200,
    response_class=NdjsonStream,
    responses=problems(413, 415, 422) | {200: lines_of(TaggingRow, ErrorRow)},
    openapi_extra=describe_body(ProductBody, NDJSON[0]),
)
async def tag_batch(
    request: Request, key: TaggerKey, store: Store = False, explain: Explain = False, scheme: Scheme = None
) -> Response:
    """A product a line in, a row a line out, in order, while the request is still being sent.

    A line that can't be tagged gives `{"id", "error": problem}`, a broken one `{"id": null, "line", "error"}`, and the
    stream continues. What ends it early, a limit or the end of the service, is the error of its last row, whose line is
    the first that was not tagged. Read the answers while you write: a client that leaves them unread is cut off.
    """
    require_media_type(request, NDJSON)
    found = service(request)
    require_tagger(found)
    declared, most = request.headers.get("content-length", ""), found.settings.max_batch_bytes
    if declared.isdecimal() and int(declared) > most:
        detail = f"the batch is larger than {most:,} bytes; send it in parts"
        raise Problem("body-too-large", detail)
    shown = Shown.of(found.current.taxonomy, explain=explain, scheme=scheme)
    rows = _rows(request, found, key.id, store, shown)
    return NdjsonStream(await _begun(rows))


async def _begun(blocks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The blocks, once there is a place: without one, the response is a problem. The first block is empty."""
    await anext(blocks)
    return blocks


async def _rows(request: Request, found: Service, key: str, store: bool, shown: Shown) -> AsyncGenerator[bytes]:
    limits = found.settings
    with found.batches.hold(key):
        yield b""
        lines, line = Lines(limits.max_body), 1
        stream = chunks(request.receive, limits, found.ended)
        try:
            async for batch in _batches(stream, lines, limits.max_batch_lines):
                line = batch[0].number
                if found.ended.is_set():
                    raise Problem("stopping", "the service stops: send the lines from this one on again")
                if (problem := await found.rates.pace(key, len(batch))) is not None:
                    raise problem
                yield await to_thread.run_sync(tag_lines, found, batch, store, shown, limiter=found.tagging)
                line = lines.number
        except Problem as problem:
            yield _written(found, BadRow(None, line, problem), problem)


async def _batches(stream: AsyncIterator[bytes], lines: Lines, limit: int) -> AsyncIterator[list[Line]]:
    empty = 0
    async for chunk in stream:
        size = empty + len(chunk)
        for batch in _some(lines.feed(chunk)):
            size = 0
            yield batch
        empty = size
        if empty > _EMPTY:  # blank lines, or one without an end: what is only thrown away need not come quickly
            await asyncio.sleep(_EMPTY_SECONDS)
        if lines.number > limit:
            raise Problem("body-too-large", f"the batch has more than {limit:,} lines")
    for batch in _some(lines.finish()):
        yield batch


def _some(lines: Iterable[Line]) -> Iterator[list[Line]]:
    rest = iter(lines)
    while batch := list(islice(rest, _MICRO_BATCH)):
        yield batch
