"""The numpy CRF and the torch CRF, against every path written out."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from kgtag.extract.decode import (
    ALLOWED,
    ENDS,
    FORBIDDEN,
    STARTS,
    Chain,
    decode,
    forward_backward,
    span_tags,
    tag_spans,
    viterbi,
)
from kgtag.train.extractor.crf import ChainCRF

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


def test_partition_and_marginals_sum_over_all_paths(case: tuple[np.ndarray, Chain]) -> None:
    emissions, chain = case
    _, _, partition = forward_backward(emissions, LENGTHS, chain)
    spans = decode(emissions, LENGTHS, chain, bias=2.0)
    assert spans
    for row, length in enumerate(LENGTHS):
        paths = list(product(range(5), repeat=length))
        weights = np.array([score(path, emissions[row], chain) for path in paths])
        assert partition[row] == pytest.approx(np.logaddexp.reduce(weights))
        for span in (span for span in spans if span.row == row):
            holds = [(span.first, span.last) in tag_spans(np.array(path)) for path in paths]
            wanted = np.exp(np.logaddexp.reduce(weights[holds]) - partition[row])
            assert span.probability == pytest.approx(wanted, abs=1e-9)


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


def test_a_higher_bias_finds_more() -> None:
    rng = np.random.default_rng(3)
    emissions, chain = rng.normal(size=(20, 5, 5)), random_chain(rng)
    lengths = np.full(20, 5)
    assert len(decode(emissions, lengths, chain, bias=3)) > len(decode(emissions, lengths, chain, bias=-3))


def test_nothing_in_nothing() -> None:
    chain = random_chain(np.random.default_rng(0))
    assert decode(np.zeros((0, 4, 5)), np.zeros(0, dtype=np.int64), chain) == []


def test_tags_and_spans_are_inverse() -> None:
    spans = [(0, 0), (1, 2), (4, 7)]
    assert span_tags(spans, 9).tolist() == [4, 1, 3, 0, 1, 2, 2, 3, 0]
    assert tag_spans(span_tags(spans, 9)) == spans
