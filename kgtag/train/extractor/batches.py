"""Training batches: examples of like length together, the category dropped at random; and teachers' soft targets."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graph.errors import InputError
from kgtag.extract.decode import forward_backward, span_tags
from kgtag.extract.inputs import Piece, Tokens, Window, attribute_inputs, encoder_inputs, slice_tokens, tokenize
from kgtag.extract.lexicon import Lexicon, Pieces
from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.extractor.dataset import Example, LabelMap
from kgtag.train.extractor.records import Progress
from kgtag.types import AnnotatedProduct

_OTHERS = 6
_MOST_ATTRIBUTES = 40
_AT_ONCE = 32
Floats = NDArray[np.float64]
_Pairs = Sequence[tuple[Example, AnnotatedProduct]]


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch as tensors. ids, shapes, mask: (B, L) int64; attributes: (B, A) int64; lexicon, tags: (B, A, T) int64;
    lengths: (B,) int64; weights: (B, A) float32 of each row's loss; categories: (B,) int64, -1 where the loss doesn't
    apply; soft: (B, A, T, 5) float32, the teachers' tag probabilities, where taught, (B, A) bool."""

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
    """Makes batches of examples. `suffixes`: token ids by category index; `unannotated_weight`: loss weight of
    attributes that annotation leaves out; `all_attributes`: how many; `soft`: teachers' targets by example number."""

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
        chunks = []
        for start in range(0, len(order), 16 * self.size):
            pool = sorted(order[start : start + 16 * self.size], key=lambda example: len(example.tokens))
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
    ids = example.tokens.ids
    spans = ((attribute, first, last) for attribute, found in example.spans.items() for first, last in found)
    return frozenset((attribute, tuple(ids[first : last + 1].tolist())) for attribute, first, last in spans)


class Teacher(SequenceExtractor):
    """A trained extractor that gives the probability of each tag of each token."""

    def tag_probabilities(self, data: _Pairs, labels: LabelMap) -> list[dict[int, Floats]]:
        """Return tag probabilities, (T, 5) float64, for each example by attribute index in `labels`. Empty for a title
        that this model cuts into other tokens than the student, or that is too long for it. The title's own gold is
        left out of the lexicon, which would give it away."""
        titles = tokenize(self._tokenizer, self._documents([one.product for _, one in data]))
        found: list[dict[int, Floats]] = [{} for _ in data]
        pieces = []
        for number, ((example, one), tokens) in enumerate(zip(data, titles, strict=True)):
            if (cut := self._same(tokens, example)) is not None:
                category = self.category(one.product.category)
                wanted = {labels.attributes[attribute] for attribute in example.applicable}
                there = range(len(self.attributes)) if category is None else self.config.applicable[category]
                if known := tuple(attribute for attribute in there if self.attributes[attribute] in wanted):
                    pieces.append(Piece(number, Window(0, len(cut), 0, len(cut)), cut, category, known))
        for start in range(0, len(pieces), _AT_ONCE):
            batch = pieces[start : start + _AT_ONCE]
            for piece, marginals in zip(batch, self._marginals(batch, data, labels), strict=True):
                for attribute, tags in zip(piece.attributes, marginals, strict=True):
                    found[piece.product][labels.index[self.attributes[attribute]]] = tags
        return found

    def _same(self, tokens: Tokens, example: Example) -> Tokens | None:
        """Return the example's part of the tokens; None when this model cuts it otherwise."""
        length = len(example.tokens)
        if not length <= min(len(tokens), self.config.max_tokens):
            return None
        cut = slice_tokens(tokens, Window(0, length, 0, length))
        same = np.array_equal(cut.starts, example.tokens.starts) and np.array_equal(cut.ends, example.tokens.ends)
        return cut if same else None

    def _marginals(self, batch: list[Piece], data: _Pairs, labels: LabelMap) -> list[Floats]:
        """Return (A, T, 5) float64 tag probabilities for each piece."""
        states, _ = self._encode(batch)
        names = {name: number for number, name in enumerate(self.attributes)}
        codes = []
        for piece in batch:
            gold = gold_pieces(replace(data[piece.product][0], tokens=piece.tokens))
            named = ((labels.attributes[attribute], ids) for attribute, ids in gold)
            own = frozenset((names[name], ids) for name, ids in named if name in names)
            codes.append(self._lexicon.codes(piece.tokens, piece.attributes, own=own))
        rows, lexicon = attribute_inputs([piece.attributes for piece in batch], codes, states.shape[1])
        (emissions,) = self._heads.run(None, {"states": states, "attributes": rows, "lexicon": lexicon})
        found = []
        for piece, scores in zip(batch, emissions, strict=True):
            cut = scores[: len(piece.attributes), : len(piece.tokens)].astype(np.float64)
            lengths = np.full(len(cut), len(piece.tokens), dtype=np.int64)
            alpha, beta, partition = forward_backward(cut, lengths, self.chain)
            found.append(np.exp(np.minimum(alpha + beta - partition[:, None, None], 0.0)))
        return found


def soft_tags(
    teachers: Sequence[Path],
    data: Sequence[Example],
    products: Sequence[AnnotatedProduct],
    labels: LabelMap,
    *,
    progress: Progress,
) -> dict[int, SoftTags]:
    """Return the teachers' mean tag probabilities by example number, over those that know the attribute; `products` are
    by example number, too. Raises InputError: a teacher can teach none of the titles."""
    pairs = [(example, products[example.number]) for example in data]
    probabilities: list[dict[int, list[Floats]]] = [defaultdict(list) for _ in data]
    for directory in teachers:
        found = Teacher.load(directory).tag_probabilities(pairs, labels)
        if not (taught := sum(map(bool, found))):
            raise InputError(
                f"teacher {str(directory)!r} can teach none of the {len(data)} titles: it cuts them into other tokens,"
                " or knows none of their attributes; teachers need an encoder of the student's vocabulary"
            )
        progress(f"teacher {directory}: soft targets for {taught} of {len(data)} titles")
        for mine, one in zip(probabilities, found, strict=True):
            for attribute, tags in one.items():
                mine[attribute].append(tags)
    soft = {}
    for example, mine in zip(data, probabilities, strict=True):
        if mine:
            known = tuple(sorted(mine))
            means = np.stack([np.mean(mine[attribute], axis=0) for attribute in known])
            soft[example.number] = SoftTags(example, known, means.astype(np.float32))
    return soft
