"""Seasons, bursts and growth of tags: what is found where something is, and how often where nothing is.

    python benchmarks/trends.py --data DIR [--runs 20] [--save NAME]

DIR/fashion_styles: titles with a year and a season (the middle of a month is taken for it). DIR/movielens_small:
ratings with times; a film is a tag, and its release, in its title, is when it should burst. False alarms: the same
items with their times shuffled. Planted: fashion items at random times of three years, a fifth of the tags more
frequent in three months of every year, another fifth in three months of one year (a lot of goods that came in once).
Rivals: the chi-squared test of tag and month, and the period with a tag's largest share.
"""

from __future__ import annotations

import csv
import gzip
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import arguments, machine, report, table
from fashion import category_of, read_rows, taxonomy_of, value_of
from numpy.typing import NDArray
from scipy.stats import chi2_contingency
from sklearn.metrics import roc_auc_score

from graph.model import ItemTag, TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.compute.intervals import adjusted, difference_p
from kgtag.evaluation.analytics.bursts import find_bursts
from kgtag.evaluation.analytics.seasons import find_seasons
from kgtag.evaluation.analytics.table import ItemTable, Periods

MONTH = {"Spring": "04", "Summer": "07", "Fall": "10", "Winter": "01"}
LEAST = 20
SEASONAL = {
    "Sweaters", "Sweatshirts", "Jackets", "Rain Jacket", "Scarves", "Stoles", "Mufflers", "Gloves", "Shorts", "Sandals",
    "Flip Flops", "Sports Sandals", "Swimwear", "Sunglasses", "Caps", "Hat", "Capris",
}  # fmt: skip
"""Types of goods with a season in most people's minds, by common sense and not by this data."""
RIVALS = ("chi-squared of tag and month", "period of the largest share")
Cube = tuple[NDArray[np.int64], NDArray[np.int64]]


def fashion(data: Path) -> ItemTable:
    rows = [row for row in read_rows(data) if row["season"] in MONTH]
    items = (
        TaggedItem(
            row["id"], row["productDisplayName"], "en", "given", "0",
            tuple(ItemTag(id, 1.0, "given") for id in (category_of(row), *values_of(row))),
            f"{row['year']}-{MONTH[row['season']]}-15T00:00:00Z",
        )
        for row in rows
    )  # fmt: skip
    return ItemTable.of(Taxonomy.of(taxonomy_of(rows)), items)


def values_of(row: dict[str, str]) -> list[str]:
    return [f"{name}={row[name]}" for name in ("gender", "baseColour", "usage") if value_of(row, name) is not None]


def cube(items: ItemTable) -> Cube:
    """Counts (years, 12, tags) of tags on LEAST items or more, and items (years, 12)."""
    months = items.days.astype("datetime64[D]").astype("datetime64[M]").astype(int)
    year, month = months // 12 - months.min() // 12, months % 12
    ones = items.carried[:, np.flatnonzero(np.asarray(items.carried.sum(axis=0)).ravel() >= LEAST)].toarray()
    counts = np.zeros((year.max() + 1, 12, ones.shape[1]), dtype=np.int64)
    totals = np.zeros(counts.shape[:2], dtype=np.int64)
    np.add.at(counts, (year, month), ones)
    np.add.at(totals, (year, month), 1)
    return counts, totals


def by_month(counts: NDArray[np.int64], totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """p of the chi-squared test of each tag and the month, years taken together."""
    k, n = counts.sum(axis=0), totals.sum(axis=0)
    k, n = k[n > 0], n[n > 0]
    tables = (np.array([k[:, t], n - k[:, t]]) for t in range(k.shape[1]))
    return np.array([chi2_contingency(one)[1] if one.sum(axis=1).all() else 1.0 for one in tables])


def found(p: NDArray[np.float64]) -> NDArray[np.bool_]:
    """At a false discovery rate of 5%; what cannot be tested is not found."""
    known = ~np.isnan(p)
    hits = np.zeros(len(p), dtype=bool)
    hits[known] = adjusted(p[known]) <= 0.05
    return hits


def planted(items: ItemTable, rng: np.random.Generator) -> tuple[Cube, NDArray[np.int64]]:
    """Counts of items at random times, and for each tag: 1 with a season, 2 with a lot, 0 with neither."""
    start = 17_532  # 2018-01-01
    days = start + rng.integers(0, 3 * 365, len(items))
    counts, totals = cube(replace(items, days=days))
    kind = rng.choice(3, counts.shape[2], p=[0.6, 0.2, 0.2])
    times = np.ones(counts.shape)
    for tag in np.flatnonzero(kind):
        months = (rng.integers(12) + np.arange(3)) % 12
        years = slice(None) if kind[tag] == 1 else int(rng.integers(3))
        times[years, months, tag] = rng.uniform(1.5, 3)
    made = np.minimum(
        rng.poisson(counts.sum(axis=(0, 1)) / totals.sum() * totals[..., None] * times), totals[..., None]
    )
    return (made, totals), kind


def seasons(items: ItemTable, runs: int) -> None:
    rng = np.random.default_rng(0)
    tests = {RIVALS[0]: by_month, "kgtag trends": lambda *both: find_seasons(*both).p}
    real = {name: found(test(*cube(items))).mean() for name, test in tests.items()}
    rows = {name: [] for name in tests}
    for _ in range(runs):
        (counts, totals), kind = planted(items, rng)
        shuffled = cube(replace(items, days=rng.permutation(items.days)))
        for name, test in tests.items():
            hits, p = found(test(counts, totals)), test(*shuffled)
            right = hits[kind == 1].sum() / max(hits.sum(), 1)
            rows[name].append([hits[kind == 1].mean(), hits[kind == 2].mean(), right, np.nanmean(p <= 0.05)])
    table(
        f"seasons: shares of tags, mean of {runs} draws",
        ["", "planted seasons found", "lots taken for seasons", "right of found", "p <= .05 on shuffled times",
         "found in the real times"],
        [[name, *map(float, np.mean(rows[name], axis=0)), float(real[name])] for name in tests],
        rivals=RIVALS,
    )  # fmt: skip


def recurring(items: ItemTable) -> None:
    """Do the peaks of one half of the years return in the other?"""
    year = items.days.astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
    both = [items.only(year <= 2012), items.only(year > 2012)]
    often = np.flatnonzero(np.minimum(*(np.asarray(one.carried.sum(axis=0)).ravel() for one in both)) >= LEAST)
    (a, n), (b, m) = (cube(replace(one, carried=one.carried[:, often])) for one in both)
    rows = []
    for name, (x, of), (y, at) in (("2010-2012 in 2013-2019", (a, n), (b, m)), ("the other way", (b, m), (a, n))):
        learned, seen = find_seasons(x, of), find_seasons(y, at)
        index = np.where((of.sum(axis=0) > 0)[None], learned.index, -1)
        peak = np.nan_to_num(index, nan=-1).argmax(axis=1)
        again = seen.index[np.arange(len(peak)), peak]
        again, told = again[~np.isnan(again)], by_month(x, of)
        rows.append(
            [name, len(again), float((again > 1).mean()), float(found(told).mean()), float(found(learned.p).mean())]
        )
    columns = ["", "tags", "peak above usual again", f"found by {RIVALS[0]}", "found by kgtag trends"]
    table("fashion's own years: do a tag's peaks return?", columns, rows)


def listed(items: ItemTable) -> None:
    """Are the types of goods that anybody would call seasonal ahead of the others?"""
    taxonomy = items.taxonomy
    leaves = np.array([id.count("/") == 2 for id in taxonomy.ids])
    often = leaves & (np.asarray(items.carried.sum(axis=0)).ravel() >= LEAST)
    counts, totals = cube(replace(items, carried=items.carried[:, np.flatnonzero(often)]))
    gold = np.array([taxonomy[id].label() in SEASONAL for id in np.array(taxonomy.ids)[often]])
    usual = np.maximum(totals.sum(axis=0) / totals.sum(), 1e-9)[:, None]
    share = counts.sum(axis=0) / np.maximum(counts.sum(axis=(0, 1)), 1) / usual
    p = find_seasons(counts, totals).p
    ways = {
        RIVALS[0]: -by_month(counts, totals),
        "month of the largest share": share.max(axis=0),
        "kgtag trends": -np.nan_to_num(p, nan=1.0),
    }
    rows = [[name, float(roc_auc_score(gold, score))] for name, score in ways.items()]
    title = f"fashion: {int(gold.sum())} types written down as seasonal, among {len(gold)}"
    table(title, ["", "AUC"], rows, rivals=(*RIVALS, "month of the largest share"))


def bursts(data: Path, runs: int) -> None:
    folder = data / "movielens_small"
    year = {
        row["movieId"]: int(match[1])
        for row in rows_of(folder / "movies.csv.gz")
        if (match := re.search(r"\((\d{4})\)\s*$", row["title"]))
    }
    ratings = rows_of(folder / "ratings.csv.gz")
    films = sorted({row["movieId"] for row in ratings})
    place = {film: at for at, film in enumerate(films)}
    days = np.array([int(row["timestamp"]) // 86_400 for row in ratings])
    column = np.array([place[row["movieId"]] for row in ratings])
    periods, released = Periods.of(days, "quarter"), np.array([year.get(film, 0) for film in films])
    years = np.array([int(name[:4]) for name in periods.names])
    totals = np.bincount(periods.index, minlength=len(years))

    def counted(index: NDArray[np.int64]) -> NDArray[np.int64]:
        counts = np.zeros((len(years), len(films)), dtype=np.int64)
        np.add.at(counts, (index, column), 1)
        return counts

    counts = counted(periods.index)
    asked = (counts.sum(axis=0) >= 10) & (released >= 1997) & (released <= 2017)
    seen = find_bursts(counts, totals)
    hit = asked & found(seen.p)

    def near(when: NDArray[np.int64], which: NDArray[np.bool_]) -> float:
        return float(((when >= released) & (when <= released + 1))[which].mean())

    most = years[(counts / np.maximum(totals, 1)[:, None]).argmax(axis=0)]
    begun = years[seen.start]
    rows = [
        [RIVALS[1], 1.0, near(most, asked), near(most, hit)],
        ["kgtag trends", float(hit[asked].mean()), near(begun, hit), near(begun, hit)],
    ]
    columns = ["", "films answered", "right, of those answered", "right, of those kgtag answers"]
    title = (
        f"bursts: {int(asked.sum()):,} films with ten ratings or more; right: begins in the year of release or the next"
    )
    table(title, columns, rows, rivals=RIVALS)
    rng = np.random.default_rng(0)
    often = counts.sum(axis=0) >= 5
    false = []
    for _ in range(runs):
        mixed = counted(rng.permutation(periods.index))[:, often]
        now, before = mixed[-4:].sum(axis=0), mixed[-8:-4].sum(axis=0)
        p = difference_p(now, totals[-4:].sum(), before, totals[-8:-4].sum())
        alarm = find_bursts(mixed, totals).p
        false.append([(alarm <= 0.05).mean(), found(alarm).any(), (p <= 0.05).mean(), found(p).any()])
    mean = np.mean(false, axis=0)
    rows = [["burst", float(mean[0]), float(mean[1])], ["growth", float(mean[2]), float(mean[3])]]
    table(
        f"false alarms on shuffled times, {int(often.sum()):,} films, {runs} draws",
        ["", "tags with p <= .05", "draws with anything found"],
        rows,
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    host = machine()
    items = fashion(options.data)
    seasons(items, options.runs)
    recurring(items)
    listed(items)
    bursts(options.data, options.runs)
    what = f"Fashion titles with seasons ({len(items):,} items), MovieLens small (100,836 ratings)"
    report("trends", what, host, save=options.save)


if __name__ == "__main__":
    main()
