"""For Neo4j Browser: style sheet, saved queries and guide. They hold no data, so they need no key.

Browser fetches them from another origin, with headers of its own that make a web browser ask beforehand.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from graph.neo4j import browser

router = APIRouter(prefix="/browser", include_in_schema=False)

_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT = {**_ANY_ORIGIN, "Access-Control-Allow-Headers": "*", "Access-Control-Max-Age": "600"}


@router.get(f"/{browser.STYLE}")
async def style() -> Response:
    return Response(browser.style(), headers=_ANY_ORIGIN, media_type="text/plain; charset=utf-8")


@router.get(f"/{browser.GUIDE}")
async def guide() -> Response:
    return Response(browser.guide(), headers=_ANY_ORIGIN, media_type="text/html; charset=utf-8")


@router.get(f"/{browser.ARCHIVE}")
async def queries() -> Response:
    return Response(browser.archive(), headers=_ANY_ORIGIN, media_type="application/zip")


@router.options("/{file}")
async def preflight(file: str) -> Response:
    return Response(status_code=204, headers=_PREFLIGHT)
