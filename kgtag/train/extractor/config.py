"""Config files of `kgtag train extractor`: training options, and what the run is made of besides."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from graph.errors import InputError
from kgtag.train.config import STRICT, Checked, check_names, read_toml
from kgtag.train.extractor.options import DEFAULTS, OPTION_NAMES, TrainOptions, changed

FILE = "training.toml"
"""In a model directory: the config file to train the same model again."""
_PRESETS = files("kgtag.train.extractor.presets")
PRESETS = tuple(sorted(one.name.removesuffix(".toml") for one in _PRESETS.iterdir() if one.name.endswith(".toml")))

_GONE = "it was removed, because it changed dev F1 by less than a point or lowered it"
REPLACED = {
    "accumulation": "write gradient_accumulation_steps",
    "adapter": "write lora_rank (0: no adapter)",
    "adapter_dropout": "write lora_dropout",
    "adversarial": _GONE,
    "alpha": "write lora_alpha",
    "batch": "write batch_size",
    "class_weight_cap": _GONE,
    "class_weights": _GONE,
    "compete": "write cross_attribute_loss_weight",
    "encoder_rate": "write learning_rate",
    "forget": "write attribute_dropout",
    "freeze": "write frozen_layers",
    "head_rate": "write head_learning_rate",
    "judged": 'write dev_metric ("span_f1" or "value_f1")',
    "label_smoothing": _GONE,
    "layer_decay": "write layerwise_lr_decay",
    "missing": 'write unannotated_as ("negative" or "unknown")',
    "missing_weight": "write unannotated_weight",
    "noise": "write gce_q",
    "patience": "write early_stopping_patience",
    "rank": "write lora_rank",
    "shuffle": _GONE,
    "teacher_weight": "write distillation_weight",
    "typos": _GONE,
    "units": _GONE,
    "warm_up": "write warmup_ratio",
}
"""What to write for an option of an earlier version."""


@dataclass(frozen=True, slots=True, config=STRICT)
class RunOptions(Checked):
    """What a config file may set besides `TrainOptions`."""

    format: str = Field(default="annotated", description="Format of the data.")
    lang: str | None = Field(default=None, description="Language of products without one.")
    encoder: str | None = Field(default=None, description="Encoder to fine-tune; all-MiniLM-L6-v2 when left out.")
    seed: int = Field(default=0, description="Seed of every random choice.")
    spans: bool = Field(default=True, description="false: learn only the values that no text states.")
    replay_ratio: float = Field(default=2.0, ge=0, description="With --replay: earlier products for each new one.")
    checkpoint_minutes: float = Field(default=10.0, ge=0, description="Minutes between checkpoints within an epoch.")
    tensorboard: str | None = Field(default=None, description="Directory for TensorBoard event files.")


_RUN_NAMES = tuple(one.name for one in fields(RunOptions))
_NAMES = (*OPTION_NAMES, *_RUN_NAMES)


def defaults(format: str = "annotated", *, continued: bool = False) -> TrainOptions:
    """Return the options where nothing else is given.

    Args:
        format: ExtractGPT's rows list absent attributes as "n/a" and are evaluated by values; other formats leave
            absent attributes out and are evaluated by spans.
        continued: for further training of a trained model, at lower rates.
    """
    options = DEFAULTS
    if format == "extractgpt":
        options = changed(options, {"unannotated_as": "unknown", "dev_metric": "value_f1"})
    if continued:
        options = changed(options, {"epochs": 4, "learning_rate": 5e-5, "head_learning_rate": 5e-4})
    return options


def read_config(name: str) -> dict[str, Any]:
    """Return the options that a TOML file sets, or a preset that comes with kgtag.

    Args:
        name: path of a file, or one of PRESETS.

    Raises:
        InputError: the file does not read, or sets an unknown option.
    """
    if name in PRESETS:
        with as_file(_PRESETS / f"{name}.toml") as path:
            return read_toml(path)
    if "/" not in name and not name.endswith(".toml") and not Path(name).exists():
        raise InputError(f"there is no preset {name!r}; expected a TOML file or one of {', '.join(PRESETS)}")
    found = read_toml(Path(name))
    check_names(found, _NAMES, source=repr(name), replaced=REPLACED)
    return found


def read_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Return the options of NAME=VALUE texts; a list is written with commas.

    Example:
        >>> read_assignments(["swap=0.3", "precision=bf16"])
        {'swap': 0.3, 'precision': 'bf16'}
    """
    found: dict[str, Any] = {}
    for text in assignments:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise InputError(f"--set {text!r} has no '='; expected NAME=VALUE")
        check_names([name], _NAMES, source="--set", replaced=REPLACED)
        if name in OPTION_NAMES and get_origin(get_type_hints(TrainOptions)[name]) is tuple:
            found[name] = [part.strip() for part in value.split(",")]
            continue
        try:
            found[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[name] = value
    return found


def resolve(*layers: Mapping[str, Any], continued: bool = False) -> tuple[RunOptions, TrainOptions]:
    """Return the run and training options of several layers, of which later ones win.

    Raises:
        InputError: an option can't have its value.
    """
    merged = {name: value for layer in layers for name, value in layer.items()}
    run = RunOptions(**{name: value for name, value in merged.items() if name in _RUN_NAMES})
    given = {name: value for name, value in merged.items() if name not in _RUN_NAMES}
    return run, changed(defaults(run.format, continued=continued), given)


def to_toml(options: TrainOptions, run: RunOptions | None = None, *, head: str = "") -> str:
    """Return a file that `read_config` reads, each option with its meaning.

    Args:
        run: only what differs from its defaults is written.
        head: becomes comments at the top.
    """
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    base = RunOptions()
    run = run or base
    values = {name: getattr(run, name) for name in _RUN_NAMES if getattr(run, name) != getattr(base, name)}
    values |= {name: getattr(options, name) for name in OPTION_NAMES}
    meaning = descriptions()
    lines += [f"{name} = {_toml(value)}  # {meaning[name]}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def descriptions() -> dict[str, str]:
    """Return the meaning of every option, in a line."""
    schemas = (TypeAdapter(kind).json_schema()["properties"] for kind in (RunOptions, TrainOptions))
    return {name: about["description"] for schema in schemas for name, about in schema.items()}


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON leaves this control character
