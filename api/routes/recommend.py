"""Concepts for concepts: neighbours with evidence, and recommendations."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from api.auth import Require
from api.errors import problems
from api.http import ConceptId, KindFilter, Lang, Limit, Reader, json, require_known
from api.service import service
from graph.errors import InputError
from graph.model import RELATION_TYPES
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.recommend.neighbours import EVIDENCE_TYPES, EvidenceType
from kgtag.rows import Neighbours, RecommendedConcepts

RELATIONS = (*RELATION_TYPES, "sibling", "occurs_with", "similar")
_reader = Require("read")


class CachedRoute(APIRoute):
    """Answers from the snapshot's cache, to the byte; the key is checked each time.

    FastAPI's reading of keys and parameters costs more than most of these answers do, so cached answers, and requests
    without a query, bypass it. For `async` endpoints whose parameters have defaults, scope `read`, and answers that
    depend on the path, the query and the snapshot alone.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        careful = super().get_route_handler()

        async def handle(request: Request) -> Response:
            await _reader(request)
            cache = service(request).derived.answers
            query: bytes = request.scope["query_string"]
            key = (request.scope["path"], query)
            content = cache.get(key)
            if content is not None:
                return Response(content, media_type="application/json")
            response: Response = await (careful(request) if query else self.endpoint(request, **request.path_params))
            if response.status_code == 200:
                cache[key] = bytes(response.body)
            return response

        return handle


router = APIRouter(prefix="/v1", dependencies=[Reader], responses=problems(401, 403, 503))
cached = APIRouter(
    prefix="/v1", tags=["recommend"], dependencies=[Reader], route_class=CachedRoute, responses=problems(401, 403, 503)
)


@cached.get("/concepts/{id:path}/neighbours", response_model=Neighbours, responses=problems(404, 422))
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


@router.get("/recommend/concepts", tags=["recommend"], response_model=RecommendedConcepts, responses=problems(422))
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
    given = [*concept, *(tag for id in item for tag in _tags_of(id, live.store, served.taxonomy))]
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
