"""How well probabilities match frequencies: one definition for extraction, linking, embeddings and implicit values."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    """The `n` decisions with a probability in [low, high): their mean probability, and the share that is right."""

    low: float
    high: float
    n: int
    probability: float
    right: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Calibration of `n` probabilities: expected calibration error over bins of equal width (0 is perfect), mean$
    error (0.25 for a coin), mean negative log-likelihood in nats, the chance that a right decision has a higher
    probability than a wrong one (0.5 without both), and the bins that hold decisions, ascending."""

    n: int
    ece: float
    brier: float
    log_loss: float
    auc: float
    bins: tuple[Bin, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Everything, rounded to five digits."""
        return _rounded(self) | {"bins": [_rounded(one) for one in self.bins]}


def _rounded(one: Bin | Reliability) -> dict[str, object]:
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in asdict(one).items()}


def reliability(probability: ArrayLike, right: ArrayLike, *, bins: int = 10) -> Reliability:
    """Compare probabilities, (n,) in [0, 1], with outcomes, (n,) of 0 and 1.

    Example:
        >>> reliability([0.75, 0.75, 0.75, 0.75], [1, 1, 1, 0]).ece
        0.0
    """
    p, hit = np.asarray(probability, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if not len(p):
        return Reliability(0, 0.0, 0.0, 0.0, 0.0)
    at = np.minimum((p * bins).astype(np.int64), bins - 1)
    table = tuple(
        Bin(b / bins, (b + 1) / bins, int((at == b).sum()), float(p[at == b].mean()), float(hit[at == b].mean()))
        for b in np.unique(at).tolist()
    )
    ece = sum(b.n * abs(b.probability - b.right) for b in table) / len(p)
    bounded = np.clip(p, 1e-6, 1 - 1e-6)
    log_loss = -np.mean(np.where(hit > 0, np.log(bounded), np.log1p(-bounded)))
    return Reliability(len(p), ece, float(np.mean((p - hit) ** 2)), float(log_loss), _auc(p, hit), table)


def _auc(probability: Floats, right: Floats) -> float:
    positives, negatives = probability[right > 0], np.sort(probability[right <= 0])
    if not len(positives) or not len(negatives):
        return 0.5
    below, upto = (np.searchsorted(negatives, positives, side=side) for side in ("left", "right"))
    return float(((below + upto) / 2).mean() / len(negatives))
