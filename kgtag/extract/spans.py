"""The spans of many titles' rows at once: what `decode` finds, without a look at rows that can't hold a span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.extract.decode import ALLOWED, STARTS, B, Chain, E, Floats, I, O, S, forward_backward, viterbi

_ROWS = 512
"""Rows decoded together; bounds the memory for the Viterbi's back pointers."""
_SLACK = 1e-6

Ints = NDArray[np.int64]
Emissions = NDArray[np.float32] | Floats


@dataclass(frozen=True, slots=True)
class RowSpans:
    """Spans as columns, all (S,), ordered by title, row and first token: `title` and `row` (attribute) within it,
    `first` and `last` token, both inclusive, int64; `probability` float64, the CRF's marginal of exactly this span."""

    title: Ints
    row: Ints
    first: Ints
    last: Ints
    probability: Floats


def find_spans(titles: Sequence[Emissions], chain: Chain, *, bias: float = 0.0) -> RowSpans:
    """Of every title's rows, (A, T, 5) emissions each, what `decode.decode` finds in them.

    `bias` is added to the score of beginning a span when choosing the path; marginals are without it.
    """
    sizes = np.array([one.shape[:2] if one.size else (0, 0) for one in titles], dtype=np.int64).reshape(-1, 2)
    rows = int(sizes[:, 0].sum())
    if not rows:
        none = np.zeros(0, dtype=np.int64)
        return RowSpans(none, none, none, none, np.zeros(0))
    flat = np.concatenate([one.reshape(-1, 5) for one in titles if one.size])
    title = np.repeat(np.arange(len(titles)), sizes[:, 0])
    row = np.arange(rows) - np.repeat(np.cumsum(sizes[:, 0]) - sizes[:, 0], sizes[:, 0])
    lengths = sizes[title, 1]
    starts = np.cumsum(lengths) - lengths
    hopeful = np.flatnonzero(may_hold(flat, starts, chain, bias=bias))
    order = hopeful[np.argsort(lengths[hopeful], kind="stable")]
    found = [(np.zeros(0, dtype=np.int64),) * 3 + (np.zeros(0),)]
    for start in range(0, len(order), _ROWS):
        block = order[start : start + _ROWS]
        places = starts[block, None] + np.arange(int(lengths[block].max()))
        emissions = flat[np.minimum(places, len(flat) - 1)].astype(np.float64)
        at, first, last, probability = _decode(emissions, lengths[block], chain, bias=bias)
        found.append((block[at], first, last, probability))
    at, first, last, probability = (np.concatenate(column) for column in zip(*found, strict=True))
    sort = np.lexsort((first, at))
    at = at[sort]
    return RowSpans(title[at], row[at], first[sort], last[sort], probability[sort])


def may_hold(flat: Emissions, starts: Ints, chain: Chain, *, bias: float) -> NDArray[np.bool_]:
    """(rows,) bool; False only where the path without a span beats every other.

    `flat`: (cells, 5), row after row; `starts`: where each begins. A path with spans gains over the one without, span
    by span, at most what its best beginning, its best end and every welcome token between gain over O, and the dearest
    transitions into each and out of the last; or what its best single token does.
    """
    allowed = np.where(ALLOWED, chain.transitions, -np.inf) - chain.transitions[O, O]
    into = max(float(allowed[:, 1:].max()), float((np.where(STARTS, chain.start, -np.inf)[1:] - chain.start[O]).max()))
    out = max(0.0, float(allowed[1:, O].max()), float((chain.end[1:] - chain.end[O]).max())) + _SLACK
    gain = flat - flat[:, [O]]
    single, begin, end = (np.maximum.reduceat(gain[:, tag], starts) for tag in (S, B, E))
    between = np.add.reduceat(np.maximum(gain[:, I] + into, 0.0), starts)
    alone = single + (into + bias + out) > 0
    hopeful: NDArray[np.bool_] = alone | (begin + end + between + (2 * into + bias + out) > 0)
    return hopeful


def _decode(emissions: Floats, lengths: Ints, chain: Chain, *, bias: float) -> tuple[Ints, Ints, Ints, Floats]:
    """Row, first, last and marginal of the spans of rows, (N, T, 5)."""
    shifted = emissions.copy()
    shifted[:, :, [B, S]] += bias
    path = viterbi(shifted, lengths, chain)
    kept = np.flatnonzero(path.any(axis=1))
    if not len(kept):
        none = np.zeros(0, dtype=np.int64)
        return none, none, none, np.zeros(0)
    path, emissions = path[kept], emissions[kept]
    row, first, last = path_spans(path)
    alpha, beta, partition = forward_backward(emissions, lengths[kept], chain)
    steps = np.take_along_axis(emissions, path[:, :, None], axis=2)[:, :, 0]
    steps[:, 1:] += chain.transitions[path[:, :-1], path[:, 1:]]
    along = np.cumsum(steps, axis=1)
    single = first == last
    score = along[row, last] - along[row, first] - partition[row]
    score += alpha[row, first, np.where(single, S, B)] + beta[row, last, np.where(single, S, E)]
    return kept[row], first, last, np.exp(np.minimum(score, 0.0))


def path_spans(paths: Ints) -> tuple[Ints, Ints, Ints]:
    """Row, first and last token of every well-formed B I* E or S in tag paths, (N, T); by row, then token."""
    place = np.where(paths != I, np.arange(paths.shape[1]), -1)
    begun = np.full_like(paths, -1)
    begun[:, 1:] = np.maximum.accumulate(place, axis=1)[:, :-1]
    opened = np.take_along_axis(paths, np.maximum(begun, 0), axis=1)
    closed = (paths == E) & (begun >= 0) & (opened == B)
    row, last = np.nonzero(closed | (paths == S))
    return row, np.where(paths[row, last] == S, last, begun[row, last]), last
