"""The files of an extractor's directory (see `kgtag.artifacts`).

config.json         label map, categories, what applies where, CRF, tokens, taxonomy revision, version and release
lexicon.json        known values: attribute, token ids, annotated, seen, given
tokenizer.json      of the tokenizers library, with the characters added in training
encoder.onnx        tokens → states, category logits
encoder.int8.onnx   the same in eight bits; may be missing (not part of the version: its answers name it)
heads.onnx          states, attributes → tag scores
model.safetensors   the same weights for torch
metrics.json        how training went (not part of the version)
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from graph.errors import InputError
from kgtag.artifacts import MANIFEST, Kind, ModelDirectory, new_directory, write_json

FORMAT = 2
_SERVED = ("config.json", "lexicon.json", "tokenizer.json", "encoder.onnx", "heads.onnx")
EXTRACTOR = Kind("model", _SERVED, "config.json", FORMAT, "train one with: kgtag train extractor --out DIR")
Precision = Literal["fp32", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
INT8 = "encoder.int8.onnx"
LexiconRow = tuple[str, list[int], int, int, bool]
"""Attribute, token ids, annotated, seen, given."""


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


_CONFIG = TypeAdapter(with_config(ConfigDict(extra="forbid"))(ModelConfig))


def write_config(directory: Path, config: ModelConfig) -> None:
    """Write config.json."""
    write_json(directory / "config.json", asdict(config))


def rewrite_config(directory: Path, config: ModelConfig) -> str:
    """Replace a model's configuration and nothing else. Returns the new version."""
    digests = dict(ModelDirectory.open(directory, EXTRACTOR).digests)
    del digests["config.json"]
    with new_directory(directory, digests=digests) as work:
        shutil.copytree(directory, work, copy_function=_link, dirs_exist_ok=True)
        for name in ("config.json", MANIFEST):
            (work / name).unlink()
        write_config(work, config)
    return read_config(directory)[1]


def _link(source: str, target: str) -> None:
    """Make a hard link, or a copy where the file system has none."""
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def read_config(directory: Path) -> tuple[ModelConfig, str]:
    """Read the configuration and the model's version, every served file verified. Raises InputError: a file is missing,
    damaged, or of another format."""
    model = ModelDirectory.open(directory, EXTRACTOR)
    return config_of(model), model.version


def read_lexicon(directory: Path) -> list[LexiconRow]:
    """Read the known values; see `lexicon.Entry`. Raises what `read_config` raises."""
    return lexicon_of(ModelDirectory.open(directory, EXTRACTOR))


def encoder_file(model: ModelDirectory, precision: Precision) -> str:
    """Return the name of the encoder's file. Raises InputError for an unsupported precision, or a missing file."""
    if precision == "fp32":
        return "encoder.onnx"
    if precision not in PRECISIONS:
        raise InputError(f"unsupported precision {precision!r}; use {' or '.join(PRECISIONS)}")
    model.check(INT8, way_out="train it again, or use fp32")
    return INT8


def lexicon_of(model: ModelDirectory) -> list[LexiconRow]:
    """Read the known values of an opened directory."""
    return [tuple(row) for row in model.read_json("lexicon.json")]


def config_of(model: ModelDirectory) -> ModelConfig:
    """Parse the configuration of an opened directory. Raises InputError when a field is missing or malformed."""
    try:
        return _CONFIG.validate_python(model.config)
    except ValidationError as error:
        first = error.errors()[0]
        raise model.damaged("config.json", f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
