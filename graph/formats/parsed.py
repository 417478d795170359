"""What every reader gives: concepts and relations that are sound as far as one file can know."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from graph.errors import FileFormatError
from graph.invariants import ProblemCode, sound
from graph.model import Concept, Relation

_ELSEWHERE: frozenset[ProblemCode] = frozenset({"dangling", "value_without_attribute"})
"""Problems that the store may solve: the other concept may be there already."""

_DEEPEST = 200
"""Levels a file may nest concepts. Real taxonomies have some twenty; memory grows with levels times concepts."""


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
) -> Parsed:
    """Order them; raise FileFormatError, at the concept's place, when they break an invariant among themselves."""
    rows = sorted(concepts, key=lambda concept: concept.id)
    edges = sorted({relation.canonical() for relation in relations})
    broken = [problem for problem in sound(rows, edges).problems if problem.code not in _ELSEWHERE]
    if broken:
        first = broken[0]
        place = places.get(first.concepts[0], Place(file))
        more = f" (and {len(broken) - 1} more problems)" if len(broken) > 1 else ""
        raise FileFormatError(place.file, first.message + more, line=place.line, column=place.column)
    levels, id = _deepest(edges)
    if levels > _DEEPEST:
        place = places.get(id, Place(file))
        message = f"{id!r} stands {levels} levels deep; {_DEEPEST} is the most that is read"
        raise FileFormatError(place.file, message, line=place.line, column=place.column)
    return Parsed(tuple(rows), tuple(edges), tuple(notes))


def _deepest(edges: Iterable[Relation]) -> tuple[int, str]:
    """How many levels of `broader` there are, and a concept on the last; the edges have no cycle."""
    parents: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        if edge.type == "broader":
            parents[edge.source].append(edge.target)
    levels: dict[str, int] = {}
    for start in parents:
        path = [start]
        while path:
            above = parents.get(path[-1], ())
            waiting = [parent for parent in above if parent not in levels]
            if waiting:
                path += waiting
            else:
                levels[path.pop()] = 1 + max((levels[parent] for parent in above), default=0)
    return max(((count, id) for id, count in levels.items()), default=(0, ""))


def note(what: str, examples: Iterable[str]) -> list[str]:
    """One note with a count and up to three examples; none when there is nothing to say."""
    found = sorted(set(examples))
    if not found:
        return []
    return [f"{len(found)} {what}, e.g. {'; '.join(found[:3])}"]
