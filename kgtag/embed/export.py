"""The exported directory: what training leaves behind and serving reads.

    config.json       model, dim, norm, metrics, calibration curves, version; taxonomy revision, version and release
    entities.txt      one id per line, row for row with entity.npy; relations.txt likewise
    entity.npy        (E, width) float32, laid out as `geometry` says; relation.npy (R, width) float32
    references.npy    (R, 2, k) int32, when calibrated
    text_map.npy      (k + 1, width) float32, when trained with text
    fold_entity.npy   (K, E, width) float32, fold_relation.npy (K, R, width) float32 and
    fold_held_out.npy (n, 5) int64, when trained for the audit (`vectors.Folds`)

It appears whole or not at all. `version` is a hash of what decides a score.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from graph.errors import InputError
from kgtag.embed.calibrate import Calibration
from kgtag.embed.geometry import MODELS, width
from kgtag.embed.textmap import TextMap
from kgtag.embed.vectors import Folds, Vectors

_FORMAT = 1


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

    def replaced(self, *, entities: tuple[str, ...], vectors: Vectors) -> Export:
        return replace(self, entities=entities, vectors=vectors)


def write_export(export: Export, out: Path | str) -> str:
    """Write or replace the directory; its version. An earlier one stays in place until the new one is complete."""
    out = Path(out)
    if out.exists() and not (out / "config.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{str(out)!r} is there and holds no embeddings; give another directory")
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        fresh = scratch / "new"
        fresh.mkdir()
        version = _write(export, fresh)
        if out.exists():
            out.rename(scratch / "old")
        fresh.rename(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return version


def _write(export: Export, directory: Path) -> str:
    for file, lines in (("entities.txt", export.entities), ("relations.txt", export.relations)):
        broken = [line for line in lines if "\n" in line or "\r" in line]
        if broken:
            raise InputError(f"an id with a line break can't be exported: {broken[0]!r}")
        (directory / file).write_bytes("".join(f"{line}\n" for line in lines).encode())
    np.save(directory / "entity.npy", np.ascontiguousarray(export.vectors.entity, dtype=np.float32))
    np.save(directory / "relation.npy", np.ascontiguousarray(export.vectors.relation, dtype=np.float32))
    if export.calibration is not None:
        np.save(directory / "references.npy", export.calibration.references)
    if export.text_map is not None:
        np.save(directory / "text_map.npy", export.text_map.weights)
    if export.folds is not None:
        np.save(directory / "fold_entity.npy", np.stack([fold.entity for fold in export.folds.vectors]))
        np.save(directory / "fold_relation.npy", np.stack([fold.relation for fold in export.folds.vectors]))
        np.save(directory / "fold_held_out.npy", export.folds.held_out)
    config: dict[str, Any] = {
        "format": _FORMAT,
        "model": export.vectors.model,
        "dim": export.vectors.entity.shape[1] // width(export.vectors.model, 1),
        "norm": export.vectors.norm,
        "calibration": None if export.calibration is None else export.calibration.to_json(),
        "text_explained": None if export.text_map is None else export.text_map.explained,
        "folds": 0 if export.folds is None else len(export.folds.vectors),
    }
    version = _hash(directory, config)
    config |= {"version": version, "taxonomy_revision": export.taxonomy_revision, "metrics": dict(export.metrics)}
    config |= {"taxonomy_version": export.taxonomy_version, "taxonomy_release": export.taxonomy_release}
    text = json.dumps(config, ensure_ascii=False, indent=1, sort_keys=True)
    (directory / "config.json").write_text(text + "\n", encoding="utf-8")
    return version


def _hash(directory: Path, config: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for file in sorted(directory.iterdir()):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def read_export(directory: Path | str) -> Export:
    """Arrays come memory-mapped, read-only. Raises InputError, naming the file, when one is missing or damaged."""
    directory = Path(directory)
    config = _config(directory)
    entities, relations = _lines(directory / "entities.txt"), _lines(directory / "relations.txt")
    columns = width(config["model"], config["dim"])
    entity = _array(directory / "entity.npy", np.float32, (len(entities), columns))
    relation = _array(directory / "relation.npy", np.float32, (len(relations), columns))
    calibration = None
    if config["calibration"] is not None:
        references = _array(directory / "references.npy", np.int32, (len(relations), 2, None))
        if references.size and (references.max() >= len(entities) or references.min() < -1):
            raise InputError(f"{directory / 'references.npy'}: refers to entities that aren't there")
        try:
            calibration = Calibration.from_json(config["calibration"], references)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{directory / 'config.json'}: calibration doesn't read: {error!r}") from error
    text_map = None
    if config["text_explained"] is not None:
        text_map = TextMap(_array(directory / "text_map.npy", np.float32, (None, columns)), config["text_explained"])
    vectors = Vectors(config["model"], entity, relation, config["norm"])
    return Export(
        entities,
        relations,
        vectors,
        calibration,
        text_map,
        config["metrics"],
        config["taxonomy_revision"],
        config["version"],
        _folds(directory, config, len(entities), len(relations)) if config["folds"] else None,
        config.get("taxonomy_version"),
        config.get("taxonomy_release"),
    )


def _folds(directory: Path, config: Mapping[str, Any], num_entities: int, num_relations: int) -> Folds:
    columns, count = width(config["model"], config["dim"]), config["folds"]
    entity = _array(directory / "fold_entity.npy", np.float32, (count, num_entities, columns))
    relation = _array(directory / "fold_relation.npy", np.float32, (count, num_relations, columns))
    held_out = _array(directory / "fold_held_out.npy", np.int64, (None, 5))
    if len(held_out) and (
        held_out.min() < 0 or (held_out[:, :4].max(axis=0) >= _limits(count, entity, relation)).any()
    ):
        raise InputError(f"{directory / 'fold_held_out.npy'}: refers to folds, entities or relations that aren't there")
    each = zip(entity, relation, strict=True)
    return Folds(tuple(Vectors(config["model"], e, r, config["norm"]) for e, r in each), held_out)


def _limits(count: int, entity: Any, relation: Any) -> Any:
    return np.array([count, entity.shape[1], relation.shape[1], entity.shape[1]])


_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "model": str,
    "dim": int,
    "norm": int,
    "version": str,
    "metrics": dict,
    "taxonomy_revision": (str, type(None)),
    "calibration": (dict, type(None)),
    "text_explained": (float, type(None)),
    "folds": int,
}


def _config(directory: Path) -> dict[str, Any]:
    file = directory / "config.json"
    if not file.is_file():
        raise InputError(
            f"no embeddings in {str(directory)!r}: config.json is missing; `kgtag train embeddings` writes one"
        )
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{file}: doesn't read: {error}") from error
    if not isinstance(config, dict) or config.get("format") != _FORMAT:
        raise InputError(f"{file}: not embeddings of format {_FORMAT}; train them with this version of kgtag")
    for name, kind in _FIELDS.items():
        if name not in config or not isinstance(config[name], kind):
            raise InputError(f"{file}: field {name!r} is missing or of the wrong type")
    if config["model"] not in MODELS:
        raise InputError(f"{file}: model {config['model']!r}; one of {', '.join(MODELS)} was expected")
    return config


def _lines(file: Path) -> tuple[str, ...]:
    try:
        text = file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: doesn't read: {error}") from error
    return tuple(text.split("\n")[:-1])


def _array(file: Path, dtype: type, shape: tuple[int | None, ...]) -> Any:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{file}: doesn't read: {error}") from error
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if array.dtype != dtype or not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise InputError(f"{file}: is {array.dtype} {array.shape}, {np.dtype(dtype)} ({wanted}) was expected")
    return array
