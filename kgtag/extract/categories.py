"""The linear model of categories: a calibrated distribution over all that were trained, or none of them.

A product may be of no trained category. Whether it is of one is predicted from the best margin and the share of its
n-grams that training had, by a logistic regression fitted on folds that each left whole categories out; whether it is
of the taxonomy's kind of goods at all, by another one, fitted on titles of other goods.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import expit, softmax

from kgtag.extract.linear import Floats, Head

_LEAST = 1e-4
"""Categories less probable than this are left out."""
Familiar = tuple[float, float, float, float]
Kindred = tuple[float, float, float]
Guesses = tuple[tuple[str, float], ...]
"""Names of categories with their probabilities, best first."""
CERTAIN: Familiar = (0.0, 0.0, 0.0, 5.0)
"""Where too few categories were there to leave any out."""
UNASKED: Kindred = (0.0, 0.0, 40.0)
"""Where titles were not read."""


@dataclass(frozen=True, slots=True)
class CategoryHead:
    """`head`: margins, and what a name in the title is worth among trained categories; `familiar`: log-odds that the
    product is of a trained category, by the best margin, the share of n-grams seen, how surely the title names a
    trained category, and 1; `kindred`: log-odds that it is of the taxonomy's kind of goods at all, by the former, by
    what is read of its title, and 1."""

    head: Head
    familiar: Familiar = CERTAIN
    kindred: Kindred = UNASKED

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in self.head.values if name is not None)

    def predict(self, features: csr_matrix, seen: NDArray[np.float64]) -> list[Guesses]:
        """All categories of (n, BUCKETS) rows with their probabilities, best first, before names in titles count. What
        these lack to 1 is the probability of none of them. `seen`: see `linear.seen_shares`."""
        margins = self.head.margins(features)
        known = expit(known_odds(self.familiar, margins.max(axis=1), seen))
        found = softmax(self.head.slope * margins, axis=1) * known[:, None]
        names, answers = self.names, []
        for row in found:
            kept = np.flatnonzero(row >= min(_LEAST, row.max()))
            order = kept[np.argsort(-row[kept], kind="stable")]
            answers.append(tuple((names[at], round(float(row[at]), 6)) for at in order.tolist()))
        return answers

    def to_json(self) -> dict[str, Any]:
        """Everything but the weights."""
        return {
            "categories": self.names, "slope": self.head.slope, "named": self.head.named, "familiar": self.familiar,
            "kindred": self.kindred,
        }  # fmt: skip

    @classmethod
    def of(cls, about: Mapping[str, Any], weights: csr_matrix, offsets: Floats) -> Self:
        """The head that `to_json` described. Raises KeyError or ValueError for anything else."""
        best, seen, named, one = about["familiar"]
        odds, read, by_itself = about.get("kindred", UNASKED)
        head = Head(tuple(about["categories"]), weights, offsets, about["slope"], named=about["named"])
        return cls(head, (best, seen, named, one), (odds, read, by_itself))


def known_odds(familiar: Familiar, best: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds (n,) that products are of a trained category, none being named in their titles."""
    return familiar[0] * best + familiar[1] * seen + familiar[3]


def joined(network: Guesses, linear: Guesses) -> Guesses:
    """The mean of an extractor's categories and of the linear model's. Only the latter knows that there may be none."""
    if not network or not linear:
        return network or linear
    known, total = sum(p for _, p in linear), max(sum(p for _, p in network), 1e-9)
    found = {name: p / 2 for name, p in linear}
    for name, p in network:
        found[name] = found.get(name, 0.0) + known * p / total / 2
    return tuple((name, round(p, 6)) for name, p in sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))
