"""Precision, recall and F1 from counts."""

from __future__ import annotations


def rates(right: float, said: float, wanted: float) -> dict[str, float]:
    """Of what was said and what was wanted, so much was right; a rate of nothing is 0."""
    return {
        "precision": right / said if said else 0.0,
        "recall": right / wanted if wanted else 0.0,
        "f1": 2 * right / (said + wanted) if said + wanted else 0.0,
    }
