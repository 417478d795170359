"""Concepts for concepts: neighbours with evidence, and recommendations."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.auth import Require
from api.errors import problems
from api.http import ConceptId, KindFilter, Lang, Limit, Reader, json, require_known
from api.service import require_tagger, service
from graph.errors import InputError
from graph.model import RELATION_TYPES
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.recommend import EVIDENCE_TYPES, EvidenceType, Group
from kgtag.recommend.profile import MOST_EVENTS, Profile
from kgtag.rows import Neighbours, RecommendedConcepts, RecommendedItems
from kgtag.serve.live import Served
from kgtag.types import Product

_PROFILE_TAGS = 10
"""Tags of a profile that related concepts are asked for."""
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
    kind: KindFilter = None,
    group: Annotated[Group | None, Query(description="What the neighbours are good for.")] = None,
    least: Annotated[float, Query(ge=0, le=1, description="The least score.")] = 0.0,
    limit: Limit = 20,
    lang: Lang = None,
) -> Response:
    """Neighbours best first, each once, with its evidence: asserted, inferred, co-occurrence on items, embedding.

    Attributes are left out unless they are asked for, by `kind`, `relation` or `group=facets`.
    """
    if relation is not None and relation not in RELATIONS:
        raise InputError(f"no relation {relation!r}; there is {', '.join(RELATIONS)}")
    wanted = _evidence_types(evidence)
    served = service(request).current
    await require_known(served.taxonomy, id)
    find = partial(
        served.recommender.neighbours,
        id, relation=relation, evidence=wanted, kind=kind, group=group, least=least, limit=limit, lang=lang,
    )  # fmt: skip
    # The evidence of a concept is collected once, which takes milliseconds: not on the event loop.
    found = find() if served.recommender.is_cached(id) else await run_in_threadpool(find)
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


Concepts = Annotated[list[str], Query(max_length=50, description="An id; repeat it for several.")]
Items = Annotated[
    list[str], Query(max_length=50, description="An item; repeat it for a visitor's last ones, in order.")
]
ForText = Annotated[str | None, Query(max_length=1_000, description="A title, for its tags; needs a model.")]


ForProfile = Annotated[str | None, Query(max_length=300, description="A profile, for what its visitor did.")]


@router.get("/recommend/concepts", tags=["recommend"], response_model=RecommendedConcepts, responses=problems(422))
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


@router.get("/recommend/items", tags=["recommend"], response_model=RecommendedItems, responses=problems(422))
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
        raise InputError(f"no item {id!r} has been tagged; tag it first (POST /v1/tag?store=true, or kgtag tag)")
    accepted = [tag.concept for tag in found.tags if tag.status == "accepted" and tag.concept in taxonomy]
    return [taxonomy.resolve(concept) for concept in accepted]
