"""Small numpy functions that several rooms need, each the same in any batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def log_sum_exp(values: NDArray[np.float64], *, axis: int) -> NDArray[np.float64]:
    """The log of the summed exponentials along `axis`, of which at least one value is finite. scipy's takes ten times
    as long for a few rows."""
    top = values.max(axis=axis, keepdims=True)
    summed: NDArray[np.float64] = np.log(np.exp(values - top).sum(axis=axis)) + np.squeeze(top, axis=axis)
    return summed


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, k), rows sum to 1."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return shares


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(…, d), each of length 1; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: NDArray[np.float32] = vectors / np.maximum(lengths, np.float32(1e-9))
    return scaled
