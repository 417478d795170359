"""What is related to a concept, and why."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import json, neighbour
from api.errors import Problem
from api.parameters import ConceptId, Lang, Limit, Reader, require_known
from api.remember import RememberingRoute
from api.service import service
from graph.model import RELATION_TYPES
from kgtag.recommend.neighbours import EVIDENCE_TYPES, EvidenceType

router = APIRouter(prefix="/v1", tags=["recommend"], route_class=RememberingRoute)

RELATIONS = (*RELATION_TYPES, "sibling", "occurs_with", "similar")


@router.get("/concepts/{id:path}/neighbours", dependencies=[Reader], response_model=None)
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
        raise Problem(422, f"no relation {relation!r}; there is {', '.join(RELATIONS)}")
    wanted = _evidence_types(evidence)
    served = service(request).current
    await require_known(served.taxonomy, id)
    rows = served.recommender.neighbours(id, relation=relation, evidence=wanted, limit=limit, lang=lang)
    return json({"concept": id, "neighbours": [neighbour(row) for row in rows], "revision": served.taxonomy.revision})


def _evidence_types(given: list[str] | None) -> tuple[EvidenceType, ...]:
    if given is None:
        return EVIDENCE_TYPES
    names = {name.strip() for part in given for name in part.split(",")}
    wrong = sorted(names - set(EVIDENCE_TYPES))
    if wrong:
        raise Problem(422, f"no evidence {wrong[0]!r}; there is {', '.join(EVIDENCE_TYPES)}")
    return tuple(name for name in EVIDENCE_TYPES if name in names)
