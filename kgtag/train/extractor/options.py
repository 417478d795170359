"""Training options of the extractor: everything its weights depend on, apart from data, encoder and seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from graph.errors import InputError
from kgtag.train.config import STRICT, Checked

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
