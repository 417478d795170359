"""Trends: what was put into a made-up stall is found, what chance does is not, by the library and the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import InputError
from graph.model import ItemNil
from graph.neo4j.store import Neo4jStore
from graph.sqlite.store import SqliteStore
from kgtag.compute.intervals import adjusted, difference_p, newcombe, wilson
from kgtag.evaluation.analytics.bursts import find_bursts
from kgtag.evaluation.analytics.seasons import find_seasons
from kgtag.evaluation.analytics.table import ItemTable, Periods, day_of
from kgtag.evaluation.analytics.trends import TrendOptions, compare, find_trends, select
from tests.kgtag.evaluation.analytics import stall
from tests.kgtag.running import main as run
from tests.kgtag.running import run as process


@pytest.fixture(scope="module")
def table() -> ItemTable:
    return ItemTable.of(stall.taxonomy(), stall.items())


def by_concept(rows: Any) -> Mapping[str, Any]:
    return {row["concept"]: row for row in rows}


def test_what_was_put_in_is_found(table: ItemTable) -> None:
    found = find_trends(table, TrendOptions("month"))
    tags = by_concept(found["tags"])
    assert len(found["periods"]) == 36 and found["periods"][0] == "2023-01" and sum(found["totals"]) == found["items"]
    assert set(tags) == {"boots", "crimson", "hats", "navy", "red", "sandals", "shoes"}
    assert "sandals" in {row["concept"] for row in select(found["tags"], "season")}
    assert tags["sandals"]["season"]["peaks"] == [6, 7, 8] and tags["sandals"]["season"]["q"] < 1e-9
    assert "crimson" in {row["concept"] for row in select(found["tags"], "burst")}
    assert (tags["crimson"]["burst"]["start"], tags["crimson"]["burst"]["end"]) == ("2024-05", "2024-05")
    assert tags["navy"]["burst"] is None and tags["navy"]["season"]["q"] > 0.05
    assert tags["crimson"]["season"]["q"] > 0.05, "a burst of one year is not a season"
    assert tags["shoes"]["count"] == tags["boots"]["count"] + tags["sandals"]["count"]
    assert tags["red"]["count"] > tags["crimson"]["count"] and tags["red"]["attribute"] == "colour"
    assert tags["sandals"]["first_seen"] < "2023-02" and not tags["sandals"]["new"]
    (nil,) = found["nil"]
    assert nil["surface"].lower() == "gorpcore" and nil["new"] and nil["growth"] > 0 and nil["q"] < 1e-3
    assert select(found["nil"], "rising") == [nil]
    with pytest.raises(InputError, match="no order 'x'; there is count, rising"):
        select(found["tags"], "x")


def test_one_month_of_one_year_is_never_a_season(table: ItemTable) -> None:
    tags = by_concept(find_trends(table.within(since="2024-01-01", category="Shoes"))["tags"])
    assert tags["crimson"]["burst"]["start"] == "2024-05" and tags["crimson"]["season"]["q"] > 0.05


def test_a_season_is_no_growth_when_years_are_compared(table: ItemTable) -> None:
    spring = table.within(until="2025-09-01")
    plain, years = (by_concept(find_trends(spring, TrendOptions(year_ago=on))["tags"]) for on in (False, True))
    assert plain["sandals"]["growth"] > 0.3 and abs(years["sandals"]["growth"]) < 0.1
    assert years["sandals"]["before"]["of"] == 92 * 4 and years["sandals"]["q"] > 0.05
    short = by_concept(find_trends(table.within(since="2025-06-01"), TrendOptions(year_ago=True))["tags"])
    assert short["sandals"]["growth"] is None


def test_a_category_and_days_narrow_it_down(table: ItemTable) -> None:
    summer = table.within(since="2024-06-01", until="2024-07-01", category="鞋")
    found = find_trends(summer, TrendOptions("day", kind="value", scheme="s", min_count=1))
    assert found["periods"][0] == "2024-06-01" and len(found["periods"]) == 30
    assert {row["concept"] for row in found["tags"]} == {"crimson", "navy", "red"}
    assert "shoes" not in by_concept(find_trends(summer)["tags"]), "all of them are"
    assert len(table.within(until="2023-01-01")) == 0 and find_trends(table.within(until="2023-01-01"))["tags"] == []
    with pytest.raises(InputError, match="no category 'Bootz'; did you mean 'Boots'"):
        table.within(category="Bootz")
    with pytest.raises(InputError, match="no scheme 't'; there is s"):
        find_trends(table, TrendOptions(scheme="t"))


def test_items_without_a_time_are_left_out_and_counted() -> None:
    items = stall.items(days=10)
    found = find_trends(ItemTable.of(stall.taxonomy(), [replace(one, at=None) for one in items[:7]] + items[7:]))
    assert (found["items"], found["timeless"]) == (33, 7)
    slips = [replace(items[0], at="2999-01-01T00:00:00Z"), replace(items[1], at="0001-01-01T00:00:00Z")]
    found = find_trends(ItemTable.of(stall.taxonomy(), slips + items[2:]))
    assert (found["items"], found["timeless"]) == (38, 2)


def test_mentions_are_one_whatever_they_are_taken_for() -> None:
    items = stall.items(days=10)
    taken = [replace(one, nil=(ItemNil("Boucle", home, 0.9),)) for one, home in zip(items, "abb", strict=False)]
    found = find_trends(ItemTable.of(stall.taxonomy(), taken + items[3:]), TrendOptions(min_count=2))["nil"]
    (row,) = (one for one in found if one["surface"] == "Boucle")
    assert (row["surface"], row["attribute"], row["count"]) == ("Boucle", "b", 3)


def test_growth_is_since_a_year_ago_where_there_are_two(table: ItemTable) -> None:
    assert find_trends(table)["year_ago"] and not find_trends(table.within(until="2024-06-01"))["year_ago"]
    assert not find_trends(table, TrendOptions(year_ago=False))["year_ago"]


def test_chance_is_rarely_taken_for_a_trend(table: ItemTable) -> None:
    rng, alarms, tests = np.random.default_rng(0), 0, 0
    for _ in range(20):
        mixed = replace(table, days=rng.permutation(table.days))
        rows = find_trends(mixed, TrendOptions("month"))["tags"]
        figures = [[row["p"], (row["season"] or {"p": 1})["p"], (row["burst"] or {"p": 1})["p"]] for row in rows]
        alarms, tests = alarms + int(np.sum(np.array(figures) <= 0.05)), tests + 3 * len(rows)
    assert alarms <= 0.05 * tests


@pytest.mark.parametrize(
    ("by", "days", "names"),
    [
        ("day", ["2024-02-28", "2024-03-01"], ["2024-02-28", "2024-02-29", "2024-03-01"]),
        ("week", ["2024-12-29", "2024-12-30", "2025-01-05", "2025-01-06"], ["2024-12-23", "2024-12-30", "2025-01-06"]),
        ("month", ["1969-12-31", "1970-01-31"], ["1969-12", "1970-01"]),
        ("quarter", ["2023-12-31", "2024-01-01", "2024-06-30"], ["2023-Q4", "2024-Q1", "2024-Q2"]),
        ("year", ["2022-12-31", "2024-01-01"], ["2022", "2023", "2024"]),
    ],
)
def test_periods(by: Any, days: list[str], names: list[str]) -> None:
    found = Periods.of(np.array([day_of(day) for day in days]), by)
    assert list(found.names) == names
    assert found.names[found.index[0]] == names[0] and found.names[found.index[-1]] == names[-1]


def test_too_many_periods_are_refused() -> None:
    with pytest.raises(InputError, match=r"periods by day from 1990-01-01 to 2024-01-01; take longer ones, or --since"):
        Periods.of(np.array([day_of("1990-01-01"), day_of("2024-01-01")]), "day")


def test_intervals_against_published_figures() -> None:
    low, high = newcombe(56, 70, 48, 80)  # Newcombe 1998, table II, example a, method 10
    assert (round(float(low), 4), round(float(high), 4)) == (0.0524, 0.3339)
    assert [round(float(end), 4) for end in wilson(81, 263)] == [0.2553, 0.3662]
    assert [float(end) for end in wilson(0, 0)] == pytest.approx([0, 1])
    assert adjusted([]).size == 0 and adjusted([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.04, 0.04])
    assert float(difference_p(9, 10, 9, 10)) == 1 and float(difference_p(90, 100, 10, 100)) < 1e-12


@given(st.lists(st.integers(0, 20), min_size=2, max_size=9), st.integers(1, 3))
def test_a_burst_is_the_cheapest_path(counts: list[int], shift: int) -> None:
    """Beside all paths, for short streams."""
    totals = np.full(len(counts), 40)
    rows = np.array(counts)[:, None]
    found = find_bursts(rows, totals)
    usual = np.clip(rows.sum() / totals.sum(), 1e-12, 1 - 1e-9)
    high = 2 * usual / (1 + usual)
    gain = (rows * np.log(high / usual) + (40 - rows) * np.log((1 - high) / (1 - usual))).ravel()
    price, best = np.log(len(counts)), 0.0
    for path in range(2 ** len(counts)):
        inside = np.array([path >> at & 1 for at in range(len(counts))])
        entered = int((np.diff(np.concatenate([[0], inside])) > 0).sum())
        best = max(best, float(gain @ inside) - price * entered)
    assert (found.start[0] >= 0) == (best > 1e-9)
    if found.start[0] >= 0:
        assert found.weight[0] == pytest.approx(gain[found.start[0] : found.end[0] + 1].sum())
        assert 0 < found.p[0] <= 1
    twice = find_bursts(np.hstack([rows] * (shift + 1)), totals)
    assert twice.start.tolist() == [int(found.start[0])] * (shift + 1)


def test_seasons_need_two_years_that_agree() -> None:
    counts, totals = np.zeros((2, 12, 1), dtype=int), np.zeros((2, 12), dtype=int)
    totals[0], counts[0, :5], counts[0, 5] = 100, 4, 40
    assert np.isnan(find_seasons(counts, totals).p[0])
    totals[1], counts[1] = 100, counts[0]
    found = find_seasons(counts, totals)
    assert found.p[0] < 1e-3 and found.peaks(0) == [6]
    counts[1] = np.roll(counts[0], 6)
    assert find_seasons(counts, totals).p[0] > 0.1, "each year another month: lots of goods"
    assert find_seasons(counts[..., :0], totals).p.size == 0


def test_two_catalogues_are_compared(table: ItemTable) -> None:
    summer = replace(table, days=table.days - 365).within(since="2023-06-01", until="2023-09-01")
    first, *rest = compare(table, summer)
    assert {first["concept"], rest[0]["concept"]} == {"sandals", "boots"} or first["concept"] == "sandals"
    sandals = by_concept([first, *rest])["sandals"]
    assert sandals["low"] < sandals["difference"] < sandals["high"] < 0 and sandals["q"] < 1e-9
    assert all(row["q"] > 0.05 for row in compare(table, table))
    with pytest.raises(InputError, match="nothing to compare: 4380 items here, 0 in the other"):
        compare(table, table.within(until="2000-01-01"))


def test_the_command_gives_what_the_library_gives(store: SqliteStore | Neo4jStore, table: ItemTable) -> None:
    stall.fill(store)
    at = ("--store", store.url)
    answer = process("trends", *at, "--by", "quarter", "--json").json
    assert answer == json.loads(json.dumps(find_trends(table, TrendOptions("quarter"))))


def test_the_command_shows_and_writes_tables(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    stall.fill(sqlite_store)
    at = ("--store", sqlite_store.url)
    shown = run("trends", *at).stdout
    for title in ("Bursts", "Seasons", "Mentions without a concept that rise"):
        assert title in shown
    assert "2024-05" in shown and "Jun 2." in shown and "orpcore" in shown
    done = run("trends", *at, "--out", tmp_path / "t.csv", "--category", "Shoes", "--since", "2024-01-01")
    assert done.code == 0 and done.stdout == ""
    head, *lines = (tmp_path / "t.csv").read_text().splitlines()
    assert head.startswith("attribute,concept,label,kind,count,share,low,high,growth") and head.endswith("2025-12")
    assert len(lines) == 5
    run("trends", *at, "--out", tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").num_rows == 7


def test_a_catalogue_is_compared_with_a_file(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    stall.fill(sqlite_store)
    at = ("--store", sqlite_store.url)
    rival = tmp_path / "rival.csv"
    rival.write_text("id,Name\n" + "".join(f"{n},Navy {'sandals' if n % 2 else 'hats'}\n" for n in range(200)))
    answer = run("trends", *at, "--against", rival, "--column", "title=Name", "--json").json
    tags = by_concept(answer["tags"])
    assert (answer["items"], answer["other_items"]) == (4380, 200)
    assert tags["navy"]["other_share"] == 1 and tags["navy"]["high"] < 0 and tags["boots"]["other_count"] == 0
    out = tmp_path / "tags.jsonl"
    run("tag", rival, *at, "--column", "title=Name", "--out", out)
    assert run("trends", *at, "--against", out, "--json").json["tags"] == answer["tags"]
    shown = run("trends", *at, "--against", rival, "--column", "title=Name")
    assert "More there" in shown.stdout and "tagged by different models" in shown.stderr
    run("trends", *at, "--against", out, "--out", tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text().startswith("concept,label,kind,count,share,other_count")
    same = run("trends", *at, "--against", sqlite_store.url)
    assert "no tag's share differs beyond chance" in same.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--by", "decade"], "no period 'decade'; there is day, week, month, quarter, year"),
        (["--kind", "tag"], "no kind 'tag'; there is category, attribute, value"),
        (["--since", "yesterday"], "no time 'yesterday'"),
        (["--out", "t.xls"], "t.xls: a .csv or .parquet file was expected"),
        (["--against", "none.csv"], "there is no such file"),
        (["--against", "x.csv", "--column", "name=x"], "FIELD=HEADER was expected"),
    ],
)
def test_wrong_options_are_refused(sqlite_store: SqliteStore, args: list[str], message: str) -> None:
    sqlite_store.apply(stall.changes(*stall.CONCEPTS, *stall.EDGES))
    done = run("trends", "--store", sqlite_store.url, *args)
    assert done.code == 2 and message in done.stderr


def test_a_store_without_items_says_what_to_do(sqlite_store: SqliteStore) -> None:
    done = run("trends", "--store", sqlite_store.url)
    assert done.code == 0 and "kgtag tag --record stores them" in done.stderr
