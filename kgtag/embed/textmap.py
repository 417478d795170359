"""A vector today for a concept added today: a linear map from text embeddings to entity vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgtag.embed.geometry import Floats

_STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)


@dataclass(frozen=True, slots=True)
class TextMap:
    """`weights` (k + 1, width) float32, the last row the intercept; `r2` is its leave-one-out R²."""

    weights: Floats
    r2: float

    def __call__(self, text: Floats) -> Floats:
        """(n, k) float32 text embeddings → (n, width) float32 entity vectors."""
        mapped: Floats = (text @ self.weights[:-1] + self.weights[-1]).astype(np.float32)
        return mapped


def fit_text_map(text: Floats, entity: Floats) -> TextMap | None:
    """Ridge regression, its strength chosen by leave-one-out error. Rows of NaN are left out; None under ten rows.

    `text` (E, k) and `entity` (E, width), float32, row for row.
    """
    there = np.isfinite(text).all(axis=1)
    if there.sum() < 10:
        return None
    x, y = text[there].astype(np.float64), entity[there].astype(np.float64)
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    left, strength, right = np.linalg.svd(x - mean_x, full_matrices=False)
    inner = left.T @ (y - mean_y)
    total = float(((y - mean_y) ** 2).sum())
    best: tuple[float, float] | None = None
    for penalty in _STRENGTHS:
        shrink = strength**2 / (strength**2 + penalty)
        residual = (y - mean_y) - left @ (shrink[:, None] * inner)
        leverage = (left**2 @ shrink) + 1 / len(x)
        error = float(((residual / np.maximum(1 - leverage, 1e-6)[:, None]) ** 2).sum())
        if best is None or error < best[0]:
            best = (error, penalty)
    assert best is not None
    weights = right.T @ ((strength / (strength**2 + best[1]))[:, None] * inner)
    return TextMap(np.vstack([weights, mean_y - mean_x @ weights]).astype(np.float32), 1 - best[0] / max(total, 1e-12))
