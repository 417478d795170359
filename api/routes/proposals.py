"""Proposals: anybody's with scope `propose`, to be decided by somebody else. Asked of the record, not the snapshot."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from api.answers import Row, json
from api.auth import require_scope
from api.bodies import JsonBody, schema
from api.errors import Problem
from api.parameters import ApproverKey, Limit, ProposerKey, Reader, etags
from api.schemas import Decision, NewComment, NewProposal
from api.service import service
from graph.model import ApiKey, Proposal, ProposalStatus
from graph.model.proposals import to_json
from graph.proposals import workflow as proposals
from graph.proposals.workflow import Person

router = APIRouter(prefix="/v1/proposals", tags=["proposals"])

Id = Annotated[int, Path(ge=1, le=1 << 53)]
DecisionBody = Annotated[Decision, Depends(JsonBody(Decision))]


@router.get("", dependencies=[Reader], response_model=None)
def listed(
    request: Request,
    status: Annotated[ProposalStatus | None, Query()] = None,
    concept: Annotated[str | None, Query(max_length=300, description="Those about this concept.")] = None,
    cursor: Annotated[int | None, Query(ge=1, le=1 << 53, description="`next_cursor` of the page before.")] = None,
    limit: Limit = 50,
) -> Response:
    """A page of proposals, newest first, without their changes."""
    live = service(request).live
    found = live.store.proposals(status=status, concept=concept, before=cursor, limit=limit + 1)
    page = found[:limit]
    return json(
        {
            "proposals": [brief(proposal) for proposal in page],
            "next_cursor": page[-1].id if len(found) > limit else None,
            "revision": live.current.taxonomy.revision,
        }
    )


@router.post("", openapi_extra=schema(NewProposal), status_code=201, response_model=None)
def propose(
    request: Request, key: ProposerKey, body: Annotated[NewProposal, Depends(JsonBody(NewProposal))]
) -> Response:
    """An edit for others to decide on. 422 when it would break the taxonomy as it is now."""
    made = proposals.propose(service(request).live.store, body.draft(), _person(key))
    return _answer(request, made, status=201)


@router.get("/{id}", dependencies=[Reader], response_model=None)
def read(request: Request, id: Id) -> Response:
    """The proposal, its changes and comments; `outdated` names concepts that have changed since it was made."""
    return _answer(request, proposals.find(service(request).live.store, id))


@router.post("/{id}/comments", openapi_extra=schema(NewComment), response_model=None)
def comment(
    request: Request, id: Id, key: ProposerKey, body: Annotated[NewComment, Depends(JsonBody(NewComment))]
) -> Response:
    store = service(request).live.store
    return _answer(request, proposals.comment(store, id, body.text, _person(key), expect=etags(request)))


@router.post("/{id}/accept", openapi_extra=schema(Decision), response_model=None)
def accept(request: Request, id: Id, key: ApproverKey, body: DecisionBody) -> Response:
    """Its changes are written. Needs If-Match with the ETag that was read. 403 for one's own, 409 when outdated."""
    expect = etags(request)
    if expect is None:
        raise Problem(
            428, 'send If-Match: "ETAG" with the ETag you got from GET, so that you accept what you have read'
        )
    live = service(request).live
    force = _force(key, body)
    done = proposals.accept(live.store, id, _person(key), text=body.comment, expect=expect, force=force)
    live.refresh()
    return _answer(request, done)


@router.post("/{id}/reject", openapi_extra=schema(Decision), response_model=None)
def reject(request: Request, id: Id, key: ApproverKey, body: DecisionBody) -> Response:
    store = service(request).live.store
    return _answer(request, proposals.reject(store, id, _person(key), text=body.comment, expect=etags(request)))


@router.post("/{id}/withdraw", openapi_extra=schema(Decision), response_model=None)
def withdraw(request: Request, id: Id, key: ProposerKey, body: DecisionBody) -> Response:
    """By its proposer, who has thought better of it."""
    store, expect, force = service(request).live.store, etags(request), _force(key, body)
    done = proposals.withdraw(store, id, _person(key), text=body.comment, expect=expect, force=force)
    return _answer(request, done)


@router.post("/{id}/rebase", openapi_extra=schema(Decision), response_model=None)
def rebase(request: Request, id: Id, key: ProposerKey, body: DecisionBody) -> Response:
    """The same words worked out on the taxonomy of today, by its proposer."""
    store, force = service(request).live.store, _force(key, body)
    done = proposals.rebase(store, id, _person(key), expect=etags(request), force=force)
    if body.comment.strip():
        done = proposals.comment(store, id, body.comment, _person(key))
    return _answer(request, done)


def brief(proposal: Proposal) -> Row:
    row = to_json(proposal)
    left_out = ("changes", "seen", "comments", "evidence", "operation")
    counts = {"changes": len(proposal.changes), "comments": len(proposal.comments)}
    plain = {name: value for name, value in row.items() if name not in left_out}
    return plain | {"concepts": proposal.concepts, "counts": counts, "etag": proposal.etag}


def _answer(request: Request, proposal: Proposal, *, status: int = 200) -> Response:
    taxonomy = service(request).live.current.taxonomy
    row = {name: value for name, value in to_json(proposal).items() if name != "seen"}
    row |= {"concepts": proposal.concepts, "etag": proposal.etag, "revision": taxonomy.revision}
    if proposal.status == "open":
        row["outdated"] = proposals.outdated(taxonomy, proposal)
    headers = {"ETag": f'"{proposal.etag}"', "Cache-Control": "no-cache"}
    if status == 201:
        headers["Location"] = f"/v1/proposals/{proposal.id}"
    return json(row, status=status, headers=headers)


def _person(key: ApiKey) -> Person:
    return Person(f"api:{key.name or key.id}", key.id)


def _force(key: ApiKey, body: Decision) -> bool:
    if body.force:
        require_scope(key, "admin")
    return body.force
