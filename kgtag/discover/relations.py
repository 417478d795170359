"""What tagging took for plausible though nobody had asserted it, made into proposals for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graph.errors import InputError
from graph.model import RELATION_TYPES, PutRelation, Relation
from graph.proposals.workflow import Draft, Person, propose
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Plausible:
    """A relation that taggings wanted: on how many items, with what probability, and some of the items."""

    relation: Relation
    items: int
    mean: float
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Numbers of the proposals made, and how many relations made none, by reason."""

    made: tuple[int, ...]
    skipped: Mapping[str, int]


def gather(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> list[Plausible]:
    """Over (line number, "tags out" row), most items first. Raises InputError for what is no such row."""
    seen: dict[Relation, list[tuple[str, float]]] = {}
    for number, row in rows:
        for relation, probability in _wanted(number, row):
            seen.setdefault(relation, []).append((str(row.get("id", "")), probability))
    found = [
        Plausible(relation, len(them), sum(p for _, p in them) / len(them), tuple(id for id, _ in them[:_EXAMPLES]))
        for relation, them in seen.items()
    ]
    return sorted(found, key=lambda one: (-one.items, one.relation))


def propose_all(store: TaxonomyStore, found: Iterable[Plausible], by: Person, *, least: int = 1) -> Report:
    """One proposal for each relation wanted on `least` items or more that isn't there, open or rejected already."""
    taxonomy = Taxonomy.of(store.read())
    known: dict[str, set[tuple[str, str, str]]] = {
        "open": _proposed(store, "open"),
        "rejected before": _proposed(store, "rejected"),
        "asserted": {edge.key for edge in taxonomy.relations},
    }
    made: list[int] = []
    skipped: dict[str, int] = {}
    for one in found:
        why = next((why for why, keys in known.items() if one.relation.key in keys), None)
        if one.items < least:
            why = f"on fewer than {least} items"
        elif one.relation.source not in taxonomy or one.relation.target not in taxonomy:
            why = "between concepts that are gone"
        if why is not None:
            skipped[why] = skipped.get(why, 0) + 1
        else:
            made.append(propose(store, _draft(one), by).id)
    return Report(tuple(made), skipped)


def _draft(one: Plausible) -> Draft:
    edge = one.relation
    return Draft(
        operation={"operation": "relate", "type": edge.type, "source": edge.source, "target": edge.target},
        reason=f"plausible to the embeddings on {one.items} tagged items",
        evidence={"items": one.items, "probability": round(one.mean, 4), "examples": list(one.examples)},
    )


def _wanted(number: int, row: Mapping[str, Any]) -> Iterator[tuple[Relation, float]]:
    """Each of the row's once."""
    proposals = row.get("proposals", [])
    if not isinstance(proposals, list):
        raise InputError(f"line {number}: 'proposals' is no list")
    told: set[Relation] = set()
    for proposal in proposals:
        fields = proposal if isinstance(proposal, Mapping) else {}
        head, tail = fields.get("head"), fields.get("tail")
        type = next((one for one in RELATION_TYPES if one == fields.get("relation")), None)
        probability = fields.get("probability", 1.0)
        fit = isinstance(head, str) and isinstance(tail, str) and isinstance(probability, (int, float))
        if not fit or type is None:
            raise InputError(f"line {number}: {str(proposal)[:200]} is no proposal with head, relation and tail")
        edge = Relation(type, str(head), str(tail)).canonical()
        if edge not in told:
            told.add(edge)
            yield edge, float(probability)


def _proposed(store: TaxonomyStore, status: Any) -> set[tuple[str, str, str]]:
    found = store.proposals(status=status)
    changes = (change for proposal in found for change in proposal.changes)
    return {change.relation.canonical().key for change in changes if isinstance(change, PutRelation)}
