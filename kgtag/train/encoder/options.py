"""How an encoder is pretrained, apart from the text."""

from __future__ import annotations

from dataclasses import dataclass

FRESH_RATE = 1e-3
ADAPT_RATE = 1e-4


@dataclass(frozen=True, slots=True)
class PretrainOptions:
    """`tokens`: of one step, padding included; `rate`: the peak, by default FRESH_RATE from nothing and ADAPT_RATE for
    an encoder that exists; `patience`: epochs without a better held-out loss before it stops; `max_tokens`: what is
    read of a text. `layers`, `width` and `least` (how often a character must occur) are of an encoder from nothing.
    `resemblance`: weight of being like the teacher. `save_seconds`: between two states to resume from."""

    epochs: int = 10
    tokens: int = 2048
    rate: float | None = None
    patience: int = 2
    max_tokens: int = 128
    layers: int = 4
    width: int = 256
    least: int = 2
    resemblance: float = 1.0
    save_seconds: float = 60.0
    device: str = "auto"
