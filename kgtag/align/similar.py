"""Cosines of weighted character n-grams, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kgtag.link.candidates.ngrams import grams

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Row numbers on the left and on the right, (p,) each."""


class TextPairs:
    """Two lists of texts; grams are weighted by their inverse document frequency on the right."""

    def __init__(self, left: Sequence[str], right: Sequence[str]) -> None:
        keys, owners = grams([*left, *right])
        unique, gram = np.unique(keys, return_inverse=True)
        shape = (len(left) + len(right), len(unique))
        counts = sparse.csr_matrix((np.ones(len(gram), dtype=np.float32), (owners, gram)), shape=shape)
        counts.sum_duplicates()
        counts.data[:] = 1.0
        frequency = np.asarray(counts[len(left) :].sum(axis=0)).ravel()
        idf = (1 + np.log((1 + len(right)) / (1 + frequency))).astype(np.float32)
        weighted = sparse.csr_matrix(counts.multiply(idf[np.newaxis, :]))
        norms = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        scaled = sparse.csr_matrix(sparse.diags(1 / np.maximum(norms, 1e-9)) @ weighted)
        self._left, self._right = scaled[: len(left)], scaled[len(left) :]

    def cosines(self, pairs: Pairs) -> NDArray[np.float64]:
        """(p,) in [0, 1]."""
        left, right = pairs
        products = self._left[left].multiply(self._right[right])
        return np.asarray(products.sum(axis=1), dtype=np.float64).ravel()
