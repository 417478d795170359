"""All candidates of a batch of queries with what the model wants to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np

from graph.taxonomy import Taxonomy
from kgtag.compute import blas_on_one_core
from kgtag.link.candidates.forms import folded_form, normal_form
from kgtag.link.candidates.label_table import LabelTable
from kgtag.link.candidates.retrieve import Lookup, Parts, Retriever, Without
from kgtag.link.candidates.vectors import LabelVectors, apply_linear_map
from kgtag.link.candidates.words import Substitutes, Words
from kgtag.link.encoder import SentenceEncoder, Vectors
from kgtag.link.features.candidate_set import CandidateSet, Context, build_candidates
from kgtag.link.features.concept_features import Labels, Rich, Usage
from kgtag.link.files import LinkerState
from kgtag.types import Query


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
