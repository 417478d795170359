"""Serving: triples scored from exported arrays, without torch or PyKEEN."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from cachetools import LRUCache

from graph.errors import InputError, ModelMismatch, UnknownConcept
from graph.taxonomy import Taxonomy
from kgtag.embed.export import Export, read_export
from kgtag.embed.triples import LabelledTriple
from kgtag.embed.vectors import Floats

_CACHED = 100_000
"""Probabilities: the same values recur among the products of a category."""


class Scorer:
    """A trained model, by entity and relation id; implements `kgtag.types.Plausibility`, safe to share between threads.
    Scores equal PyKEEN's `score_hrt`: higher is more plausible, within this model; `probabilities` are calibrated."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self.entities, self.relations, self.vectors = export.entities, export.relations, export.vectors
        self.calibration, self.text_map, self.folds = export.calibration, export.text_map, export.folds
        self.texts = export.texts
        self.version, self.metrics = export.version, export.metrics
        self.taxonomy_revision = export.taxonomy_revision
        self.taxonomy_version, self.taxonomy_release = export.taxonomy_version, export.taxonomy_release
        self._entity = {name: i for i, name in enumerate(self.entities)}
        self._relation = {name: i for i, name in enumerate(self.relations)}
        self._cache: LRUCache[tuple[int, int, int], float] = LRUCache(_CACHED)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, directory: Path | str) -> Scorer:
        """Memory-map an exported directory. Raises InputError when it is missing or damaged."""
        return cls(read_export(directory))

    def __contains__(self, entity: object) -> bool:
        return entity in self._entity

    def find(self, entity: str) -> int:
        """The entity's number, -1 for an unknown one."""
        return self._entity.get(entity, -1)

    def find_relation(self, relation: str) -> int:
        """The relation's number, -1 for an unknown one."""
        return self._relation.get(relation, -1)

    def score(self, head: str, relation: str, tail: str) -> float:
        """Raises UnknownConcept for an unknown entity and InputError for an unknown relation."""
        if (number := self.find_relation(relation)) < 0:
            raise InputError(f"the embeddings know no relation {relation!r}; they know {', '.join(self.relations)}")
        triple = np.array([[self._number(head), number, self._number(tail)]])
        return float(self.vectors.score(triple)[0])

    def neighbours(self, entity: str, k: int = 10) -> list[tuple[str, float]]:
        """The `k` entities of highest cosine similarity, in [-1, 1], best first, ties by id: of what their labels say
        where the model was trained with texts, else of their trained vectors. None for an entity without a label."""
        i, rows = self._number(entity), self.vectors.entity if self.texts is None else self.texts
        vector = np.asarray(rows[i])
        if not np.isfinite(vector).all():
            return []
        cosine = (rows @ vector) / np.maximum(self._lengths * float(np.linalg.norm(vector)), 1e-12)
        cosine[i] = -np.inf
        cosine = np.where(np.isnan(cosine), -np.inf, cosine)
        k = max(0, min(k, len(cosine) - 1))
        if not k:
            return []
        threshold = np.partition(cosine, -k)[-k]
        close = np.flatnonzero(cosine >= threshold)
        ranked = sorted((-float(cosine[j]), self.entities[j]) for j in close.tolist() if np.isfinite(cosine[j]))
        return [(name, -value) for value, name in ranked[:k]]

    def probabilities(self, triples: Sequence[LabelledTriple]) -> list[float | None]:
        """One calibrated probability per triple, in order; None with an unknown part, or without calibration."""
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

    def with_texts(self, texts: Mapping[str, Floats]) -> Scorer:
        """A scorer extended by new ids, from their text embeddings (k,) float32 by the encoder of training. Raises
        ModelMismatch when the model was trained without text, or with embeddings of another length."""
        new = sorted(id for id in texts if id not in self)
        if not new:
            return self
        if self.text_map is None:
            raise ModelMismatch("the embeddings were trained without text, so new concepts have no vector; train again")
        rows = np.stack([np.asarray(texts[id], dtype=np.float32) for id in new])
        wanted = len(self.text_map.weights) - 1
        if rows.shape[1] != wanted:
            raise ModelMismatch(f"text embeddings of {rows.shape[1]} numbers given, the model was trained on {wanted}")
        return self._extended(new, self.text_map(rows), rows)

    def aligned(self, taxonomy: Taxonomy) -> Scorer:
        """A scorer for the current taxonomy: successors of known concepts take over their vector. Raises ModelMismatch
        when the model knows none of the taxonomy's concepts."""
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
        known = list(heirs.values())
        texts = None if self.texts is None else np.asarray(self.texts[known])
        return self._extended(list(heirs), np.asarray(self.vectors.entity[known]), texts)

    def _extended(self, names: Sequence[str], rows: Floats, texts: Floats | None) -> Scorer:
        vectors = replace(self.vectors, entity=np.concatenate([np.asarray(self.vectors.entity), rows]))
        both = None if self.texts is None or texts is None else np.concatenate([np.asarray(self.texts), texts])
        return Scorer(replace(self._export, entities=(*self.entities, *names), vectors=vectors, texts=both))

    @cached_property
    def _lengths(self) -> Floats:
        lengths: Floats = np.linalg.norm(self.vectors.entity if self.texts is None else self.texts, axis=1)
        return lengths

    def _number(self, entity: str) -> int:
        if (number := self.find(entity)) < 0:
            raise UnknownConcept(entity)
        return number
