"""Cycles in a hierarchy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from graph.columns.csr import Csr
from graph.columns.hierarchy import levels


def cycles(broader: Csr) -> list[list[int]]:
    """Strongly connected components with more than one row, each ascending, by first row.

    Rows above all cycles, and rows below all, are set aside first: mostly that is every row.
    """
    narrower = broader.transposed()
    left = np.ones(len(broader), dtype=bool)
    for one, other in ((broader, narrower), (narrower, broader)):
        for level in levels(one, other):
            left[level] = False
        if not left.any():
            return []
    source, target = broader.sources, broader.targets
    inside = left[source] & left[target]
    parents: dict[int, list[int]] = defaultdict(list)
    for child, parent in zip(source[inside].tolist(), target[inside].tolist(), strict=True):
        parents[child].append(parent)
    return sorted(sorted(group) for group in _components(parents) if len(group) > 1)


def _components(parents: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """Tarjan's algorithm, without recursion."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    done: set[int] = set()
    groups: list[list[int]] = []
    stack: list[int] = []
    for root in parents:
        if root in order:
            continue
        work = [(root, iter(parents.get(root, ())))]
        order[root] = low[root] = len(order)
        stack.append(root)
        while work:
            node, targets = work[-1]
            target = next((t for t in targets if t not in done), None)
            if target is not None:
                if target not in order:
                    order[target] = low[target] = len(order)
                    stack.append(target)
                    work.append((target, iter(parents.get(target, ()))))
                low[node] = min(low[node], order[target])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == order[node]:
                group = [stack.pop()]
                while group[-1] != node:
                    group.append(stack.pop())
                done.update(group)
                groups.append(group)
    return groups
