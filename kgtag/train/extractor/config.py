"""Config files of `kgtag train extractor`: training options, and what the run is made of besides."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from graph.errors import InputError
from kgtag.train.config import STRICT, Checked, check_names, read_toml

DevMetric = Literal["span_f1", "value_f1"]
Unannotated = Literal["negative", "unknown"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=65_536)]
Positive = Annotated[int, Field(ge=1, le=65_536)]


@dataclass(frozen=True, slots=True, config=STRICT)
class TrainOptions(Checked):
    """Options of one training; names are those of Transformers where it has the option.

    Raises:
        InputError: a value of the wrong type or out of range; the message names the option.

    Example:
        >>> TrainOptions(epochs=6, early_stopping_patience=2).batch_size
        16
    """

    epochs: Positive = 10
    """Passes over the training data."""
    early_stopping_patience: Count = 0
    """Evaluations without a better dev F1 before training stops; 0: never."""
    dev_metric: DevMetric = "span_f1"
    """F1 on dev of all spans, or of one value for each attribute."""
    batch_size: Positive = 16
    """Titles in a batch."""
    gradient_accumulation_steps: Positive = 1
    """Batches whose gradients make one optimizer step."""
    max_tokens: Annotated[int, Field(ge=8, le=8192)] = 192
    """Tokens read at once; longer texts are cut into windows."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    precision: Precision = "auto"
    """auto: bf16 on a GPU that supports it, else fp32."""
    learning_rate: Share = 2e-4
    """Peak rate of the encoder's top layer; of LoRA adapters ten times it."""
    head_learning_rate: Share = 1.5e-3
    """Peak rate of the layers above the encoder."""
    layerwise_lr_decay: Share = 0.9
    """Factor on the encoder's rate for each layer further down."""
    weight_decay: Share = 0.01
    """Weight decay of AdamW."""
    warmup_ratio: Share = 0.1
    """Share of the steps in which the rates rise."""
    frozen_layers: Count = 0
    """Lowest encoder layers that are not trained; 0: none."""
    lora_rank: Annotated[int, Field(ge=0, le=1024)] = 0
    """Rank of LoRA adapters, trained instead of the encoder; 0: none."""
    lora_alpha: Count = 16
    """The adapters are scaled by alpha / rank."""
    lora_dropout: Annotated[float, Field(ge=0, le=0.9)] = 0.05
    """Dropout on the adapters' input."""
    dropout: Annotated[float, Field(ge=0, le=0.9)] = 0.2
    """Dropout above the encoder."""
    attribute_dropout: Share = 0.1
    """Share of attributes known by their names alone in a batch."""
    cross_attribute_loss_weight: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Weight of a softmax across attributes; for values that hardly overlap."""
    unannotated_as: Unannotated = "negative"
    """What attributes count as that the annotation of a product leaves out."""
    unannotated_weight: Share = 0.2
    """Loss weight of unannotated attributes, if unknown."""
    gce_q: Share = 0.0
    """Generalised cross-entropy, for noisy gold: 0 plain likelihood, 0.7 robust."""
    swap: Share = 0.0
    """Probability that a title gets another value of an attribute."""
    teachers: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Model directories to distil from."""
    distillation_weight: Share = 0.5
    """Weight of the teachers beside the gold."""

    @model_validator(mode="after")
    def _fit(self) -> TrainOptions:
        if self.device not in ("auto", "cpu", "cuda") and not self.device.removeprefix("cuda:").isdecimal():
            raise InputError(f"option device is {self.device!r}; expected auto, cpu, cuda or cuda:N")
        if self.lora_rank and self.frozen_layers:
            raise InputError(
                f"option frozen_layers is {self.frozen_layers} beside lora_rank {self.lora_rank}, which trains no layer"
                " of the encoder; drop one of them"
            )
        return self


DEFAULTS = TrainOptions()
OPTION_NAMES = tuple(one.name for one in fields(TrainOptions))


def changed(base: TrainOptions, *changes: Mapping[str, Any]) -> TrainOptions:
    """Return `base` with the changes, of which later ones win.

    Raises:
        InputError: an option can't have its value.
    """
    return replace(base, **{name: value for change in changes for name, value in change.items()})


def as_json(options: TrainOptions) -> dict[str, Any]:
    """Return the options as JSON values."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(options).items()}


FILE = "training.toml"
"""In a model directory: the config file to train the same model again."""
_PRESETS = files("kgtag.train.extractor.presets")
PRESETS = tuple(sorted(one.name.removesuffix(".toml") for one in _PRESETS.iterdir() if one.name.endswith(".toml")))

_RENAMED = (
    "accumulation gradient_accumulation_steps, adapter lora_rank, adapter_dropout lora_dropout, alpha lora_alpha,"
    "batch batch_size, compete cross_attribute_loss_weight, encoder_rate learning_rate, forget attribute_dropout,"
    "freeze frozen_layers, head_rate head_learning_rate, judged dev_metric, layer_decay layerwise_lr_decay,"
    "missing unannotated_as, missing_weight unannotated_weight, noise gce_q, patience early_stopping_patience,"
    "rank lora_rank, teacher_weight distillation_weight, warm_up warmup_ratio"
)
_REMOVED = ("adversarial", "class_weight_cap", "class_weights", "label_smoothing", "shuffle", "typos", "units")
REPLACED = {
    **{old: f"write {new}" for old, new in (pair.split() for pair in _RENAMED.split(","))},
    **dict.fromkeys(_REMOVED, "it was removed, because it raised dev F1 by less than a point or lowered it"),
}
"""What to write for an option of an earlier version."""


@dataclass(frozen=True, slots=True, config=STRICT)
class RunOptions(Checked):
    """What a config file may set besides `TrainOptions`."""

    format: str = "annotated"
    """Format of the data."""
    lang: str | None = None
    """Language of products without one."""
    encoder: str | None = None
    """Encoder to fine-tune; all-MiniLM-L6-v2 when left out."""
    seed: int = 0
    """Seed of every random choice."""
    spans: bool = True
    """false: learn only the values that no text states."""
    replay_ratio: Annotated[float, Field(ge=0)] = 2.0
    """With --replay: earlier products for each new one."""
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 10.0
    """Minutes between checkpoints within an epoch."""
    tensorboard: str | None = None
    """Directory for TensorBoard event files."""


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
        if isinstance(getattr(DEFAULTS, name, None), tuple):
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
