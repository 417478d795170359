"""Features of candidate concepts: likeness of the words, fit to the context, competing candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.process import cpdist

from graph.labels import ends_with, starts_with
from kgtag.compute import among
from kgtag.link.candidates.label_table import ALT, HIDDEN, NOWHERE, Flags, Ids, LabelTable
from kgtag.link.candidates.retrieve import EXACT, FOLDED, NEAR, Lookup, Pairs, Rich
from kgtag.link.features.concept_features import CONCEPT_FEATURES, Seen, concept_features, hidden
from kgtag.link.features.token_features import TOKEN_FEATURES, token_features

Floats = NDArray[np.float64]
Signs = NDArray[np.int8]
"""1 fits, -1 does not fit, 0 unknown."""

FEATURE_WEIGHTS = {
    "exact": 2.130165, "light": 2.281284, "ratio": 1.336376, "jaro_winkler": 0.112949, "edits": -1.373561,
    "token_set": 3.613324, "grams": 4.445832, "cosine": 0.0, "words": 0.271809, "very_close": 1.738218,
    "very_similar": 0.0, "one_edit": 1.291031, "two_edits": -0.663959, "ends_with_label": 0.073988,
    "starts_with_label": -0.526943, "part_of_label": -1.155807, "numbers_differ": -4.110718, "shortness": 4.37685,
    "alt_label": -0.581612, "hidden_label": -0.195088, "same_language": 0.028144, "other_language": -0.338864,
    "attribute_given": 0.621786, "exact_unscoped": -2.765146, "applies": 0.63249, "does_not_apply": -3.136695,
    "depth": 1.689244, "is_attribute": 1.896573, "is_category": 1.177189, "rivals": -0.831389, "margin": 1.805461,
}  # fmt: skip
"""Columns of a feature matrix, whose names stand in trained linkers, and the weight of each in an untrained one.

Those from "exact" to "shortness" compare words, "rivals" and "margin" competing candidates."""
FEATURES = tuple(FEATURE_WEIGHTS)

RICH_FEATURES = (*FEATURES, *TOKEN_FEATURES, *CONCEPT_FEATURES)
"""Columns of a feature matrix of a trained linker."""

_KEPT, _KEPT_RICH = 24, 100
"""Candidates weighed per query."""
_TIE = 0.02
_CACHED = 1_024
_SCORERS: tuple[tuple[Callable[..., float], float], ...] = (
    (fuzz.ratio, 100),
    (JaroWinkler.normalized_similarity, 1),
    (OSA.normalized_similarity, 1),
    (fuzz.token_set_ratio, 100),
)
"""Likeness of two texts, each with the value of equal ones."""


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """Candidates of a batch, by (lookup, concept), each once: int32 (n,) `lookup`, `concept`, `level`; bool `dense`.
    `features` (n, len(FEATURES)) float64. `dense`: its meaning fits better than its letters."""

    lookup: Ids
    concept: Ids
    level: Ids
    dense: NDArray[np.bool_]
    features: Floats

    @classmethod
    def join(cls, parts: Sequence[CandidateSet]) -> CandidateSet:
        """One after the other."""
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))


class Context:
    """Signs for (lookup, label row) and (lookup, concept) pairs, given as parallel int arrays (n,)."""

    def __init__(self, table: LabelTable) -> None:
        self._table = table
        applies = table.taxonomy.adjacency("applies_to")
        self._declared: Flags = np.diff(applies.starts) > 0
        self._languages = {lang: number for number, lang in enumerate(table.languages)}
        self._undetermined = np.array([self._languages.get(lang, NOWHERE) for lang in ("und", "zxx", "mul")])
        self._scope: Callable[[int], _Scope] = lru_cache(_CACHED)(partial(_Scope.of, table))

    def admitted(self, lookups: Sequence[Lookup], lookup: Ids, row: NDArray[np.int64], text: Ids) -> Flags:
        """Whether the row is one the lookup may see: of its attribute, and not hidden from it."""
        table = self._table
        concept = table.rows.concept[row]
        admitted = np.ones(len(lookup), dtype=np.bool_)
        attribute = np.array([_code(query.attribute) for query in lookups], dtype=np.int64)[lookup]
        for number in np.unique(attribute[attribute != NOWHERE]):
            asked = attribute == number
            admitted[asked] = table.of_attribute(concept[asked], int(number))
        return admitted & ~hidden(lookups, lookup, concept, text)

    def language(self, lookups: Sequence[Lookup], lookup: Ids, row: NDArray[np.int64]) -> Signs:
        """Whether label and query are known to be in one language."""
        bases = [query.lang.split("-")[0].lower() if query.lang else None for query in lookups]
        codes = [NOWHERE if base is None else self._languages.get(base, NOWHERE - 1) for base in bases]
        asked = np.array(codes, dtype=np.int64)[lookup]
        written = self._table.rows.lang[row]
        sign = np.where(asked == written, 1, -1)
        sign[(asked == NOWHERE) | np.isin(written, self._undetermined)] = 0
        return sign.astype(np.int8)

    def fit(self, lookups: Sequence[Lookup], lookup: Ids, concept: Ids) -> Signs:
        """Whether the candidate belongs in the lookup's category."""
        fit = np.zeros(len(lookup), dtype=np.int8)
        category = np.array([_code(query.category) for query in lookups], dtype=np.int64)[lookup]
        for number in np.unique(category[category != NOWHERE]):
            asked = category == number
            fit[asked] = self._scope(int(number)).signs(concept[asked], table=self._table, declared=self._declared)
        return fit


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a category may hold: int32, ascending, the concepts on one path with it, and the attributes that apply."""

    path: Ids
    attributes: Ids

    @classmethod
    def of(cls, table: LabelTable, category: int) -> _Scope:
        taxonomy = table.taxonomy
        hierarchy, id = taxonomy.derived.hierarchy, taxonomy.ids[category]
        path = [category, *hierarchy.above(category), *hierarchy.below(category)]
        attributes = sorted(map(taxonomy.index, taxonomy.attributes_for(id)))
        return cls(np.sort(np.array(path, dtype=np.int32)), np.array(attributes, dtype=np.int32))

    def signs(self, concepts: Ids, *, table: LabelTable, declared: Flags) -> Signs:
        """Values and attributes fit where their attribute applies, categories on one path with this one. An attribute
        that isn't `declared` to apply anywhere gives no sign."""
        own = table.attribute[concepts]
        attribute = np.where((own == NOWHERE) & table.is_attribute[concepts], concepts, own)
        unfit = np.where((attribute != NOWHERE) & declared[attribute], -1, 0)
        fit = np.where(among(attribute, self.attributes), 1, unfit).astype(np.int8)
        fit[table.is_category[concepts]] = -1
        fit[among(concepts, self.path)] = 1
        return fit


def _code(number: int | None) -> int:
    return NOWHERE if number is None else number


def build_candidates(
    table: LabelTable, context: Context, *, lookups: Sequence[Lookup], pairs: Pairs, rich: Rich | None = None
) -> CandidateSet:
    """The candidates that the pairs lead to, each seen through its best label; at most _KEPT per lookup. With `rich`,
    seen in more ways, and more of them."""
    likeness = _likeness(table, lookups, pairs)
    starts, counts = table.starts[pairs.text], np.diff(table.starts)[pairs.text]
    pair = np.repeat(np.arange(len(pairs.text)), counts)
    row = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(starts, counts)
    admitted = context.admitted(lookups, pairs.lookup[pair], row, pairs.text[pair])
    pair, row = pair[admitted], row[admitted]
    lookup, concept = pairs.lookup[pair], table.rows.concept[row]
    closeness = np.maximum.reduce([likeness["words"], likeness["grams"], likeness["cosine"]])
    strength = (closeness + pairs.level)[pair]
    language = context.language(lookups, lookup, row)
    order = np.lexsort((pairs.text[pair], table.rows.kind[row], -language, -strength, concept, lookup))
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (np.diff(lookup[order]) != 0) | (np.diff(concept[order]) != 0)
    best = order[first]
    groups, members = np.flatnonzero(first), pair[order]
    pair, row, strength, language = pair[best], row[best], strength[best], language[best]
    lookup, concept = lookup[best], concept[best]

    fit = context.fit(lookups, lookup, concept)
    prior = strength + 0.3 * fit + 0.05 * language - 0.1 * table.is_attribute[concept]
    competing, margin, rank = _competition(lookup, prior)
    given = np.array([query.attribute is not None for query in lookups], dtype=np.bool_)[lookup]
    columns = {name: column[pair] for name, column in likeness.items()}
    columns |= {
        "alt_label": table.rows.kind[row] == ALT,
        "hidden_label": table.rows.kind[row] == HIDDEN,
        "same_language": language > 0,
        "other_language": language < 0,
        "attribute_given": given,
        "exact_unscoped": (pairs.level[pair] != NEAR) & ~given,
        "applies": fit > 0,
        "does_not_apply": fit < 0,
        "depth": table.depth[concept] / 10,
        "is_attribute": table.is_attribute[concept],
        "is_category": table.is_category[concept],
        "rivals": np.log1p(competing),
        "margin": np.clip(margin, -1, 1),
    }
    features = np.zeros((len(pair), len(FEATURES)))
    for number, name in enumerate(FEATURES):
        features[:, number] = columns[name]
    kept = rank < _KEPT
    if rich is not None:
        by_pair = token_features(rich.words, rich.substitutes, lookups, pairs)
        seen = Seen(lookup, concept, strength, members, groups, pair)
        by_concept = concept_features(rich, seen, by_pair, lookups, pairs)
        kept = by_concept[:, CONCEPT_FEATURES.index("merit_rank")] < np.log1p(_KEPT_RICH)
        features = np.concatenate([features, by_pair[pair], by_concept], axis=1)
    dense = columns["cosine"] > np.maximum(columns["edits"], columns["ratio"])
    return CandidateSet(lookup[kept], concept[kept], pairs.level[pair][kept], dense[kept], features[kept])


def _likeness(table: LabelTable, lookups: Sequence[Lookup], pairs: Pairs) -> dict[str, NDArray[np.generic]]:
    """(pairs,) the columns that compare words."""
    asked = [lookups[number].normal for number in pairs.lookup.tolist()]
    labels = [table.texts[number] for number in pairs.text.tolist()]
    ratio, jaro_winkler, edits, token_set = (
        cpdist(asked, labels, scorer=scorer, dtype=np.float64) / full if labels else np.zeros(0)
        for scorer, full in _SCORERS
    )
    near = pairs.level == NEAR
    words = np.where(near, np.maximum(edits, 0.6 * ratio + 0.4 * jaro_winkler), 1.0)
    length = np.array([len(query.normal) for query in lookups], dtype=np.float64)[pairs.lookup]
    number_of_edits = np.round((1 - edits) * np.maximum(length, table.lengths[pairs.text]))
    ends, starts, part = np.zeros((3, len(labels)))
    # Whatever begins or ends with the other has all its words, where words are set apart.
    apart = np.array([query.normal.isascii() for query in lookups], dtype=np.bool_)[pairs.lookup]
    for i in np.flatnonzero(near & ((token_set >= 1) | ~apart)).tolist():
        query, label = asked[i], labels[i]
        ends[i], starts[i] = ends_with(query, label), starts_with(query, label)
        part[i] = ends_with(label, query) or starts_with(label, query)
    figures = np.array([table.figure(query.normal) for query in lookups], dtype=np.int32)
    return {
        "exact": pairs.level == EXACT,
        "light": pairs.level == FOLDED,
        "ratio": ratio,
        "jaro_winkler": jaro_winkler,
        "edits": edits,
        "token_set": token_set,
        "grams": pairs.grams,
        "cosine": pairs.cosine,
        "words": words,
        "very_close": np.maximum(0, words - 0.75) * 4,
        "very_similar": np.maximum(0, pairs.cosine - 0.6) * 2.5,
        "one_edit": near & (number_of_edits == 1) & (length > 3),
        "two_edits": near & (number_of_edits == 2) & (length > 7),
        "ends_with_label": ends,
        "starts_with_label": starts,
        "part_of_label": part,
        "numbers_differ": near & (figures[pairs.lookup] != table.figures[pairs.text]),
        "shortness": np.where(near, 1 / np.maximum(length, 1), 0.0),
    }


def _competition(lookup: Ids, prior: Floats) -> tuple[Ids, Floats, Ids]:
    """Compare each candidate with the others: how many are as good or better, lead over the best other, rank from 0.
    `lookup` is sorted."""
    n = len(lookup)
    starts = np.flatnonzero(np.r_[True, np.diff(lookup) != 0]) if n else np.zeros(0, dtype=np.int64)
    ends = np.r_[starts[1:], n]
    competing, margin, rank = np.zeros(n, dtype=np.int32), np.ones(n), np.zeros(n, dtype=np.int32)
    for start, end in zip(starts, ends, strict=False):
        mine = prior[start:end]
        order = np.argsort(-mine, kind="stable")
        rank[start + order] = np.arange(end - start)
        if end - start > 1:
            best, second = mine[order[0]], mine[order[1]]
            margin[start:end] = mine - best
            margin[start + order[0]] = best - second
        ascending = mine[order[::-1]]
        competing[start:end] = (end - start) - np.searchsorted(ascending, mine - _TIE) - 1
    return competing, margin, rank
