"""Edits of concepts: checked against the store's content, written whole or not at all, and live at once here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.errors import BODY, Problem, problems
from api.http import BodyRoute, ConceptId, EditorKey, IfMatch, JsonBody, json
from api.schemas import ConceptPatch, Deprecate, Merge, Move, NewConcept, Split, new_id
from api.service import service
from graph import editing
from graph.editing import Signature, edit
from graph.errors import InputError
from graph.model import ChangeSet, Concept
from graph.rows import ConceptDetail, SplitResult, concept_detail, review_row
from graph.taxonomy import Taxonomy

router = APIRouter(
    prefix="/v1/concepts", tags=["edit"], responses=problems(401, 403, 409, 412, *BODY, 503), route_class=BodyRoute
)


class Edits:
    """Writes edits to the store in the name of the caller's key."""

    def __init__(self, request: Request, key: EditorKey) -> None:
        self.service = service(request)
        self._author = f"api:{key.name or key.id}"

    def write(
        self,
        id: str,
        body: NewConcept | ConceptPatch | Merge | Move | Split | Deprecate,
        plan: Callable[[Taxonomy, Signature], ChangeSet],
        if_match: list[str] | None = None,
    ) -> Taxonomy:
        """Write the change set that `plan` makes, and return the taxonomy after it.

        Raises LostRace unless the concept has one of the ETags of `if_match` and the taxonomy the expected revision.
        """

        def checked(taxonomy: Taxonomy) -> ChangeSet:
            if if_match is not None:
                editing.require_etag(taxonomy, id, if_match)
            if body.expected_revision is not None:
                editing.require_revision(taxonomy, body.expected_revision)
            return plan(taxonomy, Signature(self._author, body.reason))

        live = self.service.live
        taxonomy = edit.apply_with(live.store, checked)
        live.refresh()
        return taxonomy


Caller = Annotated[Edits, Depends()]


@router.post("", status_code=201, response_model=ConceptDetail)
def create(caller: Caller, body: Annotated[NewConcept, Depends(JsonBody(NewConcept))]) -> Response:
    """A new concept, with its relations. 409 when the id is taken, 422 when it would break the taxonomy."""
    id = body.id or new_id()

    def plan(taxonomy: Taxonomy, by: Signature) -> ChangeSet:
        made = Concept(id, _scheme(taxonomy, body.scheme), body.kind, {})
        return editing.create(taxonomy, made, body.alteration(), by)

    row = concept_detail(caller.write(id, body, plan), id)
    return _response(row, status=201, headers={"Location": f"/v1/concepts/{quote(id, safe='')}"})


@router.post("/{id:path}/merge", response_model=ConceptDetail, responses=problems(404))
def merge(
    id: ConceptId, caller: Caller, body: Annotated[Merge, Depends(JsonBody(Merge))], if_match: IfMatch
) -> Response:
    """`into` takes over labels, relations, values and items; the concept becomes a redirect to it."""
    written = caller.write(id, body, lambda taxonomy, by: editing.merge(taxonomy, id, body.into, by), if_match)
    return _response(concept_detail(written, body.into))


@router.post("/{id:path}/split", response_model=SplitResult, responses=problems(404))
def split(
    id: ConceptId, caller: Caller, body: Annotated[Split, Depends(JsonBody(Split))], if_match: IfMatch
) -> Response:
    """Several concepts replace one. Items move to the part that their surface tells; `review` are those left."""
    parts = [one.part() for one in body.parts]
    written = caller.write(id, body, lambda taxonomy, by: editing.split(taxonomy, id, parts, by), if_match)
    left = review_row(caller.service.live.store.items_of(id))
    row: SplitResult = {**concept_detail(written, id), "parts": [part.id for part in parts], "review": left}
    return _response(row)


@router.post("/{id:path}/move", response_model=ConceptDetail, responses=problems(404))
def move(id: ConceptId, caller: Caller, body: Annotated[Move, Depends(JsonBody(Move))], if_match: IfMatch) -> Response:
    """Other broader concepts for a concept, which takes all below it along."""

    def plan(taxonomy: Taxonomy, by: Signature) -> ChangeSet:
        return editing.move(taxonomy, id, body.broader, by, primary=body.primary)

    return _response(concept_detail(caller.write(id, body, plan, if_match), id))


@router.post("/{id:path}/deprecate", response_model=ConceptDetail, responses=problems(404))
def deprecate(
    id: ConceptId, caller: Caller, body: Annotated[Deprecate, Depends(JsonBody(Deprecate))], if_match: IfMatch
) -> Response:
    """Out of use, though not gone. `replaced_by` makes it a redirect, and items' tags move there."""

    def plan(taxonomy: Taxonomy, by: Signature) -> ChangeSet:
        return editing.deprecate(taxonomy, id, body.replaced_by, by)

    return _response(concept_detail(caller.write(id, body, plan, if_match), id))


@router.patch("/{id:path}", response_model=ConceptDetail, responses=problems(404, 428))
def patch(
    id: ConceptId, caller: Caller, body: Annotated[ConceptPatch, Depends(JsonBody(ConceptPatch))], if_match: IfMatch
) -> Response:
    """Replace the fields and relations that are given. Needs If-Match with the ETag that was read."""
    if if_match is None:
        detail = 'send If-Match: "ETAG" with the ETag you got from GET, so that nobody\'s edit is overwritten'
        raise Problem("precondition-required", detail)

    def plan(taxonomy: Taxonomy, by: Signature) -> ChangeSet:
        return editing.alter(taxonomy, id, body.alteration(), by)

    return _response(concept_detail(caller.write(id, body, plan, if_match), id))


def _response(row: ConceptDetail, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return json(row, status=status, headers={"ETag": f'"{row["etag"]}"', **(headers or {})})


def _scheme(taxonomy: Taxonomy, given: str | None) -> str:
    if given is not None:
        return given
    if len(taxonomy.schemes) != 1:
        raise InputError(f"give a scheme; there is {', '.join(taxonomy.schemes) or 'none yet'}")
    return taxonomy.schemes[0]
