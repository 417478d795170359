"""Bursts: times in which a tag is on more items than usual (Kleinberg, Bursty and hierarchical structure in streams,
KDD 2002), as an automaton of two states over periods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.compute.intervals import Floats

_RATIO = 2.0
"""Odds of a tag within a burst, to its usual odds."""
_GAMMA = 1.0
"""Cost of entering a burst, in logs of the number of periods."""
_COLUMNS = 1_000


@dataclass(frozen=True, slots=True)
class Bursts:
    """The strongest burst of each tag.

    Attributes:
        start, end: (tags,) first and last period of it; -1 where there is none.
        weight: (tags,) how much likelier the burst makes its counts, in logs; 0 where there is none.
        p: (tags,) the chance of a burst as strong at any time, where there is none, at most.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    weight: Floats
    p: Floats


def find_bursts(counts: NDArray[np.int64], totals: NDArray[np.int64], *, ratio: float = _RATIO) -> Bursts:
    """The strongest burst of each column.

    The sum of log-likelihood ratios from any period on exceeds w by chance with probability exp(-w) at most (Ville), so
    that over all periods to begin in the chance is their number times that.

    Args:
        counts: (periods, tags) items with each tag.
        totals: (periods,) items.
        ratio: Odds of a tag within a burst, to its usual odds.
    """
    lived = totals > 0
    parts = [
        _strongest(counts[lived, at : at + _COLUMNS], totals[lived], ratio)
        for at in range(0, counts.shape[1], _COLUMNS)
    ]
    start, end, weight = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else ([], [], [])
    at = np.append(np.flatnonzero(lived), -1)
    p = np.minimum(1.0, max(int(lived.sum()), 1) * np.exp(-np.asarray(weight, dtype=np.float64)))
    return Bursts(at[np.asarray(start, dtype=np.int64)], at[np.asarray(end, dtype=np.int64)], np.asarray(weight), p)


def _strongest(
    counts: NDArray[np.int64], totals: NDArray[np.int64], ratio: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """First and last period and weight of each column's strongest burst."""
    periods, tags = counts.shape
    usual = np.clip(counts.sum(axis=0) / max(int(totals.sum()), 1), 1e-12, 1 - 1e-9)
    odds = ratio * usual / (1 - usual)
    high = odds / (1 + odds)
    rest = totals[:, None] - counts
    gain = counts * np.log(high / usual) + rest * np.log((1 - high) / (1 - usual))
    inside = _path(gain, _GAMMA * np.log(max(periods, 2)))
    best, start, end = np.zeros(tags), np.full(tags, -1), np.full(tags, -1)
    weight, begun = np.zeros(tags), np.full(tags, -1)
    for period in range(periods):
        begun = np.where(inside[period], np.where(begun < 0, period, begun), -1)
        weight = np.where(inside[period], weight + gain[period], 0)
        better = inside[period] & (weight > best)
        best, start, end = (np.where(better, new, old) for new, old in ((weight, best), (begun, start), (period, end)))
    return start, end, best


def _path(gain: Floats, price: float) -> NDArray[np.bool_]:
    """(periods, tags) the cheapest sequence of states: whether each period is in a burst."""
    periods, tags = gain.shape
    stays_out, stays_in = np.zeros((periods, tags), dtype=bool), np.zeros((periods, tags), dtype=bool)
    out, into = np.zeros(tags), np.full(tags, -np.inf)
    for period in range(periods):
        stays_out[period], stays_in[period] = out >= into, into >= out - price
        out, into = np.maximum(out, into), np.maximum(into, out - price) + gain[period]
    state = into > out
    inside = np.zeros((periods, tags), dtype=bool)
    for period in range(periods - 1, -1, -1):
        inside[period] = state
        state = np.where(state, stays_in[period], ~stays_out[period])
    return inside
