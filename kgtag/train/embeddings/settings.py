"""Training settings of graph embeddings, and their config files; readable without torch."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import Field
from pydantic.dataclasses import dataclass

from graph.errors import InputError
from kgtag.embed.vectors import MODELS, UNSERVED, ModelName
from kgtag.train.config import STRICT, Checked, check_names, read_toml

Device = Literal["auto", "cuda", "cpu"]
DEVICES: tuple[Device, ...] = get_args(Device)
Name = TypeVar("Name", bound=str)


@dataclass(frozen=True, slots=True, config=STRICT)
class OneVsAll(Checked):
    """Settings of the 1vsAll loss. `candidates` bounds the entities scored per row. With `candidates` set, a row is
    scored against every entity that occurs on that side of any relation (when they are no more than that) and as many
    random others as fill the number up, drawn per batch."""

    n3: float = 0.0
    """Weight of the cubes of the moduli (Lacroix 2018), per triple and side."""
    dropout: float = 0.0
    head_weight: float = 1.0
    """Weight of head prediction beside tail prediction."""
    candidates: int | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class Settings(Checked):
    """Training settings. `loop` "auto" is 1vsAll for bilinear models and sampled negatives for the others."""

    model: ModelName = "ComplEx"
    dim: int = 64
    epochs: int = 100
    batch_size: int = 512
    learning_rate: float = 0.1
    optimizer: Literal["Adagrad", "Adam"] = "Adagrad"
    loop: Literal["auto", "1vsall", "slcwa"] = "auto"
    loss: OneVsAll = Field(default_factory=OneVsAll)
    negatives: int = 32
    margin: float = 9.0
    init_scale: float = 0.05
    entities: Literal["auto", "structure", "text", "both"] = "auto"
    """What an entity's vector comes from; "auto" is both where texts are given."""
    structure_dropout: float = 0.5
    """Chance that a step sees of an entity what its text says alone."""
    check_every: int = 10
    """Epochs between two evaluations on the validation sample."""
    patience: int = 5
    """Evaluations without improvement before training stops; the best vectors are kept."""
    sample: int = 500
    sides: tuple[Literal["head", "tail"], ...] = Field(default=("head", "tail"), strict=False)
    device: Device = "auto"
    seed: int = 0
    progress: bool = False


_LOSS = tuple(one.name for one in fields(OneVsAll))
_NAMES = (*(one.name for one in fields(Settings) if one.name not in ("loss", "progress")), *_LOSS)


def read_settings(path: Path) -> dict[str, Any]:
    """Return the fields of `Settings` that a TOML file sets; fields of the loss stand beside the others. Raises
    InputError: the file does not read, or sets an unknown field or a wrong value."""
    found = read_toml(path)
    check_names(found, _NAMES, source=repr(str(path)))
    loss = {name: found.pop(name) for name in _LOSS if name in found}
    settings = Settings(**found, loss=OneVsAll(**loss))
    return {name: getattr(settings, name) for name in (*found, *(["loss"] if loss else []))}


def parse_device(text: str) -> Device:
    """Return the device of a name; raise InputError naming the choices."""
    return _named(text, DEVICES, "device")


def parse_model(text: str) -> ModelName:
    """Return the model of a name in any case; raise InputError naming the choices."""
    for name in UNSERVED:
        if name.casefold() == text.casefold():
            raise InputError(
                f"embedding model {name} is a network that would need torch to be served; "
                f"expected one of {', '.join(MODELS)}"
            )
    return _named(text, MODELS, "embedding model")


def _named(text: str, choices: Sequence[Name], what: str) -> Name:
    for name in choices:
        if name.casefold() == text.casefold():
            return name
    raise InputError(f"unknown {what} {text!r}; expected one of {', '.join(choices)}")
