"""The directory of trained embeddings:

    config.json       model, dim, norm, metrics, calibration curves, version; taxonomy revision, version and release
    entities.txt      one id per line, row for row with entity.npy; relations.txt likewise
    entity.npy        (E, width) float32, laid out as `vectors` says; relation.npy (R, width) float32
    weight_NAME.npy   float32, an interaction's own weights, see `interactions`
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
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from kgtag.artifacts import Kind, ModelDirectory, new_directory, write_json
from kgtag.embed.interactions import FORMULAS, Parts
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
    parts = vectors.parts
    for name, weights in (parts.weights if parts is not None else {}).items():
        arrays[f"weight_{name}"] = np.asarray(weights, dtype=np.float32)
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
        own = [fold.parts.weights if fold.parts is not None else {} for fold in folds.vectors]
        arrays |= {f"fold_weight_{name}": np.stack([one[name] for one in own]) for name in own[0]}
    config: dict[str, Any] = {
        "format": _FORMAT, "model": vectors.model, "dim": vectors.entity.shape[1] // width(vectors.model, 1),
        "parts": None if parts is None else _described(parts),
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
    columns = _widths(config)
    entity = model.read_array("entity.npy", np.float32, (len(entities), columns[0]))
    relation = model.read_array("relation.npy", np.float32, (len(relations), columns[1]))
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
        text_map = TextMap(model.read_array("text_map.npy", np.float32, (None, columns[0])), config["text_explained"])
    parts = _parts(config, lambda name, shape: model.read_array(f"weight_{name}.npy", np.float32, shape))
    vectors = Vectors(config["model"], entity, relation, config["norm"], parts)
    return Export(
        entities, relations, vectors, calibration, text_map, config["metrics"], config["taxonomy_revision"],
        config["version"], _folds(model, config, len(entities), len(relations)) if config["folds"] else None,
        config.get("taxonomy_version"), config.get("taxonomy_release"),
        model.read_array("text.npy", np.float32, (len(entities), None)) if config.get("texts") else None,
    )  # fmt: skip


def _folds(model: ModelDirectory, config: Mapping[str, Any], num_entities: int, num_relations: int) -> Folds:
    columns, count = _widths(config), config["folds"]
    entity = model.read_array("fold_entity.npy", np.float32, (count, num_entities, columns[0]))
    relation = model.read_array("fold_relation.npy", np.float32, (count, num_relations, columns[1]))
    held_out = model.read_array("fold_held_out.npy", np.int64, (None, 5))
    limits = np.array([count, num_entities, num_relations, num_entities])
    if len(held_out) and (held_out.min() < 0 or (held_out[:, :4].max(axis=0) >= limits).any()):
        raise model.damaged("fold_held_out.npy", "it refers to folds, entities or relations that aren't there")

    def of(number: int) -> Vectors:
        def weights(name: str, shape: Sequence[int]) -> Floats:
            read: Floats = model.read_array(f"fold_weight_{name}.npy", np.float32, (count, *shape))[number]
            return read

        parts = _parts(config, weights)
        return Vectors(config["model"], entity[number], relation[number], config["norm"], parts)

    return Folds(tuple(map(of, range(count))), held_out)


def _described(parts: Parts) -> dict[str, Any]:
    weights = {name: one.shape for name, one in parts.weights.items()}
    return {"entity": parts.entity, "relation": parts.relation, "weights": weights, "options": dict(parts.options)}


def _parts(config: Mapping[str, Any], read: Callable[[str, Sequence[int]], Floats]) -> Parts | None:
    """`read` reads an interaction's weights of a name and shape."""
    if (found := config.get("parts")) is None:
        return None
    entity, relation = (tuple(map(tuple, found[of])) for of in ("entity", "relation"))
    weights = {name: read(name, shape) for name, shape in found["weights"].items()}
    return Parts(entity, relation, weights, found["options"])


def _widths(config: Mapping[str, Any]) -> tuple[int, int]:
    """Columns of an entity's row and of a relation's."""
    if (found := config.get("parts")) is None:
        return (width(config["model"], config["dim"]),) * 2
    entity, relation = (sum(map(math.prod, found[of])) for of in ("entity", "relation"))
    return entity, relation


def _config(model: ModelDirectory) -> Mapping[str, Any]:
    config = model.config
    for name, kind in _FIELDS.items():
        if name not in config or not isinstance(config[name], kind):
            raise model.damaged("config.json", f"field {name!r} is missing or of the wrong type")
    if config["model"] not in MODELS:
        raise model.damaged("config.json", f"model {config['model']!r}, expected one of {', '.join(MODELS)}")
    parts = config.get("parts")
    described = parts is None or (
        isinstance(parts, dict) and {"entity", "relation", "weights", "options"} <= set(parts)
    )
    if not described or (parts is None) != (config["model"] not in FORMULAS):
        raise model.damaged("config.json", "field 'parts' does not belong to the model")
    return config


def _lines(model: ModelDirectory, name: str) -> tuple[str, ...]:
    try:
        return tuple((model.path / name).read_bytes().decode().split("\n")[:-1])
    except (OSError, UnicodeDecodeError) as error:
        raise model.damaged(name, error) from error
