"""Training options of the extractor: everything its weights depend on, apart from data, encoder and seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from graph.errors import InputError
from kgtag.train.config import STRICT, Checked

DevMetric = Literal["span_f1", "value_f1"]
Unannotated = Literal["negative", "unknown"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True, config=STRICT)
class TrainOptions(Checked):
    """Options of one training; names are those of Transformers where it has the option.

    Raises:
        InputError: a value of the wrong type or out of range; the message names the option.

    Example:
        >>> TrainOptions(epochs=6, early_stopping_patience=2).batch_size
        16
    """

    epochs: int = Field(default=10, ge=1, le=10_000, description="Passes over the training data.")
    early_stopping_patience: int = Field(
        default=0, ge=0, description="Evaluations without a better dev F1 before training stops; 0: never."
    )
    dev_metric: DevMetric = Field(
        default="span_f1", description="F1 on dev of all spans, or of one value for each attribute."
    )
    batch_size: int = Field(default=16, ge=1, le=65_536, description="Titles in a batch.")
    gradient_accumulation_steps: int = Field(
        default=1, ge=1, le=65_536, description="Batches whose gradients make one optimizer step."
    )
    max_tokens: int = Field(
        default=192, ge=8, le=8192, description="Tokens read at once; longer texts are cut into windows."
    )
    device: str = Field(default="auto", description="auto, cpu, cuda or cuda:N.")
    precision: Precision = Field(default="auto", description="auto: bf16 on a GPU that supports it, else fp32.")
    learning_rate: float = Field(
        default=2e-4, ge=0, le=1, description="Peak rate of the encoder's top layer; of LoRA adapters ten times it."
    )
    head_learning_rate: float = Field(
        default=1.5e-3, ge=0, le=1, description="Peak rate of the layers above the encoder."
    )
    layerwise_lr_decay: float = Field(
        default=0.9, ge=0, le=1, description="Factor on the encoder's rate for each layer further down."
    )
    weight_decay: float = Field(default=0.01, ge=0, le=1, description="Weight decay of AdamW.")
    warmup_ratio: float = Field(default=0.1, ge=0, le=1, description="Share of the steps in which the rates rise.")
    frozen_layers: int = Field(default=0, ge=0, description="Lowest encoder layers that are not trained; 0: none.")
    lora_rank: int = Field(
        default=0, ge=0, le=1024, description="Rank of LoRA adapters, trained instead of the encoder; 0: none."
    )
    lora_alpha: int = Field(default=16, ge=0, le=10_000, description="The adapters are scaled by alpha / rank.")
    lora_dropout: float = Field(default=0.05, ge=0, le=0.9, description="Dropout on the adapters' input.")
    dropout: float = Field(default=0.2, ge=0, le=0.9, description="Dropout above the encoder.")
    attribute_dropout: float = Field(
        default=0.1, ge=0, le=1, description="Share of attributes known by their names alone in a batch."
    )
    cross_attribute_loss_weight: float = Field(
        default=0.0, ge=0, le=100, description="Weight of a softmax across attributes; for values that hardly overlap."
    )
    unannotated_as: Unannotated = Field(
        default="negative", description="What attributes count as that the annotation of a product leaves out."
    )
    unannotated_weight: float = Field(
        default=0.2, ge=0, le=1, description="Loss weight of unannotated attributes, if unknown."
    )
    gce_q: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Generalised cross-entropy, for noisy gold: 0 plain likelihood, 0.7 robust.",
    )
    swap: float = Field(
        default=0.0, ge=0, le=1, description="Probability that a title gets another value of an attribute."
    )
    teachers: tuple[str, ...] = Field(default=(), strict=False, description="Model directories to distil from.")
    distillation_weight: float = Field(default=0.5, ge=0, le=1, description="Weight of the teachers beside the gold.")

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
