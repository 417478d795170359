"""The workflow of proposals: propose, comment, accept, reject, withdraw, rebase."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graph import editing
from graph.changes import same
from graph.editing import Signature, edit, plan, read_change
from graph.editing.edit import retry_conflicts
from graph.errors import ConflictError, DuplicateProposal, InputError, LostRace, NotAllowed, UnknownProposal
from graph.model import Accepting, Change, ChangeSet, Comment, Proposal, ProposalStatus, Retag
from graph.model.changes import encodable, now
from graph.proposals.fingerprints import fingerprints
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Person:
    """A person who proposes or decides.

    Args:
        name: The name in the history.
        key: The id of their API key, None on the command line.
    """

    name: str
    key: str | None = None

    def made(self, proposal: Proposal) -> bool:
        """Whether the proposal is theirs: by the same key, or under the same name."""
        return self.name == proposal.author or (self.key is not None and self.key == proposal.key)


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposal to be made: an edit request or changes.

    Args:
        operation: An edit request (see `graph.editing.requests`).
        changes: Changes, instead of a request.
        title: Generated when it is empty.
        reason: Why.
        evidence: Any JSON that supports it.
    """

    operation: Mapping[str, Any] | None = None
    changes: tuple[Change, ...] = ()
    title: str = ""
    reason: str = ""
    evidence: Mapping[str, Any] | None = None


def read_draft(row: Mapping[str, Any], *, title: str = "", reason: str = "") -> Draft:
    """Read a draft. Whether its operation is possible is checked when it is proposed.

    Args:
        row: `{"operation": …, …}` or `{"changes": […]}`, optionally with `title`, `reason` and `evidence`.
        title: Used instead of the row's.
        reason: Used instead of the row's.

    Raises:
        InputError: The row is neither, or a change is invalid.
    """
    request = {name: value for name, value in row.items() if name not in ("title", "reason", "evidence")}
    texts = {name: row.get(name) or "" for name in ("title", "reason")}
    evidence = row.get("evidence")
    if not all(isinstance(text, str) for text in texts.values()) or not isinstance(evidence, (Mapping, type(None))):
        raise InputError("title and reason are texts, evidence is an object")
    title, reason = title or texts["title"], reason or texts["reason"]
    if "changes" not in request:
        return Draft(operation=request, title=title, reason=reason, evidence=evidence)
    changes = request.pop("changes")
    if request or not isinstance(changes, list) or not all(isinstance(change, Mapping) for change in changes):
        raise InputError("either operation, with its fields, or changes, a list of objects, was expected")
    return Draft(changes=tuple(map(read_change, changes)), title=title, reason=reason, evidence=evidence)


def propose(store: TaxonomyStore, draft: Draft, by: Person) -> Proposal:
    """Make a proposal, which must be possible on the present taxonomy.

    Args:
        store: The store.
        draft: What to propose.
        by: Who proposes it.

    Returns:
        The proposal under its number.

    Raises:
        InputError: The draft is empty or invalid, or changes nothing.
        InvariantError: The edit would break the taxonomy.
        ConflictError: A new concept's id is taken.
        DuplicateProposal: An open proposal makes the same changes.

    Example:
        >>> draft = Draft({"operation": "merge", "concept": "kicks", "into": "sneakers"})
        >>> propose(store, draft, Person("bob")).title
        "merge 'Kicks' (kicks) into 'Sneakers' (sneakers)"
    """
    signature = Signature(by.name, draft.reason)

    def planned(taxonomy: Taxonomy) -> ChangeSet:
        request = draft.operation
        return plan(request, taxonomy, signature) if request is not None else signature.sign(draft.changes)

    def title(taxonomy: Taxonomy) -> str:
        if draft.operation is not None:
            return editing.title(draft.operation, taxonomy)
        shown = ", ".join(list(seen)[:3]) + (" …" if len(seen) > 3 else "")
        return f"{len(draft.changes)} changes to {shown}"

    before, changes, wanted = edit.preview(store, planned)
    if not changes.changes:
        raise InputError("nothing is proposed: give an operation, or changes")
    moved = any(isinstance(change, Retag) for change in changes.changes)
    if not moved and wanted.problems == before.problems and same(wanted.columns, before.columns):
        raise InputError("nothing is proposed: the taxonomy is like that already")
    seen = fingerprints(before, changes.changes)
    for other in store.proposals(status="open", concept=min(seen, default=None)):
        if other.changes == changes.changes:
            raise DuplicateProposal(other.id, other.author)
    made = Proposal(
        id=0,
        created=now(),
        author=by.name,
        key=by.key,
        title=encodable(draft.title).strip() or title(before),
        reason=encodable(draft.reason).strip(),
        operation=draft.operation,
        changes=changes.changes,
        base_version=before.version,
        base_revision=before.revision,
        seen=seen,
        evidence=draft.evidence,
    )

    def put() -> Proposal:
        newest = store.proposals(limit=1)
        numbered = replace(made, id=newest[0].id + 1 if newest else 1)
        store.put_proposal(numbered, expect=None)
        return numbered

    return retry_conflicts(put, on=LostRace, what="the list of proposals")


def find(store: TaxonomyStore, id: int) -> Proposal:
    """The proposal with this number. Raises UnknownProposal."""
    if (found := store.proposal(id)) is None:
        raise UnknownProposal(id)
    return found


def outdated(taxonomy: Taxonomy, proposal: Proposal) -> list[str]:
    """Ids of concepts that have changed, in ways that matter to the proposal, since it was made; in order."""
    now = fingerprints(taxonomy, proposal.changes)
    return [id for id in sorted(now) if now[id] != proposal.seen.get(id)]


def comment(store: TaxonomyStore, id: int, text: str, by: Person, *, expect: Sequence[str] | None = None) -> Proposal:
    """Comment on a proposal of any status.

    Args:
        store: The store.
        id: The proposal's number.
        text: The comment.
        by: Who comments.
        expect: ETags of which the proposal must have one; "*" accepts any.

    Raises:
        UnknownProposal: No such proposal.
        InputError: The text is empty.
        LostRace: The proposal has none of the expected ETags.
    """
    if not text.strip():
        raise InputError("a comment must not be empty")
    return _update(store, id, lambda found: _commented(found, text, by), expect)


def reject(
    store: TaxonomyStore, id: int, by: Person, *, text: str = "", expect: Sequence[str] | None = None
) -> Proposal:
    """Reject somebody else's open proposal; arguments as for `accept`.

    Raises:
        NotAllowed: It is one's own proposal, which one withdraws.
        ConflictError: It is decided already.
    """

    def change(found: Proposal) -> Proposal:
        if by.made(_open(found)):
            raise NotAllowed(f"proposal {id} is {found.author}'s own; withdraw it instead")
        return _decided(found, "rejected", by, text)

    return _update(store, id, change, expect)


def withdraw(
    store: TaxonomyStore,
    id: int,
    by: Person,
    *,
    text: str = "",
    expect: Sequence[str] | None = None,
    force: bool = False,
) -> Proposal:
    """Withdraw one's own proposal; arguments as for `accept`.

    Raises:
        NotAllowed: It is somebody else's proposal, and `force` is false.
        ConflictError: It is decided already.
    """

    def change(found: Proposal) -> Proposal:
        _require_own(_open(found), by, "withdraw", force=force)
        return _decided(found, "withdrawn", by, text)

    return _update(store, id, change, expect)


def rebase(
    store: TaxonomyStore, id: int, by: Person, *, expect: Sequence[str] | None = None, force: bool = False
) -> Proposal:
    """Plan one's own proposal anew on the present taxonomy; arguments as for `accept`.

    Raises:
        NotAllowed: It is somebody else's proposal, and `force` is false.
        InputError: It was made from changes, not from an edit request.
        ConflictError: It is decided already.
    """

    def change(found: Proposal) -> Proposal:
        _require_own(_open(found), by, "rebase", force=force)
        request = found.operation
        if request is None:
            raise InputError(f"proposal {id} was given as changes, without an operation; withdraw it and propose anew")
        before, changes, _ = edit.preview(store, lambda taxonomy: plan(request, taxonomy, Signature(found.author)))
        return replace(
            found,
            changes=changes.changes,
            seen=fingerprints(before, changes.changes),
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
    """Write a proposal's changes and mark it accepted, in one transaction.

    Accepting it again changes nothing.

    Args:
        store: The store.
        id: The proposal's number.
        by: Who accepts it: not its proposer.
        text: A comment.
        expect: ETags of which the proposal must have one; "*" accepts any.
        force: Accept one's own proposal; a comment notes it.

    Raises:
        UnknownProposal: No such proposal.
        NotAllowed: It is one's own proposal, and `force` is false.
        LostRace: The proposal has none of the expected ETags.
        ConflictError: It is decided already, or a concept that it touches has changed since.
        InvariantError: Its changes would break the present taxonomy.
    """

    def attempt() -> Proposal:
        found = find(store, id)
        if found.status == "accepted" and found.decided_by == by.name:
            return found
        _require_seen(_open(found), expect)
        own = by.made(found)
        if own and not force:
            raise NotAllowed(f"proposal {id} is {found.author}'s own; somebody else must accept it")
        note = f"{text} (own proposal, accepted by force)".strip() if own else text
        accepting = Accepting(_decided(found, "accepted", by, note), found.etag)
        signature = Signature(f"{found.author}, accepted by {by.name}", f"{found.reason} (proposal {id})".strip())

        def planned(taxonomy: Taxonomy) -> ChangeSet:
            if moved := outdated(taxonomy, found):
                raise ConflictError(
                    f"{', '.join(map(repr, moved))} changed since proposal {id} was made (version "
                    f"{found.base_version}); its proposer can rebase it"
                )
            if not found.changes:
                raise InputError(f"proposal {id} has no changes that can be read; reject it")
            return signature.sign(found.changes)

        edit.apply_with(store, planned, accepting=accepting)
        return find(store, id)

    return _retried(attempt, id, expect)


def _update(
    store: TaxonomyStore, id: int, change: Callable[[Proposal], Proposal], expect: Sequence[str] | None
) -> Proposal:
    def attempt() -> Proposal:
        found = find(store, id)
        _require_seen(found, expect)
        after = change(found)
        store.put_proposal(after, expect=found.etag)
        return after

    return _retried(attempt, id, expect)


def _retried(attempt: Callable[[], Proposal], id: int, expect: Sequence[str] | None) -> Proposal:
    """Retry lost races, except when the caller expects an ETag: the proposal no longer has it."""
    return attempt() if expect is not None else retry_conflicts(attempt, on=LostRace, what=f"proposal {id}")


def _require_seen(found: Proposal, expect: Sequence[str] | None) -> None:
    if expect is not None and "*" not in expect and found.etag not in expect:
        raise LostRace(f"proposal {found.id} has changed since it was read (it is {found.etag} now); read it again")


def _require_own(found: Proposal, by: Person, action: str, *, force: bool) -> None:
    if not force and not by.made(found):
        raise NotAllowed(f"proposal {found.id} is {found.author}'s; only they can {action} it")


def _open(found: Proposal) -> Proposal:
    if found.status != "open":
        where = f" as version {found.version}" if found.version is not None else ""
        raise ConflictError(f"proposal {found.id} is {found.status} already{where}, by {found.decided_by}")
    return found


def _decided(found: Proposal, status: ProposalStatus, by: Person, text: str) -> Proposal:
    noted = _commented(found, text, by) if text.strip() else found
    return replace(noted, status=status, decided_by=by.name, decided_at=now())


def _commented(found: Proposal, text: str, by: Person) -> Proposal:
    return replace(found, comments=(*found.comments, Comment(now(), by.name, encodable(text).strip())))
