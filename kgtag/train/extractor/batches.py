"""Training batches: examples of like length together, the category dropped at random."""

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

_OTHERS = 6
_MOST_ATTRIBUTES = 40


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch as tensors.

    ids, shapes, mask: (B, L) int64; attributes: (B, A) int64; lexicon, tags: (B, A, T) int64; lengths: (B,) int64;
    weights: (B, A) float32 of each row's loss; categories: (B,) int64, -1 where the loss doesn't apply;
    soft: (B, A, T, 5) float32, the teachers' tag probabilities, where taught, (B, A) bool.
    """

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
    """Teachers' tag probabilities for an example, (A, T, 5) float32, by `attributes` (indices, ascending)."""

    example: Example
    attributes: tuple[int, ...]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Batcher:
    """Makes batches of examples.

    `suffixes`: token ids by category index; `unannotated_weight`: loss weight of attributes that an annotation leaves
    out; `all_attributes`: number of attributes; `soft`: teachers' targets by example number.
    """

    lexicon: Lexicon
    suffixes: Sequence[Sequence[int]]
    special: tuple[int, int, int]
    unannotated_weight: float
    all_attributes: int
    size: int = 16
    category_dropout: float = 0.3
    lexicon_dropout: float = 0.15
    soft: Mapping[int, SoftTags] = field(default_factory=dict)

    def chunks(self, data: Sequence[Example], rng: random.Random) -> list[list[Example]]:
        """Return an epoch's batches as lists: every example once, in random order, like lengths together."""
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
        """Return a batch, with dropout of categories and lexicon if `rng` is given; without, as in serving."""
        drops = (rng is not None and e.category is not None and rng.random() < self.category_dropout for e in chunk)
        given = [(e, dropped) for e, dropped in zip(chunk, drops, strict=True)]
        suffixes = [[] if dropped or e.category is None else self.suffixes[e.category] for e, dropped in given]
        looked = [self._looked_for(e, dropped, rng) for e, dropped in given]
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
                if attribute not in example.unplaced:
                    sure = attribute in example.listed or attribute not in example.applicable
                    weights[row, column] = 1.0 if sure else self.unannotated_weight
        classes = [e.category if dropped else -1 for e, dropped in given]
        arrays = (ids, shapes, mask, attributes, lexicon, tags, lengths, weights, np.array(classes, dtype=np.int64))
        soft = self._soft(chunk, looked, tags.shape) if rng is not None and self.soft else ()
        return Batch(*(torch.from_numpy(array) for array in (*arrays, *soft)))

    def _soft(
        self, chunk: Sequence[Example], looked: Sequence[tuple[int, ...]], shape: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return soft targets and where they apply; a swapped variant of an example has none."""
        soft, taught = np.zeros((*shape, 5), dtype=np.float32), np.zeros(shape[:2], dtype=np.bool_)
        for row, (example, found) in enumerate(zip(chunk, looked, strict=True)):
            targets = self.soft.get(example.number)
            if targets is None or targets.example is not example:
                continue
            for column, attribute in enumerate(found):
                if attribute in targets.attributes:
                    place = targets.attributes.index(attribute)
                    soft[row, column, : len(example.tokens)] = targets.probabilities[place]
                    taught[row, column] = True
        return soft, taught

    def _looked_for(self, example: Example, dropped: bool, rng: random.Random | None) -> tuple[int, ...]:
        """Return the category's attributes; with the category dropped, others too; a bounded number in training."""
        found = example.applicable
        if rng is None:
            return found
        if dropped:
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
    """Return the example's gold as lexicon keys."""
    return frozenset(
        (attribute, tuple(example.tokens.ids[first : last + 1].tolist()))
        for attribute, spans in example.spans.items()
        for first, last in spans
    )
