"""Concepts by relevance: all words of a text, in any label, in spite of typing errors; usage breaks ties."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.columns.columns import DEFINITION, PREF, owners
from graph.columns.hierarchy import Csr
from graph.labels import CJK, normalise, singular, typed_form
from graph.taxonomy import Taxonomy
from kgtag.search.words import WordIndex

_WHOLE, _BEGUN, _NEAR, _INSIDE = 1.0, 0.8, 0.6, 0.5
"""What a word counts for that a label has: as it is, as the start of another, misspelt, inside of another."""
_LEAST = 0.5
"""Share of the best answer's words that an answer has."""
_INFIX = 2
_WORDS_READ = 2_000
_TIES = 5_000
"""Answers up to which usage breaks ties."""
_FILLER = re.compile(r"and|or|with|for|in|of|by|from|on|to|the|an?", re.IGNORECASE)


class ConceptSearch:
    """Searches all labels of one snapshot, deprecated concepts and hidden labels included.

    Args:
        taxonomy: The snapshot.
        words: The words of its labels, numbered as `taxonomy.derived.labels.texts`.
        popularity: Items by concept number.
    """

    def __init__(self, taxonomy: Taxonomy, words: WordIndex, popularity: Callable[[int], int]) -> None:
        self._taxonomy = taxonomy
        self._words = words
        self._popularity = popularity
        columns, labels = taxonomy.columns, taxonomy.derived.labels
        rows = np.flatnonzero((labels.form >= 0) & (columns.texts.kind != DEFINITION)).astype(np.int32)
        order = np.argsort(labels.form[rows], kind="stable")
        self._rows = Csr.sorted(len(labels.texts), labels.form[rows][order], rows[order])
        self._owners = owners(columns.texts)

    def find(self, text: str) -> NDArray[np.int64]:
        """Numbers of the concepts that fit, best first. An id comes first."""
        wanted = typed_form(normalise(text))
        asked = [word for word in wanted.split() if not _FILLER.fullmatch(word)] or wanted.split()
        n = len(self._taxonomy)
        total, score = 0.0, np.zeros(n, dtype=np.float32)
        matched = np.zeros(len(self._words.sizes), dtype=np.float32)
        for word in asked:
            forms, strength = self._forms(word)
            rows, form = self._rows_of(forms)
            weight = np.log1p(len(self._words.sizes) / (1 + len(forms)))
            total += weight
            best = np.zeros(n, dtype=np.float32)
            np.maximum.at(best, self._owners[rows], strength[form])
            score += np.float32(weight) * best
            matched[forms] += strength
        found = np.flatnonzero(score > 0)
        if len(found):
            found = found[score[found] >= _LEAST * score[found].max()]
        ranked = self._ranked(found, score / max(total, 1e-9), matched, wanted, len(asked))
        if text in self._taxonomy:
            own = self._taxonomy.index(text)
            ranked = np.concatenate([[own], ranked[ranked != own]]).astype(np.int64)
        return ranked

    def _rows_of(self, forms: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Label rows of the forms, and the place in `forms` of each."""
        starts = self._rows.starts[forms]
        counts = self._rows.starts[forms + 1] - starts
        place = np.repeat(np.arange(len(forms)), counts)
        at = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(starts, counts)
        return self._rows.targets[at], place

    def _forms(self, word: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The texts that have the word, ascending, and how well they do."""
        words = self._words
        if CJK.search(word):
            inside = pc.match_substring(words.array, word).to_numpy(zero_copy_only=False)
            hit = np.flatnonzero(inside).astype(np.int32)
            lengths = pc.utf8_length(words.array.take(pa.array(hit))).to_numpy()
            return hit, (_BEGUN + (_WHOLE - _BEGUN) * len(word) / lengths).astype(np.float32)
        begun, whole = words.starting_with(word), {word, singular(word)}
        graded = [(number, _WHOLE if singular(words.vocabulary[number]) in whole else _BEGUN) for number in begun]
        if (one := singular(word)) != word:
            graded += [(n, _WHOLE) for n in words.starting_with(one) if singular(words.vocabulary[n]) == one]
        if not graded:
            graded = [(number, _NEAR) for number in words.near(word)]
        if not graded and len(word) >= _INFIX:
            graded = [(number, _INSIDE) for number in words.containing(word, _WORDS_READ)]
        rows = [(words.texts.row(number), strength) for number, strength in graded[:_WORDS_READ]]
        strength = np.zeros(len(words.sizes), dtype=np.float32)
        for texts_of, value in rows:
            at = np.asarray(texts_of, dtype=np.int32)
            strength[at] = np.maximum(strength[at], value)
        hit = np.flatnonzero(strength).astype(np.int32)
        return hit, strength[hit]

    def _ranked(
        self,
        found: NDArray[np.int64],
        score: NDArray[np.float32],
        matched: NDArray[np.float32],
        wanted: str,
        asked: int,
    ) -> NDArray[np.int64]:
        """By share of the words, then by the best label: how much of it was asked for, preferred labels first."""
        if not len(found):
            return found
        columns, labels = self._taxonomy.columns, self._taxonomy.derived.labels
        rows = np.flatnonzero(np.isin(self._owners, found) & (labels.form >= 0) & (columns.texts.kind != DEFINITION))
        form = labels.form[rows]
        fit = matched[form] / np.maximum(self._words.sizes[form], asked)
        exact = labels.texts.find(wanted)
        fit += (form == exact) if exact is not None else 0
        fit -= np.float32(0.05) * (columns.texts.kind[rows] != PREF)
        best = np.zeros(len(self._taxonomy), dtype=np.float32)
        np.maximum.at(best, self._owners[rows], fit)
        usage = np.zeros(len(found))
        if len(found) <= _TIES:
            usage[:] = [self._popularity(int(i)) for i in found]
        order = np.lexsort((found, -usage, -best[found].round(3), -score[found].round(3)))
        ranked: NDArray[np.int64] = found[order]
        return ranked
