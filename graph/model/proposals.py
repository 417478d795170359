"""Proposed changes and their decisions."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from graph.errors import LostRace
from graph.model.changes import Change, Json, change_from_json, change_to_json

ProposalStatus = Literal["open", "accepted", "rejected", "withdrawn"]
PROPOSAL_STATUSES: tuple[ProposalStatus, ...] = get_args(ProposalStatus)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a proposal; `at` is UTC in ISO 8601."""

    at: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed edit, its discussion and decision; `id` counts from 1.

    `key` is the id of the API key that proposed it, None on the command line. `operation` is the edit request (see
    `graph.editing.requests`) if it was given as one, `changes` its changes at `base_version`, `seen` the fingerprints
    of its concepts at that version (see `graph.proposals.fingerprints`). `version` is that of the change set it became
    when it was accepted. `evidence` is any JSON that supports it.
    """

    id: int
    created: str
    author: str
    title: str
    changes: tuple[Change, ...]
    base_version: int
    base_revision: str
    seen: Mapping[str, str]
    key: str | None = None
    reason: str = ""
    status: ProposalStatus = "open"
    operation: Mapping[str, Any] | None = None
    evidence: Mapping[str, Any] | None = None
    comments: tuple[Comment, ...] = ()
    decided_by: str | None = None
    decided_at: str | None = None
    version: int | None = None

    @property
    def concepts(self) -> list[str]:
        """Ids of the concepts it is about, in order."""
        return sorted(self.seen)

    @property
    def etag(self) -> str:
        """16 hex digits of a hash of all fields."""
        text = json.dumps(to_json(self), ensure_ascii=False, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Accepting:
    """The accepted proposal, to be stored with its change set; `expect` is the ETag it must have until then."""

    proposal: Proposal
    expect: str

    def at(self, version: int) -> Proposal:
        return replace(self.proposal, version=version)


def require_etag(found: Proposal | None, expect: str | None, *, id: int) -> None:
    """Raise LostRace unless the proposal found has the ETag `expect`; None expects no proposal."""
    now = found.etag if found is not None else None
    if now != expect:
        state = f"is {now} now, not {expect}" if found is not None else "isn't there any more"
        message = f"there is a proposal {id} already" if expect is None else f"proposal {id} {state}"
        raise LostRace(f"{message}; read it again")


def to_json(proposal: Proposal) -> Json:
    """Every field that has a value."""
    row: Json = {
        "id": proposal.id,
        "title": proposal.title,
        "status": proposal.status,
        "author": proposal.author,
        "key": proposal.key,
        "created": proposal.created,
        "reason": proposal.reason,
        "operation": proposal.operation and dict(proposal.operation),
        "changes": [change_to_json(change) for change in proposal.changes],
        "base_version": proposal.base_version,
        "base_revision": proposal.base_revision,
        "seen": dict(proposal.seen),
        "evidence": proposal.evidence and dict(proposal.evidence),
        "comments": [{"at": c.at, "author": c.author, "text": c.text} for c in proposal.comments],
        "decided_by": proposal.decided_by,
        "decided_at": proposal.decided_at,
        "version": proposal.version,
    }
    return {name: value for name, value in row.items() if value is not None}


def from_json(row: Mapping[str, Any]) -> Proposal:
    plain = {name: value for name, value in row.items() if name not in ("changes", "comments")}
    return Proposal(
        **plain,
        changes=tuple(map(change_from_json, row["changes"])),
        comments=tuple(Comment(**comment) for comment in row["comments"]),
    )
