"""What every reader gives: concepts and relations that are sound as far as one file can know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from graph.columns.assemble import columns_of
from graph.columns.invariants import sound
from graph.errors import FileFormatError
from graph.model import Concept, ProblemCode, Relation

_ELSEWHERE: frozenset[ProblemCode] = frozenset({"dangling", "value_without_attribute"})
"""Problems that the store may solve: the other concept may be there already."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file's content, concepts by id, relations in order, and what its owner should know ("3 …, e.g. …").

    Relations may lead to concepts of other files: the import leaves out, and notes, those that nobody knows.
    """

    concepts: tuple[Concept, ...]
    relations: tuple[Relation, ...]
    notes: tuple[str, ...] = ()


class Place(NamedTuple):
    """Where a concept stands in its file."""

    file: str
    line: int | None = None
    column: int | None = None


def parsed(
    concepts: Iterable[Concept],
    relations: Iterable[Relation],
    *,
    notes: Iterable[str],
    places: Mapping[str, Place],
    file: str,
    forgive: Collection[ProblemCode] = (),
) -> Parsed:
    """Order them; raise FileFormatError, at the concept's place, when they break an invariant among themselves.

    Relations whose problems `forgive` names are left out with a note instead, for data that is known to be messy.
    """
    rows = sorted(concepts, key=attrgetter("id"))
    edges = sorted({relation.canonical() for relation in relations}, key=attrgetter(*Relation.__slots__))
    checked = sound(columns_of(rows, edges))
    broken = [p for p in checked.problems if p.code not in _ELSEWHERE and p.code not in forgive]
    if broken:
        first = broken[0]
        place = places.get(first.concepts[0], Place(file))
        more = f" (and {len(broken) - 1} more problems)" if len(broken) > 1 else ""
        raise FileFormatError(place.file, shortened(first.message) + more, line=place.line, column=place.column)
    forgiven = [p for p in checked.problems if p.code in forgive]
    if not forgiven:
        return Parsed(tuple(rows), tuple(edges), tuple(notes))
    dangling = {p.concepts for p in checked.problems if p.code == "dangling"}
    kept = {edge.key: edge for edge in checked.columns.relations()}
    kept |= {edge.key: edge for edge in edges if (edge.source, edge.target) in dangling}
    left_out = [f"{e.source!r} {e.type} {e.target!r}" for e in edges if e.key not in kept]
    why = "; ".join(shortened(problem.message) for problem in forgiven[:2])
    said = note(f"relations contradict others ({why}) and were left out", left_out)
    return Parsed(tuple(rows), tuple(sorted(kept.values())), (*notes, *said))


def shortened(text: str) -> str:
    """At most 300 characters: a label of megabytes in a file must not become an error message of megabytes."""
    return text if len(text) <= 300 else f"{text[:300]}…"


def note(what: str, examples: Iterable[str]) -> list[str]:
    """One note with a count and up to three examples; none when there is nothing to say."""
    found = sorted(set(examples))
    if not found:
        return []
    return [f"{len(found)} {what}, e.g. {'; '.join(map(shortened, found[:3]))}"]


def counted(what: str, examples: Sequence[str]) -> list[str]:
    """As `note`, of examples that may repeat: each counts."""
    if not examples:
        return []
    shown = dict.fromkeys(sorted(examples)[:3])
    return [f"{len(examples):,} {what}, e.g. {'; '.join(map(shortened, shown))}"]
