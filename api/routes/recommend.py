"""Concepts for concepts: neighbours with evidence, and recommendations."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answers import key_of
from api.errors import BODY, problems
from api.http import BodyRoute, ConceptId, JsonBody, KindFilter, Lang, Limit, Reader, json, require_known
from api.neighbours import LIMIT, RELATIONS, NeighbourFilters, evidence_types
from api.schemas import NeighboursBody
from api.service import require_tagger, service
from graph.errors import InputError, UnknownConcept, error_detail
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.recommend import EVIDENCE_TYPES, Group
from kgtag.recommend.items import untagged
from kgtag.recommend.profile import MOST_EVENTS, Profile
from kgtag.rows.concepts import ConceptError, ConceptNeighbours, Neighbours, NeighboursBatch, RecommendedConcepts
from kgtag.rows.items import RecommendedItems
from kgtag.serve.live import Served
from kgtag.types import Product

_PROFILE_TAGS = 10
"""Tags of a profile that related concepts are asked for."""

router = APIRouter(
    prefix="/v1", tags=["recommend"], dependencies=[Reader], responses=problems(401, 403, 503), route_class=BodyRoute
)


@router.get("/concepts/{id:path}/neighbours", response_model=Neighbours, responses=problems(404, 422))
async def neighbours(
    request: Request,
    id: ConceptId,
    relation: Annotated[str | None, Query(description=f"One of {', '.join(RELATIONS)}.")] = None,
    evidence: Annotated[
        list[str] | None, Query(description=f"Some of {', '.join(EVIDENCE_TYPES)}; repeated, or with commas.")
    ] = None,
    kind: KindFilter = None,
    group: Annotated[Group | None, Query(description="What the neighbours are good for.")] = None,
    least: Annotated[float, Query(ge=0, le=1, description="The least score.")] = 0.0,
    cursor: Annotated[str | None, Query(max_length=100, description="`next_cursor` of the page before.")] = None,
    limit: Limit = LIMIT,
    lang: Lang = None,
) -> Response:
    """Neighbours best first, each once, with its evidence: asserted, inferred, co-occurrence on items, embedding.

    Attributes are left out unless they are asked for, by `kind`, `relation` or `group=facets`.
    """
    derived = service(request).derived
    await require_known(derived.served.taxonomy, id)
    filters = NeighbourFilters(relation, evidence_types(evidence), kind, group, least, limit, lang)
    answer = await run_in_threadpool(lambda: orjson.dumps(filters.page(derived.served, id, cursor)))
    derived.answers.put(key_of(request.scope["path"], request.scope["query_string"]), answer)
    return Response(answer, media_type="application/json")


@router.post("/neighbours", response_model=NeighboursBatch, responses=problems(*BODY), name="neighbours_batch")
def neighbours_batch(request: Request, body: Annotated[NeighboursBody, Depends(JsonBody(NeighboursBody))]) -> Response:
    """The first page of the neighbours of many concepts, a row each in their order; an unknown one gives an error."""
    served = service(request).current
    filters = NeighbourFilters(
        body.relation, evidence_types(body.evidence), body.kind, body.group, body.least, body.limit, body.lang
    )
    results: list[ConceptNeighbours | ConceptError] = []
    for id in body.concepts:
        try:
            found = filters.page(served, id)
            results.append({"concept": id, "neighbours": found["neighbours"], "next_cursor": found["next_cursor"]})
        except UnknownConcept as error:
            results.append({"concept": id, "error": error_detail(error.code, str(error))})
    answer: NeighboursBatch = {"results": results, "revision": served.taxonomy.revision}
    return json(answer)


Concepts = Annotated[list[str], Query(max_length=50, description="An id; repeat it for several.")]
Items = Annotated[
    list[str], Query(max_length=50, description="An item; repeat it for a visitor's last ones, in order.")
]
ForText = Annotated[str | None, Query(max_length=1_000, description="A title, for its tags; needs a model.")]


ForProfile = Annotated[str | None, Query(max_length=300, description="A profile, for what its visitor did.")]


@router.get("/recommend/concepts", response_model=RecommendedConcepts, responses=problems(422))
def recommend_concepts(
    request: Request,
    concept: Concepts = [],  # noqa: B006
    item: Items = [],  # noqa: B006
    text: ForText = None,
    profile: ForProfile = None,
    limit: Limit = 20,
    kind: KindFilter = None,
    lang: Lang = None,
) -> Response:
    """Concepts that go with all of the given together, best first, with evidence; none that one of them excludes."""
    _require_any(concept, item, text, profile)
    live = service(request).live
    served = live.current
    given = [
        *concept,
        *(tag for id in item for tag in _tags_of(id, live.store, served.taxonomy)),
        *_tags(request, text),
        *_strongest(served, _profile(request, profile)),
    ]
    found = served.recommender.recommend(given, limit=limit, lang=lang, kind=kind) if given else []
    answer: RecommendedConcepts = {
        "given": list(dict.fromkeys(given)),
        "concepts": [neighbour.to_dict() for neighbour in found],
        "revision": served.taxonomy.revision,
    }
    return json(answer)


@router.get("/recommend/items", response_model=RecommendedItems, responses=problems(422))
def recommend_items(
    request: Request,
    concept: Concepts = [],  # noqa: B006
    item: Items = [],  # noqa: B006
    text: ForText = None,
    profile: ForProfile = None,
    limit: Limit = 20,
    lang: Lang = None,
) -> Response:
    """Items that are like the given ones and have the given concepts, best first, each with the reason.

    None contradicts a given concept. With a recommender model, what others chose with the given items counts as well.
    With a profile, items that its visitor knows are left out.
    """
    _require_any(concept, item, text, profile)
    served = service(request).current
    given = [*concept, *_tags(request, text)]
    found = []
    known = _profile(request, profile)
    if served.items is not None and (given or item or known):
        found = served.items.recommend(given, item, profile=known, model=served.behaviour, limit=limit, lang=lang)
    answer: RecommendedItems = {
        "given": list(dict.fromkeys([*given, *item])),
        "items": [one.to_dict() for one in found],
        "revision": served.taxonomy.revision,
    }
    return json(answer)


def _require_any(concept: list[str], item: list[str], text: str | None, profile: str | None) -> None:
    if not concept and not item and text is None and profile is None:
        raise InputError("give concept=ID, item=ID, each as often as you like, text=TITLE, or profile=ID")


def _profile(request: Request, id: str | None) -> Profile:
    """What the visitor did; nothing for one who is unknown. Reads the store."""
    return Profile() if id is None else Profile.of(service(request).live.store.events(id, limit=MOST_EVENTS))


def _strongest(served: Served, profile: Profile) -> list[str]:
    """The narrowest of the profile's strongest tags."""
    if not profile or served.items is None:
        return []
    best = list(served.items.tag_weights(profile))[: 2 * _PROFILE_TAGS]
    taxonomy = served.taxonomy
    return [id for id in best if not any(taxonomy.is_ancestor(id, other) for other in best)][:_PROFILE_TAGS]


def _tags(request: Request, text: str | None) -> list[str]:
    """The tags of a title. Raises Problem 503 without a model."""
    if text is None:
        return []
    (tagging,) = require_tagger(service(request)).tag([Product("query", text)])
    return [tag.concept for tag in tagging.tags]


def _tags_of(id: str, store: TaxonomyStore, taxonomy: Taxonomy) -> list[str]:
    """The item's accepted tags, redirects followed. Reads the store; raises StoreError while it is unavailable."""
    found = store.item(id)
    if found is None:
        raise InputError(untagged(id))
    accepted = [tag.concept for tag in found.tags if tag.status == "accepted" and tag.concept in taxonomy]
    return [taxonomy.resolve(concept) for concept in accepted]
