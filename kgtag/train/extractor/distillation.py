"""Distillation: tag probabilities of trained extractors as soft targets, computed once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from kgtag.extract.decode import forward_backward
from kgtag.extract.inputs import Piece, Tokens, Window, attribute_inputs, slice_tokens, tokenize
from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.extractor.batches import SoftTags
from kgtag.train.extractor.dataset import Example, LabelMap
from kgtag.types import AnnotatedProduct

_AT_ONCE = 32

Floats = NDArray[np.float64]


class Teacher(SequenceExtractor):
    """A trained extractor that gives the probability of each tag of each token."""

    def tag_probabilities(
        self, data: Sequence[tuple[Example, AnnotatedProduct]], labels: LabelMap
    ) -> list[dict[int, Floats]]:
        """Return tag probabilities, (T, 5) float64, for each example by attribute index in `labels`.

        Empty for a title that this model cuts into other tokens than the student, or that is too long for it. The
        title's own gold is left out of the lexicon, which would give it away.
        """
        titles = tokenize(self._tokenizer, self._documents([one.product for _, one in data]))
        found: list[dict[int, Floats]] = [{} for _ in data]
        pieces = []
        for number, ((example, one), tokens) in enumerate(zip(data, titles, strict=True)):
            if (cut := self._same(tokens, example)) is not None:
                category = self.category(one.product.category)
                wanted = {labels.attributes[attribute] for attribute in example.applicable}
                there = range(len(self.attributes)) if category is None else self.config.applicable[category]
                known = tuple(attribute for attribute in there if self.attributes[attribute] in wanted)
                if known:
                    pieces.append(Piece(number, Window(0, len(cut), 0, len(cut)), cut, category, known))
        for start in range(0, len(pieces), _AT_ONCE):
            batch = pieces[start : start + _AT_ONCE]
            for piece, marginals in zip(batch, self._marginals(batch, data, labels), strict=True):
                for attribute, tags in zip(piece.attributes, marginals, strict=True):
                    found[piece.product][labels.index[self.attributes[attribute]]] = tags
        return found

    def _same(self, tokens: Tokens, example: Example) -> Tokens | None:
        length = len(example.tokens)
        if not length <= min(len(tokens), self.config.max_tokens):
            return None
        cut = slice_tokens(tokens, Window(0, length, 0, length))
        same = np.array_equal(cut.starts, example.tokens.starts) and np.array_equal(cut.ends, example.tokens.ends)
        return cut if same else None

    def _marginals(
        self, batch: list[Piece], data: Sequence[tuple[Example, AnnotatedProduct]], labels: LabelMap
    ) -> list[Floats]:
        """Return (A, T, 5) float64 tag probabilities for each piece."""
        states, _ = self._encode(batch)
        names = {name: number for number, name in enumerate(self.attributes)}
        codes = []
        for piece in batch:
            own = frozenset(
                (names[labels.attributes[attribute]], tuple(piece.tokens.ids[first : last + 1].tolist()))
                for attribute, spans in data[piece.product][0].spans.items()
                if labels.attributes[attribute] in names
                for first, last in spans
            )
            codes.append(self._lexicon.codes(piece.tokens, piece.attributes, own=own))
        rows, lexicon = attribute_inputs([piece.attributes for piece in batch], codes, states.shape[1])
        (emissions,) = self._heads.run(None, {"states": states, "attributes": rows, "lexicon": lexicon})
        found = []
        for piece, scores in zip(batch, emissions, strict=True):
            cut = scores[: len(piece.attributes), : len(piece.tokens)].astype(np.float64)
            lengths = np.full(len(cut), len(piece.tokens), dtype=np.int64)
            alpha, beta, partition = forward_backward(cut, lengths, self._chain)
            found.append(np.exp(np.minimum(alpha + beta - partition[:, None, None], 0.0)))
        return found


def soft_tags(
    teachers: Sequence[Path],
    data: Sequence[Example],
    products: Sequence[AnnotatedProduct],
    labels: LabelMap,
    *,
    progress: Callable[[str], None],
) -> dict[int, SoftTags]:
    """Return the teachers' mean tag probabilities by example number, over those that know the attribute.

    Args:
        products: by example number.

    Raises:
        InputError: a teacher can teach none of the titles.
    """
    pairs = [(example, products[example.number]) for example in data]
    probabilities: list[dict[int, list[Floats]]] = [defaultdict(list) for _ in data]
    for directory in teachers:
        found = Teacher.load(directory).tag_probabilities(pairs, labels)
        taught = sum(map(bool, found))
        if not taught:
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
