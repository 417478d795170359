"""Writing of change sets in a transaction."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, islice
from operator import not_
from typing import Literal, LiteralString, TypeVar

import neo4j

from graph.changes import Net
from graph.errors import UnknownConcept
from graph.model import Retag
from graph.model.changes import now
from graph.neo4j import cypher
from graph.neo4j.rows import concept_row, deleted_relation_row, moves, new_concept_row, relation_row

_ROWS_PER_STATEMENT = 5000

T = TypeVar("T")


def write(tx: neo4j.ManagedTransaction, work: Net, version: int) -> None:
    """Write the net effect of change set `version`. Raises UnknownConcept for missing ends and tagged concepts."""

    def run(statement: LiteralString, rows: Iterable[object]) -> None:
        for batch in batches(rows, _ROWS_PER_STATEMENT):
            # Not consumed, so that the server works on these while the next ones are made.
            tx.run(statement, rows=batch)

    def retag(wanted: Sequence[Retag]) -> None:
        for one in wanted:
            require(tx, {one.source, one.target})
            rows = tx.run(cypher.CONCERNED, source=one.source, target=one.target).values()
            run(cypher.MOVE_TAG, moves(rows, one, version=version))

    moved = sorted(work.moved())
    touched = [row["id"] for row in tx.run(cypher.TAGGED_WITH, ids=moved)] if moved else []
    run(cypher.PUT_CONCEPTS, map(concept_row, work.put_early))
    retag(work.retag_early)
    run(cypher.DELETE_CONCEPTS, work.delete)
    created = {concept.id for concept in work.put}
    created.difference_update([row["id"] for row in tx.run(cypher.KNOWN, ids=sorted(created))])
    for kind in sorted({concept.kind for concept in work.put}):
        fresh = (concept for concept in work.put if concept.kind == kind and concept.id in created)
        run(cypher.CREATE_CONCEPTS[kind], map(new_concept_row, fresh))
    run(cypher.PUT_CONCEPTS, (concept_row(concept) for concept in work.put if concept.id not in created))
    retag(work.retag)
    require(tx, work.ends() - {concept.id for concept in work.put})
    run(cypher.DELETE_RELATIONS, map(deleted_relation_row, work.unrelate))
    for type, statement in cypher.PUT_RELATIONS.items():
        edges = [edge for edge in work.relate if edge.type == type]
        new = [edge.source in created or edge.target in created for edge in edges]
        run(cypher.CREATE_RELATIONS[type], map(relation_row, compress(edges, new)))
        run(statement, map(relation_row, compress(edges, map(not_, new))))
    note_items(tx, touched, "tagged")  # last, as where items are stored: who locks in another order waits for ever


def require(tx: neo4j.ManagedTransaction, ids: set[str]) -> None:
    """Raise UnknownConcept unless all concepts exist."""
    missing = tx.run(cypher.UNKNOWN, ids=sorted(ids)).single()
    if missing is not None:
        raise UnknownConcept(missing["id"])


def note_items(tx: neo4j.ManagedTransaction, ids: Sequence[str], change: Literal["tagged", "erased"]) -> None:
    """Enter the last change of items into the log."""
    for batch in batches(ids, _ROWS_PER_STATEMENT):
        tx.run(cypher.NOTE_ITEMS, ids=batch, change=change, at=now()).consume()


def batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    found = iter(rows)
    while batch := list(islice(found, size)):
        yield batch
