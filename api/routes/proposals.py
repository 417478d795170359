"""Proposals: made with scope `propose`, decided by somebody else. Read from the store, not from the snapshot."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from api.auth import require_scope
from api.errors import BODY, Problem, problems
from api.http import ApproverKey, BodyRoute, IfMatch, JsonBody, Limit, ProposerKey, Reader, json
from api.schemas import Decision, NewComment, NewProposal
from api.service import service
from graph.model import ApiKey, Proposal, ProposalStatus
from graph.proposals import workflow
from graph.proposals.workflow import Person
from graph.rows import ProposalDetail, proposal_detail, proposal_row
from kgtag.rows.concepts import ProposalPage

router = APIRouter(
    prefix="/v1/proposals", tags=["proposals"], responses=problems(401, 403, 422, 503), route_class=BodyRoute
)

Id = Annotated[int, Path(ge=1, le=1 << 53)]
CommentBody = Annotated[NewComment, Depends(JsonBody(NewComment))]
DecisionBody = Annotated[Decision, Depends(JsonBody(Decision))]
_DECISION = problems(404, 409, 412, *BODY)


@router.get("", dependencies=[Reader], response_model=ProposalPage)
def proposals(
    request: Request,
    status: Annotated[ProposalStatus | None, Query()] = None,
    concept: Annotated[str | None, Query(max_length=300, description="Those about this concept.")] = None,
    cursor: Annotated[int | None, Query(ge=1, le=1 << 53, description="`next_cursor` of the page before.")] = None,
    limit: Limit = 50,
) -> Response:
    """A page of proposals, newest first, without their changes."""
    live = service(request).live
    found = live.store.proposals(status=status, concept=concept, before=cursor, limit=limit + 1)
    shown = found[:limit]
    page: ProposalPage = {
        "proposals": [proposal_row(one) for one in shown],
        "next_cursor": shown[-1].id if len(found) > limit else None,
        "revision": live.current.taxonomy.revision,
    }
    return json(page)


@router.post("", status_code=201, response_model=ProposalDetail, responses=problems(409, *BODY))
def propose(
    request: Request, key: ProposerKey, body: Annotated[NewProposal, Depends(JsonBody(NewProposal))]
) -> Response:
    """An edit for others to decide on. 422 when it would break the taxonomy as it is now."""
    made = workflow.propose(service(request).live.store, body.draft(), _person(key))
    return _answer(request, made, status=201)


@router.get("/{id}", dependencies=[Reader], response_model=ProposalDetail, responses=problems(404))
def proposal(request: Request, id: Id) -> Response:
    """A proposal, its changes and comments; `outdated` names concepts that have changed since it was made."""
    return _answer(request, workflow.find(service(request).live.store, id))


@router.post("/{id}/comments", response_model=ProposalDetail, responses=_DECISION)
def comment(request: Request, id: Id, key: ProposerKey, body: CommentBody, if_match: IfMatch) -> Response:
    """A comment for the proposal's readers."""
    store = service(request).live.store
    return _answer(request, workflow.comment(store, id, body.text, _person(key), expect=if_match))


@router.post("/{id}/accept", response_model=ProposalDetail, responses=_DECISION | problems(428))
def accept(request: Request, id: Id, key: ApproverKey, body: DecisionBody, if_match: IfMatch) -> Response:
    """Write its changes. Needs If-Match with the ETag that was read. 403 for one's own, whatever the key; 409 when
    outdated."""
    if if_match is None:
        detail = 'send If-Match: "ETAG" with the ETag you got from GET, so that you accept what you have read'
        raise Problem("precondition-required", detail)
    live = service(request).live
    done = workflow.accept(live.store, id, _person(key), text=body.comment, expect=if_match)
    live.refresh()
    return _answer(request, done)


@router.post("/{id}/reject", response_model=ProposalDetail, responses=_DECISION)
def reject(request: Request, id: Id, key: ApproverKey, body: DecisionBody, if_match: IfMatch) -> Response:
    """Turn it down; 403 for one's own, which is withdrawn."""
    store = service(request).live.store
    return _answer(request, workflow.reject(store, id, _person(key), text=body.comment, expect=if_match))


@router.post("/{id}/withdraw", response_model=ProposalDetail, responses=_DECISION)
def withdraw(request: Request, id: Id, key: ProposerKey, body: DecisionBody, if_match: IfMatch) -> Response:
    """Take it back, by its proposer."""
    store, force = service(request).live.store, _force(key, body)
    return _answer(request, workflow.withdraw(store, id, _person(key), text=body.comment, expect=if_match, force=force))


@router.post("/{id}/rebase", response_model=ProposalDetail, responses=_DECISION)
def rebase(request: Request, id: Id, key: ProposerKey, body: DecisionBody, if_match: IfMatch) -> Response:
    """Plan the same operation again on the taxonomy as it is now, by its proposer."""
    store, force = service(request).live.store, _force(key, body)
    done = workflow.rebase(store, id, _person(key), expect=if_match, force=force)
    if body.comment.strip():
        done = workflow.comment(store, id, body.comment, _person(key))
    return _answer(request, done)


def _answer(request: Request, found: Proposal, *, status: int = 200) -> Response:
    taxonomy = service(request).live.current.taxonomy
    row: ProposalDetail = {**proposal_detail(found), "revision": taxonomy.revision}
    if found.status == "open":
        row["outdated"] = workflow.outdated(taxonomy, found)
    headers = {"ETag": f'"{found.etag}"', "Cache-Control": "no-cache"}
    if status == 201:
        headers["Location"] = f"/v1/proposals/{found.id}"
    return json(row, status=status, headers=headers)


def _person(key: ApiKey) -> Person:
    return Person(f"api:{key.name or key.id}", key.id)


def _force(key: ApiKey, body: Decision) -> bool:
    if body.force:
        require_scope(key, "admin")
    return body.force
