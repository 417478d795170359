"""The evidence for each place of a new concept: how like its family the label is, by letters, words and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graph.labels import CJK, normalise
from kgtag.discover.place.families import Families, Floats, Ints, Matrix, lengths, spread
from kgtag.link.candidates.label_table import Ids, digest
from kgtag.link.candidates.ngrams import GramIndex, Keys
from kgtag.link.candidates.words import parts

BASES = ("dense", "grams", "words")
_KIN = ("label", "mean", "average", "best", "parent", "above", "aunts", "below", "family")
_VOTED = ("dense", "grams")
_VOTES = {"dense": 0.1, "grams": 0.15}
"""Differences in cosine that make a vote e times as heavy."""
_NEAREST = (5, 20, 50)
_HEADS = ("head.label", "head.share", "head.vote", "head.below")
_SIZES = ("children", "descendants", "leaf", "depth")
_MAIN = (
    "learned", "dense.label", "dense.mean", "dense.best", "dense.family", "dense.below", "grams.label", "grams.best",
    "words.best", "dense.vote20", "grams.vote20",
)  # fmt: skip
"""Features whose distance from the query's best, and rank, count as well."""
_CHEAP = {
    "learned": 3.0, "dense.mean": 1.0, "dense.label": 1.0, "dense.family": 1.0, "dense.best": 1.0, "dense.vote20": 1.0,
    "grams.best": 1.0, "grams.label": 1.0, "grams.family": 0.5, "words.best": 0.5, "head.vote": 0.5, "whole": 0.5,
}  # fmt: skip
"""Weights with which candidates are chosen."""
CANDIDATES = 60
_HELD = 6_000_000
"""Numbers per feature that are held at a time."""

FEATURES: tuple[str, ...] = (
    *(f"{base}.{kin}" for base in BASES for kin in _KIN),
    *(f"{base}.{vote}" for base in _VOTED for vote in (*(f"vote{k}" for k in _NEAREST), "grandvote20", "near20")),
    "learned", "same.child", *_HEADS,
    *(f"{kind}.{name}" for name in _MAIN for kind in ("gap", "rank")), "rank.cheap", *_SIZES, "whole", "whole.leaf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """Labels to place: `texts` (m,) as they are compared; `vectors` (m, k) of the encoder, or None; `children` (m, d)
    the learned vectors of a child, or None."""

    texts: Sequence[str]
    vectors: Floats | None = None
    children: Floats | None = None

    def part(self, at: slice) -> Asked:
        vectors, children = (None if one is None else one[at] for one in (self.vectors, self.children))
        return Asked(self.texts[at], vectors, children)


class Hierarchy:
    """The concepts among which a new one is placed, with their texts.

    Args:
        families: Who stands under whom.
        texts: (n,) labels in the form in which they are compared; see `normal`.
        vectors: (n, k) float32 of the encoder, of length 1.
        places: (n, d) float32 and biases (n,): the learned vectors of a parent.
    """

    def __init__(
        self,
        families: Families,
        texts: Sequence[str],
        vectors: Floats | None = None,
        places: tuple[Floats, Floats] | None = None,
    ) -> None:
        self.families, self.texts, self.vectors, self.places = families, texts, vectors, places
        self.grams, self.words = GramIndex(texts), GramIndex(texts, cut=words)
        self._heads = heads(texts)
        self._numbers: dict[str, list[int]] = {}
        for number, text in enumerate(texts):
            self._numbers.setdefault(text, []).append(number)

    @cached_property
    def _lengths(self) -> dict[str, tuple[Floats, Floats, Floats]]:
        found: dict[str, Matrix] = {"grams": self.grams.rows, "words": self.words.rows}
        if self.vectors is not None:
            found["dense"] = self.vectors
        of = (self.families.children, self.families.above, self.families.below)
        return {base: tuple(lengths(kin @ rows) for kin in of) for base, rows in found.items()}  # type: ignore[misc]

    def candidates(self, asked: Asked) -> Iterator[tuple[Ints, Floats]]:
        """Batch by batch, the best places (m, K) and their features (m, K, len(FEATURES))."""
        step = max(1, _HELD // max(1, len(self.texts)))
        for start in range(0, len(asked.texts), step):
            yield self._candidates(asked.part(slice(start, start + step)))

    def _candidates(self, asked: Asked) -> tuple[Ints, Floats]:
        found = self._features(asked)
        cheap = sum(weight * _standard(found[name]) for name, weight in _CHEAP.items() if name in found)
        top = _best(np.asarray(cheap, dtype=np.float32), min(CANDIDATES, len(self.texts)))
        shape = (*top.shape, len(FEATURES))
        features = np.zeros(shape, dtype=np.float32)
        for number, name in enumerate(FEATURES):
            if name in found:
                features[:, :, number] = np.take_along_axis(found[name], top, axis=1)
        column = {name: number for number, name in enumerate(FEATURES)}
        for name in _MAIN:
            own = features[:, :, column[name]]
            features[:, :, column[f"gap.{name}"]] = own - own.max(axis=1, keepdims=True)
            features[:, :, column[f"rank.{name}"]] = np.log1p(_ranks(own))
        features[:, :, column["whole.leaf"]] = features[:, :, column["whole"]] * self.families.sizes[:, 2][top]
        features[:, :, column["rank.cheap"]] = np.log1p(np.arange(top.shape[1]))
        for number, name in enumerate(_SIZES):
            features[:, :, column[name]] = self.families.sizes[:, number][top]
        return top, features

    def _features(self, asked: Asked) -> dict[str, Floats]:
        """(m, n) by name."""
        likeness = self.similarities(asked)
        found: dict[str, Floats] = {}
        for base, values in likeness.items():
            found |= {f"{base}.{kin}": value for kin, value in self._kin(base, values).items()}
            if base in _VOTED:
                found |= {f"{base}.{name}": value for name, value in self._votes(values, _VOTES[base]).items()}
        if asked.children is not None and self.places is not None:
            found["learned"] = asked.children @ self.places[0].T + self.places[1]
        children, below = self.families.children, self.families.below
        found["same.child"] = spread(children, (likeness["grams"] > 0.999).astype(np.float32))
        mine = heads(asked.texts)
        same = ((mine[:, None] == self._heads) & (mine[:, None] != 0)).astype(np.float32)
        many = np.maximum(same.sum(axis=1, keepdims=True), 1)
        under = spread(children, same)
        shares = (same, under / np.maximum(self.families.counts, 1), under / many, spread(below, same) / many)
        return found | dict(zip(_HEADS, shares, strict=True)) | {"whole": self._ends(asked.texts)}

    def _ends(self, texts: Sequence[str]) -> Floats:
        """(m, n): whether a concept's whole label ends the text: "scarves" and "cashmere scarves"."""
        found = np.zeros((len(texts), len(self.texts)), dtype=np.float32)
        for row, text in enumerate(texts):
            for at in range(1, len(text)):
                if text[at - 1] == " " or CJK.match(text, at):
                    found[row, self._numbers.get(text[at:], [])] = 1
        return found

    def similarities(self, asked: Asked) -> dict[str, Floats]:
        """(m, n) cosines of labels, by base."""
        found = {"grams": self.grams.similarities(asked.texts), "words": self.words.similarities(asked.texts)}
        if asked.vectors is not None and self.vectors is not None:
            found["dense"] = asked.vectors @ self.vectors.T
        return found

    def _kin(self, base: str, label: Floats) -> dict[str, Floats]:
        families, (of_children, of_above, of_below) = self.families, self._lengths[base]
        summed = spread(families.children, label)
        mean = summed / of_children
        return {
            "label": label,
            "mean": mean,
            "average": summed / np.maximum(families.counts, 1),
            "best": families.highest(label),
            "parent": spread(families.parents, label),
            "above": spread(families.above, label) / of_above,
            "aunts": spread(families.parents, mean),
            "below": spread(families.below, label) / of_below,
            "family": (summed + label) / np.sqrt(of_children**2 + 1),
        }

    def _votes(self, label: Floats, spread_of: float) -> dict[str, Floats]:
        """The nearest concepts vote for themselves, their parents and grandparents."""
        k = min(max(_NEAREST), label.shape[1])
        near = _best(label, k)
        values = np.take_along_axis(label, near, axis=1)
        weights = np.exp((values - values[:, :1]) / spread_of)
        found = {}
        for most in _NEAREST:
            votes = np.zeros_like(label)
            share = weights[:, :most] / weights[:, :most].sum(axis=1, keepdims=True)
            np.put_along_axis(votes, near[:, :most], share, axis=1)
            up = self.families.parents.T.tocsr()
            found[f"vote{most}"] = spread(up, votes)
            if most == 20:
                found |= {"near20": votes, "grandvote20": spread(up, found["vote20"])}
        return found


def normal(text: str) -> str:
    """The form in which labels are compared."""
    return normalise(text)


def words(texts: Sequence[str]) -> tuple[Keys, Ids]:
    """Each distinct word as a number, and the number of its text."""
    found = [(digest(word) >> 1, number) for number, text in enumerate(texts) for word in sorted(set(parts(text)))]
    keys, owners = zip(*found, strict=True) if found else ((), ())
    return np.array(keys, dtype=np.int64), np.array(owners, dtype=np.int32)


def heads(texts: Sequence[str]) -> NDArray[np.int64]:
    """(n,): the last word of each text as a number, 0 without one."""
    found = [parts(text) for text in texts]
    return np.array([digest(one[-1]) >> 1 if one else 0 for one in found], dtype=np.int64)


def _standard(values: Floats) -> Floats:
    """(m, n): distance from the row's best, in its standard deviations."""
    scaled: Floats = (values - values.max(axis=1, keepdims=True)) / np.maximum(values.std(axis=1, keepdims=True), 1e-6)
    return scaled


def _best(values: Floats, k: int) -> Ints:
    """(m, k): columns of the highest values, best first, ties by number."""
    top = np.argpartition(-values, k - 1, axis=1)[:, :k] if k < values.shape[1] else np.argsort(-values, axis=1)
    top = np.sort(top, axis=1)
    order = np.argsort(-np.take_along_axis(values, top, axis=1), axis=1, kind="stable")
    return np.take_along_axis(top, order, axis=1)


def _ranks(values: Floats) -> Ints:
    """(m, k): ranks from 0 by falling value."""
    ranks = np.empty(values.shape, dtype=np.int64)
    order = np.argsort(-values, axis=1, kind="stable")
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(values.shape[1]), values.shape), axis=1)
    return ranks
