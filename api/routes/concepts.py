"""Concepts: find, read, follow."""

from __future__ import annotations

from bisect import bisect_right
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from numpy.typing import NDArray
from starlette.responses import Response

from api.answers import concept, concept_in_full, json
from api.errors import Problem
from api.parameters import ConceptId, KindFilter, Lang, Reader, require_known
from api.service import Derived, service
from graph.labels import normalise
from graph.model import Kind, Status
from graph.taxonomy import Taxonomy

router = APIRouter(prefix="/v1/concepts", tags=["concepts"])
one = APIRouter(prefix="/v1/concepts", tags=["concepts"])
"""The plain `/{id}`: an id may hold slashes, so this comes after every longer path."""

Transitive = Annotated[bool, Query(description="All the way, not one step.")]
Many = Annotated[int, Query(ge=1, le=10_000)]


@router.get("", dependencies=[Reader], response_model=None)
def concepts(
    request: Request,
    q: Annotated[str | None, Query(max_length=300, description="Part of a label, in any language, or an id.")] = None,
    scheme: Annotated[str | None, Query(max_length=300)] = None,
    kind: KindFilter = None,
    status: Annotated[Status | None, Query()] = None,
    cursor: Annotated[str | None, Query(max_length=300, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    lang: Lang = None,
) -> Response:
    """A page of concepts, by id."""
    derived = service(request).derived
    taxonomy = derived.served.taxonomy
    found = _matching(derived, q, scheme, kind, status)
    after = bisect_right(taxonomy.ids, cursor) - 1 if cursor is not None else -1
    start = int(np.searchsorted(found, after, side="right"))
    page = found[start : start + limit].tolist()
    more = start + limit < len(found)
    return json(
        {
            "concepts": [concept(taxonomy.concepts[i], lang) for i in page],
            "total": len(found),
            "next_cursor": taxonomy.ids[page[-1]] if more else None,
            "revision": taxonomy.revision,
        }
    )


def _matching(
    derived: Derived, q: str | None, scheme: str | None, kind: Kind | None, status: Status | None
) -> NDArray[np.int64]:
    """Indices in the snapshot, ascending."""
    taxonomy = derived.served.taxonomy
    columns = taxonomy.columns
    found = np.ones(len(taxonomy), dtype=bool)
    wanted = normalise(q) if q is not None else ""
    if q is not None and wanted:
        found = derived.containing(wanted)
        if q in taxonomy:
            found[taxonomy.index(q)] = True
    for column, value in ((columns.scheme, scheme), (columns.kind, kind), (columns.status, status)):
        if value is not None:
            found &= column.where(value)
    return np.flatnonzero(found)


@router.get("/{id:path}/broader", dependencies=[Reader], response_model=None)
def broader(
    request: Request, id: ConceptId, transitive: Transitive = False, limit: Many = 1_000, lang: Lang = None
) -> Response:
    taxonomy = service(request).current.taxonomy
    found = taxonomy.ancestors(id) if transitive else taxonomy.out(id, "broader")
    return _concepts(taxonomy, id, found, limit, lang)


@router.get("/{id:path}/narrower", dependencies=[Reader], response_model=None)
def narrower(
    request: Request, id: ConceptId, transitive: Transitive = False, limit: Many = 1_000, lang: Lang = None
) -> Response:
    taxonomy = service(request).current.taxonomy
    found = taxonomy.descendants(id) if transitive else taxonomy.into(id, "broader")
    return _concepts(taxonomy, id, found, limit, lang)


@router.get("/{id:path}/related", dependencies=[Reader], response_model=None)
def related(
    request: Request, id: ConceptId, transitive: Transitive = False, limit: Many = 1_000, lang: Lang = None
) -> Response:
    """`related` is not transitive in SKOS: asking for that is refused."""
    taxonomy = service(request).current.taxonomy
    found = taxonomy.out(id, "related")
    if transitive:
        raise Problem(422, "related is not transitive: what is related to a related concept needn't be; leave it out")
    return _concepts(taxonomy, id, found, limit, lang)


def _concepts(taxonomy: Taxonomy, id: str, found: list[str], limit: int, lang: str | None) -> Response:
    rows = [concept(taxonomy[other], lang) for other in found[:limit]]
    return json({"concept": id, "concepts": rows, "total": len(found), "revision": taxonomy.revision})


@one.get("/{id:path}", dependencies=[Reader], response_model=None)
async def read(request: Request, id: ConceptId, lang: Lang = None) -> Response:
    """The concept with its labels and relations. Its ETag is what an edit's If-Match asks for."""
    taxonomy = service(request).current.taxonomy
    await require_known(taxonomy, id)
    row = concept_in_full(taxonomy, id, lang)
    return json(row, headers={"ETag": f'"{row["etag"]}"', "Cache-Control": "no-cache"})
