"""Recommendations: concepts that go with some concepts, or with an item's tags."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.errors import problems
from api.parameters import KindFilter, Lang, Limit, Reader
from api.responses import json
from api.service import service
from graph.errors import InputError
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.rows import RecommendedConcepts

router = APIRouter(prefix="/v1/recommend", tags=["recommend"], dependencies=[Reader], responses=problems(401, 403, 503))


@router.get("/concepts", response_model=RecommendedConcepts, responses=problems(422))
def recommend_concepts(
    request: Request,
    concept: Annotated[list[str], Query(max_length=50, description="An id; repeat it for several.")] = [],  # noqa: B006
    item: Annotated[list[str], Query(max_length=50, description="An item, for its tags.")] = [],  # noqa: B006
    limit: Limit = 20,
    kind: KindFilter = None,
    lang: Lang = None,
) -> Response:
    """Concepts related to all of the given together, best first, with evidence; none that one of them excludes."""
    if not concept and not item:
        raise InputError("give concept=ID or item=ID, each as often as you like")
    live = service(request).live
    served = live.current
    given = list(concept)
    for id in item:
        given += _tags_of(id, live.store, served.taxonomy)
    found = served.recommender.recommend(given, limit=limit, lang=lang, kind=kind) if given else []
    answer: RecommendedConcepts = {
        "given": list(dict.fromkeys(given)),
        "concepts": [neighbour.to_dict() for neighbour in found],
        "revision": served.taxonomy.revision,
    }
    return json(answer)


def _tags_of(id: str, store: TaxonomyStore, taxonomy: Taxonomy) -> list[str]:
    """The item's accepted tags, redirects followed. Reads the store; raises StoreError while it is unavailable."""
    found = store.item(id)
    if found is None:
        raise InputError(f"no item {id!r} has been tagged; tag it first (POST /v1/tag?store=true, or kgtag tag)")
    accepted = [tag.concept for tag in found.tags if tag.status == "accepted" and tag.concept in taxonomy]
    return [taxonomy.resolve(concept) for concept in accepted]
