"""Concepts for what people type: completions, search queries parsed, questions answered."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.errors import BODY, Problem, problems
from api.http import BodyRoute, JsonBody, KindFilter, Lang, Reader, json
from api.schemas import AskBody
from api.service import Service, service
from kgtag.rows.ask import AskAnswer
from kgtag.rows.search import QueryAnswer, Suggestions
from kgtag.search.query import MAX_QUERY

router = APIRouter(prefix="/v1/search", tags=["search"], dependencies=[Reader], responses=problems(401, 403, 503))
questions = APIRouter(prefix="/v1", tags=["search"], responses=problems(401, 403, 503), route_class=BodyRoute)


@router.get("/suggest", response_model=Suggestions, responses=problems(422))
async def suggest(
    request: Request,
    q: Annotated[str, Query(max_length=MAX_QUERY)],
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    lang: Lang = None,
    kind: KindFilter = None,
) -> Response:
    """Concepts with a label that completes the text, from any of its words on; those of many items come first."""
    served = service(request).current
    rows = [suggestion.to_dict() for suggestion in served.suggester.suggest(q, limit=limit, lang=lang, kind=kind)]
    answer: Suggestions = {"query": q, "suggestions": rows, "revision": served.taxonomy.revision}
    return json(answer)


@router.get("/query", response_model=QueryAnswer, responses=problems(422))
def query(
    request: Request,
    q: Annotated[str, Query(max_length=MAX_QUERY, description="A search query, as typed.")],
    lang: Annotated[
        str | None, Query(max_length=35, description="Language of the labels shown; else that of the query.")
    ] = None,
) -> Response:
    """Concepts, bounds and exclusions of a search query, expansions, facets, and a body for Elasticsearch."""
    served = service(request).current
    answer: QueryAnswer = {**served.parser.parse(q, lang=lang).to_dict(), "revision": served.taxonomy.revision}
    return json(answer)


@questions.post("/ask", response_model=AskAnswer, dependencies=[Reader], responses=problems(*BODY))
async def ask(request: Request, body: Annotated[AskBody, Depends(JsonBody(AskBody))]) -> Response:
    """Answer a question about stored items from their tags and the graph, with citations.

    `known` is false, with a reason, where nothing says: a missing tag means no only where the item has another value
    of an attribute of which items have one. No language model is used.
    """
    return json(await run_in_threadpool(_answered, service(request), body))


def _answered(found: Service, body: AskBody) -> AskAnswer:
    derived = found.derived
    if derived.served.items is None:
        raise Problem("store-unavailable", "the store's items are not loaded yet; try again")
    asker = derived.asker(found.live.store)
    return {**asker.ask(body.question, lang=body.lang), "revision": derived.served.taxonomy.revision}
