"""Which label texts a query should be compared with: looked up, sharing letters, near in meaning."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.link.encoder import SentenceEncoder, Vectors
from kgtag.link.grams import GramIndex
from kgtag.link.substitutes import Substitutes
from kgtag.link.table import Ids, LabelTable
from kgtag.link.vectors import LabelVectors, turned
from kgtag.link.words import Words

EXACT, LIGHT, NEAR = 2, 1, 0
"""How a text was found: equal in normal form, equal in light form, or neither."""
_FUZZY, _DENSE = 40, 24
"""Texts taken from each index."""


@dataclass(frozen=True, slots=True)
class Without:
    """What a lookup must not see: the concept's label `text`, or all its labels when that is None."""

    concept: int
    text: int | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """A query made ready. `attribute` and `category` are concept indices; `light` may be empty, `normal` not."""

    normal: str
    light: str
    attribute: int | None = None
    category: int | None = None
    lang: str | None = None
    without: Without | None = None


@dataclass(frozen=True, slots=True)
class Pairs:
    """Lookups and texts to compare, by (lookup, text), each pair once; `level` EXACT, LIGHT or NEAR.

    int32 (pairs,) each. float64 (pairs,): `grams`, the weighted letters in common, zero where those weren't searched;
    `cosine`, zeros without an encoder. Both are 1 where a text was looked up. uint8 `bits`: how a text was found by its
    parts (`kgtag.link.words`), zeros where those aren't indexed.
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
class Parts:
    """What a trained linker looks up besides whole texts; `fuzzy`, `dense`: texts taken from either index.

    `turn` moves the queries' vectors, as the labels' were moved.
    """

    words: Words
    substitutes: Substitutes
    fuzzy: int = 60
    dense: int = 80
    turn: Vectors | None = None


class Retriever:
    """The three indices over one label table; the dense one only with an encoder."""

    def __init__(
        self,
        table: LabelTable,
        *,
        encoder: SentenceEncoder | None = None,
        vectors: LabelVectors | None = None,
        parts: Parts | None = None,
    ) -> None:
        self.table = table
        self.parts = parts
        self._grams = GramIndex(table.texts)
        self._encoder = encoder
        self._vectors = vectors

    def with_parts(self, parts: Parts, vectors: LabelVectors | None) -> Retriever:
        """Over the same label table and index of letters."""
        other = copy(self)
        other.parts, other._vectors = parts, vectors
        return other

    def pairs(self, lookups: Sequence[Lookup]) -> Pairs:
        """All pairs for all lookups.

        Where an attribute is given and one of its values is found by lookup, nothing else is searched.
        """
        keys: list[tuple[int, int]] = []
        levels: dict[tuple[int, int], int] = {}
        search: list[int] = []
        for number, lookup in enumerate(lookups):
            found = self._looked_up(lookup)
            levels.update({(number, text): level for text, level in found.items()})
            keys += [(number, text) for text in found]
            if not found or lookup.attribute is None:
                search.append(number)
        vectors = self._encode([lookups[number].normal for number in search])
        shared, similar = self._near(lookups, search, vectors)
        bits = self._by_parts(lookups, search)
        ordered = sorted({*keys, *shared, *similar, *bits})
        pairs = np.array(ordered, dtype=np.int32).reshape(-1, 2)
        level = np.array([levels.get(key, NEAR) for key in ordered], dtype=np.int32)
        grams = np.array([shared.get(key, 0.0) for key in ordered], dtype=np.float64)
        return Pairs(
            lookup=pairs[:, 0].copy(),
            text=pairs[:, 1].copy(),
            level=level,
            grams=np.where(level != NEAR, 1.0, grams),
            cosine=self._cosines(pairs, level, search, vectors),
            bits=np.array([bits.get(key, 0) for key in ordered], dtype=np.uint8),
            vectors=_spread(vectors, search, len(lookups)),
        )

    def _by_parts(self, lookups: Sequence[Lookup], search: Sequence[int]) -> dict[tuple[int, int], int]:
        """Bits by (lookup, text)."""
        if self.parts is None:
            return {}
        words, substitutes = self.parts.words, self.parts.substitutes
        return {
            (number, text): bits
            for number in search
            for text, bits in words.find(lookups[number].normal, substitutes).items()
        }

    def _looked_up(self, lookup: Lookup) -> dict[int, int]:
        """Level by text number, of texts that a concept in the lookup's scope carries."""
        found: dict[int, int] = {}
        exact = self.table.exact.get(lookup.normal)
        if exact is not None and self._admitted(lookup, exact):
            found[exact] = EXACT
        for text in self.table.light.get(lookup.light, ()) if lookup.light else ():
            if text not in found and self._admitted(lookup, text):
                found[text] = LIGHT
        return found

    def _admitted(self, lookup: Lookup, text: int) -> bool:
        rows = slice(self.table.starts[text], self.table.starts[text + 1])
        concepts = self.table.rows.concept[rows]
        if lookup.attribute is not None:
            concepts = concepts[np.isin(self.table.attribute[concepts], self.table.within(lookup.attribute))]
        if lookup.without is not None and lookup.without.text in (None, text):
            concepts = concepts[concepts != lookup.without.concept]
        return len(concepts) > 0

    def _encode(self, texts: Sequence[str]) -> Vectors | None:
        if self._encoder is None or not texts:
            return None
        vectors = self._encoder.encode(texts)
        turn = self.parts.turn if self.parts is not None else None
        return vectors if turn is None else turned(vectors, turn)

    def _near(
        self, lookups: Sequence[Lookup], search: Sequence[int], vectors: Vectors | None
    ) -> tuple[dict[tuple[int, int], float], list[tuple[int, int]]]:
        """(lookup, text) pairs with the letters they share, and those near in meaning."""
        if not search or not len(self.table):
            return {}, []
        within = [self.table.texts_of(lookups[number].attribute) for number in search]
        fuzzy, dense = (self.parts.fuzzy, self.parts.dense) if self.parts else (_FUZZY, _DENSE)
        hits = self._grams.search([lookups[number].normal for number in search], within, fuzzy)
        shared = {
            (number, text): round(score, 5)
            for number, (texts, scores) in zip(search, hits, strict=True)
            for text, score in zip(texts.tolist(), scores.tolist(), strict=True)
        }
        if self._vectors is None or vectors is None:
            return shared, []
        hits = self._vectors.search(vectors, within, dense)
        return shared, [
            (number, text) for number, (texts, _) in zip(search, hits, strict=True) for text in texts.tolist()
        ]

    def _cosines(self, pairs: Ids, level: Ids, search: Sequence[int], vectors: Vectors | None) -> NDArray[np.float64]:
        """A text that was looked up needs no encoding: it stands for what was asked."""
        cosines = np.zeros(len(pairs))
        if self._vectors is None:
            return cosines
        cosines[level != NEAR] = 1.0
        if vectors is not None and len(search):
            at = np.full(max(search) + 1, -1, dtype=np.int64)
            at[np.array(search)] = np.arange(len(search))
            near = np.flatnonzero(level == NEAR)
            cosines[near] = self._vectors.cosines(vectors, pairs[near, 1], at[pairs[near, 0]])
        return cosines


def _spread(vectors: Vectors | None, rows: Sequence[int], size: int) -> Vectors | None:
    if vectors is None:
        return None
    spread = np.zeros((size, vectors.shape[1]), dtype=np.float32)
    spread[list(rows)] = vectors
    return spread
