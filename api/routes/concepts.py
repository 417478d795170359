"""Concepts: find, read, follow."""

from bisect import bisect_right
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from numpy.typing import NDArray
from starlette.responses import Response

from api.errors import problems
from api.http import ConceptId, KindFilter, Lang, Reader, json, require_known
from api.service import service
from graph.errors import InputError
from graph.formats.skos import concept_turtle
from graph.labels import normalise
from graph.model import Kind, Status
from graph.rows import ConceptDetail, concept_detail, concept_row
from graph.taxonomy import Taxonomy
from kgtag.rows.concepts import ConceptPage, RelatedConcepts
from kgtag.serve.live import Served

router = APIRouter(prefix="/v1/concepts", tags=["concepts"], dependencies=[Reader], responses=problems(401, 403, 503))
one = APIRouter(prefix="/v1/concepts", tags=["concepts"], dependencies=[Reader], responses=problems(401, 403, 503))
"""The plain `/{id}`: an id may hold slashes, so this comes after every longer path."""


class Turtle(Response):
    """RDF, as Turtle."""

    media_type = "text/turtle; charset=utf-8"


Transitive = Annotated[bool, Query(description="All the way, not one step.")]
Many = Annotated[int, Query(ge=1, le=10_000)]


@router.get("", response_model=ConceptPage, responses=problems(422))
def concepts(
    request: Request,
    q: Annotated[str | None, Query(max_length=300, description="Words of a label, in any language, or an id.")] = None,
    scheme: Annotated[str | None, Query(max_length=300)] = None,
    kind: KindFilter = None,
    status: Annotated[Status | None, Query()] = None,
    cursor: Annotated[str | None, Query(max_length=300, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    lang: Lang = None,
) -> Response:
    """A page of concepts: with `q` by relevance, else by id."""
    served = service(request).current
    taxonomy = served.taxonomy
    found = _matching(served, q, scheme, kind, status)
    start = _start(found, taxonomy, cursor, ranked=q is not None and bool(normalise(q)))
    indices = found[start : start + limit].tolist()
    page: ConceptPage = {
        "concepts": [concept_row(taxonomy.concepts[i], lang) for i in indices],
        "total": len(found),
        "next_cursor": taxonomy.ids[indices[-1]] if start + limit < len(found) else None,
        "revision": taxonomy.revision,
    }
    return json(page)


def _start(found: NDArray[np.int64], taxonomy: Taxonomy, cursor: str | None, *, ranked: bool) -> int:
    """The place in `found` where the page begins. Raises InputError for a cursor that is not of this query's answer."""
    if cursor is None:
        return 0
    if not ranked:
        return int(np.searchsorted(found, bisect_right(taxonomy.ids, cursor) - 1, side="right"))
    place = np.flatnonzero(found == taxonomy.index(cursor)) if cursor in taxonomy else np.zeros(0, dtype=np.int64)
    if not len(place):
        raise InputError(f"the cursor {cursor!r} is not in the answer of this query; begin again without it")
    return int(place[0]) + 1


def _matching(
    served: Served, q: str | None, scheme: str | None, kind: Kind | None, status: Status | None
) -> NDArray[np.int64]:
    """Indices in the snapshot: with `q` best first, else ascending."""
    taxonomy = served.taxonomy
    columns = taxonomy.columns
    wanted = np.ones(len(taxonomy), dtype=bool)
    for column, value in ((columns.scheme, scheme), (columns.kind, kind), (columns.status, status)):
        if value is not None:
            wanted &= column.where(value)
    if q is None or not normalise(q):
        return np.flatnonzero(wanted)
    ranked = served.suggester.concepts.find(q)
    return ranked[wanted[ranked]]


@router.get("/{id:path}/broader", response_model=RelatedConcepts, responses=problems(404, 422))
def broader(
    request: Request, id: ConceptId, transitive: Transitive = False, limit: Many = 1_000, lang: Lang = None
) -> Response:
    """Broader concepts of a concept."""
    taxonomy = service(request).current.taxonomy
    found = taxonomy.ancestors(id) if transitive else taxonomy.out(id, "broader")
    return _related(taxonomy, id, found, limit, lang)


@router.get("/{id:path}/narrower", response_model=RelatedConcepts, responses=problems(404, 422))
def narrower(
    request: Request, id: ConceptId, transitive: Transitive = False, limit: Many = 1_000, lang: Lang = None
) -> Response:
    """Narrower concepts of a concept."""
    taxonomy = service(request).current.taxonomy
    found = taxonomy.descendants(id) if transitive else taxonomy.into(id, "broader")
    return _related(taxonomy, id, found, limit, lang)


@router.get("/{id:path}/related", response_model=RelatedConcepts, responses=problems(404, 422))
def related(
    request: Request, id: ConceptId, transitive: Transitive = False, limit: Many = 1_000, lang: Lang = None
) -> Response:
    """Related concepts of a concept. `related` is not transitive in SKOS, so `transitive` is refused."""
    taxonomy = service(request).current.taxonomy
    found = taxonomy.out(id, "related")
    if transitive:
        raise InputError("related is not transitive: what is related to a related concept needn't be; leave it out")
    return _related(taxonomy, id, found, limit, lang)


@router.get("/{id:path}/turtle", response_class=Turtle, responses=problems(404, 422))
def turtle(request: Request, id: ConceptId) -> Response:
    """A concept as SKOS in Turtle, with the relations that it has and those that lead to it."""
    return Turtle(concept_turtle(service(request).current.taxonomy, id))


def _related(taxonomy: Taxonomy, id: str, found: list[str], limit: int, lang: str | None) -> Response:
    rows = [concept_row(taxonomy[other], lang) for other in found[:limit]]
    answer: RelatedConcepts = {"concept": id, "concepts": rows, "total": len(found), "revision": taxonomy.revision}
    return json(answer)


@one.get("/{id:path}", response_model=ConceptDetail, responses=problems(404, 422))
async def concept(request: Request, id: ConceptId, lang: Lang = None) -> Response:
    """A concept with its labels and relations. An edit sends its ETag as If-Match."""
    taxonomy = service(request).current.taxonomy
    await require_known(taxonomy, id)
    row = concept_detail(taxonomy, id, lang)
    return json(row, headers={"ETag": f'"{row["etag"]}"', "Cache-Control": "no-cache"})
