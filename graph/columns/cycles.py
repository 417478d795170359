"""Cycles in a hierarchy."""

from __future__ import annotations

import numpy as np

from graph.columns.csr import Csr
from graph.columns.hierarchy import levels


def cycles(broader: Csr) -> list[list[int]]:
    """Strongly connected components with more than one row, each ascending, by first row."""
    n = len(broader)
    if sum(map(len, levels(broader, broader.transposed()))) == n:
        return []
    # Imported here: hardly any taxonomy has a cycle, and SciPy's sparse graphs take long to import.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    edges = csr_array((np.ones(len(broader.targets), dtype=np.int8), broader.targets, broader.starts), shape=(n, n))
    _, component = connected_components(edges, connection="strong")
    groups: dict[int, list[int]] = {}
    for row in np.flatnonzero(np.bincount(component)[component] > 1).tolist():
        groups.setdefault(int(component[row]), []).append(row)
    return sorted(groups.values())
