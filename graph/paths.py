"""Paths between two concepts along asserted relations, in either direction."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from graph.columns.columns import TYPES
from graph.model import SYMMETRIC, RelationType
from graph.taxonomy import Taxonomy

LONGEST = 8
"""Steps of a path at most."""
_STATES = 50_000
"""Beginnings of paths that are looked at, at most."""


class Step(NamedTuple):
    """A relation on the way, as it is stored."""

    type: RelationType
    source: str
    target: str


Path = tuple[tuple[str, ...], tuple[Step, ...]]


def shortest_paths(
    taxonomy: Taxonomy, start: str, end: str, *, relations: Sequence[RelationType] = TYPES, limit: int = 5
) -> list[Path]:
    """Paths of at most `LONGEST` steps, shortest first, then by id; none longer than the shortest by more than a step.

    Args:
        taxonomy: The snapshot.
        start: The concept they begin at.
        end: The concept they lead to.
        relations: The types of relations they may follow.
        limit: How many at most.

    Returns:
        The concepts of each path, and the relation between each two; where several relate the two, the first type.

    Raises:
        UnknownConcept: No such concept.

    Example:
        >>> shortest_paths(shop, "running", "sandals")[0][0]
        ('running', 'sneakers', 'shoes', 'sandals')
    """
    first, last = taxonomy.index(start), taxonomy.index(end)
    types = [type for type in TYPES if type in relations]
    left = _steps_left(taxonomy, types, first, last)
    found: list[Path] = []
    if first == last or first not in left:
        return found
    states: list[tuple[int, tuple[int, ...]]] = [(left[first], (first,))]
    looked = 1
    while states and len(found) < limit:
        _, way = heapq.heappop(states)
        if way[-1] == last:
            steps = (_step(taxonomy, types, a, b) for a, b in pairwise(way))
            found.append((tuple(taxonomy.ids_of(list(way))), tuple(steps)))
            continue
        for i in sorted(set(_around(taxonomy, types, way[-1]))):
            total = len(way) + left.get(i, LONGEST)
            if i not in way and total <= min(left[first] + 1, LONGEST) and looked < _STATES:
                heapq.heappush(states, (total, (*way, i)))
                looked += 1
    return found


def _steps_left(taxonomy: Taxonomy, types: Sequence[RelationType], first: int, last: int) -> dict[int, int]:
    """Steps from each concept to the last, as far as it takes to reach the first."""
    left, edge = {last: 0}, [last]
    for steps in range(1, LONGEST + 1):
        if first in left:
            break
        edge = list({j for i in edge for j in _around(taxonomy, types, i) if j not in left})
        left |= dict.fromkeys(edge, steps)
    return left


def _around(taxonomy: Taxonomy, types: Sequence[RelationType], i: int) -> Iterator[int]:
    for type in types:
        yield from taxonomy.adjacency(type).row(i)
        if type not in SYMMETRIC:
            yield from taxonomy.adjacency(type, forward=False).row(i)


def _step(taxonomy: Taxonomy, types: Sequence[RelationType], a: int, b: int) -> Step:
    for type in types:
        for source, target in ((a, b), (b, a)):
            if target in taxonomy.adjacency(type).row(source):
                return Step(type, taxonomy.ids[source], taxonomy.ids[target])
    raise LookupError("the two are unrelated")
