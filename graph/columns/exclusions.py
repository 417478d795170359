"""Exclusions that no item could satisfy: between a concept and its ancestor, or two ancestors of one concept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graph.columns.columns import CODE, Edges
from graph.columns.csr import Csr, Indices
from graph.columns.hierarchy import Hierarchy


def unsatisfiable(edges: Edges, hierarchy: Hierarchy) -> Iterator[tuple[int, int | None]]:
    """(edge, the first concept below both ends, or None when one end is above the other).

    Where two branches meet, a concept has several parents: only such concepts need checking.
    """
    joints = _descendants_with_several_parents(hierarchy)
    for k in np.flatnonzero(edges.type == CODE["excludes"]).tolist():
        a, b = int(edges.source[k]), int(edges.target[k])
        if b in hierarchy.above(a) or a in hierarchy.above(b):
            yield k, None
        elif joints is None or _meet(joints[a], joints[b]):
            both = set(hierarchy.below(a)) & set(hierarchy.below(b))
            if both:
                yield k, min(both)


def _descendants_with_several_parents(hierarchy: Hierarchy) -> Csr | None:
    """None where the closure is not kept."""
    rows = hierarchy.descendants
    if rows is None:
        return None
    several = (np.diff(hierarchy.broader.starts) > 1)[rows.targets]
    return Csr.sorted(len(rows), rows.sources[several], rows.targets[several])


def _meet(a: Indices, b: Indices) -> bool:
    """Whether two ascending rows share a number."""
    few, many = (a, b) if len(a) <= len(b) else (b, a)
    if not len(few):
        return False
    at = np.minimum(np.searchsorted(many, few), len(many) - 1)
    return bool((many[at] == few).any())
