"""Precision, recall and F1 from counts."""

from __future__ import annotations


def rates(correct: float, predicted: float, gold: float) -> dict[str, float]:
    """Rates of so many correct among the predicted and the gold; 0 where the divisor is."""
    return {
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / gold if gold else 0.0,
        "f1": 2 * correct / (predicted + gold) if predicted + gold else 0.0,
    }
