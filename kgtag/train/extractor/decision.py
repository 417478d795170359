"""Evaluation on dev, and what is tuned there: the bias towards finding spans, and their calibration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from kgtag.extract.decode import Chain, Floats, find_spans
from kgtag.extract.files import ModelConfig
from kgtag.train.calibration import fit_platt
from kgtag.train.extractor.batches import Batcher
from kgtag.train.extractor.config import TrainOptions
from kgtag.train.extractor.dataset import Example
from kgtag.train.extractor.network import Ensemble, TagNetwork


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
        return scored, Chain(*(part.double().cpu().numpy() for part in network.crf.scores()))


@dataclass(frozen=True, slots=True)
class Metric:
    """What F1 on dev counts: every span, or the most probable one of each attribute; listed attributes only, or all."""

    every_span: bool
    listed_only: bool

    @classmethod
    def of(cls, options: TrainOptions) -> Metric:
        return cls(options.dev_metric == "span_f1", options.unannotated_as == "unknown")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What was predicted on dev. `counts`: [right, predicted, gold] by attribute, as the metric counts; `marginals`,
    `hits`: of every predicted span, whatever the metric."""

    counts: Mapping[int, list[int]]
    marginals: NDArray[np.float64]
    hits: NDArray[np.bool_]

    @property
    def f1(self) -> float:
        """Micro-F1 of exact spans."""
        right, predicted, gold = map(sum, zip(*self.counts.values(), strict=True)) if self.counts else (0, 0, 0)
        return 2 * right / (predicted + gold) if gold else 0.0


def outcomes(scored: Sequence[Scored], chain: Chain, *, bias: float, metric: Metric) -> Outcomes:
    """Predict, and compare with gold; attributes whose gold isn't in the title are left out."""
    found = find_spans([one.emissions for one in scored], chain, bias=bias)
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    counted: dict[tuple[int, int], tuple[float, bool]] = {}
    spans: list[tuple[float, bool]] = []
    columns = (found.title, found.row, found.first, found.last, found.probability)
    for title, row, first, last, marginal in zip(*(column.tolist() for column in columns), strict=True):
        example = scored[title].example
        attribute = example.applicable[row]
        if attribute in example.unplaced or (metric.listed_only and attribute not in example.listed):
            continue
        hit = (first, last) in example.spans.get(attribute, ())
        spans.append((marginal, hit))
        key = (len(spans) if metric.every_span else title, attribute)
        if key not in counted or marginal > counted[key][0]:
            counted[key] = (marginal, hit)
    for (_, attribute), (_, hit) in counted.items():
        counts[attribute][0] += hit
        counts[attribute][1] += 1
    for one in scored:
        for attribute, gold in one.example.spans.items():
            counts[attribute][2] += len(gold) if metric.every_span else 1
    return Outcomes(dict(counts), np.array([m for m, _ in spans]), np.array([hit for _, hit in spans], dtype=bool))


@dataclass(frozen=True, slots=True)
class Tuned:
    """What is tuned on dev after training, and how the tuned model does there."""

    chain: Chain
    bias: float
    calibration: tuple[float, float]
    made: Outcomes

    def applied(self, config: ModelConfig) -> ModelConfig:
        rows = tuple(tuple(row) for row in self.chain.transitions.tolist())
        start, end = tuple(self.chain.start.tolist()), tuple(self.chain.end.tolist())
        return replace(config, transitions=rows, start=start, end=end, bias=self.bias, calibration=self.calibration)


def tune(network: TagNetwork | Ensemble, dev: Sequence[Example], batcher: Batcher, *, metric: Metric) -> Tuned:
    """Tune the bias on beginning a span, and the calibration; the network must be on the CPU. A unit of bias must gain
    a point of F1, because a small dev set rewards chance."""
    scored, chain = score_examples(network, dev, batcher, device=torch.device("cpu"))
    tried = {bias: outcomes(scored, chain, bias=bias, metric=metric) for bias in np.arange(-2.0, 2.01, 0.5).tolist()}
    bias = max(tried, key=lambda bias: (tried[bias].f1 - 0.01 * abs(bias), -abs(bias), bias))
    made = tried[bias]
    return Tuned(chain, bias, fit_platt(made.marginals, made.hits), made)
