"""Completions for a search box."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import json
from api.parameters import KindFilter, Lang, Reader
from api.service import service

router = APIRouter(prefix="/v1/search", tags=["search"])


@router.get("/suggest", dependencies=[Reader], response_model=None)
async def suggest(
    request: Request,
    q: Annotated[str, Query(max_length=300)],
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    lang: Lang = None,
    kind: KindFilter = None,
) -> Response:
    """Concepts whose labels complete the text, from any of a label's words on; what many items carry comes first."""
    served = service(request).current
    found = served.suggester.suggest(q, limit=limit, lang=lang, kind=kind)
    rows = [
        {"concept": s.concept, "label": s.label, "pref_label": s.pref_label, "kind": s.kind, "lang": s.lang}
        for s in found
    ]
    return json({"query": q, "suggestions": rows, "revision": served.taxonomy.revision})
