"""Concepts that go well with some concepts or with an item's tags."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import json, neighbour
from api.errors import Problem
from api.parameters import KindFilter, Lang, Limit, Reader
from api.service import service
from graph.errors import InputError
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

router = APIRouter(prefix="/v1/recommend", tags=["recommend"])


@router.get("/concepts", dependencies=[Reader], response_model=None)
def concepts(
    request: Request,
    concept: Annotated[list[str], Query(max_length=50, description="An id; repeat it for several.")] = [],  # noqa: B006
    item: Annotated[list[str], Query(max_length=50, description="An item, for its tags.")] = [],  # noqa: B006
    limit: Limit = 20,
    kind: KindFilter = None,
    lang: Lang = None,
) -> Response:
    """Related to all of them together, best first, each with its evidence; nothing that one of them excludes."""
    if not concept and not item:
        raise Problem(422, "give concept=ID or item=ID, each as often as you like")
    live = service(request).live
    served = live.current
    given = list(concept)
    for id in item:
        given += _tags_of(id, live.store, served.taxonomy)
    rows = served.recommender.recommend(given, limit=limit, lang=lang, kind=kind) if given else []
    return json(
        {
            "given": list(dict.fromkeys(given)),
            "concepts": [neighbour(row) for row in rows],
            "revision": served.taxonomy.revision,
        }
    )


def _tags_of(id: str, store: TaxonomyStore, taxonomy: Taxonomy) -> list[str]:
    """The item's accepted tags, redirects followed. Asks the record; raises StoreError when that is out of reach."""
    found = store.item(id)
    if found is None:
        raise InputError(f"no item {id!r} has been tagged; tag it first (POST /v1/tag?store=true, or kgtag tag)")
    accepted = [tag.concept for tag in found.tags if tag.status == "accepted" and tag.concept in taxonomy]
    return [taxonomy.resolve(concept) for concept in accepted]
