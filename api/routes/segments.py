"""Saved boolean queries over tags, and the items that match."""

from bisect import bisect_right
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.errors import BODY, Problem, problems
from api.http import BodyRoute, EditorKey, JsonBody, Lang, Reader, json
from api.schemas import SegmentBody
from api.service import Service, service
from kgtag.evaluation.analytics.segments import (
    Tree,
    delete_segment,
    describe,
    matching,
    parse_segment,
    save_segment,
    segment,
    segments,
)
from kgtag.rows.analytics import QueryCount, SegmentCount, SegmentItems, SegmentRow, Segments

router = APIRouter(prefix="/v1/segments", tags=["analytics"], responses=problems(401, 403, 503), route_class=BodyRoute)

Name = Annotated[str, Path(max_length=100)]
_FIRST = 20


@router.get("", response_model=Segments, dependencies=[Reader], responses=problems(422))
def list_segments(request: Request, lang: Lang = None) -> Response:
    """All saved segments, by name."""
    found = service(request)
    taxonomy = found.current.taxonomy
    answer: Segments = {"segments": segments(found.live.store, taxonomy, lang), "revision": taxonomy.revision}
    return json(answer)


@router.post("/count", response_model=QueryCount, dependencies=[Reader], responses=problems(*BODY))
async def count_query(request: Request, body: Annotated[SegmentBody, Depends(JsonBody(SegmentBody))]) -> Response:
    """How many stored items match a query that is not saved, with the first twenty. An error names the place in it."""
    return json(await run_in_threadpool(_counted, service(request), body.query))


@router.get("/{name}", response_model=SegmentCount, dependencies=[Reader], responses=problems(404, 422))
def one_segment(request: Request, name: Name, lang: Lang = None) -> Response:
    """A segment, with how many stored items match."""
    found = service(request)
    row, taxonomy = _saved(found, name, lang), found.current.taxonomy
    answer: SegmentCount = {**row, "count": len(_matching(found, row["tree"])), "revision": taxonomy.revision}
    return json(answer)


@router.put("/{name}", response_model=SegmentCount, responses=problems(404, *BODY))
async def put_segment(
    request: Request, name: Name, key: EditorKey, body: Annotated[SegmentBody, Depends(JsonBody(SegmentBody))]
) -> Response:
    """Save a query under a name, in place of the one before: `waterproof AND (boots OR sandals) NOT kids`.

    Tags are ids, or labels of any language; a tag includes the narrower ones. An error names the place in the query.
    """
    author = f"api:{key.name or key.id}"
    return json(await run_in_threadpool(_put, service(request), name, body.query, author))


@router.get("/{name}/items", response_model=SegmentItems, dependencies=[Reader], responses=problems(404, 422))
def segment_items(
    request: Request,
    name: Name,
    cursor: Annotated[str | None, Query(max_length=300, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Response:
    """A page of ids of the items that match, by id."""
    found = service(request)
    ids = _matching(found, _saved(found, name)["tree"])
    start = bisect_right(ids, cursor) if cursor is not None else 0
    page: SegmentItems = {
        "name": name,
        "items": ids[start : start + limit],
        "next_cursor": ids[start + limit - 1] if len(ids) > start + limit else None,
        "revision": found.current.taxonomy.revision,
    }
    return json(page)


@router.delete("/{name}", status_code=204, responses=problems(404, 422))
def remove_segment(request: Request, name: Name, key: EditorKey) -> Response:
    """Delete a segment; its items stay."""
    if not delete_segment(service(request).live.store, name):
        raise _unknown(name)
    return Response(status_code=204)


def _put(found: Service, name: str, query: str, author: str) -> SegmentCount:
    taxonomy = found.current.taxonomy
    row = save_segment(found.live.store, taxonomy, name, query, author=author, replace=True)
    return {**row, "count": len(_matching(found, row["tree"])), "revision": taxonomy.revision}


def _counted(found: Service, query: str) -> QueryCount:
    taxonomy = found.current.taxonomy
    tree = parse_segment(query, taxonomy)
    ids = _matching(found, tree)
    return {
        "query": query,
        "reads": describe(tree, taxonomy),
        "count": len(ids),
        "items": ids[:_FIRST],
        "revision": taxonomy.revision,
    }


def _matching(found: Service, tree: Tree) -> list[str]:
    return matching(tree, found.current.taxonomy, found.live.store)


def _saved(found: Service, name: str, lang: str | None = None) -> SegmentRow:
    row = segment(found.live.store, found.current.taxonomy, name, lang)
    if row is None:
        raise _unknown(name)
    return row


def _unknown(name: str) -> Problem:
    return Problem("not-found", f"no segment {name!r}; PUT /v1/segments/{{name}} saves one")
