"""Serving: triples scored from exported arrays. Needs numpy and scipy, neither torch nor PyKEEN."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from cachetools import LRUCache

from graph.errors import InputError, ModelMismatch, UnknownConcept
from graph.taxonomy import Taxonomy
from kgtag.embed.calibration import Calibration
from kgtag.embed.export import Export, read_export
from kgtag.embed.geometry import Floats
from kgtag.embed.textmap import TextMap
from kgtag.embed.triples import LabelledTriple
from kgtag.embed.vectors import Folds, Vectors

_CACHED = 100_000
"""Probabilities: products of one category ask for the same values over and over."""


class Scorer:
    """A trained model, asked by entity and relation id. Implements `kgtag.types.Plausibility`.

    Scores equal PyKEEN's `score_hrt`, `score_t` and `score_h`: higher is more plausible, they rank within this model,
    and they are no probabilities; `probability` gives those. Safe to share between threads.
    """

    def __init__(self, export: Export) -> None:
        self._export = export
        self.entities: tuple[str, ...] = export.entities
        self.relations: tuple[str, ...] = export.relations
        self.vectors: Vectors = export.vectors
        self.calibration: Calibration | None = export.calibration
        self.text_map: TextMap | None = export.text_map
        self.folds: Folds | None = export.folds
        self.version: str = export.version
        self.taxonomy_revision: str | None = export.taxonomy_revision
        self.taxonomy_version: int | None = export.taxonomy_version
        self.taxonomy_release: str | None = export.taxonomy_release
        self.metrics: Mapping[str, object] = export.metrics
        self._entity = {name: i for i, name in enumerate(self.entities)}
        self._relation = {name: i for i, name in enumerate(self.relations)}
        self._cache: LRUCache[tuple[int, int, int], float] = LRUCache(_CACHED)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, directory: Path | str) -> Scorer:
        """Memory-map an exported directory. Raises InputError when it isn't one, or is damaged."""
        return cls(read_export(directory))

    def __contains__(self, entity: object) -> bool:
        return entity in self._entity

    def find(self, entity: str) -> int:
        """The entity's number, -1 when the model doesn't know it."""
        return self._entity.get(entity, -1)

    def find_relation(self, relation: str) -> int:
        """The relation's number, -1 when the model doesn't know it."""
        return self._relation.get(relation, -1)

    # -- scores -----------------------------------------------------------------------------------

    def score(self, head: str, relation: str, tail: str) -> float:
        """Score a triple. Raises UnknownConcept for an unknown entity and InputError for an unknown relation."""
        triple = np.array([[self._number(head), self._relation_number(relation), self._number(tail)]])
        return float(self.vectors.score(triple)[0])

    def neighbours(self, entity: str, k: int = 10) -> list[tuple[str, float]]:
        """The `k` entities of highest cosine similarity of their vectors, in [-1, 1], best first, ties by id."""
        i = self._number(entity)
        vector = np.asarray(self.vectors.entity[i])
        length = float(np.linalg.norm(vector))
        cosine = (self.vectors.entity @ vector) / np.maximum(self._lengths * length, 1e-12)
        cosine[i] = -np.inf
        k = max(0, min(k, len(cosine) - 1))
        if not k:
            return []
        threshold = np.partition(cosine, -k)[-k]
        close = np.flatnonzero(cosine >= threshold)
        ranked = sorted((-float(cosine[j]), self.entities[j]) for j in close.tolist() if j != i)
        return [(name, -value) for value, name in ranked[:k]]

    # -- probabilities ----------------------------------------------------------------------------

    def probability(self, head: str, relation: str, tail: str) -> float | None:
        """Calibrated, in [0, 1]; None when the model knows nothing of one of them, or was exported uncalibrated."""
        return self.probabilities([(head, relation, tail)])[0]

    def probabilities(self, triples: Sequence[LabelledTriple]) -> list[float | None]:
        """One per triple, in order, as `probability`; many at once are much cheaper than one by one."""
        numbered = [(self.find(h), self.find_relation(r), self.find(t)) for h, r, t in triples]
        with self._lock:
            found = {triple: self._cache[triple] for triple in numbered if triple in self._cache}
        new = [triple for triple in numbered if triple not in found and min(triple) >= 0]
        if self.calibration is not None and new:
            values = self.calibration.probability(self.vectors, np.array(new, dtype=np.int64)).tolist()
            found |= zip(new, values, strict=True)
            with self._lock:
                self._cache.update(zip(new, values, strict=True))
        return [found.get(triple) for triple in numbered]

    # -- a taxonomy that moved on -----------------------------------------------------------------

    def with_texts(self, texts: Mapping[str, Floats]) -> Scorer:
        """A scorer that also knows the given ids, by text embeddings (k,) float32 from the encoder it was trained with.

        Ids it knows already keep their vector. Raises ModelMismatch when the model was trained without text, or with
        embeddings of another length.
        """
        new = sorted(id for id in texts if id not in self)
        if not new:
            return self
        if self.text_map is None:
            raise ModelMismatch("the embeddings were trained without text, so new concepts have no vector; train again")
        stacked = np.stack([np.asarray(texts[id], dtype=np.float32) for id in new])
        wanted = len(self.text_map.weights) - 1
        if stacked.shape[1] != wanted:
            raise ModelMismatch(
                f"text embeddings of {stacked.shape[1]} numbers given, the model was trained on {wanted}"
            )
        return self._extended(new, self.text_map(stacked))

    def aligned(self, taxonomy: Taxonomy) -> Scorer:
        """A scorer for the taxonomy as it is now: successors of concepts the model knows take over their vector.

        Raises ModelMismatch when the model knows none of the taxonomy's concepts.
        """
        if not any(id in self for id in taxonomy.ids):
            raise ModelMismatch(
                f"embeddings {self.version} know none of the taxonomy's {len(taxonomy)} concepts; train them on it"
            )
        heirs: dict[str, int] = {}
        for id in self.entities:
            if id in taxonomy and (successor := taxonomy.resolve(id)) not in self:
                heirs.setdefault(successor, self.find(id))
        if not heirs:
            return self
        return self._extended(list(heirs), np.asarray(self.vectors.entity[list(heirs.values())]))

    def _extended(self, names: Sequence[str], rows: Floats) -> Scorer:
        entity = np.concatenate([np.asarray(self.vectors.entity), rows])
        vectors = Vectors(self.vectors.model, entity, self.vectors.relation, self.vectors.norm)
        return Scorer(self._export.replaced(entities=(*self.entities, *names), vectors=vectors))

    @cached_property
    def _lengths(self) -> Floats:
        lengths: Floats = np.linalg.norm(self.vectors.entity, axis=1)
        return lengths

    def _number(self, entity: str) -> int:
        number = self.find(entity)
        if number < 0:
            raise UnknownConcept(entity)
        return number

    def _relation_number(self, relation: str) -> int:
        number = self.find_relation(relation)
        if number < 0:
            raise InputError(f"the embeddings know no relation {relation!r}; they know {', '.join(self.relations)}")
        return number
