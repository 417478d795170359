"""Relations that tagging found plausible, though they are not asserted, as proposals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graph.errors import InputError
from graph.model import RELATION_TYPES, PutRelation, Relation
from graph.proposals.workflow import Draft, Person
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.discover.propose import ProposeReport, submit

_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class PlausibleRelation:
    """A relation, the number of items it is plausible on, its mean probability, and ids of some items."""

    relation: Relation
    items: int
    probability: float
    examples: tuple[str, ...]


def gather_relations(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> list[PlausibleRelation]:
    """Gather plausible relations of (line number, "tags out" row), most items first. Raises InputError."""
    seen: dict[Relation, list[tuple[str, float]]] = {}
    for number, row in rows:
        for relation, probability in _plausible(number, row).items():
            seen.setdefault(relation, []).append((str(row.get("id", "")), probability))
    found = [
        PlausibleRelation(
            relation, len(them), sum(p for _, p in them) / len(them), tuple(id for id, _ in them[:_EXAMPLES])
        )
        for relation, them in seen.items()
    ]
    return sorted(found, key=lambda one: (-one.items, one.relation))


def propose_relations(
    store: TaxonomyStore, found: Iterable[PlausibleRelation], by: Person, *, min_count: int = 1
) -> ProposeReport:
    """Propose each relation on `min_count` items or more that is not asserted, open or rejected already."""
    return submit(store, _drafts(store, found, min_count), by)


def _drafts(store: TaxonomyStore, found: Iterable[PlausibleRelation], min_count: int) -> Iterator[Draft | str]:
    taxonomy = Taxonomy.of(store.read())
    known: dict[str, set[tuple[str, str, str]]] = {
        "open": _proposed(store, "open"),
        "rejected before": _proposed(store, "rejected"),
        "asserted": {edge.key for edge in taxonomy.relations},
    }
    for one in found:
        edge = one.relation
        if one.items < min_count:
            yield f"on fewer than {min_count} items"
        elif edge.source not in taxonomy or edge.target not in taxonomy:
            yield "between concepts that are gone"
        elif why := next((why for why, keys in known.items() if edge.key in keys), None):
            yield why
        else:
            yield Draft(
                {"operation": "relate", "type": edge.type, "source": edge.source, "target": edge.target},
                reason=f"plausible to the embeddings on {one.items} tagged items",
                evidence={
                    "items": one.items,
                    "probability": round(one.probability, 4),
                    "examples": list(one.examples),
                },
            )


def _plausible(number: int, row: Mapping[str, Any]) -> dict[Relation, float]:
    """The row's relations with the probability given first."""
    proposals = row.get("proposals", [])
    if not isinstance(proposals, list):
        raise InputError(f"line {number}: 'proposals' must be a list")
    found: dict[Relation, float] = {}
    for proposal in proposals:
        fields = proposal if isinstance(proposal, Mapping) else {}
        head, tail, probability = fields.get("head"), fields.get("tail"), fields.get("probability", 1.0)
        type = next((one for one in RELATION_TYPES if one == fields.get("relation")), None)
        fit = isinstance(head, str) and isinstance(tail, str) and isinstance(probability, int | float)
        if not fit or type is None:
            raise InputError(f"line {number}: not a proposal with head, relation and tail: {str(proposal)[:200]}")
        found.setdefault(Relation(type, str(head), str(tail)).canonical(), float(probability))
    return found


def _proposed(store: TaxonomyStore, status: Any) -> set[tuple[str, str, str]]:
    changes = (change for proposal in store.proposals(status=status) for change in proposal.changes)
    return {change.relation.canonical().key for change in changes if isinstance(change, PutRelation)}
