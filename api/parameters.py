"""Parameters that several routes take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Path, Query, Security
from starlette.concurrency import run_in_threadpool

from api.auth import Require
from graph.model import ApiKey, Kind
from graph.taxonomy import Taxonomy

Reader = Security(Require("read"), scopes=["read"])
PageReader = Security(Require("read", basic=True), scopes=["read"])
"""For what a person opens in a browser, which asks for the key as a password."""
ProposerKey = Annotated[ApiKey, Security(Require("propose"), scopes=["propose"])]
ApproverKey = Annotated[ApiKey, Security(Require("approve"), scopes=["approve"])]
EditorKey = Annotated[ApiKey, Security(Require("edit"), scopes=["edit"])]
TaggerKey = Annotated[ApiKey, Security(Require("tag"), scopes=["tag"])]

ConceptId = Annotated[str, Path(description="A slash in an id may stand as it is or as %2F.")]
Lang = Annotated[str | None, Query(max_length=35, description="Language of the labels shown; else English.")]
KindFilter = Annotated[Kind | None, Query()]
Limit = Annotated[int, Query(ge=1, le=200)]


def _etags(
    if_match: Annotated[
        str | None, Header(alias="If-Match", description='"ETAG" as it was read, several with commas, or "*" for any.')
    ] = None,
) -> list[str] | None:
    """Weak ones as well: a compressing proxy makes them so, and they still name the version."""
    if if_match is None:
        return None
    return [part.strip().removeprefix("W/").strip('"') for part in if_match.split(",")]


IfMatch = Annotated[list[str] | None, Depends(_etags)]
"""The ETags that If-Match names; None without it."""


async def require_known(taxonomy: Taxonomy, *ids: str) -> None:
    """Raises UnknownConcept, off the event loop: finding what is near takes a while in a large taxonomy."""
    for id in ids:
        if id not in taxonomy:
            await run_in_threadpool(taxonomy.index, id)
