"""Learning rates of the network's weights, device and precision."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from graph.errors import InputError
from kgtag.train.extractor.network import TagNetwork
from kgtag.train.extractor.options import Precision, TrainOptions

_LAYER = re.compile(r"\.layers?\.(\d+)\.")
_ADAPTER_FACTOR = 10.0
"""Learning rate of adapters, as a multiple of the encoder's."""
_NEW_ROWS = ".delta."
"""Trained rows of `SeenEmbedding`; beside a frozen encoder, the vocabulary's new tokens alone."""


def parameter_groups(network: TagNetwork, options: TrainOptions) -> list[dict[str, Any]]:
    """Return AdamW's groups: the encoder's embeddings and each of its layers, and everything above it."""
    layers = int(getattr(network.encoder.config, "num_hidden_layers", 1))
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = options.head_learning_rate
        if name.startswith("encoder."):
            rate = options.learning_rate * options.layerwise_lr_decay ** (layers - _depth(name))
            rate *= _ADAPTER_FACTOR if ".lora_" in name else 1.0
        groups.setdefault(rate, []).append(parameter)
    return [{"params": found, "lr": rate} for rate, found in sorted(groups.items())]


def freeze(network: TagNetwork, lowest: int) -> None:
    """Freeze the embeddings and the `lowest` layers, but not the rows of new tokens, which mean nothing yet.

    Raises:
        InputError: the encoder has fewer layers.
    """
    layers = int(getattr(network.encoder.config, "num_hidden_layers", 1))
    if lowest > layers:
        raise InputError(f"option frozen_layers is {lowest}, but the encoder has {layers} layers")
    for name, parameter in network.named_parameters():
        if lowest and name.startswith("encoder.") and _depth(name) <= lowest and _NEW_ROWS not in name:
            parameter.requires_grad_(False)


def find_device(name: str) -> torch.device:
    """Return the device of an option; raise InputError for a missing GPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"option device is {name!r}, but torch sees no GPU here; use auto or cpu")
    return torch.device(name)


def find_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """Return the type that the network computes in; weights, CRF and loss stay float32."""
    if wanted == "fp16" and device.type != "cuda":
        raise InputError("option precision is 'fp16', which needs a GPU; use bf16 or fp32 on a CPU")
    if wanted == "auto":
        able = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if able else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[wanted]


def mixed(device: torch.device, precision: torch.dtype) -> AbstractContextManager[Any]:
    """Return the context for the network's forward pass."""
    return nullcontext() if precision == torch.float32 else torch.autocast(device.type, dtype=precision)


def rate(step: int, steps: int, warmup_ratio: float) -> float:
    """Return the factor on the peak rates: linear up in the warm-up, then linear down to 0.02."""
    warm = max(1, int(warmup_ratio * steps))
    return (step + 1) / warm if step < warm else max(0.02, (steps - step) / max(1, steps - warm))


def _depth(name: str) -> int:
    """Return 0 for embeddings, 1 for the lowest layer, and so on upwards."""
    found = _LAYER.search(name)
    return int(found.group(1)) + 1 if found else 0
