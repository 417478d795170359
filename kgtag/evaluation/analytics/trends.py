"""Trends of tags over time: shares, growth, bursts, seasons, first seen; and of mentions without a concept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from graph.model import Kind
from graph.taxonomy import Taxonomy
from kgtag.compute.intervals import Floats, adjusted, difference_p, newcombe, wilson
from kgtag.evaluation.analytics.bursts import find_bursts
from kgtag.evaluation.analytics.seasons import MONTHS, find_seasons
from kgtag.evaluation.analytics.table import By, ItemTable, Periods, day_text
from kgtag.rows.analytics import ComparedTag, NilTrend, TagTrend, TrendFigures, Trends

if TYPE_CHECKING:
    from scipy import sparse

RECENT: dict[By, int] = {"day": 28, "week": 4, "month": 3, "quarter": 2, "year": 1}
"""Periods that growth compares with as many before."""
_A_YEAR: dict[By, int] = {"day": 365, "week": 52, "month": 12, "quarter": 4, "year": 1}
FOUND = 0.05
"""False discovery rate up to which growth, a burst or a season is counted as found."""
_NILS = 1_000


@dataclass(frozen=True, slots=True)
class TrendOptions:
    """What to look at.

    Attributes:
        by: Length of a period.
        recent: Periods that growth compares with as many before; RECENT by default.
        min_count: Items that a tag is on at least.
        kind: Only such concepts; attributes, which no item carries, never.
        scheme: Only concepts of it.
        year_ago: Whether growth compares with the same periods of the year before, so that a season is none; by default
            where there are two years of them.
    """

    by: By = "month"
    recent: int | None = None
    min_count: int = 5
    kind: Kind | None = None
    scheme: str | None = None
    year_ago: bool | None = None


def find_trends(table: ItemTable, options: TrendOptions | None = None, *, lang: str | None = None) -> Trends:
    """The trends of every concept on `min_count` items or more, but not on all, and of mentions without a concept, each
    with the most items first.

    Shares are of the table's items: narrow it down for a category. Growth, bursts and seasons have a false discovery
    rate (`q`) over all concepts tested.
    """
    options = options or TrendOptions()
    taxonomy, periods = table.taxonomy, Periods.of(table.days, options.by)
    if options.year_ago is None:
        options = replace(options, year_ago=len(periods.names) >= 2 * _A_YEAR[options.by] > 2)
    columns, often = _wanted(taxonomy, options.kind, options.scheme), np.asarray(table.carried.sum(axis=0)).ravel()
    columns = columns[(often[columns] >= max(options.min_count, 1)) & (often[columns] < len(table))]
    figures = _Figures(table.carried[:, columns], table.days, periods, options)
    tags: list[TagTrend] = []
    for id, row in zip(taxonomy.ids_of(columns.tolist()), figures.rows(), strict=True):
        concept, attribute = taxonomy[id], taxonomy.attribute_of(id)
        of = {} if attribute is None else {"attribute": attribute}
        tags.append({"concept": id, "label": concept.label(lang), "kind": concept.kind, **of, **row})  # type: ignore[typeddict-item]
    names, mentions = table.nil_table()
    groups = np.flatnonzero(np.asarray(mentions.sum(axis=0)).ravel() >= max(options.min_count, 1))
    nils = _Figures(mentions[:, groups], table.days, periods, options).rows()
    nil: list[NilTrend] = []
    for at, row in zip(groups.tolist(), nils, strict=True):
        attribute, surface = names[at]
        of = {} if attribute is None else {"attribute": attribute}
        nil.append({"surface": surface, **of, **row})  # type: ignore[typeddict-item]
    return {
        "by": options.by,
        "periods": list(periods.names),
        "totals": figures.totals.tolist(),
        "recent": figures.recent,
        "year_ago": bool(options.year_ago),
        "items": len(table),
        "timeless": table.timeless,
        "tags": sorted(tags, key=lambda row: (-row["count"], row["concept"])),
        "nil": sorted(nil, key=lambda row: (-row["count"], row["surface"]))[:_NILS],
        "revision": taxonomy.revision,
    }


ORDERS: dict[str, Callable[[TrendFigures], Any]] = {
    "count": lambda row: -row["count"],
    "rising": lambda row: -(row["growth"] or 0.0),
    "falling": lambda row: row["growth"] or 0.0,
    "burst": lambda row: -row["burst"]["weight"] if row["burst"] is not None else 0.0,
    "season": lambda row: row["season"]["q"] if row["season"] is not None else 1.0,
    "new": lambda row: tuple(-ord(c) for c in row["first_seen"]),
}
"""Sort keys, the first the best."""
_HAS: dict[str, Callable[[TrendFigures], bool]] = {
    "rising": lambda row: (row["growth"] or 0.0) > 0 and row["q"] <= FOUND,
    "falling": lambda row: (row["growth"] or 0.0) < 0 and row["q"] <= FOUND,
    "burst": lambda row: row["burst"] is not None and row["burst"]["q"] <= FOUND,
    "season": lambda row: row["season"] is not None and row["season"]["q"] <= FOUND,
    "new": lambda row: row["new"],
}


def select(rows: Sequence[Any], order: str, limit: int | None = None) -> list[Any]:
    """The rows that rise, fall, burst, have a season or are new beyond chance, the clearest first; by "count", all."""
    if order not in ORDERS:
        raise InputError(f"no order {order!r}; there is {', '.join(ORDERS)}")
    found = [row for row in rows if _HAS.get(order, bool)(row)]
    return sorted(found, key=ORDERS[order])[:limit]


class _Figures:
    """The figures of every column of a table of ones."""

    def __init__(
        self, ones: sparse.csr_array, days: NDArray[np.int64], periods: Periods, options: TrendOptions
    ) -> None:
        from scipy import sparse

        self._ones, self._days, self._periods = ones, days, periods
        count = len(periods.names)
        shape = (count, len(days))
        into = sparse.csr_array(
            (np.ones(len(days), dtype=np.int32), (periods.index, np.arange(len(days)))), shape=shape
        )
        self.totals = np.bincount(periods.index, minlength=count) if count else np.zeros(0, dtype=np.int64)
        self._counts = np.asarray((into @ ones).toarray(), dtype=np.int64)
        wanted = options.recent or RECENT[options.by]
        self.recent = max(1, min(wanted, count // 2))
        back = _A_YEAR[options.by] if options.year_ago else self.recent
        self._before = slice(max(count - back - self.recent, 0), max(count - back, 0))

    def rows(self) -> list[TrendFigures]:
        counts, totals = self._counts, self.totals
        columns = counts.shape[1]
        if not columns:
            return []
        n, hits = int(totals.sum()), counts.sum(axis=0)
        low, high = wilson(hits, n)
        now, before = slice(-self.recent, None), self._before
        a, of, b, was = (x.sum(axis=0) for x in (counts[now], totals[now], counts[before], totals[before]))
        growth = a / max(of, 1) - b / max(was, 1)
        growth_low, growth_high = newcombe(a, of, b, was)
        known = bool(of and was)
        p = difference_p(a, of, b, was) if known else np.ones(columns)
        q = adjusted(p)
        first, last = self._seen()
        bursts = self._bursts()
        seasons = self._seasons()
        fresh = self._periods.index >= len(totals) - self.recent
        began = int(self._days[fresh].min())
        return [
            {
                "count": int(hits[t]),
                "share": _round(hits[t] / n),
                "low": _round(low[t]),
                "high": _round(high[t]),
                "now": {"count": int(a[t]), "of": int(of)},
                "before": {"count": int(b[t]), "of": int(was)},
                "growth": _round(growth[t]) if known else None,
                "growth_low": _round(growth_low[t]) if known else None,
                "growth_high": _round(growth_high[t]) if known else None,
                "p": _small(p[t]),
                "q": _small(q[t]),
                "first_seen": day_text(first[t]),
                "last_seen": day_text(last[t]),
                "new": bool(first[t] >= began and not fresh.all()),
                "burst": bursts[t],
                "season": seasons[t],
                "counts": counts[:, t].tolist(),
            }
            for t in range(columns)
        ]

    def _seen(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(columns,) the first and the last day of each."""
        days = np.repeat(self._days, np.diff(self._ones.indptr))
        first = np.full(self._ones.shape[1], np.iinfo(np.int64).max)
        last = np.full(self._ones.shape[1], np.iinfo(np.int64).min)
        np.minimum.at(first, self._ones.indices, days)
        np.maximum.at(last, self._ones.indices, days)
        return first, last

    def _bursts(self) -> list[Any]:
        found, names = find_bursts(self._counts, self.totals), self._periods.names
        q = adjusted(found.p)
        return [
            None
            if found.start[t] < 0
            else {
                "start": names[found.start[t]],
                "end": names[found.end[t]],
                "weight": _round(found.weight[t]),
                "p": _small(found.p[t]),
                "q": _small(q[t]),
            }
            for t in range(self._counts.shape[1])
        ]

    def _seasons(self) -> list[Any]:
        from scipy import sparse

        months = self._days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        first = months.min() // MONTHS
        cells, years = months - first * MONTHS, int(months.max() // MONTHS - first + 1)
        shape = (years * MONTHS, len(cells))
        into = sparse.csr_array((np.ones(len(cells), dtype=np.int32), (cells, np.arange(len(cells)))), shape=shape)
        counts = np.asarray((into @ self._ones).toarray(), dtype=np.int64).reshape(years, MONTHS, -1)
        totals = np.bincount(cells, minlength=years * MONTHS).reshape(years, MONTHS)
        found = find_seasons(counts, totals)
        tested = ~np.isnan(found.p)
        q = np.full(len(found.p), np.nan)
        q[tested] = adjusted(found.p[tested])
        return [
            {
                "peaks": found.peaks(t),
                "index": [None if np.isnan(one) else _round(one) for one in found.index[t]],
                "p": _small(found.p[t]),
                "q": _small(q[t]),
            }
            if tested[t]
            else None
            for t in range(len(found.p))
        ]


def compare(
    table: ItemTable,
    other: ItemTable,
    *,
    kind: Kind | None = None,
    scheme: str | None = None,
    min_count: int = 5,
    lang: str | None = None,
) -> list[ComparedTag]:
    """How the shares of a catalogue differ from those of another, the largest certain difference first. Both tables are
    of one taxonomy. `min_count`: items with the tag in both together at least."""
    taxonomy = table.taxonomy
    ours, theirs = (np.asarray(one.carried.sum(axis=0)).ravel() for one in (table, other))
    n, m = len(table), len(other)
    if not n or not m:
        raise InputError(f"nothing to compare: {n} items here, {m} in the other catalogue")
    columns = _wanted(taxonomy, kind, scheme)
    columns = columns[(ours + theirs)[columns] >= max(min_count, 1)]
    a, b = ours[columns], theirs[columns]
    low, high = newcombe(a, n, b, m)
    p = difference_p(a, n, b, m)
    q = adjusted(p)
    order = np.lexsort((columns, -np.abs(a / n - b / m), q > FOUND))
    rows: list[ComparedTag] = []
    for at in order.tolist():
        id = taxonomy.ids[int(columns[at])]
        rows.append(
            {
                "concept": id,
                "label": taxonomy[id].label(lang),
                "kind": taxonomy[id].kind,
                "count": int(a[at]),
                "share": _round(a[at] / n),
                "other_count": int(b[at]),
                "other_share": _round(b[at] / m),
                "difference": _round(a[at] / n - b[at] / m),
                "low": _round(low[at]),
                "high": _round(high[at]),
                "p": _small(p[at]),
                "q": _small(q[at]),
            }
        )
    return rows


def _wanted(taxonomy: Taxonomy, kind: Kind | None, scheme: str | None) -> NDArray[np.int64]:
    """Numbers of the concepts asked for."""
    if scheme is not None and scheme not in taxonomy.schemes:
        raise InputError(f"no scheme {scheme!r}; there is {', '.join(sorted(taxonomy.schemes))}")
    keep = ~taxonomy.columns.kind.where("attribute") if kind is None else taxonomy.columns.kind.where(kind)
    if scheme is not None:
        keep = keep & taxonomy.columns.scheme.where(scheme)
    return np.flatnonzero(keep)


def _round(value: Any) -> float:
    return round(float(value), 6)


def _small(p: Any) -> float:
    """Three digits, however small."""
    return float(f"{float(p):.3g}")


__all__ = ["FOUND", "ORDERS", "RECENT", "Floats", "TrendOptions", "compare", "find_trends", "select"]
