"""Tagging: one product, or a stream of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.auth import require_scope
from api.batch import Lines, NdjsonStream, lines_of, tag_lines
from api.errors import BODY, problems
from api.http import NDJSON, BodyRoute, JsonBody, TaggerKey, describe_body, json, require_media_type
from api.schemas import ProductBody
from api.service import Service, require_tagger, service
from graph.errors import KgtagError
from kgtag.rows import ErrorRow, TaggingRow
from kgtag.tag.batch import Outcome, tag_rows
from kgtag.types import Product

router = APIRouter(prefix="/v1", tags=["tag"], responses=problems(401, 403, 503), route_class=BodyRoute)

_MICRO_BATCH = 32

Store = Annotated[bool, Query(description="Keep the tags with the item in the store; the key needs `edit` as well.")]


@router.post("/tag", response_model=TaggingRow, responses=problems(*BODY))
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
    row = await to_thread.run_sync(_tag, found, body.product(), store, limiter=found.tagging)
    return json(row)


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
async def tag_batch(request: Request, key: TaggerKey, store: Store = False) -> Response:
    """A product a line in, a row a line out, in order, while the request is still being sent.

    A line that can't be tagged gives `{"id", "error": problem}` and the stream continues. Read the answers while you
    write: a client that leaves them unread for a minute is cut off.
    """
    if store:
        require_scope(key, "edit")
    require_media_type(request, NDJSON)
    found = service(request)
    require_tagger(found)
    return NdjsonStream(_rows(request, found, store))


async def _rows(request: Request, found: Service, store: bool) -> AsyncIterator[bytes]:
    lines = Lines()
    async for chunk in request.stream():
        lines.feed(chunk)
        while batch := lines.take(_MICRO_BATCH):
            yield await to_thread.run_sync(tag_lines, found, batch, store, limiter=found.tagging)
    lines.finish()
    while batch := lines.take(_MICRO_BATCH):
        yield await to_thread.run_sync(tag_lines, found, batch, store, limiter=found.tagging)
