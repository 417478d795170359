"""The linear-chain CRF at serving time, in numpy: Viterbi, forward-backward, and spans with their marginals.

Tags are O, B, I, E, S (begin, inside, end, single). One CRF is shared by all attributes; a "row" is one title read
for one attribute. Everything is in log space.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.compute import log_sum_exp

O, B, I, E, S = range(5)  # noqa: E741 - the names the tags have everywhere
FORBIDDEN = -1e4
"""Score of a transition that the scheme rules out; finite, so that sums stay finite."""

ALLOWED = np.array([
    [1, 1, 0, 0, 1],
    [0, 0, 1, 1, 0],
    [0, 0, 1, 1, 0],
    [1, 1, 0, 0, 1],
    [1, 1, 0, 0, 1],
], dtype=bool)  # fmt: skip
"""(5, 5) bool, from → to."""
STARTS = np.array([1, 1, 0, 0, 1], dtype=bool)
ENDS = np.array([1, 0, 0, 1, 1], dtype=bool)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Emissions = NDArray[np.float32] | Floats

_ROWS = 512
"""Rows decoded together; bounds the memory for the Viterbi's back pointers."""
_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Chain:
    """transitions: (5, 5) float64 from → to; start, end: (5,) float64. Unnormalised log scores, higher is likelier."""

    transitions: Floats
    start: Floats
    end: Floats


@dataclass(frozen=True, slots=True)
class RowSpans:
    """Spans as columns, all (S,), ordered by title, row and first token: `title` and `row` (attribute) within it,
    `first` and `last` token, both inclusive, int64; `probability` float64, the CRF's marginal of exactly this span."""

    title: Ints
    row: Ints
    first: Ints
    last: Ints
    probability: Floats


def viterbi(emissions: Floats, lengths: NDArray[np.int64], chain: Chain) -> NDArray[np.int64]:
    """The best tag path of every row, (N, T) int64; O beyond a row's length. Ties go to the lower tag. emissions: (N,
    T, 5) float64, unnormalised; lengths: (N,) int64, each in 1..T."""
    rows, steps, _ = emissions.shape
    back = np.zeros((rows, steps, 5), dtype=np.int64)
    best = chain.start + emissions[:, 0]
    for t in range(1, steps):
        scores = best[:, :, None] + chain.transitions
        back[:, t] = scores.argmax(axis=1)
        step = scores.max(axis=1) + emissions[:, t]
        best = np.where((t < lengths)[:, None], step, best)
    path = np.zeros((rows, steps), dtype=np.int64)
    tag = (best + chain.end).argmax(axis=1)
    for t in range(steps - 1, -1, -1):
        inside = t < lengths
        path[:, t] = np.where(inside, tag, O)
        previous = np.take_along_axis(back[:, t], tag[:, None], axis=1)[:, 0]
        tag = np.where(inside & (t > 0), previous, tag)
    return path


def forward_backward(
    emissions: Floats, lengths: NDArray[np.int64], chain: Chain
) -> tuple[Floats, Floats, NDArray[np.float64]]:
    """alpha and beta, both (N, T, 5), and the log partition, (N,). beta is 'end' at and beyond a row's last token."""
    steps = emissions.shape[1]
    alpha = np.empty_like(emissions)
    beta = np.empty_like(emissions)
    alpha[:, 0] = chain.start + emissions[:, 0]
    for t in range(1, steps):
        alpha[:, t] = log_sum_exp(alpha[:, t - 1][:, :, None] + chain.transitions, axis=1) + emissions[:, t]
    beta[:, steps - 1] = chain.end
    for t in range(steps - 2, -1, -1):
        after = log_sum_exp(chain.transitions + (emissions[:, t + 1] + beta[:, t + 1])[:, None, :], axis=2)
        beta[:, t] = np.where((t + 1 < lengths)[:, None], after, chain.end)
    last = alpha[np.arange(len(lengths)), lengths - 1]
    return alpha, beta, log_sum_exp(last + chain.end, axis=1)


def find_spans(titles: Sequence[Emissions], chain: Chain, *, bias: float = 0.0) -> RowSpans:
    """Decode the spans of the best paths of many titles. `titles`: (A, T, 5) emissions each, a row per attribute;
    `bias` is added to the score of beginning a span when choosing the path; marginals are without it."""
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
    kept = np.flatnonzero(may_have_span(flat, starts, chain, bias=bias))
    order = kept[np.argsort(lengths[kept], kind="stable")]
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


def may_have_span(flat: Emissions, starts: Ints, chain: Chain, *, bias: float) -> NDArray[np.bool_]:
    """Bound which rows can have a span: (rows,) bool; False only where the path without a span beats every other.

    `flat`: (cells, 5), row after row; `starts`: where each begins. A path with spans gains over the one without, span
    by span, at most the sum of its maximum begin gain, its maximum end gain, every positive inside gain, and the
    maximum transition gains into each and out of the last; or its maximum single gain.
    """
    allowed = np.where(ALLOWED, chain.transitions, -np.inf) - chain.transitions[O, O]
    into = max(float(allowed[:, 1:].max()), float((np.where(STARTS, chain.start, -np.inf)[1:] - chain.start[O]).max()))
    out = max(0.0, float(allowed[1:, O].max()), float((chain.end[1:] - chain.end[O]).max())) + _SLACK
    gain = flat - flat[:, [O]]
    single, begin, end = (np.maximum.reduceat(gain[:, tag], starts) for tag in (S, B, E))
    between = np.add.reduceat(np.maximum(gain[:, I] + into, 0.0), starts)
    alone = single + (into + bias + out) > 0
    possible: NDArray[np.bool_] = alone | (begin + end + between + (2 * into + bias + out) > 0)
    return possible


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


def span_tags(spans: list[tuple[int, int]], length: int) -> NDArray[np.int64]:
    """The tag path, (length,) int64, of spans that don't overlap."""
    tags = np.zeros(length, dtype=np.int64)
    for first, last in spans:
        tags[first : last + 1] = I
        tags[first], tags[last] = (S, S) if first == last else (B, E)
    return tags
