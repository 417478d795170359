"""How embeddings are trained, in plain values: what can be said without importing torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from graph.errors import InputError
from kgtag.embed.geometry import MODELS, ModelName

Device = Literal["auto", "cuda", "cpu"]
DEVICES: tuple[Device, ...] = get_args(Device)


@dataclass(frozen=True, slots=True)
class OneVsAll:
    """Settings of the loss. `candidates` bounds the entities scored per row.

    With `candidates` set, a row is scored against every entity that occurs on that side of any relation (when they
    are no more than that) and as many random others as fill the number up, drawn per batch.
    """

    n3: float = 0.0
    """Weight of the cubes of the moduli (Lacroix 2018), per triple and side."""
    dropout: float = 0.0
    head_weight: float = 1.0
    """How much head prediction counts beside tail prediction."""
    candidates: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train. `loop` "auto" takes 1vsAll for the bilinear models and sampled negatives for the others."""

    model: ModelName = "ComplEx"
    dim: int = 64
    epochs: int = 100
    batch_size: int = 512
    learning_rate: float = 0.1
    optimizer: Literal["Adagrad", "Adam"] = "Adagrad"
    loop: Literal["auto", "1vsall", "slcwa"] = "auto"
    loss: OneVsAll = field(default_factory=OneVsAll)
    negatives: int = 32
    margin: float = 9.0
    init_scale: float = 0.05
    check_every: int = 10
    """Epochs between two looks at the validation sample."""
    patience: int = 5
    """Looks without improvement before training stops; the best vectors seen are kept."""
    sample: int = 500
    sides: tuple[Literal["head", "tail"], ...] = ("head", "tail")
    device: Device = "auto"
    seed: int = 0
    progress: bool = False


def parse_device(text: str) -> Device:
    """Raises InputError, naming the choices."""
    for device in DEVICES:
        if device == text.casefold():
            return device
    raise InputError(f"no device {text!r}; one of {', '.join(DEVICES)}")


def parse_model(text: str) -> ModelName:
    """The model of that name, in any case. Raises InputError, naming the choices."""
    for name in MODELS:
        if name.casefold() == text.casefold():
            return name
    raise InputError(f"no embedding model {text!r}; one of {', '.join(MODELS)}")
