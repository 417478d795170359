"""Which label texts a query should be compared with: looked up, sharing letters, near in meaning."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kgtag.link.candidates.label_table import Ids, Labels, LabelTable, Usage
from kgtag.link.candidates.ngrams import GramIndex
from kgtag.link.candidates.vectors import LabelVectors, apply_linear_map
from kgtag.link.candidates.words import Substitutes, Words
from kgtag.link.encoder import SentenceEncoder, Vectors

EXACT, FOLDED, NEAR = 2, 1, 0
"""How a text was found: equal in normal form, equal in folded form, or neither."""
_FUZZY, _DENSE = 40, 24
_FUZZY_RICH, _DENSE_RICH = 60, 80
"""Texts taken from each index."""


@dataclass(frozen=True, slots=True)
class Without:
    """What a lookup must not see: the concept's label `text`, or all its labels when that is None."""

    concept: int
    text: int | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """A query made ready. `attribute` and `category` are concept indices; `folded` may be empty, `normal` not."""

    normal: str
    folded: str
    attribute: int | None = None
    category: int | None = None
    lang: str | None = None
    without: Without | None = None


@dataclass(frozen=True, slots=True)
class Pairs:
    """Lookups and texts to compare, by (lookup, text), each pair once; `level` EXACT, LIGHT or NEAR.

    int32 (pairs,) each. float64 (pairs,): `grams`, the weighted letters in common, zero where those weren't searched;
    `cosine`, zeros without an encoder. Both are 1 where a text was looked up. uint8 `bits`: how a text was found by its
    parts (`kgtag.link.candidates.words`), zeros where those aren't indexed.
    """

    lookup: Ids
    text: Ids
    level: Ids
    grams: NDArray[np.float64]
    cosine: NDArray[np.float64]
    bits: NDArray[np.uint8]
    vectors: Vectors | None = None
    """(lookups, dim) of the queries, zeros for those that weren't searched; None without an encoder."""


@dataclass(frozen=True, slots=True)
class Rich:
    """What a trained linker looks up besides whole texts, and sees a candidate with besides words. `linear_map` maps
    the queries' vectors; the labels' `vectors` are mapped already."""

    words: Words
    substitutes: Substitutes
    usage: Usage
    labels: Labels
    vectors: LabelVectors | None = None
    linear_map: Vectors | None = None


class Retriever:
    """The three indices over one label table; the dense one only with an encoder."""

    def __init__(
        self,
        table: LabelTable,
        *,
        encoder: SentenceEncoder | None = None,
        vectors: LabelVectors | None = None,
        rich: Rich | None = None,
    ) -> None:
        self.table = table
        self.rich = rich
        self._grams = GramIndex(table.texts)
        self._encoder = encoder
        self._vectors = vectors

    def with_rich(self, rich: Rich) -> Retriever:
        """Over the same label table and index of letters."""
        other = copy(self)
        other.rich, other._vectors = rich, rich.vectors
        return other

    def pairs(self, lookups: Sequence[Lookup]) -> Pairs:
        """All pairs for all lookups. Where an attribute is given and one of its values is found by lookup, nothing else
        is searched."""
        looked: list[_Found] = []
        search: list[int] = []
        for number, lookup in enumerate(lookups):
            found = self._looked_up(lookup)
            if found:
                looked.append(_Found.of(number, list(found), list(found.values())))
            if not found or lookup.attribute is None:
                search.append(number)
        vectors = self._encode([lookups[number].normal for number in search])
        shared, similar = self._near(lookups, search, vectors)
        parts = self._by_parts(lookups, search)
        size = max(1, len(self.table))
        keys = np.unique(_Found.keys([*looked, *shared, *similar, *parts], size))
        asked, text = (part.astype(np.int32) for part in np.divmod(keys, size))
        level, grams, bits = (_Found.column(found, size, keys) for found in (looked, shared, parts))
        near = level == NEAR
        spread: Vectors | None = None
        if vectors is not None:
            spread = np.zeros((len(lookups), vectors.shape[1]), dtype=np.float32)
            spread[search] = vectors
        # A text that was looked up needs no encoding: it stands for what was asked.
        cosine = np.where(near, 0.0, 1.0) if self._vectors is not None else np.zeros(len(text))
        if self._vectors is not None and spread is not None:
            cosine[near] = self._vectors.cosines(spread, text[near], asked[near])
        letters = np.where(near, np.round(grams, 5), 1.0)
        return Pairs(asked, text, level.astype(np.int32), letters, cosine, bits.astype(np.uint8), spread)

    def _by_parts(self, lookups: Sequence[Lookup], search: Sequence[int]) -> list[_Found]:
        """With bits for values."""
        if self.rich is None:
            return []
        words, substitutes = self.rich.words, self.rich.substitutes
        found = ((number, words.find(lookups[number].normal, substitutes)) for number in search)
        return [_Found.of(number, list(bits), list(bits.values())) for number, bits in found]

    def _looked_up(self, lookup: Lookup) -> dict[int, int]:
        """Level by text number, of texts that a concept in the lookup's scope carries."""
        found: dict[int, int] = {}
        exact = self.table.exact.get(lookup.normal)
        if exact is not None and self._admitted(lookup, exact):
            found[exact] = EXACT
        for text in self.table.folded.get(lookup.folded, ()) if lookup.folded else ():
            if text not in found and self._admitted(lookup, text):
                found[text] = FOLDED
        return found

    def _admitted(self, lookup: Lookup, text: int) -> bool:
        rows = slice(self.table.starts[text], self.table.starts[text + 1])
        concepts = self.table.rows.concept[rows]
        if lookup.attribute is not None:
            concepts = concepts[self.table.of_attribute(concepts, lookup.attribute)]
        if lookup.without is not None and lookup.without.text in (None, text):
            concepts = concepts[concepts != lookup.without.concept]
        return len(concepts) > 0

    def _encode(self, texts: Sequence[str]) -> Vectors | None:
        if self._encoder is None or not texts:
            return None
        vectors = self._encoder.encode(texts)
        linear_map = self.rich.linear_map if self.rich is not None else None
        return vectors if linear_map is None else apply_linear_map(vectors, linear_map)

    def _near(
        self, lookups: Sequence[Lookup], search: Sequence[int], vectors: Vectors | None
    ) -> tuple[list[_Found], list[_Found]]:
        """Texts with the letters they share with a lookup, and those near in meaning."""
        if not search or not len(self.table):
            return [], []
        within = [self.table.texts_of(lookups[number].attribute) for number in search]
        fuzzy, dense = (_FUZZY_RICH, _DENSE_RICH) if self.rich else (_FUZZY, _DENSE)
        hits = self._grams.search([lookups[number].normal for number in search], within, fuzzy)
        shared = [_Found.of(number, *found) for number, found in zip(search, hits, strict=True)]
        if self._vectors is None or vectors is None:
            return shared, []
        hits = self._vectors.search(vectors, within, dense)
        return shared, [_Found.of(number, *found) for number, found in zip(search, hits, strict=True)]


@dataclass(frozen=True, slots=True)
class _Found:
    """Texts (k,) found for one lookup, each once, and what is known of each (k,)."""

    lookup: int
    texts: NDArray[np.int64]
    value: NDArray[np.float64]

    @classmethod
    def of(cls, lookup: int, texts: ArrayLike, values: ArrayLike) -> _Found:
        return cls(lookup, np.asarray(texts, dtype=np.int64), np.asarray(values, dtype=np.float64))

    @staticmethod
    def keys(found: Sequence[_Found], size: int) -> NDArray[np.int64]:
        """lookup * size + text of all."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *(one.lookup * size + one.texts for one in found)])

    @staticmethod
    def column(found: Sequence[_Found], size: int, keys: NDArray[np.int64]) -> NDArray[np.float64]:
        """(keys,) the values at their places among all `keys`, ascending; 0 elsewhere."""
        column = np.zeros(len(keys))
        column[np.searchsorted(keys, _Found.keys(found, size))] = np.concatenate(
            [np.zeros(0), *(one.value for one in found)]
        )
        return column
