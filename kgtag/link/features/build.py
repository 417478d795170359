"""All candidates of a batch of queries with what the model wants to know of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graph.taxonomy import Taxonomy
from kgtag.compute import blas_on_one_core
from kgtag.link.candidates.forms import folded_form, normal_form
from kgtag.link.candidates.label_table import NOWHERE, Flags, Ids, LabelTable
from kgtag.link.candidates.retrieve import Lookup, Parts, Retriever, Without
from kgtag.link.candidates.vectors import LabelVectors, apply_linear_map
from kgtag.link.candidates.words import Substitutes, Words
from kgtag.link.encoder import SentenceEncoder, Vectors
from kgtag.link.features.candidate_set import CandidateSet, build_candidates
from kgtag.link.features.concept_features import Labels, Rich, Usage
from kgtag.link.files import LinkerState
from kgtag.types import Query

Signs = NDArray[np.int8]
"""1 fits, -1 does not fit, 0 unknown."""
_CACHED = 64


class Context:
    """Signs for (lookup, label row) and (lookup, concept) pairs, given as parallel int arrays (n,)."""

    def __init__(self, table: LabelTable) -> None:
        self._table = table
        applies = table.taxonomy.adjacency("applies_to")
        self._declared: Flags = np.diff(applies.starts) > 0
        self._languages = {lang: number for number, lang in enumerate(table.languages)}
        self._undetermined = np.array([self._languages.get(lang, NOWHERE) for lang in ("und", "zxx", "mul")])
        self._fits: Callable[[int], Signs] = lru_cache(_CACHED)(partial(_fits, table, self._declared))

    def admitted(self, lookups: Sequence[Lookup], lookup: Ids, row: NDArray[np.int64], text: Ids) -> Flags:
        """Whether the row is one the lookup may see: of its attribute, and not hidden from it."""
        table = self._table
        concept = table.rows.concept[row]
        admitted = np.ones(len(lookup), dtype=np.bool_)
        attribute = np.array([_code(query.attribute) for query in lookups], dtype=np.int64)[lookup]
        for number in np.unique(attribute[attribute != NOWHERE]):
            asked = attribute == number
            admitted[asked] = np.isin(table.attribute[concept[asked]], table.within(int(number)))
        hidden = [query.without for query in lookups]
        if any(hidden):
            without = np.array([w.concept if w else NOWHERE for w in hidden], dtype=np.int64)[lookup]
            label = np.array([_code(w.text) if w else NOWHERE for w in hidden], dtype=np.int64)[lookup]
            admitted &= ~((concept == without) & ((label == NOWHERE) | (label == text)))
        return admitted

    def language(self, lookups: Sequence[Lookup], lookup: Ids, row: NDArray[np.int64]) -> Signs:
        """Whether label and query are known to be in one language."""
        codes = [self._languages.get(_base(query.lang), NOWHERE - 1) if query.lang else NOWHERE for query in lookups]
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
            fit[asked] = self._fits(int(number))[concept[asked]]
        return fit


def _fits(table: LabelTable, declared: Flags, category: int) -> Signs:
    """Signs for all concepts, (concepts,), of one category.

    Values and attributes fit where their attribute applies, categories on one path with this one. An attribute that
    isn't `declared` to apply anywhere gives no sign.
    """
    taxonomy = table.taxonomy
    id = taxonomy.ids[category]
    applicable = np.zeros(len(taxonomy), dtype=np.bool_)
    applicable[[taxonomy.index(attribute) for attribute in taxonomy.attributes_for(id)]] = True
    of_attribute = np.where(applicable, 1, np.where(declared, -1, 0)).astype(np.int8)
    fit = np.zeros(len(taxonomy), dtype=np.int8)
    fit[table.is_attribute] = of_attribute[table.is_attribute]
    values = table.attribute != NOWHERE
    fit[values] = of_attribute[table.attribute[values]]
    fit[table.is_category] = -1
    fit[[category, *map(taxonomy.index, [*taxonomy.ancestors(id), *taxonomy.descendants(id)])]] = 1
    return fit


def _code(number: int | None) -> int:
    return NOWHERE if number is None else number


def _base(lang: str) -> str:
    return lang.split("-")[0].lower()


class CandidateFinder:
    """Label table, indices and context of one taxonomy; with an encoder, also the vectors of its labels.

    `cache`: directory for vectors; `earlier`: vectors to copy from. With the `state` of a training, candidates have
    RICH_FEATURES instead of FEATURES.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        *,
        scheme: str | None = None,
        encoder: SentenceEncoder | None = None,
        cache: Path | None = None,
        earlier: LabelVectors | None = None,
        state: LinkerState | None = None,
    ) -> None:
        self.taxonomy = taxonomy
        self.table = LabelTable(taxonomy, scheme=scheme, mentions=state.mentions if state else ())
        self.encoder = encoder
        self.vectors: LabelVectors | None = None
        if encoder is not None:
            self.vectors = LabelVectors.load(self.table.texts, encoder, cache=cache, earlier=earlier)
        self._state = state
        self._rich: Rich | None = None
        if state is not None:
            parts = Parts(Words(self.table.texts), state.substitutes)
            plain = Rich(parts, Usage.of(state.usage, taxonomy), self.vectors, Labels.of(self.table))
            self._rich = _rich(state, plain, self.vectors)
        searched = self._rich.vectors if self._rich is not None else self.vectors
        self._retriever = Retriever(
            self.table,
            encoder=encoder,
            vectors=searched.prepare() if searched is not None else None,
            parts=self._rich.parts if self._rich is not None else None,
        )
        self._context = Context(self.table)

    def with_statistics(self, substitutes: Substitutes, linear_map: Vectors | None) -> CandidateFinder:
        """Use other statistics with the same labels and indices. Only for finders with a `state`."""
        other = copy(self)
        assert self._state is not None and self._rich is not None
        other._state = replace(self._state, substitutes=substitutes, linear_map=linear_map)
        other._rich = _rich(other._state, self._rich, self.vectors)
        other._retriever = self._retriever.with_parts(other._rich.parts, other._rich.vectors)
        return other

    def find(self, queries: Sequence[Query], without: Sequence[Without | None] | None = None) -> CandidateSet:
        """The candidates, `lookup` numbering the queries. `without` hides labels, one by one with the queries.

        Raises UnknownConcept when a query's attribute or category is unknown.
        """
        hidden = without if without is not None else [None] * len(queries)
        asked = [self._lookup(query, part) for query, part in zip(queries, hidden, strict=True)]
        numbers = np.array([number for number, lookup in enumerate(asked) if lookup is not None], dtype=np.int32)
        lookups = [lookup for lookup in asked if lookup is not None]
        with blas_on_one_core():
            pairs = self._retriever.pairs(lookups)
            found = build_candidates(self.table, self._context, lookups=lookups, pairs=pairs, rich=self._rich)
        return CandidateSet(numbers[found.lookup], found.concept, found.level, found.dense, found.features)

    def _lookup(self, query: Query, without: Without | None) -> Lookup | None:
        """None when nothing is left to look up."""
        attribute = self._index(query.attribute)
        category = self._index(query.category)
        normal = normal_form(query.text)
        if not normal:
            return None
        return Lookup(normal, folded_form(normal), attribute, category, query.lang, without)

    def _index(self, id: str | None) -> int | None:
        return None if id is None else self.taxonomy.index(self.taxonomy.resolve(id))


def _rich(state: LinkerState, plain: Rich, vectors: LabelVectors | None) -> Rich:
    """Map the labels' vectors like those of the queries; `vectors` are the encoder's own."""
    linear_map = state.linear_map
    parts = replace(plain.parts, substitutes=state.substitutes, linear_map=linear_map)
    if vectors is not None and linear_map is not None:
        vectors = LabelVectors(apply_linear_map(vectors.matrix, linear_map), vectors.digests)
    return replace(plain, parts=parts, vectors=vectors)
