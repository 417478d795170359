"""Neighbours of a concept, with their evidence."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.cached import CachedRoute
from api.errors import problems
from api.parameters import ConceptId, Lang, Limit, Reader, require_known
from api.responses import json
from api.service import service
from graph.errors import InputError
from graph.model import RELATION_TYPES
from kgtag.recommend.neighbours import EVIDENCE_TYPES, EvidenceType
from kgtag.rows import Neighbours

router = APIRouter(prefix="/v1", tags=["recommend"], dependencies=[Reader], route_class=CachedRoute)

RELATIONS = (*RELATION_TYPES, "sibling", "occurs_with", "similar")


@router.get("/concepts/{id:path}/neighbours", response_model=Neighbours, responses=problems(401, 403, 404, 422, 503))
async def neighbours(
    request: Request,
    id: ConceptId,
    relation: Annotated[str | None, Query(description=f"One of {', '.join(RELATIONS)}.")] = None,
    evidence: Annotated[
        list[str] | None, Query(description=f"Some of {', '.join(EVIDENCE_TYPES)}; repeated, or with commas.")
    ] = None,
    limit: Limit = 20,
    lang: Lang = None,
) -> Response:
    """Neighbours best first, each with its evidence: asserted, inferred, co-occurrence on items, embedding."""
    if relation is not None and relation not in RELATIONS:
        raise InputError(f"no relation {relation!r}; there is {', '.join(RELATIONS)}")
    wanted = _evidence_types(evidence)
    served = service(request).current
    await require_known(served.taxonomy, id)
    found = served.recommender.neighbours(id, relation=relation, evidence=wanted, limit=limit, lang=lang)
    rows = [neighbour.to_dict() for neighbour in found]
    answer: Neighbours = {"concept": id, "neighbours": rows, "revision": served.taxonomy.revision}
    return json(answer)


def _evidence_types(given: list[str] | None) -> tuple[EvidenceType, ...]:
    if given is None:
        return EVIDENCE_TYPES
    names = {name.strip() for part in given for name in part.split(",")}
    wrong = sorted(names - set(EVIDENCE_TYPES))
    if wrong:
        raise InputError(f"no evidence {wrong[0]!r}; there is {', '.join(EVIDENCE_TYPES)}")
    return tuple(name for name in EVIDENCE_TYPES if name in names)
