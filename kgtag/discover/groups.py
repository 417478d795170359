"""Groups of texts that belong together, by their words and what they mean, and a name for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.labels import words
from kgtag.compute import unit

_APART = 0.9
"""Mean cosine distance from which groups are not joined; chosen on a half of Shopify's (benchmarks/restructure.py)."""
_HEAD = 2.0
"""How much more the last word of a text counts, which mostly says what it is."""
_SHARED = 0.6
"""Share of a group's texts that have the words which name it."""

_EMPTY = frozenset(["and", "or", "the", "a", "an", "of", "for", "with", "in", "on", "to", "by", "other"])

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Groups:
    """`of`, (n,) int64, is the group of each text, from 0; `fit`, in [-1, 1], the mean silhouette of each group: how
    much nearer its texts are to each other than to those of the nearest other group."""

    of: NDArray[np.int64]
    fit: tuple[float, ...]

    def members(self, group: int) -> list[int]:
        return [int(at) for at in np.flatnonzero(self.of == group)]


def adds_to(name: str, label: str) -> bool:
    """Whether a name says more than a label: "Accessories" does not, below "Tool accessories"."""
    return not {folded for _, folded in _written(name)} <= {folded for _, folded in _written(label)}


def find_groups(texts: Sequence[str], vectors: NDArray[np.float32] | None = None, *, weight: float = 0.5) -> Groups:
    """Average-link clustering of cosine distances.

    Args:
        texts: Two or more.
        vectors: (n, d) what they mean, of length 1; None to compare words alone.
        weight: Of the words beside the vectors.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    features = _words(texts) * weight
    if vectors is not None:
        features = np.hstack([unit(vectors - vectors.mean(axis=0)).astype(np.float64), features])
    lengths = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
    similar = (features / lengths) @ (features / lengths).T
    distance = np.clip(1 - similar, 0, 2)
    np.fill_diagonal(distance, 0)
    tree = linkage(distance[np.triu_indices(len(texts), 1)], "average")
    of = np.asarray(fcluster(tree, _APART, "distance"), dtype=np.int64) - 1
    fits = _silhouettes(distance, of)
    return Groups(of, tuple(round(float(fits[of == group].mean()), 4) for group in range(int(of.max()) + 1)))


def name_of(texts: Sequence[str], others: Sequence[str], *, ends: bool = True) -> str | None:
    """The words, as most texts write them, that most of a group ends with (unless the `ends` of texts say nothing, as
    those of titles), or has and few others; None without any."""
    for tail in (2, 1) if ends else ():
        found = _most([" ".join(word for word, _ in _written(text)[-tail:]) for text in texts])
        if found is not None:
            return found
    inside, outside = Counter(_folded(texts)), Counter(_folded(others))
    share = {
        word: count / len(texts) - outside[word] / max(len(others), 1)
        for word, count in inside.items()
        if count >= _SHARED * len(texts)
    }
    best = max(share, key=lambda word: (share[word], word), default=None)
    if best is None or share[best] < _SHARED / 2:
        return None
    return _most([written for text in texts for written, folded in _written(text) if folded == best], of=len(texts))


def _most(found: Sequence[str], *, of: int | None = None) -> str | None:
    counts = Counter(text.casefold() for text in found if text)
    best = max(counts, key=lambda text: (counts[text], text), default=None)
    if best is None or counts[best] < _SHARED * (of or len(found)):
        return None
    return max((text for text in found if text.casefold() == best), key=found.count)


def _written(text: str) -> list[tuple[str, str]]:
    """(as written, folded) words, without those that name nothing."""
    found = ((text[one.start : one.end], one.folded) for one in words(text))
    return [(written, folded) for written, folded in found if folded not in _EMPTY and any(map(str.isalpha, folded))]


def _folded(texts: Sequence[str]) -> list[str]:
    return [word for text in texts for word in {folded for _, folded in _written(text)}]


def _words(texts: Sequence[str]) -> Floats:
    """(n, words) by inverse document frequency, of length 1, words of a single text left out."""
    counts = Counter(_folded(texts))
    column = {word: at for at, word in enumerate(sorted(word for word, count in counts.items() if count > 1))}
    found = np.zeros((len(texts), max(len(column), 1)))
    for row, text in enumerate(texts):
        folded = [word for _, word in _written(text)]
        for place, word in enumerate(folded, start=1):
            if word in column:
                found[row, column[word]] = np.log(len(texts) / counts[word]) * (_HEAD if place == len(folded) else 1)
    normed: Floats = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return normed


def _silhouettes(distance: Floats, of: NDArray[np.int64]) -> Floats:
    """(n,); 0 for a text alone in its group (Rousseeuw, 1987)."""
    rows, member = np.arange(len(of)), np.eye(int(of.max()) + 1)[of]
    sums, sizes = distance @ member, member.sum(axis=0)
    own = sums[rows, of] / np.maximum(sizes[of] - 1, 1)
    means = sums / sizes
    means[rows, of] = np.inf
    nearest = means.min(axis=1) if len(sizes) > 1 else own
    found: Floats = np.where(sizes[of] > 1, (nearest - own) / np.maximum(np.maximum(nearest, own), 1e-9), 0.0)
    return found
