"""The hierarchy that a new concept joins, as sparse matrices over its n concepts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Matrix = Floats | sparse.csr_matrix


@dataclass(frozen=True, slots=True)
class Families:
    """Who stands under whom among n concepts.

    Attributes:
        edges: (e, 2) int64 of child and parent.
        children: (n, n) float32, 1 where the column's concept is directly under the row's.
        parents: (n, n) float32, the other way round; each row that has any sums to 1.
        above: (n, n) float32, 1 where the column's concept is above the row's.
        below: Its transpose.
        sizes: (n, 4) float32: log1p of children and of descendants, whether there are none, depth.
    """

    edges: Ints
    children: sparse.csr_matrix
    parents: sparse.csr_matrix
    above: sparse.csr_matrix
    below: sparse.csr_matrix
    sizes: Floats

    @classmethod
    def of(cls, n: int, edges: Ints) -> Families:
        """From edges without cycles."""
        ones = np.ones(len(edges), dtype=np.float32)
        up = sparse.csr_matrix((ones, (edges[:, 0], edges[:, 1])), shape=(n, n))
        children = up.T.tocsr()
        above, step = up.copy(), up
        while step.nnz:
            step = step @ up
            step.data[:] = 1.0
            above = above.maximum(step).tocsr()
        shares = 1 / np.maximum(np.asarray(up.sum(axis=1)).ravel(), 1)
        below = above.T.tocsr()
        counts, under = (np.asarray(matrix.sum(axis=1)).ravel() for matrix in (children, below))
        depth = np.asarray(above.sum(axis=1)).ravel()
        sizes = np.stack([np.log1p(counts), np.log1p(under), counts == 0, depth], axis=1).astype(np.float32)
        return cls(edges, children, (sparse.diags(shares) @ up).tocsr().astype(np.float32), above, below, sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def counts(self) -> Floats:
        """(n,) children."""
        return np.diff(self.children.indptr).astype(np.float32)

    def without(self, hidden: NDArray[np.bool_]) -> Families:
        """The families of the concepts that are not `hidden` (n,), renumbered in order; hide leaves alone."""
        number = np.cumsum(~hidden) - 1
        kept = ~hidden[self.edges].any(axis=1)
        return Families.of(int((~hidden).sum()), number[self.edges[kept]])

    def highest(self, values: Floats) -> Floats:
        """(m, n) of concepts → (m, n): the highest among each one's children, 0 without."""
        found = np.zeros_like(values)
        starts = self.children.indptr[:-1]
        some = np.flatnonzero(np.diff(self.children.indptr))
        if len(some):
            found[:, some] = np.maximum.reduceat(values[:, self.children.indices], starts[some], axis=1)
        return found


def spread(matrix: sparse.csr_matrix, values: Floats) -> Floats:
    """(m, n) → (m, n): for each row of the (n, n) `matrix`, the sum of its columns' values."""
    summed: Floats = (matrix @ values.T).T
    return summed


def lengths(rows: Matrix) -> Floats:
    """(n,) Euclidean lengths of dense or sparse rows, 1e-6 at least."""
    squares = rows.multiply(rows).sum(axis=1) if sparse.issparse(rows) else np.square(rows).sum(axis=1)
    found: Floats = np.maximum(np.sqrt(np.asarray(squares).ravel()), 1e-6).astype(np.float32)
    return found
