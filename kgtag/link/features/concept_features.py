"""Features over all labels of a candidate, its rank among the others, and its usage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.link.candidates.label_table import MOST_LABELS, NOWHERE, Flags, Ids
from kgtag.link.candidates.retrieve import Lookup, Pairs, Rich
from kgtag.link.encoder import Vectors
from kgtag.link.features.token_features import TOKEN_FEATURES

Floats = NDArray[np.float64]

_BEST_OF = ("together", "query_covered", "label_covered", "query_explained", "label_explained", "edits_together")
CONCEPT_FEATURES = (
    *(f"best_{name}" for name in _BEST_OF),
    "hits", "grams_rank", "cosine_rank", "cosine_best", "cosine_mean", "cosine_pref", "strength", "strength_behind",
    "cosine_behind", "merit", "merit_behind", "merit_rank", "usage_rank", "usage", "labels",
)  # fmt: skip
"""Columns of `concept_features`; the names stand in trained linkers. Best: of all its labels found. Mean: of the three
nearest in meaning. Behind: the lead of the lookup's strongest candidate."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Candidates by (lookup, concept) with their pairs: `order` lists the pairs' numbers candidate by candidate,
    `starts` (candidates,) says where each one's begin. `strength`: of its best label."""

    lookup: Ids
    concept: Ids
    strength: Floats
    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    pair: NDArray[np.int64]


def concept_features(rich: Rich, seen: Seen, by_pair: Floats, lookups: Sequence[Lookup], pairs: Pairs) -> Floats:
    """(candidates, len(CONCEPT_FEATURES)), from token features by pair."""
    columns = np.zeros((len(seen.lookup), len(CONCEPT_FEATURES)))
    if not len(seen.lookup):
        return columns
    at = [TOKEN_FEATURES.index(name) for name in _BEST_OF]
    columns[:, : len(_BEST_OF)] = np.maximum.reduceat(by_pair[seen.order][:, at], seen.starts)
    meanings = _meanings(rich, seen, lookups, pairs.vectors)
    strength, cosine = seen.strength, meanings[:, 0]
    covered = columns[:, CONCEPT_FEATURES.index("best_label_explained")]
    prior = np.maximum(strength, cosine) + 0.3 * covered + 0.03 * rich.usage.count[seen.concept]
    named = {
        "hits": np.log1p(np.diff(np.r_[seen.starts, len(seen.order)])),
        "grams_rank": np.log1p(_ranked(pairs.lookup, pairs.grams)[seen.pair]),
        "cosine_rank": np.log1p(_ranked(pairs.lookup, pairs.cosine)[seen.pair]),
        "cosine_best": cosine,
        "cosine_mean": meanings[:, 1],
        "cosine_pref": meanings[:, 2],
        "strength": strength,
        "strength_behind": _behind(seen.lookup, strength),
        "cosine_behind": _behind(seen.lookup, cosine),
        "merit": prior,
        "merit_behind": _behind(seen.lookup, prior),
        "merit_rank": np.log1p(_ranked(seen.lookup, prior)),
        "usage_rank": rich.usage.rank[seen.concept],
        "usage": rich.usage.count[seen.concept] / 10,
        "labels": np.log1p(rich.labels.count[seen.concept] - (seen.concept == _without(lookups, seen.lookup))),
    }
    for name, column in named.items():
        columns[:, CONCEPT_FEATURES.index(name)] = column
    return columns


def _ranked(lookup: Ids, value: Floats) -> Floats:
    """Each one's rank from 0, highest value first, among those of its lookup; ties by position."""
    order = np.lexsort((np.arange(len(value)), -value, lookup))
    sorted_lookup = lookup[order]
    rank = np.zeros(len(value))
    rank[order] = np.arange(len(value)) - np.searchsorted(sorted_lookup, sorted_lookup)
    return rank


def _behind(lookup: Ids, value: Floats) -> Floats:
    """`lookup` is sorted."""
    starts = np.flatnonzero(np.r_[True, np.diff(lookup) != 0])
    best = np.maximum.reduceat(value, starts)
    behind: Floats = np.repeat(best, np.diff(np.r_[starts, len(value)])) - value
    return behind


def _meanings(rich: Rich, seen: Seen, lookups: Sequence[Lookup], queries: Vectors | None) -> Floats:
    """(candidates, 3): cosine of the nearest label, mean of the three nearest, and of a preferred label."""
    n = len(seen.lookup)
    found = np.zeros((n, 3))
    if rich.vectors is None or queries is None:
        return found
    starts = rich.labels.starts[seen.concept].astype(np.int64)
    counts = rich.labels.starts[seen.concept + 1] - starts
    place = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    owner = np.repeat(np.arange(n), counts)
    text = rich.labels.texts[place + np.repeat(starts, counts)]
    cosines = rich.vectors.cosines(queries, text, seen.lookup[owner])
    unseen = hidden(lookups, seen.lookup[owner], seen.concept[owner], text)
    grid = np.full((n, MOST_LABELS), -1.0)
    grid[owner, place] = np.where(unseen, -1.0, cosines)
    found[:, 2] = np.maximum(grid[:, 0], 0)
    heard = counts - np.bincount(owner, weights=unseen, minlength=n)
    grid.sort(axis=1)
    three = np.maximum(grid[:, -3:], 0)
    found[:, 0] = three[:, -1]
    found[:, 1] = three.sum(axis=1) / np.clip(heard, 1, 3)
    return found


def hidden(lookups: Sequence[Lookup], lookup: Ids, concept: Ids, text: Ids) -> Flags:
    """(n,) whether the lookup must not see the text as a label of the concept."""
    if not any(query.without for query in lookups):
        return np.zeros(len(lookup), dtype=np.bool_)
    text_of = [NOWHERE if q.without is None or q.without.text is None else q.without.text for q in lookups]
    label = np.array(text_of, dtype=np.int64)[lookup]
    found: Flags = (concept == _without(lookups, lookup)) & ((label == NOWHERE) | (label == text))
    return found


def _without(lookups: Sequence[Lookup], lookup: Ids) -> NDArray[np.int64]:
    """(n,) the concept that has a label hidden from the lookup; NOWHERE for none."""
    return np.array([NOWHERE if q.without is None else q.without.concept for q in lookups], dtype=np.int64)[lookup]
