"""Edits of concepts: checked against the record as it is, written whole or not at all, and live at once here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.answers import Row, concept_in_full, json
from api.bodies import JsonBody, schema
from api.errors import Problem
from api.parameters import ConceptId, EditorKey, etags
from api.schemas import ConceptPatch, Deprecate, Merge, Move, NewConcept, Split, made_up_id
from api.service import service
from graph import editing
from graph.editing import Signature, edit
from graph.model import ApiKey, ChangeSet, Concept
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

router = APIRouter(prefix="/v1/concepts", tags=["edit"])

Plan = Callable[[Taxonomy], ChangeSet]

_EXAMPLES = 20


@router.post("", openapi_extra=schema(NewConcept), status_code=201, response_model=None)
def create(request: Request, key: EditorKey, body: Annotated[NewConcept, Depends(JsonBody(NewConcept))]) -> Response:
    """A new concept, with its relations. 409 when the id is taken, 422 when it would break the taxonomy."""
    id = body.id or made_up_id()

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        made = Concept(id, _scheme(taxonomy, body.scheme), body.kind, {})
        return editing.create(taxonomy, made, body.alteration(), _by(key, body.reason))

    return _edited(request, id, _guarded(plan, body.expected_revision), status=201)


@router.post("/{id:path}/merge", openapi_extra=schema(Merge), response_model=None)
def merge(
    request: Request, id: ConceptId, key: EditorKey, body: Annotated[Merge, Depends(JsonBody(Merge))]
) -> Response:
    """`into` takes over labels, relations, values and items; the concept becomes a redirect to it."""

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        return editing.merge(taxonomy, id, body.into, _by(key, body.reason))

    return _edited(request, id, _guarded(plan, body.expected_revision), shown=body.into)


@router.post("/{id:path}/split", openapi_extra=schema(Split), response_model=None)
def split(
    request: Request, id: ConceptId, key: EditorKey, body: Annotated[Split, Depends(JsonBody(Split))]
) -> Response:
    """The concept is replaced by several. Items move to the part that their surface tells; `review` are those left."""
    parts = [one.part() for one in body.parts]

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        return editing.split(taxonomy, id, parts, _by(key, body.reason))

    def left(store: TaxonomyStore) -> Row:
        items = store.items_of(id)
        return {"parts": [part.id for part in parts], "review": {"items": len(items), "examples": items[:_EXAMPLES]}}

    return _edited(request, id, _guarded(plan, body.expected_revision), more=left)


@router.post("/{id:path}/move", openapi_extra=schema(Move), response_model=None)
def move(request: Request, id: ConceptId, key: EditorKey, body: Annotated[Move, Depends(JsonBody(Move))]) -> Response:
    """The concept, and all below it, stands below these."""

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        return editing.move(taxonomy, id, body.broader, _by(key, body.reason), primary=body.primary)

    return _edited(request, id, _guarded(plan, body.expected_revision))


@router.post("/{id:path}/deprecate", openapi_extra=schema(Deprecate), response_model=None)
def deprecate(
    request: Request, id: ConceptId, key: EditorKey, body: Annotated[Deprecate, Depends(JsonBody(Deprecate))]
) -> Response:
    """Out of use, though not gone: with `replaced_by`, what names it is led there, and items' tags move there."""

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        return editing.deprecate(taxonomy, id, body.replaced_by, _by(key, body.reason))

    return _edited(request, id, _guarded(plan, body.expected_revision))


@router.patch("/{id:path}", openapi_extra=schema(ConceptPatch), response_model=None)
def patch(
    request: Request, id: ConceptId, key: EditorKey, body: Annotated[ConceptPatch, Depends(JsonBody(ConceptPatch))]
) -> Response:
    """The fields and relations given take the place of those there. Needs If-Match with the ETag that was read."""
    if "if-match" not in request.headers:
        detail = 'send If-Match: "ETAG" with the ETag you got from GET, so that nobody\'s edit is overwritten'
        raise Problem(428, detail)

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        return editing.alter(taxonomy, id, body.alteration(), _by(key, body.reason))

    return _edited(request, id, _guarded(plan, body.expected_revision))


def _guarded(plan: Plan, expected_revision: str | None) -> Plan:
    """The plan, refused when the whole taxonomy isn't at the revision that the editor names."""
    if expected_revision is None:
        return plan

    def guarded(taxonomy: Taxonomy) -> ChangeSet:
        editing.require_revision(taxonomy, expected_revision)
        return plan(taxonomy)

    return guarded


def _edited(
    request: Request,
    id: str,
    plan: Plan,
    *,
    shown: str | None = None,
    status: int = 200,
    more: Callable[[TaxonomyStore], Row] | None = None,
) -> Response:
    """Write what `plan` makes of the record, honouring If-Match, and answer with the concept `shown` as it is then."""
    live = service(request).live
    accepted = etags(request)

    def checked(taxonomy: Taxonomy) -> ChangeSet:
        if accepted is not None:
            editing.require_etag(taxonomy, id, accepted)
        return plan(taxonomy)

    taxonomy = edit.apply_with(live.store, checked)
    live.refresh()
    row = concept_in_full(taxonomy, shown or id) | (more(live.store) if more is not None else {})
    headers = {"ETag": f'"{row["etag"]}"'}
    if status == 201:
        headers["Location"] = f"/v1/concepts/{quote(id, safe='')}"
    return json(row, status=status, headers=headers)


def _scheme(taxonomy: Taxonomy, given: str | None) -> str:
    if given is not None:
        return given
    if len(taxonomy.schemes) != 1:
        raise Problem(422, f"give a scheme; there is {', '.join(taxonomy.schemes) or 'none yet'}")
    return taxonomy.schemes[0]


def _by(key: ApiKey, reason: str) -> Signature:
    return Signature(f"api:{key.name or key.id}", reason)
