"""The spans of many titles' rows at once: what `decode` finds, without a look at rows that can't hold a span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.extract.decode import ALLOWED, STARTS, B, Chain, E, Floats, I, O, S, forward_backward, viterbi

_ROWS = 2_048
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
    owners, numbers, hopeful = [], [], []
    for number, emissions in enumerate(titles):
        rows = np.flatnonzero(_may_hold(emissions, chain, bias=bias)) if emissions.size else np.zeros(0, dtype=np.int64)
        owners.append(np.full(len(rows), number, dtype=np.int64))
        numbers.append(rows)
        hopeful += [emissions[row] for row in rows]
    if not hopeful:
        none = np.zeros(0, dtype=np.int64)
        return RowSpans(none, none, none, none, np.zeros(0))
    title, row = np.concatenate(owners), np.concatenate(numbers)
    lengths = np.fromiter((len(one) for one in hopeful), dtype=np.int64, count=len(hopeful))
    order = np.argsort(lengths, kind="stable")
    found = []
    for start in range(0, len(order), _ROWS):
        block = order[start : start + _ROWS]
        at, first, last, probability = _decode([hopeful[n] for n in block], lengths[block], chain, bias=bias)
        found.append((block[at], first, last, probability))
    at, first, last, probability = (np.concatenate(column) for column in zip(*found, strict=True))
    sort = np.lexsort((first, at))
    at = at[sort]
    return RowSpans(title[at], row[at], first[sort], last[sort], probability[sort])


def _may_hold(emissions: Emissions, chain: Chain, *, bias: float) -> NDArray[np.bool_]:
    """(A,) bool; False only where the path without a span beats every other.

    A path with spans differs from it at its tokens within spans, each of which gains at most its emission over O's and
    the dearest transitions into it and out of it.
    """
    into = max(
        float(np.where(ALLOWED, chain.transitions, -np.inf)[:, 1:].max() - chain.transitions[O, O]),
        float(np.where(STARTS, chain.start, -np.inf)[1:].max() - chain.start[O]),
    )
    out = max(
        0.0,
        float(np.where(ALLOWED, chain.transitions, -np.inf)[1:, O].max() - chain.transitions[O, O]),
        float(chain.end[1:].max() - chain.end[O]),
    )
    gain = emissions[:, :, 1:].max(axis=2) - emissions[:, :, O]
    best: NDArray[np.bool_] = gain.max(axis=1) + (into + out + max(bias, 0.0) + _SLACK) > 0
    return best


def _decode(rows: Sequence[Emissions], lengths: Ints, chain: Chain, *, bias: float) -> tuple[Ints, Ints, Ints, Floats]:
    """Row, first, last and marginal of the spans of rows, each (T, 5)."""
    emissions = np.zeros((len(rows), int(lengths.max()), 5))
    for number, one in enumerate(rows):
        emissions[number, : len(one)] = one
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
