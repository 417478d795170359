"""Serving: triples scored from exported arrays, without torch or PyKEEN. The files of an export:

    config.json       model, dim, norm, metrics, calibration curves, version; taxonomy revision, version and release
    entities.txt      one id per line, row for row with entity.npy; relations.txt likewise
    entity.npy        (E, width) float32, laid out as `vectors` says; relation.npy (R, width) float32
    references.npy    (R, 2, k) int32, when calibrated
    text.npy          (E, k) float32, the encoded labels, and
    text_map.npy      (k + 1, width) float32, when trained with text
    encoder.onnx      the sentence encoder of these vectors, with its tokenizer.json; so that new labels have one, too
    place.json        and place_*.npy, see `kgtag.discover.place.model`
    fold_entity.npy   (K, E, width) float32, fold_relation.npy (K, R, width) float32 and
    fold_held_out.npy (n, 5) int64, when trained for the audit (`vectors.Folds`)

`version` is a hash of what decides a score.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from graph.errors import InputError, ModelMismatch, UnknownConcept
from graph.taxonomy import Taxonomy
from kgtag.artifacts import Kind, ModelDirectory, new_directory, write_json
from kgtag.embed.triples import LabelledTriple
from kgtag.embed.vectors import MODELS, Calibration, Floats, Folds, TextMap, Vectors, width

_FORMAT = 1
EMBEDDINGS = Kind(
    "embeddings", ("config.json", "entities.txt", "relations.txt", "entity.npy", "relation.npy"), "config.json",
    _FORMAT, "train them with: kgtag train embeddings --out DIR", manifest=False,
)  # fmt: skip

_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "model": str, "dim": int, "norm": int, "version": str, "metrics": dict, "taxonomy_revision": (str, type(None)),
    "calibration": (dict, type(None)), "text_explained": (float, type(None)), "folds": int,
}  # fmt: skip
_CACHED = 100_000
"""Probabilities: the same values recur among the products of a category."""


@dataclass(frozen=True, slots=True)
class Export:
    entities: tuple[str, ...]
    relations: tuple[str, ...]
    vectors: Vectors
    calibration: Calibration | None = None
    text_map: TextMap | None = None
    metrics: Mapping[str, object] = field(default_factory=dict)
    taxonomy_revision: str | None = None
    version: str = ""
    folds: Folds | None = None
    taxonomy_version: int | None = None
    taxonomy_release: str | None = None
    texts: Floats | None = None


def write_export(export: Export, out: Path | str, *, files: Sequence[Path] = ()) -> str:
    """Write or replace the directory, with copies of `files` in it, and return its version."""
    vectors, calibration, text_map, folds = export.vectors, export.calibration, export.text_map, export.folds
    arrays: dict[str, NDArray[Any]] = {"entity": np.ascontiguousarray(vectors.entity, dtype=np.float32)}
    arrays["relation"] = np.ascontiguousarray(vectors.relation, dtype=np.float32)
    if calibration is not None:
        arrays["references"] = calibration.references
    if text_map is not None:
        arrays["text_map"] = text_map.weights
    if export.texts is not None:
        arrays["text"] = np.ascontiguousarray(export.texts, dtype=np.float32)
    if folds is not None:
        arrays["fold_entity"] = np.stack([fold.entity for fold in folds.vectors])
        arrays["fold_relation"] = np.stack([fold.relation for fold in folds.vectors])
        arrays["fold_held_out"] = folds.held_out
    config: dict[str, Any] = {
        "format": _FORMAT, "model": vectors.model, "dim": vectors.entity.shape[1] // width(vectors.model, 1),
        "norm": vectors.norm, "calibration": None if calibration is None else calibration.to_json(),
        "text_explained": None if text_map is None else text_map.r2,
        "folds": 0 if folds is None else len(folds.vectors), "texts": export.texts is not None,
    }  # fmt: skip
    with new_directory(Path(out)) as work:
        for file, lines in (("entities.txt", export.entities), ("relations.txt", export.relations)):
            if broken := [line for line in lines if "\n" in line or "\r" in line]:
                raise InputError(f"an id with a line break can't be exported: {broken[0]!r}")
            (work / file).write_bytes("".join(f"{line}\n" for line in lines).encode())
        for name, array in arrays.items():
            np.save(work / f"{name}.npy", array)
        for path in files:
            shutil.copyfile(path, work / path.name)
        version = _hash(work, config)
        config |= {"version": version, "taxonomy_revision": export.taxonomy_revision, "metrics": dict(export.metrics)}
        config |= {"taxonomy_version": export.taxonomy_version, "taxonomy_release": export.taxonomy_release}
        write_json(work / "config.json", config)
    return version


def _hash(directory: Path, config: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for file in sorted(directory.iterdir()):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def read_export(directory: Path | str) -> Export:
    """Arrays come memory-mapped, read-only. Raises InputError, naming the file, when one is missing or damaged."""
    model = ModelDirectory.open(Path(directory), EMBEDDINGS)
    config = _config(model)
    entities, relations = _lines(model, "entities.txt"), _lines(model, "relations.txt")
    columns = width(config["model"], config["dim"])
    entity = model.read_array("entity.npy", np.float32, (len(entities), columns))
    relation = model.read_array("relation.npy", np.float32, (len(relations), columns))
    calibration = None
    if config["calibration"] is not None:
        references = model.read_array("references.npy", np.int32, (len(relations), 2, None))
        if references.size and (references.max() >= len(entities) or references.min() < -1):
            raise model.damaged("references.npy", "it refers to entities that aren't there")
        try:
            calibration = Calibration.from_json(config["calibration"], references)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise model.damaged("config.json", f"calibration: {error!r}") from error
    text_map = None
    if config["text_explained"] is not None:
        text_map = TextMap(model.read_array("text_map.npy", np.float32, (None, columns)), config["text_explained"])
    vectors = Vectors(config["model"], entity, relation, config["norm"])
    return Export(
        entities, relations, vectors, calibration, text_map, config["metrics"], config["taxonomy_revision"],
        config["version"], _folds(model, config, len(entities), len(relations)) if config["folds"] else None,
        config.get("taxonomy_version"), config.get("taxonomy_release"),
        model.read_array("text.npy", np.float32, (len(entities), None)) if config.get("texts") else None,
    )  # fmt: skip


def _folds(model: ModelDirectory, config: Mapping[str, Any], num_entities: int, num_relations: int) -> Folds:
    columns, count = width(config["model"], config["dim"]), config["folds"]
    entity = model.read_array("fold_entity.npy", np.float32, (count, num_entities, columns))
    relation = model.read_array("fold_relation.npy", np.float32, (count, num_relations, columns))
    held_out = model.read_array("fold_held_out.npy", np.int64, (None, 5))
    limits = np.array([count, num_entities, num_relations, num_entities])
    if len(held_out) and (held_out.min() < 0 or (held_out[:, :4].max(axis=0) >= limits).any()):
        raise model.damaged("fold_held_out.npy", "it refers to folds, entities or relations that aren't there")
    each = zip(entity, relation, strict=True)
    return Folds(tuple(Vectors(config["model"], e, r, config["norm"]) for e, r in each), held_out)


def _config(model: ModelDirectory) -> Mapping[str, Any]:
    config = model.config
    for name, kind in _FIELDS.items():
        if name not in config or not isinstance(config[name], kind):
            raise model.damaged("config.json", f"field {name!r} is missing or of the wrong type")
    if config["model"] not in MODELS:
        raise model.damaged("config.json", f"model {config['model']!r}, expected one of {', '.join(MODELS)}")
    return config


def _lines(model: ModelDirectory, name: str) -> tuple[str, ...]:
    try:
        return tuple((model.path / name).read_bytes().decode().split("\n")[:-1])
    except (OSError, UnicodeDecodeError) as error:
        raise model.damaged(name, error) from error


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
