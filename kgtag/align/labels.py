"""Label similarity of two schemes' concepts, by language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.model import Concept
from graph.taxonomy import Taxonomy
from kgtag.link.candidates.label_table import folded_form, normal_form
from kgtag.link.candidates.ngrams import GramIndex

_SAME, _FOLDED, _GRAMS = 1.0, 0.95, 0.9
"""Scores of equal labels, of those equal but for plural, accents and hyphens, and at most of shared letters."""


@dataclass(frozen=True, slots=True)
class Side:
    """The concepts of one scheme, by id, and their rows."""

    concepts: tuple[Concept, ...]
    row_of: dict[str, int]

    @classmethod
    def of(cls, taxonomy: Taxonomy, scheme: str, kind: str) -> Side:
        concepts = tuple(c for c in taxonomy if (c.scheme, c.kind) == (scheme, kind) and c.status != "deprecated")
        return cls(concepts, {concept.id: row for row, concept in enumerate(concepts)})

    def languages(self) -> set[str]:
        return {tag.split("-")[0] for concept in self.concepts for tag in concept.pref_label}

    def texts(self, lang: str) -> tuple[list[int], list[str]]:
        """Every label in the language, in normal form, and the row of its concept."""
        owners, texts = [], []
        for row, concept in enumerate(self.concepts):
            for text, tag, _ in concept.labels():
                if tag.split("-")[0] == lang and (normal := normal_form(text)):
                    owners.append(row)
                    texts.append(normal)
        return owners, texts

    def captions(self, lang: str) -> list[str]:
        """The preferred label in the language, in normal form; empty where there is none."""
        prefs = (c.pref_label for c in self.concepts)
        found = (next((pref[tag] for tag in sorted(pref) if tag.split("-")[0] == lang), "") for pref in prefs)
        return [normal_form(text) for text in found]


Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Row numbers on the left and on the right, (p,) each."""


@dataclass(frozen=True, slots=True)
class LabelMatches:
    """(p,) candidate pairs; `by_language` (p,) scores in [0, 1], NaN where a side has no preferred label."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    by_language: dict[str, NDArray[np.float64]]

    @property
    def pairs(self) -> Pairs:
        return self.source, self.target

    def mean(self) -> NDArray[np.float64]:
        """(p,) over the languages with labels on both sides, 0 without one."""
        table = np.stack([self.by_language[lang] for lang in sorted(self.by_language)])
        known = ~np.isnan(table)
        mean: NDArray[np.float64] = np.where(known, table, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return mean


def match_labels(source: Side, target: Side, languages: Sequence[str], *, candidates: int) -> LabelMatches:
    """Pair each source with the `candidates` targets nearest to each of its labels, in each language."""
    found = {lang: _best_scores(source, target, lang, candidates) for lang in languages}
    keys = sorted({key for pairs in found.values() for key in pairs})
    left = np.array([s for s, _ in keys], dtype=np.int64)
    right = np.array([t for _, t in keys], dtype=np.int64)
    by_language = {}
    for lang in languages:
        mine, theirs = source.captions(lang), target.captions(lang)
        score = _GRAMS * GramIndex(theirs).cosines(mine, (left, right))
        seen = np.array([found[lang].get(key, 0.0) for key in keys])
        missing = np.array([not (mine[s] and theirs[t]) for s, t in keys], dtype=bool)
        by_language[lang] = np.where(missing, np.nan, np.maximum(score, seen))
    return LabelMatches(left, right, by_language)


def _best_scores(source: Side, target: Side, lang: str, candidates: int) -> dict[tuple[int, int], float]:
    """The best score of any two labels of each pair."""
    owners, texts = source.texts(lang)
    others, labels = target.texts(lang)
    best: dict[tuple[int, int], float] = defaultdict(float)
    if not texts or not labels:
        return best
    folded = [folded_form(label) for label in labels]
    hits = GramIndex(labels).search(texts, [None] * len(texts), candidates)
    for owner, text, (numbers, cosines) in zip(owners, texts, hits, strict=True):
        mine = folded_form(text)
        for number, cosine in zip(numbers.tolist(), cosines.tolist(), strict=True):
            score = _SAME if labels[number] == text else _FOLDED if mine and folded[number] == mine else _GRAMS * cosine
            key = owner, others[number]
            best[key] = max(best[key], score)
    return best
