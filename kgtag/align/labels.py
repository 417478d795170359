"""How alike the labels of two schemes' concepts are, language by language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.model import Concept
from graph.taxonomy import Taxonomy
from kgtag.link.candidates.forms import light_form, normal_form
from kgtag.link.candidates.ngrams import GramIndex

_SAME, _LIGHT, _GRAMS = 1.0, 0.95, 0.9
"""Labels that are equal, equal but for spelling (plural, accents, hyphens), and the most that shared letters count."""


@dataclass(frozen=True, slots=True)
class Side:
    """The concepts of one scheme that take part: by id, and their rows in the taxonomy."""

    concepts: tuple[Concept, ...]
    rows: NDArray[np.int64]
    row_of: dict[str, int]

    @classmethod
    def of(cls, taxonomy: Taxonomy, scheme: str, kind: str) -> Side:
        found = [
            (taxonomy.index(c.id), c)
            for c in taxonomy
            if c.scheme == scheme and c.kind == kind and c.status != "deprecated"
        ]
        concepts = tuple(concept for _, concept in found)
        rows = np.array([row for row, _ in found], dtype=np.int64)
        return cls(concepts, rows, {concept.id: row for row, concept in enumerate(concepts)})

    def languages(self) -> set[str]:
        return {tag.split("-")[0] for concept in self.concepts for tag in concept.pref_label}

    def texts(self, lang: str) -> tuple[list[int], list[str]]:
        """Every label in the language, in normal form, with the concept it belongs to."""
        owners, texts = [], []
        for row, concept in enumerate(self.concepts):
            for text, tag, _ in concept.labels():
                if tag.split("-")[0] == lang and (normal := normal_form(text)):
                    owners.append(row)
                    texts.append(normal)
        return owners, texts

    def captions(self, lang: str) -> list[str]:
        """The preferred label in the language, in normal form; empty where there is none."""
        return [normal_form(_preferred(concept, lang)) for concept in self.concepts]


Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Row numbers on the left and on the right, (p,) each."""


@dataclass(frozen=True, slots=True)
class LabelMatches:
    """(p,) candidate pairs, by source and target; `by_language` (p,) each in [0, 1], NaN where a side is silent."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    by_language: dict[str, NDArray[np.float64]]

    @property
    def pairs(self) -> Pairs:
        return self.source, self.target

    def mean(self) -> NDArray[np.float64]:
        """(p,) over the languages that both sides speak."""
        table = np.stack([self.by_language[lang] for lang in sorted(self.by_language)])
        heard = ~np.isnan(table)
        mean: NDArray[np.float64] = np.where(heard, table, 0.0).sum(axis=0) / np.maximum(heard.sum(axis=0), 1)
        return mean


def match_labels(source: Side, target: Side, languages: Sequence[str], *, candidates: int) -> LabelMatches:
    """The `candidates` targets nearest to each label of each source, in each language."""
    found = {lang: _alike(source, target, lang, candidates) for lang in languages}
    keys = sorted({key for pairs in found.values() for key in pairs})
    left = np.array([s for s, _ in keys], dtype=np.int64)
    right = np.array([t for _, t in keys], dtype=np.int64)
    by_language = {}
    for lang in languages:
        mine, theirs = source.captions(lang), target.captions(lang)
        score = _GRAMS * GramIndex(theirs).cosines(mine, (left, right))
        seen = np.array([found[lang].get(key, 0.0) for key in keys])
        silent = np.array([not (mine[s] and theirs[t]) for s, t in keys], dtype=bool)
        by_language[lang] = np.where(silent, np.nan, np.maximum(score, seen))
    return LabelMatches(left, right, by_language)


def _alike(source: Side, target: Side, lang: str, candidates: int) -> dict[tuple[int, int], float]:
    """The best score of any two labels of each pair."""
    owners, texts = source.texts(lang)
    others, labels = target.texts(lang)
    best: dict[tuple[int, int], float] = defaultdict(float)
    if not texts or not labels:
        return best
    light = [light_form(label) for label in labels]
    hits = GramIndex(labels).search(texts, [None] * len(texts), candidates)
    for owner, text, (numbers, cosines) in zip(owners, texts, hits, strict=True):
        mine = light_form(text)
        for number, cosine in zip(numbers.tolist(), cosines.tolist(), strict=True):
            same = _SAME if labels[number] == text else _LIGHT if mine and light[number] == mine else _GRAMS * cosine
            key = owner, others[number]
            best[key] = max(best[key], same)
    return best


def _preferred(concept: Concept, lang: str) -> str:
    return next((concept.pref_label[tag] for tag in sorted(concept.pref_label) if tag.split("-")[0] == lang), "")
