"""The result of every reader: concepts and relations without contradictions within the file."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from graph.columns.assemble import columns_of
from graph.columns.invariants import sound
from graph.errors import FileFormatError
from graph.model import Concept, ProblemCode, Relation

_ELSEWHERE: frozenset[ProblemCode] = frozenset({"dangling", "value_without_attribute"})
"""Problems that may not exist in the store, which may have the other concept."""
CYCLES: tuple[ProblemCode, ...] = ("cycle", "self_relation")


@dataclass(frozen=True, slots=True)
class Parsed:
    """The content of a file.

    Args:
        concepts: By id.
        relations: In order; they may lead to concepts of other files.
        notes: What was left out or may surprise, with a count and examples ("3 …, e.g. …").
    """

    concepts: tuple[Concept, ...]
    relations: tuple[Relation, ...]
    notes: tuple[str, ...] = ()


class Place(NamedTuple):
    """The place of a concept in its file."""

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
    tolerate: Collection[ProblemCode] = (),
) -> Parsed:
    """Order concepts and relations, which may be repeated, and check them against each other.

    Raises FileFormatError for a broken invariant, with the place of the concept, else the file; relations with problems
    to `tolerate` are left out with a note instead.
    """
    rows = sorted(concepts, key=attrgetter("id"))
    edges = sorted({relation.canonical() for relation in relations}, key=attrgetter(*Relation.__slots__))
    checked = sound(columns_of(rows, edges))
    broken = [p for p in checked.problems if p.code not in _ELSEWHERE and p.code not in tolerate]
    if broken:
        first = broken[0]
        place = places.get(first.concepts[0], Place(file))
        more = f" (and {len(broken) - 1} more problems)" if len(broken) > 1 else ""
        raise FileFormatError(place.file, shortened(first.message) + more, line=place.line, column=place.column)
    tolerated = [p for p in checked.problems if p.code in tolerate]
    if not tolerated:
        return Parsed(tuple(rows), tuple(edges), tuple(notes))
    dangling = {p.concepts for p in checked.problems if p.code == "dangling"}
    kept = {edge.key: edge for edge in checked.columns.relations()}
    kept |= {edge.key: edge for edge in edges if (edge.source, edge.target) in dangling}
    left_out = [f"{e.source!r} {e.type} {e.target!r}" for e in edges if e.key not in kept]
    why = "; ".join(shortened(problem.message) for problem in tolerated[:2])
    notes = (*notes, *note(f"relations contradict others ({why}) and were left out", left_out))
    return Parsed(tuple(rows), tuple(sorted(kept.values())), notes)


def under(parents: Mapping[str, str | None]) -> tuple[list[Relation], list[str]]:
    """Primary `broader` relations to the parents that are in the file, by child, and a note on the others."""
    found = [(id, parent) for id, parent in parents.items() if parent is not None]
    dangling = [f"{id!r} under {parent!r}" for id, parent in found if parent not in parents]
    relations = [Relation("broader", id, parent, primary=True) for id, parent in found if parent in parents]
    return relations, note("parents are not in the file and were ignored", dangling)


def shortened(text: str) -> str:
    """The text cut to 300 characters: labels in files may have megabytes."""
    return text if len(text) <= 300 else f"{text[:300]}…"


def note(what: str, examples: Iterable[str]) -> list[str]:
    """A note with a count and up to three distinct examples, none without examples."""
    found = sorted(set(examples))
    return [f"{len(found)} {what}, e.g. {'; '.join(map(shortened, found[:3]))}"] if found else []


def counted(what: str, examples: Sequence[str]) -> list[str]:
    """As `note`, counting repeated examples."""
    shown = dict.fromkeys(sorted(examples)[:3])
    return [f"{len(examples):,} {what}, e.g. {'; '.join(map(shortened, shown))}"] if shown else []
