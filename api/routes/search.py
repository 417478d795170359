"""Concepts for what people type: completions, and search queries parsed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.errors import problems
from api.http import KindFilter, Lang, Reader, json
from api.service import service
from kgtag.rows.search import QueryAnswer, Suggestions
from kgtag.search.query import MAX_QUERY

router = APIRouter(prefix="/v1/search", tags=["search"], dependencies=[Reader], responses=problems(401, 403, 503))


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
