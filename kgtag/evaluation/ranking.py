"""Hidden pairs, ranked: where do the tags of an item, or the items of a user, come that were left out of training?

Ranked are the columns of the training data without those that the row has there. A tie counts as its mean place.
Baselines are measured on the same pairs: popularity, cosine of columns (item-kNN) and EASE with the best ridge.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from kgtag.recommend.fitting import Fitted, fit_ranker, pair_ranks, without_known
from kgtag.recommend.interactions import Matrix, Pair, Pairs, read_labels, read_pairs
from kgtag.recommend.rankers import RARE, Floats, Popularity, Ranker, fit_cosine, popularity
from kgtag.recommend.side import TagProfiles, TextSimilarity

Log = Callable[[str], None]
Fit = Callable[..., Fitted]
"""`fit_ranker`, or a function with its arguments."""
Ints = NDArray[np.int64]
_ROWS = 512
RELATED = (
    "one case for each test pair whose item has two or more train tags and whose tag occurs in train; all tags but the"
    " item's train tags are ranked; ties count as their mean place"
)
RECOMMENDER = (
    "mean over users with held-out items that occur in train; all items but the user's train items are ranked; recall"
    " over the smaller of 20 and the held-out items"
)


def evaluate_related(
    train: Path,
    test: Path,
    *,
    texts: Path | None = None,
    fit: Fit = fit_ranker,
    seed: int = 0,
    log: Log = lambda _: None,
) -> dict[str, Any]:
    """Rank the tag of each test pair for the item's train tags.

    Args:
        train, test: Files of item TAB tag. Baskets of `test` that train lacks lose one item at random, and the rest is
            known.
        texts: A file of tag TAB label.
        fit: Fits the ranker.
        seed: Of the split of train that chooses the settings, and of what baskets lose.
        log: Called with lines for people.

    Returns:
        `recall_at_10`, `mrr`, `n`, and the same for `baselines`; coverage and novelty of the first ten; `rare`: of tags
        seen fewer than five times; `settings`.

    Raises:
        InputError: There is no case.
    """
    pairs, hidden = _given_baskets(read_pairs(train), read_pairs(test), seed)
    matrix = Matrix.of(pairs)
    row, column = _numbers(matrix.rows), _numbers(matrix.columns)
    lengths = np.diff(matrix.values.indptr)
    asked = sorted({(pair.row, pair.column) for pair in hidden} - {(pair.row, pair.column) for pair in pairs})
    asked = [(item, tag) for item, tag in asked if item in row and lengths[row[item]] >= 2]
    cases = [(row[item], column[tag]) for item, tag in asked if tag in column]
    if not cases:
        raise InputError(
            f"{test}: no pair to rank; its items need two other tags in {train}, and its tags to occur there"
        )
    extra = []
    if texts is not None:
        labels = read_labels(texts)
        similarity = TextSimilarity.of([labels.get(tag, "") for tag in matrix.columns])
        extra.append(("texts", lambda _: similarity))
    fitted = fit(matrix.values, k=10, extra=extra, rare=True, seed=seed, log=log)
    targets = np.array(cases, dtype=np.int64)
    rankers = {"": fitted.ranker} | _baselines(fitted, matrix, "cosine")
    found = {name: _pair_figures(ranker, matrix, targets) for name, ranker in rankers.items()}
    own = found.pop("")
    return {
        **own,
        "n": len(cases),
        "unseen_tags": len(asked) - len(cases),
        "interval": _interval(own["recall_at_10"], len(cases)),
        "baselines": found,
        "settings": fitted.settings,
        "protocol": RELATED,
    }


def evaluate_recommender(
    train: Path,
    test: Path,
    *,
    tags: Path | None = None,
    fit: Fit = fit_ranker,
    seed: int = 0,
    log: Log = lambda _: None,
) -> dict[str, Any]:
    """Rank the held-out items of each user.

    Args:
        train, test: Files of user TAB item, with a weight if there is one.
        tags: A file of item TAB tag: what helps where items have few users, and ranks items that have none.
        fit: Fits the ranker.
        seed: Of the split of train that chooses the settings.
        log: Called with lines for people.

    Returns:
        `recall_at_20`, `ndcg_at_20`, `coverage_at_20`, `n`, and the same for `baselines`; novelty; `cold_items`, for
        held-out items that only `tags` names, ranked among themselves; `settings`.

    Raises:
        InputError: No user has a held-out item that occurs in train.
    """
    pairs, hidden = _given_baskets(read_pairs(train), read_pairs(test), seed)
    matrix = Matrix.of(pairs)
    profiles = TagProfiles.of(read_pairs(tags).pairs, matrix.columns) if tags is not None else None
    extra = [("tags", profiles.ranker)] if profiles is not None else []
    users = _held_out(hidden, matrix)
    if not users:
        raise InputError(f"{test}: no user of {train} with a held-out item that occurs there")
    fitted = fit(matrix.values, k=20, least=1, extra=extra, neighbours=False, seed=seed, log=log)
    rankers = {"": fitted.ranker} | _baselines(fitted, matrix, "item_knn")
    found = {name: _user_figures(ranker, matrix, users) for name, ranker in rankers.items()}
    own = found.pop("")
    answer = {**own, "n": len(users), "unseen_items": _unseen(hidden, matrix)}
    if profiles is not None:
        answer["cold_items"] = _cold(profiles, matrix, hidden)
    return answer | {"baselines": found, "settings": fitted.settings, "protocol": RECOMMENDER}


def _given_baskets(train: Pairs, test: Pairs, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Known and hidden pairs. Baskets of `test` whose rows `train` lacks lose one of three or more columns."""
    rows = {pair.row for pair in train.pairs}
    if not test.baskets or any(pair.row in rows for pair in test.pairs):
        return train.pairs, test.pairs
    baskets: dict[str, set[str]] = {}
    for pair in test.pairs:
        baskets.setdefault(pair.row, set()).add(pair.column)
    draw = random.Random(seed)
    hidden = [Pair(row, draw.choice(sorted(names))) for row, names in sorted(baskets.items()) if len(names) >= 3]
    taken = {(pair.row, pair.column) for pair in hidden}
    rest = [pair for pair in test.pairs if len(baskets[pair.row]) >= 3 and (pair.row, pair.column) not in taken]
    return [*train.pairs, *rest], hidden


def _numbers(names: Sequence[str]) -> dict[str, int]:
    return {name: i for i, name in enumerate(names)}


def _baselines(fitted: Fitted, matrix: Matrix, cosine: str) -> dict[str, Ranker]:
    flat = Popularity(popularity(matrix.values))
    return {"popularity": flat, cosine: fit_cosine(matrix.values), "ease": fitted.ease}


def _pair_figures(ranker: Ranker, matrix: Matrix, cases: Ints) -> dict[str, Any]:
    """`cases`: (n, 2) of row and column."""
    counts, columns = popularity(matrix.values), len(matrix.columns)
    ranks, shown, novelty = np.empty(len(cases)), np.zeros(columns, dtype=bool), []
    rows, place = np.unique(cases[:, 0], return_inverse=True)
    for start in range(0, len(rows), _ROWS):
        known = matrix.values[rows[start : start + _ROWS]]
        scores = ranker.scores(known)
        here = (place >= start) & (place < start + _ROWS)
        ranks[here] = pair_ranks(scores, known, place[here] - start, cases[here, 1])
        best = _best(without_known(scores, known), 10)
        shown[best] = True
        novelty.append(_novelty(best, counts, matrix.values.shape[0]))
    rare = counts[cases[:, 1]] < RARE
    return {
        "recall_at_10": float((ranks <= 10).mean()),
        "mrr": float((1 / ranks).mean()),
        "coverage_at_10": float(shown.mean()),
        "novelty_at_10": float(np.mean(np.concatenate(novelty))),
        "rare": {"n": int(rare.sum()), "recall_at_10": float((ranks[rare] <= 10).mean()) if rare.any() else 0.0},
    }


def _held_out(hidden: Sequence[Pair], matrix: Matrix) -> dict[int, set[int]]:
    """The held-out columns by row of the matrix."""
    row, column = _numbers(matrix.rows), _numbers(matrix.columns)
    found: dict[int, set[int]] = {}
    for pair in hidden:
        if pair.row in row and pair.column in column:
            found.setdefault(row[pair.row], set()).add(column[pair.column])
    known = {i: set(matrix.values[[i]].indices.tolist()) for i in found}
    return {i: rest for i, columns in sorted(found.items()) if (rest := columns - known[i])}


def _unseen(hidden: Sequence[Pair], matrix: Matrix) -> int:
    columns = set(matrix.columns)
    return sum(pair.column not in columns for pair in hidden)


def _user_figures(ranker: Ranker, matrix: Matrix, users: Mapping[int, set[int]], k: int = 20) -> dict[str, Any]:
    counts, shown = popularity(matrix.values), np.zeros(len(matrix.columns), dtype=bool)
    k = min(k, len(matrix.columns))
    discount = 1 / np.log2(np.arange(2, k + 2))
    recall, ndcg, novelty = [], [], []
    rows = list(users)
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        known = matrix.values[part]
        best = _best(without_known(ranker.scores(known), known), k)
        shown[best] = True
        novelty.append(_novelty(best, counts, matrix.values.shape[0]))
        for row, items in zip(part, best, strict=True):
            hits, most = np.isin(items, list(users[row])), min(k, len(users[row]))
            recall.append(hits.sum() / most)
            ndcg.append((hits * discount).sum() / discount[:most].sum())
    return {
        "recall_at_20": float(np.mean(recall)),
        "ndcg_at_20": float(np.mean(ndcg)),
        "coverage_at_20": float(shown.mean()),
        "novelty_at_20": float(np.mean(np.concatenate(novelty))),
    }


def _best(scores: Floats, k: int) -> Ints:
    """(n, k) columns of the highest scores, best first; ties by column."""
    k = min(k, scores.shape[1])
    order: Ints = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return order


def _novelty(best: Ints, counts: Ints, rows: int) -> NDArray[np.float64]:
    """Mean self-information in bits of each row's columns: -log2 of the share of rows that have one."""
    bits: NDArray[np.float64] = -np.log2(np.maximum(counts[best], 0.5) / rows).mean(axis=1)
    return bits


def _interval(share: float, n: int) -> list[float]:
    """95% of the normal approximation."""
    half = 1.96 * (share * (1 - share) / n) ** 0.5
    return [round(max(share - half, 0.0), 4), round(min(share + half, 1.0), 4)]


def _cold(profiles: TagProfiles, matrix: Matrix, hidden: Sequence[Pair]) -> dict[str, Any]:
    """Held-out items without a user in train, ranked among all such items: by tags, and by chance, which is what
    popularity comes to for them."""
    row, place = _numbers(matrix.rows), _numbers(profiles.cold)
    users: dict[int, set[int]] = {}
    for pair in hidden:
        if pair.row in row and pair.column in place:
            users.setdefault(row[pair.row], set()).add(place[pair.column])
    if not users:
        return {"n": 0, "candidates": len(place)}
    scores = profiles.cold_scores(matrix.values[list(users)])
    best = _best(scores, 20)
    recall = [
        np.isin(items, list(held)).sum() / min(20, len(held)) for items, held in zip(best, users.values(), strict=True)
    ]
    chance = [min(20, len(place)) / len(place) * len(held) / min(20, len(held)) for held in users.values()]
    return {
        "n": len(users),
        "candidates": len(place),
        "recall_at_20": float(np.mean(recall)),
        "popularity": {"recall_at_20": float(np.mean(chance))},
    }
