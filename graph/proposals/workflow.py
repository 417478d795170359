"""Proposals: made by one, discussed by all, decided by another."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from graph import editing
from graph.editing import Signature, edit, plan, read_change
from graph.errors import ConflictError, InputError, LostRace, NotAllowed, UnknownProposal
from graph.model import Accepting, Change, ChangeSet, Comment, Proposal, ProposalStatus
from graph.model.serial import now
from graph.proposals.fingerprints import looks
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

_ATTEMPTS = 40


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: the name that the history shows, and the id of their API key (None on the command line)."""

    name: str
    key: str | None = None

    def made(self, proposal: Proposal) -> bool:
        """Whether it is their own: by the same key, or under the same name by another."""
        return self.name == proposal.author or (self.key is not None and self.key == proposal.key)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be proposed: an edit in words, or changes. `title` is made up when it is empty."""

    operation: Mapping[str, Any] | None = None
    changes: tuple[Change, ...] = ()
    title: str = ""
    reason: str = ""
    evidence: Mapping[str, Any] | None = None


def read_draft(row: Mapping[str, Any], *, title: str = "", reason: str = "") -> Draft:
    """From `{"operation": …, …}` or `{"changes": […]}`, with or without `title`, `reason` and `evidence` in it.

    Raises InputError. Whether the operation makes sense shows when it is proposed.
    """
    words = {name: value for name, value in row.items() if name not in ("title", "reason", "evidence")}
    about = {name: row.get(name) or "" for name in ("title", "reason")}
    evidence = row.get("evidence")
    if not all(isinstance(text, str) for text in about.values()) or not isinstance(evidence, (Mapping, type(None))):
        raise InputError("title and reason are texts, evidence is an object")
    title, reason = title or about["title"], reason or about["reason"]
    if "changes" not in words:
        return Draft(operation=words, title=title, reason=reason, evidence=evidence)
    changes = words.pop("changes")
    if words or not isinstance(changes, list) or not all(isinstance(change, Mapping) for change in changes):
        raise InputError("either operation, with its fields, or changes, a list of objects, was expected")
    return Draft(changes=tuple(map(read_change, changes)), title=title, reason=reason, evidence=evidence)


def propose(store: TaxonomyStore, draft: Draft, by: Person) -> Proposal:
    """Raises what the edit itself would raise: a proposal that couldn't be accepted today is none."""
    before, changes, _ = edit.preview(store, lambda taxonomy: _worked_out(taxonomy, draft, by))
    if not changes.changes:
        raise InputError("nothing is proposed: give an operation, or changes")
    seen = looks(before, changes.changes)
    made = Proposal(
        id=0,
        created=now(),
        author=by.name,
        key=by.key,
        title=_sound(draft.title) or _title(before, draft, seen),
        reason=_sound(draft.reason),
        operation=draft.operation,
        changes=changes.changes,
        base_version=before.version,
        base_revision=before.revision,
        seen=seen,
        evidence=draft.evidence,
    )
    for attempt in range(_ATTEMPTS):
        newest = store.proposals(limit=1)
        numbered = replace(made, id=newest[0].id + 1 if newest else 1)
        try:
            store.put_proposal(numbered, expect=None)
            return numbered
        except LostRace:
            time.sleep(random.uniform(0, 0.005 * attempt))
    raise ConflictError(f"others kept proposing during {_ATTEMPTS} attempts; try again")


def find(store: TaxonomyStore, id: int) -> Proposal:
    """Raises UnknownProposal."""
    found = store.proposal(id)
    if found is None:
        raise UnknownProposal(id)
    return found


def outdated(taxonomy: Taxonomy, proposal: Proposal) -> list[str]:
    """The concepts that no longer look as they did when it was made, as far as that matters to it; in order."""
    today = looks(taxonomy, proposal.changes)
    return [id for id in sorted(today) if today[id] != proposal.seen.get(id)]


def comment(store: TaxonomyStore, id: int, text: str, by: Person, *, expect: Sequence[str] | None = None) -> Proposal:
    """One more comment, whatever the proposal's status is. `expect`: ETags, as for all that follow."""
    if not text.strip():
        raise InputError("a comment has something in it")
    return _update(store, id, lambda found: _commented(found, text, by), expect)


def reject(
    store: TaxonomyStore, id: int, by: Person, *, text: str = "", expect: Sequence[str] | None = None
) -> Proposal:
    """Raises ConflictError when it is decided already."""
    return _update(store, id, lambda found: _decided(_open(found), "rejected", by, text), expect)


def withdraw(
    store: TaxonomyStore,
    id: int,
    by: Person,
    *,
    text: str = "",
    expect: Sequence[str] | None = None,
    force: bool = False,
) -> Proposal:
    """By the proposer alone (NotAllowed), unless by force."""

    def change(found: Proposal) -> Proposal:
        _require_own(_open(found), by, "withdraw", force=force)
        return _decided(found, "withdrawn", by, text)

    return _update(store, id, change, expect)


def rebase(
    store: TaxonomyStore, id: int, by: Person, *, expect: Sequence[str] | None = None, force: bool = False
) -> Proposal:
    """The same words worked out anew on the taxonomy of today. By the proposer alone, unless by force."""

    def change(found: Proposal) -> Proposal:
        _require_own(_open(found), by, "rebase", force=force)
        words = found.operation
        if words is None:
            raise InputError(f"proposal {id} was given as changes, not in words; withdraw it and propose them anew")
        before, changes, _ = edit.preview(store, lambda taxonomy: plan(words, taxonomy, Signature(found.author)))
        return replace(
            found,
            changes=changes.changes,
            seen=looks(before, changes.changes),
            base_version=before.version,
            base_revision=before.revision,
        )

    return _update(store, id, change, expect)


def accept(
    store: TaxonomyStore,
    id: int,
    by: Person,
    *,
    text: str = "",
    expect: Sequence[str] | None = None,
    force: bool = False,
) -> Proposal:
    """Write its changes, and mark it accepted in the same transaction; again by the same person, it stays as it is.

    Raises NotAllowed for one's own proposal (four eyes) unless by force, which a comment then says; ConflictError when
    a concept it touches has changed since, or it is decided; InvariantError when it would break the taxonomy of today.
    """
    for attempt in range(_ATTEMPTS):
        found = find(store, id)
        if found.status == "accepted" and found.decided_by == by.name:
            return found
        _require_seen(_open(found), expect)
        own = by.made(found)
        if own and not force:
            raise NotAllowed(f"proposal {id} is {found.author}'s own; somebody else must accept it")
        note = f"{text} (own proposal, accepted by force)".strip() if own else text
        accepting = Accepting(_decided(found, "accepted", by, note), found.etag)
        try:
            edit.apply_with(store, partial(_accepted, proposal=found, by=by), accepting=accepting)
            return find(store, id)
        except LostRace:
            if expect is not None:
                raise
            time.sleep(random.uniform(0, 0.005 * attempt))
    raise ConflictError(f"proposal {id} kept changing during {_ATTEMPTS} attempts; try again")


def _accepted(taxonomy: Taxonomy, proposal: Proposal, by: Person) -> ChangeSet:
    moved = outdated(taxonomy, proposal)
    if moved:
        raise ConflictError(
            f"{', '.join(map(repr, moved))} changed since proposal {proposal.id} was made (version "
            f"{proposal.base_version}); its proposer can rebase it"
        )
    if not proposal.changes:
        raise InputError(f"proposal {proposal.id} has no changes that can be read; reject it")
    author = f"{proposal.author}, accepted by {by.name}"
    return ChangeSet(proposal.changes, author, f"{proposal.reason} (proposal {proposal.id})".strip())


def _worked_out(taxonomy: Taxonomy, draft: Draft, by: Person) -> ChangeSet:
    signature = Signature(by.name, draft.reason)
    return plan(draft.operation, taxonomy, signature) if draft.operation is not None else signature.sign(draft.changes)


def _title(taxonomy: Taxonomy, draft: Draft, seen: Mapping[str, str]) -> str:
    if draft.operation is not None:
        return editing.title(draft.operation, taxonomy)
    shown = ", ".join(list(seen)[:3]) + (" …" if len(seen) > 3 else "")
    return f"{len(draft.changes)} changes to {shown}"


def _update(
    store: TaxonomyStore, id: int, change: Callable[[Proposal], Proposal], expect: Sequence[str] | None
) -> Proposal:
    for attempt in range(_ATTEMPTS):
        found = find(store, id)
        _require_seen(found, expect)
        after = change(found)
        try:
            store.put_proposal(after, expect=found.etag)
            return after
        except LostRace:
            if expect is not None:
                raise
            time.sleep(random.uniform(0, 0.005 * attempt))
    raise ConflictError(f"proposal {id} kept changing during {_ATTEMPTS} attempts; try again")


def _require_seen(found: Proposal, expect: Sequence[str] | None) -> None:
    if expect is not None and "*" not in expect and found.etag not in expect:
        raise LostRace(f"proposal {found.id} has changed since it was read (it is {found.etag} now); read it again")


def _require_own(found: Proposal, by: Person, deed: str, *, force: bool) -> None:
    if not force and not by.made(found):
        raise NotAllowed(f"proposal {found.id} is {found.author}'s; only they can {deed} it")


def _open(found: Proposal) -> Proposal:
    if found.status != "open":
        where = f" as version {found.version}" if found.version is not None else ""
        raise ConflictError(f"proposal {found.id} is {found.status} already{where}, by {found.decided_by}")
    return found


def _decided(found: Proposal, status: ProposalStatus, by: Person, text: str) -> Proposal:
    noted = _commented(found, text, by) if text.strip() else found
    return replace(noted, status=status, decided_by=by.name, decided_at=now())


def _commented(found: Proposal, text: str, by: Person) -> Proposal:
    return replace(found, comments=(*found.comments, Comment(now(), by.name, _sound(text))))


def _sound(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError("the text has a lone surrogate in it, which no store can hold; send UTF-8") from None
    return text.strip()
