"""Erasing of items with all that was noted about them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graph.store import TaxonomyStore


def erase_items(store: TaxonomyStore, ids: Sequence[str]) -> int:
    """Erase items, their tags, the feedback on them, and what proposals show of them as evidence; how many items there
    were. The history of the taxonomy holds no text of items; the log of changed items keeps the id.

    Raises LostRace when somebody changes one of the proposals meanwhile; the items are erased then, and a second call
    erases the rest.
    """
    gone = frozenset(ids)
    count = store.delete_items(ids)
    for proposal in store.proposals():
        evidence = _without(proposal.evidence, gone)
        if evidence != proposal.evidence:
            store.put_proposal(replace(proposal, evidence=evidence), expect=proposal.etag)
    return count


def _without(value: Any, gone: Collection[str]) -> Any:
    """The value without the ids in its lists, and without the rows of such an id."""
    if isinstance(value, Mapping):
        return {name: _without(part, gone) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without(part, gone) for part in value if not _is_of(part, gone)]
    return value


def _is_of(part: Any, gone: Collection[str]) -> bool:
    id = part.get("id") if isinstance(part, Mapping) else part
    return isinstance(id, str) and id in gone
