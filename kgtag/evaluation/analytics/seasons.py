"""Seasons: months in which a tag is on more items than in others, every year anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.compute.intervals import Floats

MONTHS = 12
_PEAK = 1.2
"""From here on a month's index is a peak."""


@dataclass(frozen=True, slots=True)
class Seasons:
    """How each tag depends on the month.

    Attributes:
        index: (tags, 12) items with the tag to those expected from the year alone; 1 as usual, NaN without items.
        p: (tags,) the chance of such a dependence where there is none; NaN where no two years can be compared.
    """

    index: Floats
    p: Floats

    def peaks(self, tag: int) -> list[int]:
        """Months, from 1, in which a tag is on more items than usual."""
        return [month + 1 for month in range(MONTHS) if self.index[tag, month] >= _PEAK]


def find_seasons(counts: NDArray[np.int64], totals: NDArray[np.int64]) -> Seasons:
    """Whether tags depend on the month in the same way every year: a score test of the months' counts against those
    expected from each year alone, so that growth is not taken for a season.

    Years are taken as studies of the same question, and may differ by more than chance (DerSimonian and Laird,
    Meta-analysis in clinical trials, 1986): goods that come in lots make peaks in one year that no other year has, and
    the more a tag's months vary between years, the less a difference between months counts.

    Args:
        counts: (years, 12, tags) items with each tag.
        totals: (years, 12) items.
    """
    n, by_year = totals.sum(axis=1).astype(float), counts.sum(axis=1).astype(float)
    share = by_year / np.maximum(n, 1)[:, None]
    expected = totals[..., None] * share[:, None, :]
    usual = expected.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        index = np.where(usual > 0, counts.sum(axis=0) / usual, np.nan).T
    # A month says something only in years that have another one, and carry the tag.
    telling = ((totals > 0).sum(axis=1) > 1)[:, None, None] & (by_year > 0)[:, None, :] & (totals > 0)[..., None]
    return Seasons(index, _chance(counts, expected, np.maximum(1 - share, 1e-9)[:, None, :], telling))


def _chance(counts: NDArray[np.int64], expected: Floats, rest: Floats, used: NDArray[np.bool_]) -> Floats:
    """(tags,) the chance of months as different, NaN where fewer than two years can be compared. `rest`: (years, 1,
    tags) share of items without the tag."""
    from scipy.stats import f

    years, months = used.any(axis=1).sum(axis=0), used.any(axis=0).sum(axis=0)
    hits, usual = np.where(used, counts, 0), np.where(used, expected, 0)
    carrying = used & (hits.sum(axis=0) > 0)  # In a month that never has the tag, years can't differ.
    free = carrying.sum(axis=(0, 1)) - carrying.any(axis=0).sum(axis=0) - years + 1
    fitted = usual * (hits.sum(axis=0) / np.maximum(usual.sum(axis=0), 1e-12))
    fitted *= hits.sum(axis=1, keepdims=True) / np.maximum(fitted.sum(axis=1, keepdims=True), 1e-12)
    off = (hits - fitted) ** 2 / np.maximum(fitted * rest, 1e-12)
    excess = np.maximum(off.sum(axis=(0, 1)) - free, 0)
    spread = excess / np.maximum(free * fitted.sum(axis=(0, 1)) / np.maximum(carrying.sum(axis=(0, 1)), 1), 1e-12)
    within = (off / (1 + spread * fitted)).sum(axis=(0, 1))
    again = _again(hits, usual, used)
    usual = usual * (again.sum(axis=(0, 1)) / np.maximum(usual.sum(axis=(0, 1)), 1e-12))
    score = ((again - usual) / (1 + spread * usual)).sum(axis=0)
    variance = (usual * rest / (1 + spread * usual)).sum(axis=0)
    between = (score**2 / np.maximum(variance, 1e-12)).sum(axis=0)
    left = np.maximum(within / np.maximum(free, 1), 1.0)
    p = f.sf(between / np.maximum(months - 1, 1) / left, np.maximum(months - 1, 1), np.maximum(free, 1))
    return np.where((years > 1) & (months > 1) & (free > 0), p, np.nan)


def _again(hits: Floats, usual: Floats, used: NDArray[np.bool_]) -> Floats:
    """The counts as far as another year has the like: each month's highest ratio is set down to its second highest."""
    ratio = np.where(used, hits / np.maximum(usual, 1e-12), -1.0)
    top = ratio.argmax(axis=0, keepdims=True)
    rest = ratio.copy()
    np.put_along_axis(rest, top, -1.0, axis=0)
    second = rest.max(axis=0, keepdims=True)
    second = np.where(second < 0, 1.0, second)
    np.put_along_axis(ratio, top, np.minimum(second, np.take_along_axis(ratio, top, axis=0)), axis=0)
    return np.where(used, ratio * usual, 0.0)
