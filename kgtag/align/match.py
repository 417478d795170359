"""Ontology matching: labels propose candidates, the places in both hierarchies decide."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from graph.labels import folded_form, normal_form
from graph.model import Concept, Kind, RelationType
from graph.taxonomy import Taxonomy
from kgtag.link.candidates.ngrams import GramIndex

_SAME, _FOLDED, _GRAMS = 1.0, 0.95, 0.9
"""Scores of equal labels, of those equal but for plural, accents and hyphens, and at most of shared letters."""
Floats = NDArray[np.float64]
_MATCHES: tuple[RelationType, ...] = ("exact_match", "close_match")


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


@dataclass(frozen=True, slots=True)
class LabelMatches:
    """(p,) candidate pairs; `by_language` (p,) scores in [0, 1], NaN where a side has no preferred label."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    by_language: dict[str, NDArray[np.float64]]

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


@dataclass(frozen=True, slots=True)
class MapSettings:
    """`candidates`: targets per label. The weights are those of places relative to labels (1)."""

    candidates: int = 40
    path_weight: float = 0.25
    broader_weight: float = 0.75
    narrower_weight: float = 0.15
    rounds: int = 3
    exact_from: float = 0.95


@dataclass(frozen=True, slots=True)
class Mapping:
    """A proposed relation between two schemes. `score`, in [0, 1], ranks only; `evidence` is JSON. `relation` is
    exact_match where the labels are the same and either concept is the other's best, else close_match."""

    source: str
    target: str
    relation: RelationType
    score: float
    evidence: dict[str, Any]


def map_schemes(
    taxonomy: Taxonomy,
    source: str,
    target: str,
    *,
    kind: Kind = "category",
    languages: Sequence[str] | None = None,
    settings: MapSettings | None = None,
    per_concept: int = 1,
) -> list[Mapping]:
    """Find, for each concept of `source`, by id, its `per_concept` best counterparts in `target`, best first.
    `languages` are base tags ("zh"), by default those that both schemes have labels in. Raises InputError when the
    schemes or languages have nothing to compare."""
    settings = settings or MapSettings()
    left, right = (_side(taxonomy, scheme, kind) for scheme in (source, target))
    compared = _languages(left, right, languages)
    matches = match_labels(left, right, compared, candidates=settings.candidates)
    places = _Places(taxonomy, left, right, matches, compared)
    return _best(places, places.weigh(settings), per_concept, settings)


def unmapped(taxonomy: Taxonomy, target: str, found: Sequence[Mapping]) -> list[Mapping]:
    """The mappings whose source has no match in the target scheme yet."""
    mapped = {
        one.source
        for one in found
        for relation in _MATCHES
        if any(taxonomy[other].scheme == target for other in taxonomy.out(one.source, relation))
    }
    return [one for one in found if one.source not in mapped]


class _Places:
    """Scores of the candidate pairs' places in both hierarchies."""

    def __init__(
        self, taxonomy: Taxonomy, left: Side, right: Side, matches: LabelMatches, languages: Sequence[str]
    ) -> None:
        self.taxonomy, self.left, self.right, self.matches = taxonomy, left, right, matches
        self.labels = matches.mean()
        self._keys = matches.source * len(right.concepts) + matches.target
        self.path = np.mean([self._paths(lang) for lang in languages], axis=0)
        self._up = _parents(taxonomy, left), _parents(taxonomy, right)
        self.broader = np.full(len(self.labels), np.nan)
        self.narrower = np.full(len(self.labels), np.nan)

    def weigh(self, settings: MapSettings) -> Floats:
        """(p,) in [0, 1]: labels and paths, then the scores of broader and narrower pairs, in rounds."""
        score = self._combined(settings)
        for _ in range(settings.rounds):
            self.broader, self.narrower = self._by_broader(score), self._by_narrower(score)
            score = self._combined(settings)
        return score

    def _combined(self, settings: MapSettings) -> Floats:
        """The weighted mean of the known parts."""
        parts = np.stack([self.labels, self.path, self.broader, self.narrower])
        weights = np.array([1.0, settings.path_weight, settings.broader_weight, settings.narrower_weight])[:, None]
        known = ~np.isnan(parts)
        mean: Floats = (np.where(known, parts, 0.0) * weights).sum(axis=0) / (known * weights).sum(axis=0)
        return mean

    def _paths(self, lang: str) -> Floats:
        texts = []
        for side in (self.left, self.right):
            captions = side.captions(lang)
            paths = (self.taxonomy.path(concept.id) for concept in side.concepts)
            texts.append([" ".join(captions[side.row_of[id]] for id in path if id in side.row_of) for path in paths])
        return GramIndex(texts[1]).cosines(texts[0], (self.matches.source, self.matches.target))

    def _by_broader(self, score: Floats) -> Floats:
        """The score of the broader concepts, less where one skips a level; NaN at the top."""
        up, over = self._up
        mine, theirs = up[self.matches.source], over[self.matches.target]
        found = self._look_up(score, mine, theirs)
        for left, right in ((up[mine], theirs), (mine, over[theirs])):
            found = np.maximum(found, 0.8 * self._look_up(score, np.where(mine < 0, -1, left), right))
        return np.where((mine < 0) & (theirs < 0), np.nan, np.where((mine < 0) | (theirs < 0), 0.0, found))

    def _by_narrower(self, score: Floats) -> Floats:
        """The share of the source's narrower concepts with their best counterpart below the target; NaN without any."""
        up, over = self._up
        count = np.bincount(up[up >= 0], minlength=len(up))
        below: dict[tuple[int, int], int] = defaultdict(int)
        best = _best_of(len(self.left.concepts), self.matches.source, self.matches.target, score)
        for child, target in enumerate(best.tolist()):
            parent, above = int(up[child]), int(over[target]) if target >= 0 else -1
            while parent >= 0 and above >= 0:
                below[parent, above] += 1
                above = int(over[above])
        pairs = zip(self.matches.source.tolist(), self.matches.target.tolist(), strict=True)
        shares = np.array([below.get((s, t), 0) / count[s] if count[s] else np.nan for s, t in pairs])
        return shares.astype(np.float64)

    def _look_up(self, score: Floats, left: NDArray[np.int64], right: NDArray[np.int64]) -> Floats:
        wanted = left * len(self.right.concepts) + right
        at = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where((left >= 0) & (right >= 0) & (self._keys[at] == wanted), score[at], 0.0)


def _side(taxonomy: Taxonomy, scheme: str, kind: Kind) -> Side:
    if scheme not in taxonomy.schemes:
        raise InputError(f"no scheme {scheme!r} in this taxonomy; it has {', '.join(taxonomy.schemes) or 'none'}")
    side = Side.of(taxonomy, scheme, kind)
    if not side.concepts:
        raise InputError(f"scheme {scheme!r} has no {kind} to map")
    return side


def _languages(left: Side, right: Side, wanted: Sequence[str] | None) -> list[str]:
    ours, theirs = left.languages(), right.languages()
    both = sorted(ours & theirs)
    for lang in wanted or ():
        if lang.split("-")[0] not in both:
            raise InputError(f"no labels in {lang!r} on both sides; both have {', '.join(both) or 'no language'}")
    if not both:
        raise InputError(f"no common language: {', '.join(sorted(ours))} on one side, {', '.join(sorted(theirs))}")
    return sorted({lang.split("-")[0] for lang in wanted}) if wanted else both


def _parents(taxonomy: Taxonomy, side: Side) -> NDArray[np.int64]:
    """(concepts + 1,) row of the primary broader concept, -1 for none; the last row is for index -1."""
    up = np.full(len(side.concepts) + 1, -1, dtype=np.int64)
    for row, concept in enumerate(side.concepts):
        path = taxonomy.path(concept.id)
        if len(path) > 1:
            up[row] = side.row_of.get(path[-2], -1)
    return up


def _best_of(size: int, owner: NDArray[np.int64], other: NDArray[np.int64], score: Floats) -> NDArray[np.int64]:
    """(size,) the best-scored `other` of each owner, ties to the first; -1 for none."""
    best = np.full(size, -1, dtype=np.int64)
    order = np.lexsort((-other, score))
    best[owner[order]] = other[order]
    return best


def _best(places: _Places, score: Floats, per_concept: int, settings: MapSettings) -> list[Mapping]:
    matches = places.matches
    chosen = _best_of(len(places.right.concepts), matches.target, matches.source, score)
    found: list[Mapping] = []
    taken: Counter[int] = Counter()
    for pair in np.lexsort((matches.target, -score, matches.source)).tolist():
        source, target = int(matches.source[pair]), int(matches.target[pair])
        taken[source] += 1
        if taken[source] > per_concept:
            continue
        mutual = int(chosen[target]) == source
        labels = {lang: round(float(s[pair]), 4) for lang, s in matches.by_language.items() if not np.isnan(s[pair])}
        evidence: dict[str, Any] = {"labels": labels, "path": round(float(places.path[pair]), 4), "mutual": mutual}
        for name, part in (("broader", places.broader), ("narrower", places.narrower)):
            if not np.isnan(part[pair]):
                evidence[name] = round(float(part[pair]), 4)
        exact = mutual and places.labels[pair] >= settings.exact_from
        relation: RelationType = "exact_match" if exact else "close_match"
        ends = places.left.concepts[source].id, places.right.concepts[target].id
        found.append(Mapping(*ends, relation, round(float(score[pair]), 4), evidence))
    return found
