"""Texts that share letters: TF-IDF over character n-grams in a sparse inverted index.

Grams are trigrams whose letters are sorted, so that swapped letters still meet ("pnik" and "pink"); around Chinese,
Japanese and Korean characters, sorted bigrams and single characters. A text is padded with a space at either end.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kgtag.link.candidates.label_table import Ids

Keys = NDArray[np.int64]
Hits = tuple[Ids, NDArray[np.float32]]
"""Text numbers and their scores, best first."""

_POSTINGS = 40_000
"""Postings read per query, rarest grams first: what keeps a million labels as fast as ten thousand."""
_CHUNK = 64
_SHIFT = 21
_CJK = ((0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))


class GramIndex:
    """Finds, for a text, the indexed texts with the highest cosine between their weighted grams.

    `cut` divides texts into keys: n-grams, or anything else that texts share.
    """

    def __init__(self, texts: Sequence[str], *, cut: Callable[[Sequence[str]], tuple[Keys, Ids]] | None = None) -> None:
        self._cut = cut or grams
        keys, owners = self._cut(texts)
        self._vocabulary, gram = np.unique(keys, return_inverse=True)
        shape = (len(self._vocabulary), len(texts))
        index = sparse.csr_matrix((np.ones(len(gram), dtype=np.float32), (gram, owners)), shape=shape)
        index.sum_duplicates()
        self._frequency = np.diff(index.indptr)
        self._idf = (1 + np.log((1 + len(texts)) / (1 + self._frequency))).astype(np.float32)
        self._rarest = np.float32(1 + np.log(1 + len(texts)))
        index.data = np.repeat(self._idf, self._frequency)
        norms = np.sqrt(np.bincount(index.indices, weights=index.data**2, minlength=len(texts)))
        index.data /= np.maximum(norms, 1e-9).astype(np.float32)[index.indices]
        self._index = index

    def search(self, queries: Sequence[str], within: Sequence[Ids | None], k: int) -> list[Hits]:
        """The k best texts for each query among those `within` names (ascending; None: all), ties by number."""
        found: list[Hits] = []
        for start in range(0, len(queries), _CHUNK):
            scores = self._weigh(queries[start : start + _CHUNK]) @ self._index
            for row, allowed in enumerate(within[start : start + _CHUNK]):
                at = slice(scores.indptr[row], scores.indptr[row + 1])
                found.append(_best(scores.indices[at], scores.data[at], allowed, k))
        return found

    def cosines(self, texts: Sequence[str], pairs: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[np.float64]:
        """Compare pair by pair: (p,) in [0, 1], of numbers into `texts` and of indexed texts, (p,) each."""
        rows, indexed = self._weigh(texts, postings=None), self._index.T.tocsr()
        products = rows[pairs[0]].multiply(indexed[pairs[1]])
        return np.asarray(products.sum(axis=1), dtype=np.float64).ravel()

    @cached_property
    def rows(self) -> sparse.csr_matrix:
        """(texts, vocabulary) float32, of length 1."""
        return self._index.T.tocsr()

    def similarities(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """(queries, texts) float32: every cosine, in [0, 1]."""
        found: NDArray[np.float32] = (self._weigh(queries, postings=None) @ self._index).toarray()
        return found

    def _weigh(self, queries: Sequence[str], *, postings: int | None = _POSTINGS) -> sparse.csr_matrix:
        """(queries, vocabulary) float32: idf of each query's rarest grams (None: of all), over the norm of all."""
        keys, owners = self._cut(queries)
        unique = np.unique(np.stack([owners.astype(np.int64), keys], axis=1), axis=0)
        starts = np.searchsorted(unique[:, 0], np.arange(len(queries) + 1))
        rows, columns, values = [], [], []
        for number in range(len(queries)):
            mine = unique[starts[number] : starts[number + 1], 1]
            known = self._find(mine)
            unknown = len(mine) - len(known)
            norm = np.sqrt(float((self._idf[known] ** 2).sum()) + unknown * float(self._rarest) ** 2)
            kept = known
            if postings is not None:
                kept = known[np.argsort(self._frequency[known], kind="stable")]
                read = np.cumsum(self._frequency[kept])
                kept = kept[: max(1, int(np.searchsorted(read, postings, side="right")))]
            rows.append(np.full(len(kept), number, dtype=np.int32))
            columns.append(kept)
            values.append(self._idf[kept] / np.float32(max(norm, 1e-9)))
        shape = (len(queries), len(self._vocabulary))
        coordinates = (np.concatenate(rows), np.concatenate(columns))
        return sparse.csr_matrix((np.concatenate(values), coordinates), shape=shape)

    def _find(self, keys: Keys) -> NDArray[np.int64]:
        """Numbers of those keys that the vocabulary has."""
        if not len(self._vocabulary):
            return np.zeros(0, dtype=np.int64)
        at = np.minimum(np.searchsorted(self._vocabulary, keys), len(self._vocabulary) - 1)
        found: NDArray[np.int64] = at[self._vocabulary[at] == keys].astype(np.int64)
        return found


def grams(texts: Sequence[str]) -> tuple[Keys, Ids]:
    """Each gram as a number (three code points of 21 bits, zeros for the missing), and the number of its text."""
    joined = "".join(f" {text} " for text in texts)
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
    lengths = np.fromiter((len(text) + 2 for text in texts), dtype=np.int64, count=len(texts))
    owner = np.repeat(np.arange(len(texts), dtype=np.int32), lengths)
    cjk = np.zeros(len(points), dtype=np.bool_)
    for first, last in _CJK:
        cjk |= (points >= first) & (points <= last)
    pairs = (owner[1:] == owner[:-1]) & (cjk[1:] | cjk[:-1])
    threes = (owner[2:] == owner[:-2]) & ~(cjk[2:] | cjk[1:-1] | cjk[:-2])
    left, right = points[:-1][pairs], points[1:][pairs]
    a, b, c = points[:-2][threes], points[1:-1][threes], points[2:][threes]
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    keys = [
        points[cjk] << (2 * _SHIFT),
        (np.minimum(left, right) << (2 * _SHIFT)) | (np.maximum(left, right) << _SHIFT),
        (low << (2 * _SHIFT)) | ((a + b + c - low - high) << _SHIFT) | high,
    ]
    return np.concatenate(keys), np.concatenate([owner[cjk], owner[:-1][pairs], owner[:-2][threes]])


def _best(texts: Ids, scores: NDArray[np.float32], allowed: Ids | None, k: int) -> Hits:
    if allowed is not None and len(texts):
        at = np.minimum(np.searchsorted(allowed, texts), len(allowed) - 1) if len(allowed) else None
        kept = allowed[at] == texts if at is not None else np.zeros(len(texts), dtype=np.bool_)
        texts, scores = texts[kept], scores[kept]
    return top(texts, scores, k)


def top(texts: Ids, scores: NDArray[np.float32], k: int) -> Hits:
    """The k highest scores, best first; scores equal to five decimals rank by text number."""
    if len(texts) > 4 * k:
        floor = np.partition(scores, len(scores) - k)[len(scores) - k] - 2e-5
        kept = scores >= floor
        texts, scores = texts[kept], scores[kept]
    order = np.lexsort((texts, -np.round(scores, 5)))[:k]
    return texts[order].astype(np.int32), scores[order]
