"""Completions for a search box."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.errors import problems
from api.parameters import KindFilter, Lang, Reader
from api.responses import json
from api.service import service
from kgtag.rows import Suggestions

router = APIRouter(prefix="/v1/search", tags=["search"], dependencies=[Reader], responses=problems(401, 403, 503))


@router.get("/suggest", response_model=Suggestions, responses=problems(422))
async def suggest(
    request: Request,
    q: Annotated[str, Query(max_length=300)],
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    lang: Lang = None,
    kind: KindFilter = None,
) -> Response:
    """Concepts with a label that completes the text, from any of its words on; those of many items come first."""
    served = service(request).current
    found = served.suggester.suggest(q, limit=limit, lang=lang, kind=kind)
    rows = [suggestion.to_dict() for suggestion in found]
    answer: Suggestions = {"query": q, "suggestions": rows, "revision": served.taxonomy.revision}
    return json(answer)
