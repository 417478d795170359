"""A sequence model's directory: what is in it, written atomically, read with every file checked.

manifest.json       sha256 of each file below; written last
config.json         label map, categories, what applies where, CRF, tokens, taxonomy revision, version and release
lexicon.json        known values: attribute, token ids, annotated, seen, given
tokenizer.json      of the tokenizers library, with the characters added in training
encoder.onnx        tokens → states, category logits
encoder.int8.onnx   the same in eight bits; may be missing (not part of the version: its answers name it)
heads.onnx          states, attributes → tag scores
model.safetensors   the same weights for torch
metrics.json        how training went (not part of the version)
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from graph.errors import InputError

FORMAT = 2
SERVED = ("config.json", "lexicon.json", "tokenizer.json", "encoder.onnx", "heads.onnx")
Precision = Literal["fp32", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
INT8 = "encoder.int8.onnx"
LexiconRow = tuple[str, list[int], int, int, bool]
"""Attribute, token ids, annotated, seen, given."""
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything but weights, vocabulary and lexicon.

    `applicable` lists attribute indices by category name; `trims` holds, by attribute and token-aligned surface, the
    (start, end) characters that annotators keep of it; `calibration` is (slope, intercept) on the log-odds of a span's
    marginal; `bias` is added to beginning a span when decoding; `special` are the ids of [CLS], [SEP], [PAD].
    `reads_text` says that the model was trained on products' texts, too, behind their titles.
    `thresholds` are the least probabilities by attribute of mentions that are kept; an attribute without one keeps all.
    `looked_up` are attributes that the network was never trained on: their known values are tagged wherever they stand.
    `taxonomy_version` and `taxonomy_release` are what the store called the taxonomy of `taxonomy_revision`, if it did.
    """

    attributes: tuple[str, ...]
    categories: tuple[str, ...]
    applicable: Mapping[str, tuple[int, ...]]
    transitions: tuple[tuple[float, ...], ...]
    start: tuple[float, ...]
    end: tuple[float, ...]
    special: tuple[int, int, int]
    max_tokens: int
    encoder: str
    bias: float = 0.0
    calibration: tuple[float, float] = (1.0, 0.0)
    trims: Mapping[str, Mapping[str, tuple[int, int]]] = field(default_factory=dict)
    reads_text: bool = False
    thresholds: Mapping[str, float] = field(default_factory=dict)
    looked_up: tuple[str, ...] = ()
    taxonomy_revision: str | None = None
    taxonomy_version: int | None = None
    taxonomy_release: str | None = None
    attribute_concepts: Mapping[str, str] = field(default_factory=dict)
    category_concepts: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def write_config(directory: Path, config: ModelConfig) -> None:
    write_json(directory / "config.json", asdict(config))


def rewrite_config(directory: Path, config: ModelConfig) -> str:
    """Another configuration for the model that stands there, whose place the changed one takes when it is complete:
    everything else is the same files. Returns the new version."""
    read_config(directory)
    manifest = _read_json(directory / _MANIFEST, "train it again")
    work = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    old = Path(tempfile.mkdtemp(prefix=f".{directory.name}.old.", dir=directory.parent))
    try:
        shutil.copytree(directory, work / "model", copy_function=_link)
        for name in ("config.json", _MANIFEST):
            (work / "model" / name).unlink()
        write_config(work / "model", config)
        write_json(work / "model" / _MANIFEST, manifest | {"config.json": _sha256(work / "model" / "config.json")})
        directory.replace(old / "model")
        (work / "model").replace(directory)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return read_config(directory)[1]


def _link(source: str, target: str) -> None:
    """A second name for the file, or a copy where the file system has no such thing."""
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


@contextmanager
def new_directory(out: Path) -> Iterator[Path]:
    """A temporary directory beside `out` that takes its place, manifest included, when the block ends well.

    Whatever model stood at `out` is replaced; anything else there raises InputError before any work is done.
    """
    check_target(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield work
        files = [path for path in sorted(work.iterdir()) if path.is_file()]  # a directory has a manifest of its own
        write_json(work / _MANIFEST, {path.name: _sha256(path) for path in files})
        work.chmod(0o755)
        old = None
        if out.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
            out.replace(old / "model")
        work.replace(out)
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def check_target(out: Path) -> None:
    """Raise InputError when a model must not be written to `out`."""
    if out.is_dir() and any(out.iterdir()) and not (out / _MANIFEST).is_file():
        raise InputError(f"{str(out)!r} is a directory with other files in it; give a new or empty directory")
    if out.exists() and not out.is_dir():
        raise InputError(f"{str(out)!r} is a file; give a directory")


def read_config(directory: Path) -> tuple[ModelConfig, str]:
    """The configuration, and the model's version: 12 hexadecimal digits over everything that is served.

    Raises InputError when a file is missing, was changed, or was written by another format.
    """
    if not directory.is_dir():
        raise InputError(f"no model directory {str(directory)!r}; train one with: kgtag train extractor --out DIR")
    way_out = "train it again or copy the whole directory again"
    manifest = _read_json(directory / _MANIFEST, way_out)
    for name in SERVED:
        path = directory / name
        if not path.is_file() or not isinstance(manifest, dict) or name not in manifest:
            raise InputError(f"model directory {str(directory)!r} lacks {name}; {way_out}")
        if _sha256(path) != manifest[name]:
            raise InputError(f"{str(path)!r} is not what its manifest says (damaged or partly written); {way_out}")
    raw = _read_json(directory / "config.json", way_out)
    if raw.get("format") != FORMAT:
        raise InputError(
            f"model {str(directory)!r} has format {raw.get('format')!r}, this kgtag reads {FORMAT}; train it again"
        )
    version = hashlib.sha256("".join(manifest[name] for name in SERVED).encode()).hexdigest()[:12]
    return _config(raw), version


def encoder_file(directory: Path, precision: Precision) -> str:
    """The name of the encoder's file. Raises InputError for an unknown precision, or one that the model lacks."""
    if precision == "fp32":
        return "encoder.onnx"
    if precision not in PRECISIONS:
        raise InputError(f"no precision {precision!r}; there is {', '.join(PRECISIONS)}")
    way_out = "train it again, or use fp32"
    manifest = _read_json(directory / _MANIFEST, way_out)
    path = directory / INT8
    if INT8 not in manifest or not path.is_file():
        raise InputError(f"model directory {str(directory)!r} lacks {INT8}; {way_out}")
    if _sha256(path) != manifest[INT8]:
        raise InputError(f"{str(path)!r} is not what its manifest says (damaged or partly written); {way_out}")
    return INT8


def read_lexicon(directory: Path) -> list[LexiconRow]:
    """See `lexicon.Entry`."""
    return [tuple(row) for row in _read_json(directory / "lexicon.json", "train the model again")]


def _config(raw: dict[str, Any]) -> ModelConfig:
    values = dict(raw)
    for name in ("attributes", "categories", "start", "end", "special", "calibration", "looked_up"):
        values[name] = tuple(values.get(name, ()))
    values["transitions"] = tuple(tuple(row) for row in values["transitions"])
    values["applicable"] = {name: tuple(found) for name, found in values["applicable"].items()}
    values["trims"] = {
        attribute: {surface: (cut[0], cut[1]) for surface, cut in cuts.items()}
        for attribute, cuts in values["trims"].items()
    }
    return ModelConfig(**values)


def _read_json(path: Path, way_out: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"model directory {str(path.parent)!r} lacks {path.name}; {way_out}") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{str(path)!r} does not read ({error}); {way_out}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
