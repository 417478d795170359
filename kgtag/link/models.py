"""The models that score a query's candidates, and the files of a trained linker's directory (see `kgtag.artifacts`).

weights.json        networks, calibration, threshold, metrics, the encoder's name
learnt.json         mentions of known concepts, substitutes of words, usage of concepts
turn.npy            (dim, dim) float32, linear map of the encoder's vectors; (0, 0) for none
encoder.onnx        sentence encoder
tokenizer.json      of the tokenizers library
vectors/            vectors of label texts, made when a taxonomy is first served; may be deleted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from graph.errors import InputError
from kgtag.artifacts import Kind, ModelDirectory
from kgtag.link.candidates.label_table import Ids
from kgtag.link.candidates.words import Substitutes
from kgtag.link.encoder import Vectors
from kgtag.link.features.candidate_set import FEATURE_WEIGHTS, RICH_FEATURES, Floats


class Calibrated:
    """From log-odds to probabilities, by `slope` (positive) and `offset`."""

    __slots__ = ()
    slope: float
    offset: float

    def score(self, log_odds: Floats) -> Floats:
        """(n,) in [0, 1]: ranks, and is not calibrated."""
        score: Floats = expit(log_odds)
        return score

    def probability(self, log_odds: Floats) -> Floats:
        """(n,) in [0, 1], calibrated; rises with the score."""
        probability: Floats = expit(self.slope * log_odds + self.offset)
        return probability


@dataclass(frozen=True, slots=True)
class LinkModel(Calibrated):
    """A logistic model: `weights` (features,). A best candidate of a probability under `threshold` is NIL."""

    weights: Floats
    intercept: float
    slope: float
    offset: float
    threshold: float

    def log_odds(self, features: Floats, lookup: Ids) -> Floats:
        """(n, len(FEATURES)) → (n,), not calibrated; higher is better, within and across queries. Each candidate is
        weighed by itself: `lookup` (n,) changes nothing."""
        # Summed row by row: a matrix product's rounding may depend on how many rows there are.
        odds: Floats = (features * self.weights).sum(axis=1) + self.intercept
        return np.round(odds, 9)


# Fitted once with `kgtag.train.linker.run` (seed 0, no encoder) on kgtag's own hand-written sample: the labels of its
# 661 concepts and the gold mentions of every second product title (2,960 mentions, English and Chinese). Of the other
# half (3,021 mentions) it decided 96.8 % right: 99.9 % of the surfaces that equal a label of their attribute, and
# 91.5 % of the rest, where nine in ten are NIL.
DEFAULT_MODEL = LinkModel(
    np.array(list(FEATURE_WEIGHTS.values())), intercept=-8.567737, slope=0.967446, offset=-0.291312, threshold=0.44
)

CLIP = 4.0
"""Standard deviations from the mean beyond which a feature says no more."""
_ROWS = 512
"""Rows per matrix product, always: another number of rows is another order of additions, and other last digits."""

Layer = tuple[Floats, Floats]
"""Weights (inputs, outputs) and biases (outputs,) float64; between layers, what is below zero counts as zero."""


@dataclass(frozen=True, slots=True)
class RankModel(Calibrated):
    """`mean`, `spread` (features,) scale a row; the networks' scores are averaged. NIL scores zero.

    `slope` (positive) and `offset` turn log-odds into calibrated ones. A best candidate of a probability under
    `threshold` is NIL. `metrics` says how it did on data it wasn't fitted on.
    """

    mean: Floats
    spread: Floats
    networks: tuple[tuple[Layer, ...], ...]
    slope: float = 1.0
    offset: float = 0.0
    threshold: float = 0.5
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def log_odds(self, features: Floats | NDArray[np.float32], lookup: Ids) -> Floats:
        """(n, len(RICH_FEATURES)), and `lookup` (n,) sorted → (n,): of each candidate against all others and NIL."""
        scores = self.scores(features)
        if not len(scores):
            return scores
        starts = np.flatnonzero(np.r_[True, np.diff(lookup) != 0])
        sizes = np.diff(np.r_[starts, len(scores)])
        highest = np.maximum(np.maximum.reduceat(scores, starts), 0.0)
        weight = np.exp(scores - np.repeat(highest, sizes))
        total = np.add.reduceat(weight, starts) + np.exp(-highest)
        others = np.maximum(np.repeat(total, sizes) - weight, 1e-12)
        odds: Floats = np.log(np.maximum(weight, 1e-12)) - np.log(others)
        # Far below the best, differences drown in the sum; the score itself still ranks.
        return np.round(odds + 1e-6 * scores, 7)

    def scores(self, features: Floats | NDArray[np.float32]) -> Floats:
        """(n,): ranks within a query; zero is NIL's."""
        scores = np.zeros(len(features))
        for start in range(0, len(features), _ROWS):
            rows = np.zeros((_ROWS, len(self.mean)))
            part = features[start : start + _ROWS]
            rows[: len(part)] = np.clip((part - self.mean) / self.spread, -CLIP, CLIP)
            scores[start : start + len(part)] = self._averaged(rows)[: len(part)]
        return np.round(scores, 7)

    def as_json(self, features: Sequence[str] = RICH_FEATURES) -> dict[str, Any]:
        return {
            "features": list(features),
            "mean": self.mean.tolist(),
            "spread": self.spread.tolist(),
            "networks": [[[weights.tolist(), bias.tolist()] for weights, bias in net] for net in self.networks],
            "slope": self.slope,
            "offset": self.offset,
            "threshold": self.threshold,
            "metrics": dict(self.metrics),
        }

    @classmethod
    def of_json(cls, raw: Any, features: Sequence[str] = RICH_FEATURES) -> RankModel:
        """Raises InputError when the file is not what `as_json` gives, or was written for other features."""
        try:
            if raw["features"] != list(features):
                raise InputError("the model was trained for other features than this kgtag has; train it again")
            model = cls(
                mean=np.array(raw["mean"], dtype=np.float64),
                spread=np.array(raw["spread"], dtype=np.float64),
                networks=tuple(
                    tuple((np.array(w, dtype=np.float64), np.array(b, dtype=np.float64)) for w, b in net)
                    for net in raw["networks"]
                ),
                slope=float(raw["slope"]),
                offset=float(raw["offset"]),
                threshold=float(raw["threshold"]),
                metrics=dict(raw.get("metrics", {})),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"the linker's weights don't read ({error!r}); train the linker again") from error
        if model.slope <= 0 or not model.networks:
            raise InputError("the linker's weights hold no network, or a slope not above 0; train the linker again")
        return model

    def _averaged(self, rows: Floats) -> Floats:
        """(rows, features) scaled → (rows,)."""
        total = np.zeros(len(rows))
        for net in self.networks:
            total += _forward(net, rows)
        averaged: Floats = total / len(self.networks)
        return averaged


def _forward(layers: Sequence[Layer], rows: Floats) -> NDArray[np.float64]:
    for weights, bias in layers[:-1]:
        rows = np.maximum(rows @ weights + bias, 0.0)
    weights, bias = layers[-1]
    return (rows @ weights + bias)[:, 0]


@dataclass(frozen=True, slots=True)
class LinkerState:
    """Auxiliary statistics of a trained linker.

    Attributes:
        mentions: (text, concept id), looked up like labels.
        usage: How often a concept is used, by id.
        substitutes: Words that replace others in synonyms.
        linear_map: (dim, dim) float32, see `candidates.vectors.apply_linear_map`; None for none.
    """

    mentions: tuple[tuple[str, str], ...] = ()
    usage: Mapping[str, float] = field(default_factory=dict)
    substitutes: Substitutes = field(default_factory=Substitutes)
    linear_map: Vectors | None = None

    def as_json(self) -> dict[str, Any]:
        """Everything but the linear map, which has a file of its own."""
        return {
            "mentions": [list(pair) for pair in self.mentions],
            "usage": dict(sorted(self.usage.items())),
            "substitutes": self.substitutes.as_json(),
        }

    @classmethod
    def of_json(cls, raw: Any, linear_map: Vectors | None = None) -> LinkerState:
        """Read what `as_json` gives. Raises InputError for anything else."""
        try:
            mentions = tuple((str(text), str(id)) for text, id in raw["mentions"])
            usage = {str(id): float(count) for id, count in raw["usage"].items()}
            return cls(mentions, usage, Substitutes.of_json(raw["substitutes"]), linear_map)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"the linker's learnt.json can't be read ({error!r}); train the linker again") from error


FORMAT = 2
WEIGHTS, STATE, LINEAR_MAP = "weights.json", "learnt.json", "turn.npy"
ENCODER, TOKENIZER, VECTORS = "encoder.onnx", "tokenizer.json", "vectors"
_SERVED = (ENCODER, TOKENIZER, STATE, LINEAR_MAP, WEIGHTS)
_WAY_OUT = "train one with: kgtag train linker --out DIR, or link without (exact and fuzzy only)"
LINKER = Kind("linker", _SERVED, WEIGHTS, FORMAT, _WAY_OUT)


@dataclass(frozen=True, slots=True)
class LinkerFiles:
    """`version`: 12 hexadecimal digits over everything that is served."""

    directory: Path
    model: RankModel
    state: LinkerState
    version: str
    onnx: Path
    tokenizer: Path
    vectors: Path
    encoder_digest: str


def read_linker(directory: Path) -> LinkerFiles:
    """Read a linker. Raises InputError when a file is missing, damaged, or of another format."""
    found = ModelDirectory.open(directory, LINKER)
    linear_map = np.array(found.read_array(LINEAR_MAP, np.float32, (None, None)))
    if linear_map.shape[0] != linear_map.shape[1]:
        raise found.damaged(LINEAR_MAP, f"{linear_map.shape} is not square")
    return LinkerFiles(
        directory=directory,
        model=RankModel.of_json(found.config),
        state=LinkerState.of_json(found.read_json(STATE), linear_map if len(linear_map) else None),
        version=found.version,
        onnx=directory / ENCODER,
        tokenizer=directory / TOKENIZER,
        vectors=directory / VECTORS,
        encoder_digest=found.digests[ENCODER] + found.digests[TOKENIZER],
    )


def write_linear_map(path: Path, linear_map: Vectors | None) -> None:
    np.save(path, np.zeros((0, 0), dtype=np.float32) if linear_map is None else linear_map)
