"""Edits of concepts: checked against the record as it is, written whole or not at all, and live at once here."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.answers import concept_in_full, json
from api.bodies import JsonBody, schema
from api.errors import Problem
from api.parameters import ConceptId, EditorKey
from api.schemas import ConceptPatch, Deprecate, Merge, NewConcept
from api.service import service
from graph import edit
from graph.model import ApiKey, ChangeSet, Concept
from graph.taxonomy import Taxonomy
from kgtag import editing
from kgtag.editing import Signature

router = APIRouter(prefix="/v1/concepts", tags=["edit"])


@router.post("", openapi_extra=schema(NewConcept), status_code=201, response_model=None)
def create(request: Request, key: EditorKey, body: Annotated[NewConcept, Depends(JsonBody(NewConcept))]) -> Response:
    """A new concept, with its relations. 409 when the id is taken, 422 when it would break the taxonomy."""
    id = body.id or f"c-{secrets.token_hex(6)}"

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        made = Concept(id, _scheme(taxonomy, body.scheme), body.kind, {})
        return editing.create(taxonomy, made, body.alteration(), _by(key, body.reason))

    return _edited(request, id, plan, status=201)


@router.post("/{id:path}/merge", openapi_extra=schema(Merge), response_model=None)
def merge(
    request: Request, id: ConceptId, key: EditorKey, body: Annotated[Merge, Depends(JsonBody(Merge))]
) -> Response:
    """`into` takes over the labels, narrower concepts, values and relations; the concept becomes a redirect to it."""
    return _edited(
        request, id, lambda taxonomy: editing.merge(taxonomy, id, body.into, _by(key, body.reason)), shown=body.into
    )


@router.post("/{id:path}/deprecate", openapi_extra=schema(Deprecate), response_model=None)
def deprecate(
    request: Request, id: ConceptId, key: EditorKey, body: Annotated[Deprecate, Depends(JsonBody(Deprecate))]
) -> Response:
    """Out of use, though not gone: with `replaced_by`, what names it is led there."""
    return _edited(
        request, id, lambda taxonomy: editing.deprecate(taxonomy, id, body.replaced_by, _by(key, body.reason))
    )


@router.patch("/{id:path}", openapi_extra=schema(ConceptPatch), response_model=None)
def patch(
    request: Request, id: ConceptId, key: EditorKey, body: Annotated[ConceptPatch, Depends(JsonBody(ConceptPatch))]
) -> Response:
    """The fields and relations given take the place of those there. Needs If-Match with the ETag that was read."""
    if "if-match" not in request.headers:
        detail = 'send If-Match: "ETAG" with the ETag you got from GET, so that nobody\'s edit is overwritten'
        raise Problem(428, detail)
    return _edited(request, id, lambda taxonomy: editing.alter(taxonomy, id, body.alteration(), _by(key, body.reason)))


def _edited(
    request: Request, id: str, plan: Callable[[Taxonomy], ChangeSet], *, shown: str | None = None, status: int = 200
) -> Response:
    """Write what `plan` makes of the record, honouring If-Match, and answer with the concept `shown` as it is then."""
    live = service(request).live
    accepted = _etags(request.headers.get("if-match"))

    def checked(taxonomy: Taxonomy) -> ChangeSet:
        if accepted is not None:
            editing.require_etag(taxonomy, id, accepted)
        return plan(taxonomy)

    taxonomy = edit.apply_with(live.store, checked)
    live.refresh()
    row = concept_in_full(taxonomy, shown or id)
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


def _etags(header: str | None) -> list[str] | None:
    """Weak ones as well: a compressing proxy makes them so, and they still name the version."""
    if header is None:
        return None
    return [part.strip().removeprefix("W/").strip('"') for part in header.split(",")]
