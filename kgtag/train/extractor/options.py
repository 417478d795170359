"""How the extractor is trained, apart from the data: one frozen value, with what each field means and may be."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from graph.errors import InputError

Missing = Literal["absent", "unknown"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Adapter = Literal["none", "lora", "adalora"]
ClassWeights = Literal["none", "effective", "sqrt"]
Judged = Literal["spans", "values"]


def _setting(default: Any, panel: str, help: str, *, low: float | None = None, high: float | None = None) -> Any:
    """A field with what the command line says of it; `low` and `high` are allowed themselves."""
    return field(default=default, metadata={"panel": panel, "help": help, "low": low, "high": high})


_LENGTH, _RATES, _ENCODER = "Length and size", "Learning rates", "What of the encoder learns"
_LOSS, _NOISE, _AUGMENT, _DISTIL = "Loss", "Imperfect gold", "Augmentation", "Distillation"


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Learning rates are the peaks. Raises InputError, naming the option and what it may be."""

    epochs: int = _setting(10, _LENGTH, "Passes over the training data.", low=1, high=10_000)
    patience: int = _setting(0, _LENGTH, "Stop after so many epochs without a better dev F1; 0: never.", low=0)
    judged: Judged = _setting("spans", _LENGTH, "What dev F1 counts: every span, or one value of each attribute.")
    batch: int = _setting(16, _LENGTH, "Titles read at once.", low=1, high=65_536)
    accumulation: int = _setting(1, _LENGTH, "Batches whose gradients make one step.", low=1, high=65_536)
    max_tokens: int = _setting(192, _LENGTH, "Tokens of a title that are read; the rest is cut off.", low=8, high=8192)
    device: str = _setting("auto", _LENGTH, "auto, cpu, cuda or cuda:N.")
    precision: Precision = _setting("auto", _LENGTH, "auto: bf16 on a GPU that has it, else fp32.")
    encoder_rate: float = _setting(
        2e-4, _RATES, "Of the encoder's top layer; of an adapter ten times it.", low=0, high=1
    )
    head_rate: float = _setting(1.5e-3, _RATES, "Of everything above the encoder.", low=0, high=1)
    layer_decay: float = _setting(0.9, _RATES, "Factor on the encoder's rate, per layer downwards.", low=0, high=1)
    weight_decay: float = _setting(0.01, _RATES, "AdamW's.", low=0, high=1)
    warm_up: float = _setting(0.1, _RATES, "Share of the steps in which the rates rise.", low=0, high=1)
    freeze: int = _setting(0, _ENCODER, "Lowest layers that stay as they are, with the embeddings; 0: none.", low=0)
    adapter: Adapter = _setting("none", _ENCODER, "Learn low-rank additions (peft) in place of the encoder itself.")
    rank: int = _setting(8, _ENCODER, "Of the adapter's additions.", low=1, high=1024)
    alpha: int = _setting(16, _ENCODER, "The adapter's scale is alpha / rank.", low=0, high=10_000)
    adapter_dropout: float = _setting(0.05, _ENCODER, "On the adapter's input.", low=0, high=0.9)
    class_weights: ClassWeights = _setting("none", _LOSS, "Rare attributes' values count more: by which formula.")
    class_weight_cap: float = _setting(4.0, _LOSS, "The rarest counts at most so many times the mean.", low=1)
    label_smoothing: float = _setting(0.0, _LOSS, "Weight of even tag scores; see docs/training.md.", low=0, high=0.5)
    adversarial: float = _setting(
        0.0, _LOSS, "Size of the worst-case step on embeddings (FGM), say 0.5.", low=0, high=100
    )
    compete: float = _setting(
        0.0, _LOSS, "Weight of attributes vying for each token; for gold that hardly overlaps.", low=0, high=100
    )
    dropout: float = _setting(0.2, _LOSS, "Above the encoder: more where it overfits.", low=0, high=0.9)
    forget: float = _setting(
        0.1, _LOSS, "Share of attributes read by name alone, which readies the model for new ones.", low=0, high=1
    )
    missing: Missing = _setting("absent", _NOISE, "What it means that gold leaves out one of a category's attributes.")
    missing_weight: float = _setting(0.2, _NOISE, "Weight of what is left out, when unknown.", low=0, high=1)
    noise: float = _setting(0.0, _NOISE, "Disbelief in gold the model contradicts: 0 none, 0.7 much.", low=0, high=1)
    swap: float = _setting(0.0, _AUGMENT, "Probability, per title, of another value of an attribute.", low=0, high=1)
    shuffle: float = _setting(0.0, _AUGMENT, "Probability that a title's segments change places.", low=0, high=1)
    typos: float = _setting(0.0, _AUGMENT, "Probability that a word of the title is misspelt.", low=0, high=1)
    units: float = _setting(
        0.0, _AUGMENT, "Probability that a unit is written otherwise (5.5in, 5.5 inch).", low=0, high=1
    )
    teachers: tuple[str, ...] = _setting((), _DISTIL, "Model directories to learn from, besides the gold; repeatable.")
    teacher_weight: float = _setting(0.5, _DISTIL, "Of the teachers beside the gold.", low=0, high=1)

    def __post_init__(self) -> None:
        for one in settings():
            object.__setattr__(self, one.name, _checked(one, getattr(self, one.name)))
        if self.device not in ("auto", "cpu", "cuda") and not self.device.removeprefix("cuda:").isdecimal():
            raise InputError(f"option device is {self.device!r}; auto, cpu, cuda or cuda:N was expected")
        if self.adapter != "none" and self.freeze:
            raise InputError(
                f"option freeze is {self.freeze} beside adapter {self.adapter!r}, which leaves the whole encoder as it"
                " is anyway; drop one of them"
            )

    @property
    def augmented(self) -> bool:
        return max(self.swap, self.shuffle, self.typos, self.units) > 0


@cache
def settings() -> tuple[Field[Any], ...]:
    """The options in order."""
    return fields(TrainOptions)


@cache
def types() -> dict[str, Any]:
    """Each option's type: int, float, str, a Literal, or tuple[str, ...]."""
    return get_type_hints(TrainOptions)


def read_options(path: Path) -> dict[str, Any]:
    """The options a TOML file sets; their names are checked, not their values. Raises InputError naming the file."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there is no options file {str(path)!r}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"options file {str(path)!r} does not read as TOML: {error}") from error
    names = [one.name for one in settings()]
    for name in found:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}"
            raise InputError(f"{str(path)!r} sets {name!r}, which is no option{hint}")
    return found


def made(base: TrainOptions, *changes: Mapping[str, Any]) -> TrainOptions:
    """`base` with the changes, later ones first; raises InputError for a value that an option can't have."""
    merged = {name: value for change in changes for name, value in change.items()}
    return replace(base, **merged)


def to_toml(options: TrainOptions, *, head: str = "") -> str:
    """A file that `read_options` reads: every option, in order, with its meaning; `head` becomes comments."""
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    panel = ""
    for one in settings():
        if one.metadata["panel"] != panel:
            panel = one.metadata["panel"]
            lines += ["", f"# {panel}"]
        lines.append(f"{one.name} = {_toml(getattr(options, one.name))}  # {one.metadata['help']}")
    return "\n".join(lines).lstrip("\n") + "\n"


def as_json(options: TrainOptions) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(options).items()}


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # the one control character JSON leaves


def _checked(one: Field[Any], value: Any) -> Any:
    """The value in the option's own type."""
    wanted, low, high = types()[one.name], one.metadata["low"], one.metadata["high"]
    if get_origin(wanted) is Literal:
        if value not in get_args(wanted):
            raise InputError(f"option {one.name} is {value!r}; one of {', '.join(get_args(wanted))} was expected")
        return value
    if wanted is float and type(value) is int:
        value = float(value)
    if get_origin(wanted) is tuple:
        if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
            raise InputError(f"option {one.name} is {value!r}; a list of texts was expected")
        return tuple(value)
    if type(value) is not wanted:
        raise InputError(f"option {one.name} is {value!r}; {_KINDS[wanted]} was expected")
    if wanted is not str and not (value == value and (low is None or value >= low) and (high is None or value <= high)):
        upper = "" if high is None else f" and at most {high:g}"
        raise InputError(f"option {one.name} is {value}; at least {low:g}{upper} was expected")
    return value


_KINDS = {int: "a whole number", float: "a number", str: "a text"}
