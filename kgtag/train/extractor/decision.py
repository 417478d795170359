"""Evaluation on dev, and what is tuned there: the bias towards finding spans, and their calibration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from kgtag.extract.decode import Chain, Floats, find_spans
from kgtag.extract.files import ModelConfig
from kgtag.train.calibration import fit_platt
from kgtag.train.extractor.batches import Batcher
from kgtag.train.extractor.dataset import Example
from kgtag.train.extractor.network import Ensemble, TagNetwork
from kgtag.train.extractor.options import TrainOptions


@dataclass(frozen=True, slots=True)
class Scored:
    """An example with its emissions, (A, T, 5) float64, over its applicable attributes."""

    example: Example
    emissions: Floats


def score_examples(
    network: TagNetwork | Ensemble, data: Sequence[Example], batcher: Batcher, *, device: torch.device
) -> tuple[list[Scored], Chain]:
    """Return the emissions of every example as serving computes them, shortest first, and the CRF's scores."""
    network.eval()
    ordered = sorted(data, key=lambda example: (len(example.tokens), example.number))
    scored = []
    with torch.no_grad():
        for start in range(0, len(ordered), 32):
            chunk = ordered[start : start + 32]
            batch = batcher.batch(chunk).to(device)
            states, _ = network.encode(batch.ids, batch.shapes, batch.mask)
            title = states[:, 1 : 1 + batch.tags.shape[2]]
            found = network.emissions(title, batch.attributes, batch.lexicon).double().cpu().numpy()
            for example, row in zip(chunk, found, strict=True):
                scored.append(Scored(example, row[: len(example.applicable), : len(example.tokens)]))
        transitions, start_scores, end_scores = (part.double().cpu().numpy() for part in network.crf.scores())
    return scored, Chain(transitions, start_scores, end_scores)


@dataclass(frozen=True, slots=True)
class Metric:
    """What F1 on dev counts.

    `every_span`: all spans, or the most probable one of each attribute; `listed_only`: unannotated attributes don't
    count.
    """

    every_span: bool
    listed_only: bool

    @classmethod
    def of(cls, options: TrainOptions) -> Metric:
        return cls(options.dev_metric == "span_f1", options.unannotated_as == "unknown")


@dataclass(frozen=True, slots=True)
class Decided:
    """Predictions for one example.

    `spans`: (attribute, marginal, whether it is gold) of every span; `best`: by attribute, whether its most probable
    span is gold.
    """

    example: Example
    spans: tuple[tuple[int, float, bool], ...]
    best: Mapping[int, bool]

    def counts(self, metric: Metric) -> Iterator[tuple[int, int, int, int]]:
        """Yield (attribute, right, predicted, gold)."""
        right, predicted = Counter[int](), Counter[int]()
        for attribute, hit in self.best.items() if not metric.every_span else ((a, hit) for a, _, hit in self.spans):
            predicted[attribute] += 1
            right[attribute] += hit
        spans = self.example.spans
        for attribute in sorted({*predicted, *spans}):
            gold = len(spans.get(attribute, ())) if metric.every_span else int(attribute in spans)
            yield attribute, right[attribute], predicted[attribute], gold


def decided(scored: Sequence[Scored], chain: Chain, *, bias: float, metric: Metric) -> Iterator[Decided]:
    """Yield the predictions for each example, without attributes whose gold isn't in the title."""
    found = find_spans([one.emissions for one in scored], chain, bias=bias)
    starts = np.searchsorted(found.title, np.arange(len(scored) + 1))
    for example, start, end in zip((one.example for one in scored), starts[:-1], starts[1:], strict=True):
        spans: list[tuple[int, float, bool]] = []
        likeliest: dict[int, tuple[float, bool]] = {}
        for at in range(start, end):
            attribute, probability = example.applicable[found.row[at]], float(found.probability[at])
            if attribute in example.unplaced or (metric.listed_only and attribute not in example.listed):
                continue
            hit = (found.first[at], found.last[at]) in example.spans.get(attribute, ())
            spans.append((attribute, probability, hit))
            if attribute not in likeliest or probability > likeliest[attribute][0]:
                likeliest[attribute] = (probability, hit)
        yield Decided(example, tuple(spans), {attribute: hit for attribute, (_, hit) in likeliest.items()})


def outcomes(
    scored: Sequence[Scored], chain: Chain, *, bias: float, metric: Metric
) -> tuple[float, NDArray[np.float64], NDArray[np.bool_]]:
    """Return micro-F1 of exact spans, and of every predicted span the marginal and whether it is gold."""
    right = predicted = gold = 0
    marginals: list[float] = []
    hits: list[bool] = []
    for one in decided(scored, chain, bias=bias, metric=metric):
        marginals += (marginal for _, marginal, _ in one.spans)
        hits += (hit for _, _, hit in one.spans)
        for _, *counts in one.counts(metric):
            right, predicted, gold = right + counts[0], predicted + counts[1], gold + counts[2]
    f1 = 2 * right / (predicted + gold) if gold else 0.0
    return f1, np.array(marginals), np.array(hits, dtype=bool)


def choose_bias(scored: Sequence[Scored], chain: Chain, *, metric: Metric) -> tuple[float, float]:
    """Return (bias, F1) of the bias on beginning a span that gives the best F1.

    A unit of bias must gain a point of F1, because a small dev set rewards chance.
    """
    tried = {
        float(bias): outcomes(scored, chain, bias=float(bias), metric=metric)[0] for bias in np.arange(-2.0, 2.01, 0.5)
    }
    bias = max(tried, key=lambda bias: (tried[bias] - 0.01 * abs(bias), -abs(bias), bias))
    return bias, tried[bias]


@dataclass(frozen=True, slots=True)
class Tuned:
    """What is tuned on dev after training. `marginals`, `hits`: of every span predicted there, uncalibrated."""

    scored: Sequence[Scored]
    chain: Chain
    bias: float
    f1: float
    marginals: NDArray[np.float64]
    hits: NDArray[np.bool_]
    calibration: tuple[float, float]

    def applied(self, config: ModelConfig) -> ModelConfig:
        return replace(
            config,
            transitions=tuple(tuple(row) for row in self.chain.transitions.tolist()),
            start=tuple(self.chain.start.tolist()),
            end=tuple(self.chain.end.tolist()),
            bias=self.bias,
            calibration=self.calibration,
        )


def tune(network: TagNetwork | Ensemble, dev: Sequence[Example], batcher: Batcher, *, metric: Metric) -> Tuned:
    """Tune bias and calibration on dev; the network must be on the CPU."""
    scored, chain = score_examples(network, dev, batcher, device=torch.device("cpu"))
    bias, f1 = choose_bias(scored, chain, metric=metric)
    _, marginals, hits = outcomes(scored, chain, bias=bias, metric=metric)
    return Tuned(scored, chain, bias, f1, marginals, hits, fit_platt(marginals, hits))
