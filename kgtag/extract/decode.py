"""The linear-chain CRF at serving time, in numpy: Viterbi, forward-backward, and spans with their marginals.

Tags are O, B, I, E, S (begin, inside, end, single). One CRF is shared by all attributes; a "row" is one title read
for one attribute. Everything is in log space.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.numeric import log_sum_exp

O, B, I, E, S = range(5)  # noqa: E741 - the names the tags have everywhere
TAGS = ("O", "B", "I", "E", "S")
FORBIDDEN = -1e4
"""Score of a transition the scheme rules out; finite, so that sums stay finite."""

ALLOWED = np.array(
    [
        [1, 1, 0, 0, 1],
        [0, 0, 1, 1, 0],
        [0, 0, 1, 1, 0],
        [1, 1, 0, 0, 1],
        [1, 1, 0, 0, 1],
    ],
    dtype=bool,
)
"""(5, 5) bool, from → to."""
STARTS = np.array([1, 1, 0, 0, 1], dtype=bool)
ENDS = np.array([1, 0, 0, 1, 1], dtype=bool)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chain:
    """transitions: (5, 5) float64 from → to; start, end: (5,) float64. Unnormalised log scores, higher is likelier."""

    transitions: Floats
    start: Floats
    end: Floats


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """`first` and `last` token, both inclusive; `probability` is the CRF's marginal of exactly this span."""

    row: int
    first: int
    last: int
    probability: float


def viterbi(emissions: Floats, lengths: NDArray[np.int64], chain: Chain) -> NDArray[np.int64]:
    """The best tag path of every row, (N, T) int64; O beyond a row's length. Ties go to the lower tag.

    emissions: (N, T, 5) float64, unnormalised; lengths: (N,) int64, each in 1..T.
    """
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


def decode(emissions: Floats, lengths: NDArray[np.int64], chain: Chain, *, bias: float = 0.0) -> list[TokenSpan]:
    """The spans of every row's best path, ordered by row and first token, each with its marginal.

    `bias` is added to the score of beginning a span when choosing the path (more of it finds more); marginals are
    without it.
    """
    if emissions.size == 0:
        return []
    shifted = emissions.copy()
    shifted[:, :, [B, S]] += bias
    path = viterbi(shifted, lengths, chain)
    found = np.flatnonzero(path.any(axis=1))
    if not len(found):
        return []
    alpha, beta, partition = forward_backward(emissions[found], lengths[found], chain)
    spans = []
    for n, row in enumerate(found):
        for first, last in tag_spans(path[row, : lengths[row]]):
            score = _inside(emissions[row], first, last, chain) + alpha[n, first, B if last > first else S]
            score += beta[n, last, E if last > first else S] - partition[n]
            spans.append(TokenSpan(int(row), first, last, float(np.exp(min(score, 0.0)))))
    return spans


def tag_spans(path: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(first, last) tokens of every well-formed B I* E or S in a path, (T,) int64."""
    spans, begun = [], -1
    for t, tag in enumerate(path.tolist()):
        if tag == S:
            spans.append((t, t))
        elif tag == E and begun >= 0:
            spans.append((begun, t))
        begun = t if tag == B else begun if tag == I else -1
    return spans


def span_tags(spans: list[tuple[int, int]], length: int) -> NDArray[np.int64]:
    """The tag path, (length,) int64, of spans that don't overlap."""
    tags = np.zeros(length, dtype=np.int64)
    for first, last in spans:
        tags[first : last + 1] = I
        tags[first], tags[last] = (S, S) if first == last else (B, E)
    return tags


def _inside(emissions: Floats, first: int, last: int, chain: Chain) -> float:
    """Score of the path from `first` (excluded) to `last` (included)."""
    tags = [B, *[I] * (last - first - 1), E]
    return sum(
        float(chain.transitions[tags[k - 1], tags[k]] + emissions[first + k, tags[k]])
        for k in range(1, last - first + 1)
    )
