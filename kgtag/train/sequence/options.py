"""How the extractor is trained, apart from the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Missing = Literal["absent", "unknown"]


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """`missing`: what an attribute of the category that the annotation leaves out means; "unknown" counts
    `missing_weight` in the loss and nothing in choosing. `max_tokens`: window over a title. Learning rates are the
    peaks; `layer_decay` multiplies the encoder's, per layer from the top."""

    epochs: int = 10
    batch: int = 16
    encoder_rate: float = 2e-4
    head_rate: float = 1.5e-3
    layer_decay: float = 0.9
    missing: Missing = "absent"
    missing_weight: float = 0.2
    max_tokens: int = 192
    device: str = "auto"
