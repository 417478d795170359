"""Mapping one scheme to another: labels propose, the places in both hierarchies decide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from graph.model import Kind, RelationType
from graph.taxonomy import Taxonomy
from kgtag.align.labels import LabelMatches, Side, match_labels
from kgtag.link.candidates.ngrams import GramIndex

Floats = NDArray[np.float64]

_MATCHES: tuple[RelationType, ...] = ("exact_match", "close_match")


@dataclass(frozen=True, slots=True)
class MapSettings:
    """`candidates`: targets looked at per label. The weights say what a place counts beside the labels (1)."""

    candidates: int = 40
    path_weight: float = 0.25
    broader_weight: float = 0.75
    narrower_weight: float = 0.15
    rounds: int = 3
    exact_from: float = 0.95


@dataclass(frozen=True, slots=True)
class Mapping:
    """A proposed relation between two schemes. `score`, in [0, 1], ranks only; `evidence` is JSON.

    `relation` is exact_match where the labels are the same and either concept is the other's best, else close_match.
    """

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
    """For each concept of `source`, by id, its best `per_concept` counterparts in `target`, best first.

    Languages are bases ("zh"); by default those that both schemes have labels in. Raises InputError when the schemes
    or languages have nothing to compare.
    """
    settings = settings or MapSettings()
    left, right = (_side(taxonomy, scheme, kind) for scheme in (source, target))
    spoken = _languages(left, right, languages)
    matches = match_labels(left, right, spoken, candidates=settings.candidates)
    places = _Places(taxonomy, left, right, matches, spoken)
    score = places.weigh(settings)
    return _best(places, score, per_concept, settings)


def unmapped(taxonomy: Taxonomy, target: str, found: Sequence[Mapping]) -> list[Mapping]:
    """Those whose source has no match in the target scheme yet."""
    mapped = {
        one.source
        for one in found
        for relation in _MATCHES
        if any(taxonomy[other].scheme == target for other in taxonomy.out(one.source, relation))
    }
    return [one for one in found if one.source not in mapped]


class _Places:
    """How well each candidate pair stands in both hierarchies."""

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
        """(p,) in [0, 1]: labels and paths first, then what their broader and narrower concepts are taken for."""
        score = self._combined(settings)
        for _ in range(settings.rounds):
            self.broader, self.narrower = self._by_broader(score), self._by_narrower(score)
            score = self._combined(settings)
        return score

    def _combined(self, settings: MapSettings) -> Floats:
        """The weighted mean of what is known of a pair."""
        parts = np.stack([self.labels, self.path, self.broader, self.narrower])
        weights = np.array([1.0, settings.path_weight, settings.broader_weight, settings.narrower_weight])[:, None]
        known = ~np.isnan(parts)
        mean: Floats = (np.where(known, parts, 0.0) * weights).sum(axis=0) / (known * weights).sum(axis=0)
        return mean

    def _paths(self, lang: str) -> Floats:
        mine, theirs = (self._path_texts(side, lang) for side in (self.left, self.right))
        return GramIndex(theirs).cosines(mine, self.matches.pairs)

    def _path_texts(self, side: Side, lang: str) -> list[str]:
        captions = side.captions(lang)
        rows = [[side.row_of[id] for id in self.taxonomy.path(c.id) if id in side.row_of] for c in side.concepts]
        return [" ".join(captions[row] for row in path) for path in rows]

    def _by_broader(self, score: Floats) -> Floats:
        """The score of the pair's broader concepts, or of one's with the other's next broader one, NaN at the top."""
        up, over = self._up
        mine, theirs = up[self.matches.source], over[self.matches.target]
        found = self._look_up(score, mine, theirs)
        for left, right in ((up[mine], theirs), (mine, over[theirs])):
            found = np.maximum(found, 0.8 * self._look_up(score, np.where(mine < 0, -1, left), right))
        return np.where((mine < 0) & (theirs < 0), np.nan, np.where((mine < 0) | (theirs < 0), 0.0, found))

    def _by_narrower(self, score: Floats) -> Floats:
        """The share of the source's narrower concepts whose best counterpart stands below the target; NaN for none."""
        up, over = self._up
        count = np.bincount(up[up >= 0], minlength=len(up))
        below: dict[tuple[int, int], int] = defaultdict(int)
        best = self._best_target(score)
        for child, target in enumerate(best.tolist()):
            parent, above = int(up[child]), int(over[target]) if target >= 0 else -1
            while parent >= 0 and above >= 0:
                below[parent, above] += 1
                above = int(over[above])
        pairs = zip(self.matches.source.tolist(), self.matches.target.tolist(), strict=True)
        shares = np.array([below.get((s, t), 0) / count[s] if count[s] else np.nan for s, t in pairs])
        return shares.astype(np.float64)

    def _best_target(self, score: Floats) -> NDArray[np.int64]:
        best = np.full(len(self.left.concepts), -1, dtype=np.int64)
        order = np.lexsort((-self.matches.target, score))
        best[self.matches.source[order]] = self.matches.target[order]
        return best

    def _look_up(self, score: Floats, left: NDArray[np.int64], right: NDArray[np.int64]) -> Floats:
        wanted = left * len(self.right.concepts) + right
        at = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where((left >= 0) & (right >= 0) & (self._keys[at] == wanted), score[at], 0.0)


def _side(taxonomy: Taxonomy, scheme: str, kind: Kind) -> Side:
    if scheme not in taxonomy.schemes:
        raise InputError(f"no scheme {scheme!r} in this taxonomy; there is {', '.join(taxonomy.schemes) or 'none'}")
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
    """(concepts + 1,) row of the primary broader concept, -1 for none; the last row stands for none itself."""
    up = np.full(len(side.concepts) + 1, -1, dtype=np.int64)
    for row, concept in enumerate(side.concepts):
        path = taxonomy.path(concept.id)
        if len(path) > 1:
            up[row] = side.row_of.get(path[-2], -1)
    return up


def _best(places: _Places, score: Floats, per_concept: int, settings: MapSettings) -> list[Mapping]:
    matches = places.matches
    chosen = np.full(len(places.right.concepts), -1, dtype=np.int64)
    by_target = np.lexsort((-matches.source, score))
    chosen[matches.target[by_target]] = matches.source[by_target]
    found: list[Mapping] = []
    order = np.lexsort((matches.target, -score, matches.source))
    rank, last = 0, -1
    for pair in order.tolist():
        source = int(matches.source[pair])
        rank, last = (rank + 1 if source == last else 0), source
        if rank < per_concept:
            mutual = int(chosen[matches.target[pair]]) == source
            found.append(_mapping(places, pair, float(score[pair]), mutual=mutual, settings=settings))
    return found


def _mapping(places: _Places, pair: int, score: float, *, mutual: bool, settings: MapSettings) -> Mapping:
    matches = places.matches
    source = places.left.concepts[matches.source[pair]]
    target = places.right.concepts[matches.target[pair]]
    labels = {lang: round(float(s[pair]), 4) for lang, s in matches.by_language.items() if not np.isnan(s[pair])}
    evidence: dict[str, Any] = {"labels": labels, "path": round(float(places.path[pair]), 4), "mutual": mutual}
    for name, part in (("broader", places.broader), ("narrower", places.narrower)):
        if not np.isnan(part[pair]):
            evidence[name] = round(float(part[pair]), 4)
    exact = mutual and places.labels[pair] >= settings.exact_from
    return Mapping(source.id, target.id, "exact_match" if exact else "close_match", round(score, 4), evidence)
