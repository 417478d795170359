"""Concepts: find, read, follow."""

from bisect import bisect_right
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from numpy.typing import NDArray
from starlette.responses import Response

from api.errors import problems
from api.http import ConceptId, KindFilter, Lang, Reader, json, require_known
from api.service import Derived, service
from graph.errors import InputError
from graph.labels import normalise
from graph.model import Kind, Status
from graph.rows import ConceptDetail, concept_detail, concept_row
from graph.taxonomy import Taxonomy
from kgtag.rows import ConceptPage, RelatedConcepts

router = APIRouter(prefix="/v1/concepts", tags=["concepts"], dependencies=[Reader], responses=problems(401, 403, 503))
one = APIRouter(prefix="/v1/concepts", tags=["concepts"], dependencies=[Reader], responses=problems(401, 403, 503))
"""The plain `/{id}`: an id may hold slashes, so this comes after every longer path."""

Transitive = Annotated[bool, Query(description="All the way, not one step.")]
Many = Annotated[int, Query(ge=1, le=10_000)]


@router.get("", response_model=ConceptPage, responses=problems(422))
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
    indices = found[start : start + limit].tolist()
    page: ConceptPage = {
        "concepts": [concept_row(taxonomy.concepts[i], lang) for i in indices],
        "total": len(found),
        "next_cursor": taxonomy.ids[indices[-1]] if start + limit < len(found) else None,
        "revision": taxonomy.revision,
    }
    return json(page)


def _matching(
    derived: Derived, q: str | None, scheme: str | None, kind: Kind | None, status: Status | None
) -> NDArray[np.int64]:
    """Indices in the snapshot, ascending."""
    taxonomy = derived.served.taxonomy
    columns = taxonomy.columns
    found = np.ones(len(taxonomy), dtype=bool)
    if q is not None and (wanted := normalise(q)):
        found = derived.containing(wanted)
        if q in taxonomy:
            found[taxonomy.index(q)] = True
    for column, value in ((columns.scheme, scheme), (columns.kind, kind), (columns.status, status)):
        if value is not None:
            found &= column.where(value)
    return np.flatnonzero(found)


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
