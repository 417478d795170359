"""All candidates of a batch of queries with what the model wants to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np

from graph.taxonomy import Taxonomy
from kgtag.compute import blas_on_one_core
from kgtag.link.candidates.forms import light_form, normal_form
from kgtag.link.candidates.label_table import LabelTable
from kgtag.link.candidates.retrieve import Lookup, Parts, Retriever, Without
from kgtag.link.candidates.substitutes import Substitutes
from kgtag.link.candidates.vectors import LabelVectors, turned
from kgtag.link.candidates.words import Words
from kgtag.link.encoder import SentenceEncoder, Vectors
from kgtag.link.features.candidate_set import Pool, pool
from kgtag.link.features.concept_features import Labels, Rich, Usage
from kgtag.link.features.context import Context
from kgtag.link.state import Learnt
from kgtag.types import Query


class CandidateFinder:
    """Label table, indices and context of one taxonomy; with an encoder, also the vectors of its labels.

    `cache` is where vectors are kept on disk, `earlier` vectors to copy from. With what was `learnt`, candidates have
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
        learnt: Learnt | None = None,
    ) -> None:
        self.taxonomy = taxonomy
        self.table = LabelTable(taxonomy, scheme=scheme, mentions=learnt.mentions if learnt else ())
        self.encoder = encoder
        self.vectors: LabelVectors | None = None
        if encoder is not None:
            self.vectors = LabelVectors.load(self.table.texts, encoder, cache=cache, earlier=earlier)
        self._learnt = learnt
        self._rich: Rich | None = None
        if learnt is not None:
            parts = Parts(Words(self.table.texts), learnt.substitutes)
            plain = Rich(parts, Usage.of(learnt.usage, taxonomy), self.vectors, Labels.of(self.table))
            self._rich = _rich(learnt, plain, self.vectors)
        searched = self._rich.vectors if self._rich is not None else self.vectors
        self._retriever = Retriever(
            self.table,
            encoder=encoder,
            vectors=searched.prepare() if searched is not None else None,
            parts=self._rich.parts if self._rich is not None else None,
        )
        self._context = Context(self.table)

    def learning(self, substitutes: Substitutes, turn: Vectors | None) -> CandidateFinder:
        """The same labels and indices after other lessons. Only for finders that have something `learnt`."""
        other = copy(self)
        assert self._learnt is not None and self._rich is not None
        other._learnt = replace(self._learnt, substitutes=substitutes, turn=turn)
        other._rich = _rich(other._learnt, self._rich, self.vectors)
        other._retriever = self._retriever.with_parts(other._rich.parts, other._rich.vectors)
        return other

    def find(self, queries: Sequence[Query], without: Sequence[Without | None] | None = None) -> Pool:
        """The candidates, `lookup` numbering the queries. `without` hides labels, one by one with the queries.

        Raises UnknownConcept when a query's attribute or category is no concept.
        """
        hidden = without if without is not None else [None] * len(queries)
        asked = [self._lookup(query, part) for query, part in zip(queries, hidden, strict=True)]
        numbers = np.array([number for number, lookup in enumerate(asked) if lookup is not None], dtype=np.int32)
        lookups = [lookup for lookup in asked if lookup is not None]
        with blas_on_one_core():
            pairs = self._retriever.pairs(lookups)
            found = pool(self.table, self._context, lookups=lookups, pairs=pairs, rich=self._rich)
        return Pool(numbers[found.lookup], found.concept, found.level, found.dense, found.features)

    def _lookup(self, query: Query, without: Without | None) -> Lookup | None:
        """None when nothing is left to look up."""
        attribute = self._index(query.attribute)
        category = self._index(query.category)
        normal = normal_form(query.text)
        if not normal:
            return None
        return Lookup(normal, light_form(normal), attribute, category, query.lang, without)

    def _index(self, id: str | None) -> int | None:
        return None if id is None else self.taxonomy.index(self.taxonomy.resolve(id))


def _rich(learnt: Learnt, plain: Rich, vectors: LabelVectors | None) -> Rich:
    """With the labels' vectors moved as those of the queries will be; `vectors` are the encoder's own."""
    turn = learnt.turn
    parts = replace(plain.parts, substitutes=learnt.substitutes, turn=turn)
    if vectors is not None and turn is not None:
        vectors = LabelVectors(turned(vectors.matrix, turn), vectors.digests)
    return replace(plain, parts=parts, vectors=vectors)
