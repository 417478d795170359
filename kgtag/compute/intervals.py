"""Shares with intervals, differences of shares, and which of many are beyond chance: arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
_CERTAIN = 1.959964
"""Standard deviations of an interval that holds 95 times in a hundred."""


def wilson(hits: ArrayLike, of: ArrayLike) -> tuple[Floats, Floats]:
    """The 95% interval of a share (Wilson, 1927); 0 to 1 where there is nothing to count.

    Example:
        >>> [round(float(end), 3) for end in wilson(1, 4)]
        [0.046, 0.699]
    """
    n = np.maximum(np.asarray(of, dtype=np.float64), 1e-12)
    share, z2 = np.asarray(hits, dtype=np.float64) / n, _CERTAIN**2
    middle, width = share + z2 / (2 * n), _CERTAIN * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = ((middle + sign * width) / (1 + z2 / n) for sign in (-1, 1))
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


def newcombe(hits: ArrayLike, of: ArrayLike, before: ArrayLike, of_before: ArrayLike) -> tuple[Floats, Floats]:
    """The 95% interval of the difference of two shares, hits/of - before/of_before, from the Wilson intervals of both
    (Newcombe, Interval estimation for the difference between independent proportions, 1998, method 10)."""
    (low, high), (low0, high0) = wilson(hits, of), wilson(before, of_before)
    now, then = _share(hits, of), _share(before, of_before)
    return (
        now - then - np.sqrt((now - low) ** 2 + (high0 - then) ** 2),
        now - then + np.sqrt((high - now) ** 2 + (then - low0) ** 2),
    )


def difference_p(hits: ArrayLike, of: ArrayLike, before: ArrayLike, of_before: ArrayLike) -> Floats:
    """The chance of two shares as different as these where they are the same, two-sided.

    Given their sum, the hits on one side are taken for binomial: exact for rare ones, and cautious for frequent ones.
    """
    from scipy.stats import binom

    a, n, b, m = (np.asarray(one, dtype=np.float64) for one in (hits, of, before, of_before))
    rest = a + b > (n + m) / 2
    a, b = np.where(rest, n - a, a), np.where(rest, m - b, b)
    both, side = a + b, n / np.maximum(n + m, 1)
    p: Floats = np.minimum(1.0, 2 * np.minimum(binom.cdf(a, both, side), binom.sf(a - 1, both, side)))
    return p


def adjusted(p: ArrayLike) -> Floats:
    """The false discovery rate at which each would be counted as found (Benjamini and Hochberg, 1995)."""
    from scipy.stats import false_discovery_control

    given = np.asarray(p, dtype=np.float64)
    found: Floats = false_discovery_control(given) if given.size else given
    return found


def _share(hits: ArrayLike, of: ArrayLike) -> Floats:
    return np.asarray(hits, dtype=np.float64) / np.maximum(np.asarray(of, dtype=np.float64), 1e-12)
