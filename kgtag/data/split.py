"""Products split into train, dev and test, so that near-duplicates, and products of one group, are in one part."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from scipy import sparse

from graph.errors import InputError
from graph.formats import reading
from graph.labels import CJK, normal_form, singular, typed_form
from graph.model.times import time_text

PARTS = ("train", "dev", "test")
_ROWS = 1_000
"""Products compared with all others at a time."""
Fields = Mapping[str, Any]


def split_rows(
    rows: Sequence[Fields],
    shares: Sequence[float],
    *,
    by: Sequence[str] = (),
    similarity: float = 0.7,
    time: bool = False,
    seed: int = 0,
) -> tuple[dict[str, list[Fields]], dict[str, Any]]:
    """Split rows of products.

    Args:
        rows: With `title`, or `text`, `input`, `input_title`, `tokens`.
        shares: Of train, dev and test; they are brought to a sum of 1.
        by: Fields or attributes; rows with a value in common stay together.
        similarity: Least Jaccard index of the titles' words of near-duplicates.
        time: Groups in order of their latest `at`, the last in the test; otherwise drawn.
        seed: Of the draw.

    Returns:
        The parts, each in the order of the rows; and `parts` (counts), `groups`, `largest_group`, `near_duplicates`
        (pairs), `leaked` and `leaked_at_random` (shares of the test with a near-duplicate in train).

    Raises:
        InputError: Wrong shares, a row without a title, a field that no row has, or `time` and a row without one.
    """
    if len(shares) != len(PARTS) or min(shares) < 0 or not sum(shares) or not shares[0]:
        raise InputError(f"shares {shares}: three numbers from 0 were expected, of train, dev and test, train above 0")
    titles = [_title(row, number) for number, row in enumerate(rows, start=1)]
    pairs = near_duplicates(titles, similarity)
    groups = _groups(len(rows), [*pairs, *_same(rows, by)])
    order = _in_time(rows, groups) if time else _drawn(groups, seed)
    wanted = np.cumsum(np.array(shares) / sum(shares)) * len(rows)
    part_of = np.zeros(len(rows), dtype=np.int8)
    done = 0
    for members in order:
        # A group goes where its middle falls, so that a large one does not empty the part after it.
        middle = done + len(members) / 2
        part_of[members] = min(int(np.searchsorted(wanted, middle, side="right")), int(np.flatnonzero(shares)[-1]))
        done += len(members)
    parts = {name: [rows[i] for i in np.flatnonzero(part_of == n).tolist()] for n, name in enumerate(PARTS)}
    at_random = np.random.default_rng(seed).permutation(part_of)
    answer = {
        "parts": {name: len(part) for name, part in parts.items()},
        "groups": len(groups),
        "largest_group": max(map(len, groups), default=0),
        "near_duplicates": len(pairs),
        "leaked": _leaked(part_of, pairs),
        "leaked_at_random": _leaked(at_random, pairs),
    }
    return parts, answer


def write_parts(directory: Path, parts: Mapping[str, Sequence[Fields]]) -> None:
    """One JSONL file for each part that has rows."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, rows in parts.items():
        if rows:
            reading.write(directory / f"{name}.jsonl", (orjson.dumps(row) + b"\n" for row in rows))


def near_duplicates(titles: Sequence[str], similarity: float) -> list[tuple[int, int]]:
    """Pairs of titles, the smaller number first, whose sets of words have this Jaccard index at least."""
    vocabulary: dict[str, int] = {}
    starts, columns = [0], list[int]()
    for title in titles:
        columns += sorted({vocabulary.setdefault(word, len(vocabulary)) for word in _words(title)})
        starts.append(len(columns))
    shape = (len(titles), max(len(vocabulary), 1))
    words = sparse.csr_array((np.ones(len(columns), dtype=np.int32), columns, starts), shape=shape)
    sizes = np.diff(starts)
    by_word = words.T.tocsr()
    found: list[tuple[int, int]] = []
    for first in range(0, len(titles), _ROWS):
        both = sparse.coo_array(words[first : first + _ROWS] @ by_word)
        i, j = both.coords[0] + first, both.coords[1]
        union = sizes[i] + sizes[j] - both.data
        alike = (i < j) & (both.data >= similarity * union - 1e-9)
        found += zip(i[alike].tolist(), j[alike].tolist(), strict=True)
    return sorted(found)


def _words(title: str) -> Iterator[str]:
    """Words in the singular; of Chinese, pairs of characters."""
    for run in typed_form(normal_form(title)).split():
        if CJK.search(run):
            yield from (run[i : i + 2] for i in range(max(1, len(run) - 1)))
        else:
            yield singular(run)


def _title(row: Fields, number: int) -> str:
    for name in ("title", "text", "input_title", "input"):
        if isinstance(row.get(name), str) and row[name].strip():
            return str(row[name])
    if isinstance(row.get("tokens"), list):
        return " ".join(map(str, row["tokens"]))
    raise InputError(f"row {number} has neither 'title' nor 'text'; its fields are {', '.join(row)}")


def _same(rows: Sequence[Fields], by: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of rows that have a value of a field or attribute in common."""
    for name in by:
        first: dict[Hashable, int] = {}
        for number, row in enumerate(rows):
            for value in _values(row, name):
                if (before := first.setdefault(value, number)) != number:
                    yield before, number
        if not first:
            raise InputError(f"no row has the field or attribute {name!r}; the first has {', '.join(rows[0])}")


def _values(row: Fields, name: str) -> Iterable[Hashable]:
    attributes = row.get("attributes") if isinstance(row.get("attributes"), dict) else {}
    found = row.get(name, (attributes or {}).get(name))
    title = str(row.get("title", row.get("text", "")))
    spans = [one for one in row.get("spans") or () if isinstance(one, dict) and one.get("label") == name]
    values = found if isinstance(found, list) else [found]
    every = [*values, *(title[one["start"] : one["end"]] for one in spans)]
    return [normal_form(one) if isinstance(one, str) else one for one in every if one not in (None, "")]


def _groups(count: int, pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Rows that pairs connect, each group ascending, by its first row."""
    edges = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    graph = sparse.coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    _, label = sparse.csgraph.connected_components(graph, directed=False)
    found: dict[int, list[int]] = defaultdict(list)
    for number, one in enumerate(label.tolist()):
        found[one].append(number)
    return list(found.values())


def _drawn(groups: Sequence[list[int]], seed: int) -> list[list[int]]:
    order = list(groups)
    random.Random(seed).shuffle(order)
    return order


def _in_time(rows: Sequence[Fields], groups: Sequence[list[int]]) -> list[list[int]]:
    for number, row in enumerate(rows, start=1):
        if not row.get("at"):
            raise InputError(f"row {number} has no time 'at', which --time splits by")
    times = [time_text(str(row["at"])) for row in rows]
    return sorted(groups, key=lambda members: (max(times[i] for i in members), members))


def _leaked(part_of: np.ndarray[Any, Any], pairs: Sequence[tuple[int, int]]) -> float:
    test = int((part_of == PARTS.index("test")).sum())
    hit = {b if part_of[b] == 2 else a for a, b in pairs if {int(part_of[a]), int(part_of[b])} == {0, 2}}
    return len(hit) / test if test else 0.0
