"""Edits of concepts: checked against the store's content, written whole or not at all, and live at once here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.bodies import JsonBody, schema
from api.errors import BODY, Problem, problems
from api.parameters import ConceptId, EditorKey, IfMatch
from api.responses import json
from api.schemas import ConceptPatch, Deprecate, Merge, Move, NewConcept, Split, new_id
from api.service import service
from graph import editing
from graph.editing import Signature, edit
from graph.errors import InputError
from graph.model import ApiKey, ChangeSet, Concept
from graph.rows import ConceptDetail, SplitResult, concept_detail, review_row
from graph.taxonomy import Taxonomy

Plan = Callable[[Taxonomy], ChangeSet]

router = APIRouter(prefix="/v1/concepts", tags=["edit"], responses=problems(401, 403, 409, 412, *BODY, 503))


@router.post("", status_code=201, response_model=ConceptDetail, openapi_extra=schema(NewConcept))
def create(request: Request, key: EditorKey, body: Annotated[NewConcept, Depends(JsonBody(NewConcept))]) -> Response:
    """A new concept, with its relations. 409 when the id is taken, 422 when it would break the taxonomy."""
    id = body.id or new_id()

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        made = Concept(id, _scheme(taxonomy, body.scheme), body.kind, {})
        return editing.create(taxonomy, made, body.alteration(), _by(key, body.reason))

    row = concept_detail(_write(request, id, plan, expected_revision=body.expected_revision), id)
    return _response(row, status=201, headers={"Location": f"/v1/concepts/{quote(id, safe='')}"})


@router.post("/{id:path}/merge", response_model=ConceptDetail, responses=problems(404), openapi_extra=schema(Merge))
def merge(
    request: Request,
    id: ConceptId,
    key: EditorKey,
    body: Annotated[Merge, Depends(JsonBody(Merge))],
    if_match: IfMatch,
) -> Response:
    """`into` takes over labels, relations, values and items; the concept becomes a redirect to it."""

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        return editing.merge(taxonomy, id, body.into, _by(key, body.reason))

    written = _write(request, id, plan, if_match=if_match, expected_revision=body.expected_revision)
    return _response(concept_detail(written, body.into))


@router.post("/{id:path}/split", response_model=SplitResult, responses=problems(404), openapi_extra=schema(Split))
def split(
    request: Request,
    id: ConceptId,
    key: EditorKey,
    body: Annotated[Split, Depends(JsonBody(Split))],
    if_match: IfMatch,
) -> Response:
    """Several concepts replace one. Items move to the part that their surface tells; `review` are those left."""
    parts = [one.part() for one in body.parts]

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        return editing.split(taxonomy, id, parts, _by(key, body.reason))

    written = _write(request, id, plan, if_match=if_match, expected_revision=body.expected_revision)
    left = review_row(service(request).live.store.items_of(id))
    row: SplitResult = {**concept_detail(written, id), "parts": [part.id for part in parts], "review": left}
    return _response(row)


@router.post("/{id:path}/move", response_model=ConceptDetail, responses=problems(404), openapi_extra=schema(Move))
def move(
    request: Request,
    id: ConceptId,
    key: EditorKey,
    body: Annotated[Move, Depends(JsonBody(Move))],
    if_match: IfMatch,
) -> Response:
    """Other broader concepts for a concept, which takes all below it along."""

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        return editing.move(taxonomy, id, body.broader, _by(key, body.reason), primary=body.primary)

    written = _write(request, id, plan, if_match=if_match, expected_revision=body.expected_revision)
    return _response(concept_detail(written, id))


@router.post(
    "/{id:path}/deprecate", response_model=ConceptDetail, responses=problems(404), openapi_extra=schema(Deprecate)
)
def deprecate(
    request: Request,
    id: ConceptId,
    key: EditorKey,
    body: Annotated[Deprecate, Depends(JsonBody(Deprecate))],
    if_match: IfMatch,
) -> Response:
    """Out of use, though not gone. `replaced_by` makes it a redirect, and items' tags move there."""

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        return editing.deprecate(taxonomy, id, body.replaced_by, _by(key, body.reason))

    written = _write(request, id, plan, if_match=if_match, expected_revision=body.expected_revision)
    return _response(concept_detail(written, id))


@router.patch(
    "/{id:path}", response_model=ConceptDetail, responses=problems(404, 428), openapi_extra=schema(ConceptPatch)
)
def patch(
    request: Request,
    id: ConceptId,
    key: EditorKey,
    body: Annotated[ConceptPatch, Depends(JsonBody(ConceptPatch))],
    if_match: IfMatch,
) -> Response:
    """Replace the fields and relations that are given. Needs If-Match with the ETag that was read."""
    if if_match is None:
        detail = 'send If-Match: "ETAG" with the ETag you got from GET, so that nobody\'s edit is overwritten'
        raise Problem("precondition-required", detail)

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        return editing.alter(taxonomy, id, body.alteration(), _by(key, body.reason))

    written = _write(request, id, plan, if_match=if_match, expected_revision=body.expected_revision)
    return _response(concept_detail(written, id))


def _write(
    request: Request, id: str, plan: Plan, *, expected_revision: str | None, if_match: list[str] | None = None
) -> Taxonomy:
    """Write the change set that `plan` makes, and return the taxonomy after it.

    Raises LostRace unless the concept has one of the ETags of `if_match` and the taxonomy the expected revision.
    """
    live = service(request).live

    def checked(taxonomy: Taxonomy) -> ChangeSet:
        if if_match is not None:
            editing.require_etag(taxonomy, id, if_match)
        if expected_revision is not None:
            editing.require_revision(taxonomy, expected_revision)
        return plan(taxonomy)

    taxonomy = edit.apply_with(live.store, checked)
    live.refresh()
    return taxonomy


def _response(row: ConceptDetail, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return json(row, status=status, headers={"ETag": f'"{row["etag"]}"', **(headers or {})})


def _scheme(taxonomy: Taxonomy, given: str | None) -> str:
    if given is not None:
        return given
    if len(taxonomy.schemes) != 1:
        raise InputError(f"give a scheme; there is {', '.join(taxonomy.schemes) or 'none yet'}")
    return taxonomy.schemes[0]


def _by(key: ApiKey, reason: str) -> Signature:
    return Signature(f"api:{key.name or key.id}", reason)
