"""Examples as training batches: sorted by length, with the category left out now and then."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgtag.extract.decode import span_tags
from kgtag.extract.inputs import attribute_inputs, encoder_inputs
from kgtag.extract.lexicon import Lexicon, Pieces
from kgtag.train.extractor.dataset import Example
from kgtag.train.extractor.options import ClassWeights

_OTHERS = 6
_MOST_ATTRIBUTES = 40


@dataclass(frozen=True, slots=True)
class Batch:
    """ids, shapes, mask: (B, L) int64; attributes: (B, A) int64; lexicon, tags: (B, A, T) int64; lengths: (B,) int64;
    weights: (B, A) float32 of each row's loss; categories: (B,) int64, -1 where the loss doesn't apply;
    soft: (B, A, T, 5) float32, the teachers' tag probabilities, where taught, (B, A) bool."""

    ids: Tensor
    shapes: Tensor
    mask: Tensor
    attributes: Tensor
    lexicon: Tensor
    tags: Tensor
    lengths: Tensor
    weights: Tensor
    categories: Tensor
    soft: Tensor | None = None
    taught: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        there = {name: part.to(device) for name in self.__slots__ if (part := getattr(self, name)) is not None}
        return replace(self, **there)


@dataclass(frozen=True, slots=True)
class SoftTags:
    """What teachers say of an example: (A, T, 5) float32 tag probabilities of `attributes` (indices, ascending)."""

    example: Example
    attributes: tuple[int, ...]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Batcher:
    """`suffixes`: token ids by category index; `missing_weight`: loss weight of attributes the annotation leaves out;
    `all_attributes`: how many there are; `class_weights`: factors on a row's loss by attribute where it has gold;
    `soft`: by example number."""

    lexicon: Lexicon
    suffixes: Sequence[Sequence[int]]
    special: tuple[int, int, int]
    missing_weight: float
    all_attributes: int
    size: int = 16
    category_dropout: float = 0.3
    lexicon_dropout: float = 0.15
    class_weights: Sequence[float] = ()
    soft: Mapping[int, SoftTags] = field(default_factory=dict)

    def chunks(self, data: Sequence[Example], rng: random.Random) -> list[list[Example]]:
        """Every example once, in random order, like lengths together: what each batch of an epoch is made of."""
        order = list(data)
        rng.shuffle(order)
        pools = [order[n : n + 16 * self.size] for n in range(0, len(order), 16 * self.size)]
        chunks = []
        for pool in pools:
            pool.sort(key=lambda example: len(example.tokens))
            chunks += [pool[n : n + self.size] for n in range(0, len(pool), self.size)]
        rng.shuffle(chunks)
        return chunks

    def batch(self, chunk: Sequence[Example], rng: random.Random | None = None) -> Batch:
        """With `rng` noise for training; without it, as serving sees it."""
        without = [e.category is None or (rng is not None and rng.random() < self.category_dropout) for e in chunk]
        suffixes = [
            [] if bare or e.category is None else self.suffixes[e.category]
            for e, bare in zip(chunk, without, strict=True)
        ]
        looked = [self._looked_for(e, bare, rng) for e, bare in zip(chunk, without, strict=True)]
        codes = [self._codes(e, found, rng) for e, found in zip(chunk, looked, strict=True)]
        lengths = np.array([len(e.tokens) for e in chunk], dtype=np.int64)
        ids, shapes, mask = encoder_inputs([e.tokens for e in chunk], suffixes, self.special)
        attributes, lexicon = attribute_inputs(looked, codes, int(lengths.max()))
        tags = np.zeros_like(lexicon)
        weights = np.zeros(attributes.shape, dtype=np.float32)
        for row, (example, found) in enumerate(zip(chunk, looked, strict=True)):
            for column, attribute in enumerate(found):
                spans = example.spans.get(attribute, ())
                tags[row, column, : lengths[row]] = span_tags(list(spans), int(lengths[row]))
                weights[row, column] = self._weight(example, attribute)
        classes = [
            e.category if bare and e.category is not None else -1 for e, bare in zip(chunk, without, strict=True)
        ]
        arrays = (ids, shapes, mask, attributes, lexicon, tags, lengths, weights, np.array(classes, dtype=np.int64))
        soft = self._soft(chunk, looked, tags.shape) if rng is not None and self.soft else ()
        return Batch(*(torch.from_numpy(array) for array in (*arrays, *soft)))

    def _soft(
        self, chunk: Sequence[Example], looked: Sequence[tuple[int, ...]], shape: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of examples as they are; one that augmentation has changed is taught by nobody."""
        soft, taught = np.zeros((*shape, 5), dtype=np.float32), np.zeros(shape[:2], dtype=np.bool_)
        for row, (example, found) in enumerate(zip(chunk, looked, strict=True)):
            said = self.soft.get(example.number)
            if said is None or said.example is not example:
                continue
            for column, attribute in enumerate(found):
                if attribute in said.attributes:
                    soft[row, column, : len(example.tokens)] = said.probabilities[said.attributes.index(attribute)]
                    taught[row, column] = True
        return soft, taught

    def _weight(self, example: Example, attribute: int) -> float:
        if attribute in example.unplaced:
            return 0.0
        if self.class_weights and attribute in example.spans:
            return self.class_weights[attribute]
        return 1.0 if attribute in example.listed or attribute not in example.applicable else self.missing_weight

    def _looked_for(self, example: Example, bare: bool, rng: random.Random | None) -> tuple[int, ...]:
        """The category's attributes; with the category left out, some others too; never too many in training."""
        found = example.applicable
        if rng is None:
            return found
        if bare and example.category is not None:
            others = sorted(set(range(self.all_attributes)) - set(found))
            found = (*found, *rng.sample(others, min(_OTHERS, len(others))))
        if len(found) > _MOST_ATTRIBUTES:
            gold = set(example.spans)
            rest = [attribute for attribute in found if attribute not in gold]
            found = (*gold, *rng.sample(rest, max(0, _MOST_ATTRIBUTES - len(gold))))
        return tuple(sorted(found))

    def _codes(self, example: Example, attributes: tuple[int, ...], rng: random.Random | None) -> np.ndarray:
        if rng is None:
            return self.lexicon.codes(example.tokens, attributes)
        skip = frozenset(n for n in range(len(example.tokens) * 2) if rng.random() < self.lexicon_dropout)
        return self.lexicon.codes(example.tokens, attributes, own=gold_pieces(example), skip=skip)


def gold_pieces(example: Example) -> frozenset[tuple[int, Pieces]]:
    """The example's gold as lexicon keys."""
    return frozenset(
        (attribute, tuple(example.tokens.ids[first : last + 1].tolist()))
        for attribute, spans in example.spans.items()
        for first, last in spans
    )


def class_weights(
    counts: Sequence[int], how: ClassWeights, *, cap: float, smoothing: float = 1.0, beta: float = 0.999
) -> tuple[float, ...]:
    """A factor per attribute from how many training titles have a value of it; the mean over those titles is 1.

    "effective": inverse of the effective number of samples, (1 - beta^n) / (1 - beta); "sqrt": inverse square root of
    n. n is counted with `smoothing` more; no factor is beyond `cap` or below its inverse. Empty for "none".
    """
    if how == "none" or not sum(counts):
        return ()
    n = np.asarray(counts, dtype=np.float64)
    raw = (1 - beta) / (1 - beta ** (n + smoothing)) if how == "effective" else 1 / np.sqrt(n + smoothing)
    weights = np.clip(raw * n.sum() / (raw * n).sum(), 1 / cap, cap)
    return tuple((weights * n.sum() / (weights * n).sum()).clip(1 / cap, cap).tolist())
