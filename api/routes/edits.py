"""Edits of concepts: checked against the store's content, written whole or not at all, and live at once here."""

import secrets
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from api.errors import BODY, Problem, problems
from api.http import BodyRoute, ConceptId, EditorKey, IfMatch, JsonBody, json
from api.schemas import ConceptPatch, Deprecate, Merge, Move, NewConcept, Split, Undo
from api.service import service
from graph import editing
from graph.editing import Signature, edit
from graph.model import ChangeSet
from graph.rows import ConceptDetail, SplitResult, concept_detail, review_row
from graph.taxonomy import Taxonomy
from kgtag.rows.concepts import UndoneVersion

router = APIRouter(
    prefix="/v1/concepts", tags=["edit"], responses=problems(401, 403, 409, 412, *BODY, 503), route_class=BodyRoute
)

history = APIRouter(
    prefix="/v1/taxonomy", tags=["edit"], responses=problems(401, 403, 404, 409, *BODY, 503), route_class=BodyRoute
)


class Edits:
    """Writes edits to the store in the name of the caller's key."""

    def __init__(self, request: Request, key: EditorKey) -> None:
        self.service = service(request)
        self.author = f"api:{key.name or key.id}"

    def write(
        self,
        operation: str,
        id: str,
        body: NewConcept | ConceptPatch | Merge | Move | Split | Deprecate,
        if_match: list[str] | None = None,
        **more: Any,
    ) -> Taxonomy:
        """The taxonomy after an operation with the body's fields. Raises LostRace if ETag or revision have changed."""
        fields = body.model_dump(exclude_unset=True, exclude={"id", "reason", "expected_revision"})
        request = {"operation": operation, "concept": id, **fields, **more}

        def checked(taxonomy: Taxonomy) -> ChangeSet:
            if if_match is not None:
                editing.require_etag(taxonomy, id, if_match)
            if body.expected_revision is not None:
                editing.require_revision(taxonomy, body.expected_revision)
            return editing.plan(request, taxonomy, Signature(self.author, body.reason))

        live = self.service.live
        taxonomy = edit.apply_with(live.store, checked)
        live.refresh()
        return taxonomy


Caller = Annotated[Edits, Depends()]


@router.post("", status_code=201, response_model=ConceptDetail)
def create(caller: Caller, body: Annotated[NewConcept, Depends(JsonBody(NewConcept))]) -> Response:
    """A new concept, with its relations. 409 when the id is taken, 422 when it would break the taxonomy."""
    id = body.id or _new_id()
    row = concept_detail(caller.write("create", id, body), id)
    return _response(row, status=201, headers={"Location": f"/v1/concepts/{quote(id, safe='')}"})


@router.post("/{id:path}/merge", response_model=ConceptDetail, responses=problems(404))
def merge(
    id: ConceptId, caller: Caller, body: Annotated[Merge, Depends(JsonBody(Merge))], if_match: IfMatch
) -> Response:
    """`into` takes over labels, relations, values and items; the concept becomes a redirect to it."""
    return _response(concept_detail(caller.write("merge", id, body, if_match), body.into))


@router.post("/{id:path}/split", response_model=SplitResult, responses=problems(404))
def split(
    id: ConceptId, caller: Caller, body: Annotated[Split, Depends(JsonBody(Split))], if_match: IfMatch
) -> Response:
    """Several concepts replace one. Items move to the part that their surface tells; `review` are those left."""
    parts = [{**part.model_dump(exclude_unset=True), "id": part.id or _new_id()} for part in body.parts]
    written = caller.write("split", id, body, if_match, parts=parts)
    left = review_row(caller.service.live.store.items_of(id))
    row: SplitResult = {**concept_detail(written, id), "parts": [part["id"] for part in parts], "review": left}
    return _response(row)


@router.post("/{id:path}/move", response_model=ConceptDetail, responses=problems(404))
def move(id: ConceptId, caller: Caller, body: Annotated[Move, Depends(JsonBody(Move))], if_match: IfMatch) -> Response:
    """Other broader concepts for a concept, which takes all below it along."""
    return _response(concept_detail(caller.write("move", id, body, if_match), id))


@router.post("/{id:path}/deprecate", response_model=ConceptDetail, responses=problems(404))
def deprecate(
    id: ConceptId, caller: Caller, body: Annotated[Deprecate, Depends(JsonBody(Deprecate))], if_match: IfMatch
) -> Response:
    """Out of use, though not gone. `replaced_by` makes it a redirect, and items' tags move there."""
    return _response(concept_detail(caller.write("deprecate", id, body, if_match), id))


@router.patch("/{id:path}", response_model=ConceptDetail, responses=problems(404, 428))
def patch(
    id: ConceptId, caller: Caller, body: Annotated[ConceptPatch, Depends(JsonBody(ConceptPatch))], if_match: IfMatch
) -> Response:
    """Replace the fields and relations that are given. Needs If-Match with the ETag that was read."""
    if if_match is None:
        detail = 'send If-Match: "ETAG" with the ETag you got from GET, so that nobody\'s edit is overwritten'
        raise Problem("precondition-required", detail)
    return _response(concept_detail(caller.write("set", id, body, if_match), id))


@history.post("/versions/{version}/undo", response_model=UndoneVersion)
def undo(
    version: Annotated[int, Path(ge=1, le=1 << 53)], caller: Caller, body: Annotated[Undo, Depends(JsonBody(Undo))]
) -> Response:
    """Undo a version by a new version, as a whole; 409, naming them, when later versions changed the same.

    Tags that were deleted with a concept are not restored; undoing the creation of a concept deletes its tags.
    """
    live = caller.service.live
    taxonomy = edit.undo(live.store, version, author=caller.author, reason=body.reason)
    live.refresh()
    answer: UndoneVersion = {"undone": version, "version": taxonomy.version, "revision": taxonomy.revision}
    return json(answer)


def _new_id() -> str:
    return f"c-{secrets.token_hex(6)}"


def _response(row: ConceptDetail, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return json(row, status=status, headers={"ETag": f'"{row["etag"]}"', **(headers or {})})
