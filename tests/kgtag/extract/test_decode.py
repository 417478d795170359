"""The numpy CRF and the torch CRF, against every path written out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest
import torch

from kgtag.extract.decode import (
    ALLOWED,
    ENDS,
    FORBIDDEN,
    STARTS,
    B,
    Chain,
    E,
    I,
    S,
    find_spans,
    forward_backward,
    may_have_span,
    path_spans,
    span_tags,
    viterbi,
)
from kgtag.train.extractor.network import ChainCRF

LENGTHS = np.array([5, 1, 3, 4])


def random_chain(rng: np.random.Generator) -> Chain:
    return Chain(
        np.where(ALLOWED, rng.normal(size=(5, 5)), FORBIDDEN),
        np.where(STARTS, rng.normal(size=5), FORBIDDEN),
        np.where(ENDS, rng.normal(size=5), FORBIDDEN),
    )


def score(path: tuple[int, ...], emissions: np.ndarray, chain: Chain) -> float:
    total = chain.start[path[0]] + chain.end[path[-1]] + sum(emissions[t, tag] for t, tag in enumerate(path))
    return float(total + sum(chain.transitions[a, b] for a, b in pairwise(path)))


@pytest.fixture(params=range(3))
def case(request: pytest.FixtureRequest) -> tuple[np.ndarray, Chain]:
    rng = np.random.default_rng(request.param)
    return 2 * rng.normal(size=(4, 5, 5)), random_chain(rng)


def test_viterbi_finds_the_best_of_all_paths(case: tuple[np.ndarray, Chain]) -> None:
    emissions, chain = case
    found = viterbi(emissions, LENGTHS, chain)
    for row, length in enumerate(LENGTHS):
        best = max(product(range(5), repeat=length), key=lambda path: score(path, emissions[row], chain))
        assert tuple(found[row, :length]) == best
        assert not found[row, length:].any()


def test_the_partition_sums_over_all_paths(case: tuple[np.ndarray, Chain]) -> None:
    emissions, chain = case
    _, _, partition = forward_backward(emissions, LENGTHS, chain)
    for row, length in enumerate(LENGTHS):
        weights = [score(path, emissions[row], chain) for path in product(range(5), repeat=length)]
        assert partition[row] == pytest.approx(np.logaddexp.reduce(weights))


def test_the_loss_is_the_gold_paths_share_of_all_paths() -> None:
    rng = np.random.default_rng(7)
    emissions = rng.normal(size=(4, 5, 5))
    crf = ChainCRF().double()
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(torch.from_numpy(rng.normal(size=parameter.shape)))
    transitions, start, end = (part.detach().numpy() for part in crf.scores())
    chain = Chain(transitions, start, end)
    gold = [[0, 1, 2, 3, 4], [4], [1, 3, 0], [0, 0, 1, 3]]
    tags = torch.zeros(4, 5, dtype=torch.int64)
    for row, path in enumerate(gold):
        tags[row, : len(path)] = torch.tensor(path)
    found = crf.negative_log_likelihood(torch.from_numpy(emissions), tags, torch.from_numpy(LENGTHS))
    _, _, partition = forward_backward(emissions, LENGTHS, chain)
    wanted = [partition[row] - score(tuple(path), emissions[row], chain) for row, path in enumerate(gold)]
    assert found.detach().numpy() == pytest.approx(np.array(wanted))


@cache
def tag_paths(length: int) -> list[tuple[int, ...]]:
    """Every path that the tags allow."""
    found = [(tag,) for tag in range(5) if STARTS[tag]]
    for _ in range(length - 1):
        found = [(*path, tag) for path in found for tag in range(5) if ALLOWED[path[-1], tag]]
    return [path for path in found if ENDS[path[-1]]]


def tag_spans(path: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """(first, last) of every well-formed span, tag by tag."""
    begun = None
    for at, tag in enumerate(path):
        if tag == S:
            yield at, at
        if tag == E and begun is not None:
            yield begun, at
        begun = at if tag == B else begun if tag == I else None


def brute_force(row: np.ndarray, chain: Chain, bias: float) -> list[tuple[int, int, float]]:
    """(first, last, marginal) of the best path's spans, from every path written out."""
    paths = tag_paths(len(row))
    begins = [sum(tag in (B, S) for tag in path) for path in paths]
    weights = np.array([score(path, row, chain) for path in paths])
    best = paths[int(np.argmax(weights + bias * np.array(begins)))]
    with_span = {span: [span in set(tag_spans(path)) for path in paths] for span in tag_spans(best)}
    total = np.logaddexp.reduce(weights)
    return [(*span, float(np.exp(np.logaddexp.reduce(weights[held]) - total))) for span, held in with_span.items()]


def titles(rng: np.random.Generator, *, empty: float, longest: int = 8) -> list[np.ndarray]:
    """20 titles of 0 to 6 rows; `empty` is added to O."""
    made = []
    for _ in range(20):
        one = rng.normal(scale=2, size=(rng.integers(0, 7), rng.integers(1, longest), 5)).astype(np.float32)
        one[:, :, 0] += np.float32(empty)
        made.append(one)
    return made


@pytest.mark.parametrize("bias", [-1.5, 0.0, 2.0])
@pytest.mark.parametrize("empty", [-2.0, 3.0, 7.0])
def test_spans_and_marginals_are_those_of_all_paths_written_out(bias: float, empty: float) -> None:
    rng = np.random.default_rng(int(bias * 10 + empty) % 97)
    chain, data = random_chain(rng), titles(rng, empty=empty)
    found = find_spans(data, chain, bias=bias)
    wanted = [
        (number, row, *span)
        for number, one in enumerate(data)
        for row, emissions in enumerate(one.astype(np.float64))
        for span in brute_force(emissions, chain, bias)
    ]
    columns = (found.title, found.row, found.first, found.last)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == [span[:4] for span in wanted]
    assert np.allclose(found.probability, [span[4] for span in wanted], atol=1e-9)
    assert wanted or empty > 5


def test_only_rows_without_a_span_are_passed_over() -> None:
    rng = np.random.default_rng(5)
    chain, passed, held = random_chain(rng), 0, 0
    for one in titles(rng, empty=6.0) + titles(rng, empty=9.0):
        if not one.size:
            continue
        starts = np.arange(len(one)) * one.shape[1]
        possible = may_have_span(one.reshape(-1, 5), starts, chain, bias=0.5)
        with_span = np.array([bool(brute_force(row, chain, 0.5)) for row in one.astype(np.float64)])
        assert (possible | ~with_span).all()
        passed, held = passed + int((~possible).sum()), held + int(with_span.sum())
    assert passed > 20 and held > 0


def test_spans_of_paths_well_formed_or_not() -> None:
    paths = np.random.default_rng(1).integers(0, 5, size=(200, 7))
    row, first, last = path_spans(paths)
    assert list(zip(row.tolist(), first.tolist(), last.tolist(), strict=True)) == [
        (number, *span) for number, path in enumerate(paths.tolist()) for span in tag_spans(tuple(path))
    ]


def test_a_higher_bias_finds_more() -> None:
    rng = np.random.default_rng(3)
    data, chain = [rng.normal(size=(20, 5, 5))], random_chain(rng)
    assert len(find_spans(data, chain, bias=3).row) > len(find_spans(data, chain, bias=-3).row)


def test_nothing_in_nothing() -> None:
    chain = random_chain(np.random.default_rng(0))
    assert len(find_spans([], chain).row) == 0
    assert len(find_spans([np.zeros((0, 0, 5), dtype=np.float32)], chain).probability) == 0


def test_tags_and_spans_are_inverse() -> None:
    spans = [(0, 0), (1, 2), (4, 7)]
    assert span_tags(spans, 9).tolist() == [4, 1, 3, 0, 1, 2, 2, 3, 0]
    _, first, last = path_spans(span_tags(spans, 9)[None])
    assert list(zip(first.tolist(), last.tolist(), strict=True)) == spans
