"""Parameters that several routes take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool

from api.auth import Require
from graph.model import ApiKey, Kind
from graph.taxonomy import Taxonomy

Reader = Depends(Require("read"))
ProposerKey = Annotated[ApiKey, Depends(Require("propose"))]
ApproverKey = Annotated[ApiKey, Depends(Require("approve"))]
EditorKey = Annotated[ApiKey, Depends(Require("edit"))]
TaggerKey = Annotated[ApiKey, Depends(Require("tag"))]

ConceptId = Annotated[str, Path(description="A slash in an id may stand as it is or as %2F.")]
Lang = Annotated[str | None, Query(max_length=35, description="Language of the labels shown; else English.")]
KindFilter = Annotated[Kind | None, Query()]
Limit = Annotated[int, Query(ge=1, le=200)]


def etags(request: Request) -> list[str] | None:
    """What If-Match names. Weak ones as well: a compressing proxy makes them so, and they still name the version."""
    header = request.headers.get("if-match")
    if header is None:
        return None
    return [part.strip().removeprefix("W/").strip('"') for part in header.split(",")]


async def require_known(taxonomy: Taxonomy, *ids: str) -> None:
    """Raises UnknownConcept, off the event loop: finding what is near takes a while in a large taxonomy."""
    for id in ids:
        if id not in taxonomy:
            await run_in_threadpool(taxonomy.index, id)
