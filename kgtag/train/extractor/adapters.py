"""LoRA by peft: low-rank adapters are trained in place of the encoder, and merged into it afterwards."""

from __future__ import annotations

import warnings
from typing import Any

from torch import nn

from kgtag.train.extractor.options import TrainOptions

_NAME = "default"


def add_adapters(encoder: Any, options: TrainOptions) -> Any:
    """Put an adapter on every linear layer; the encoder's own weights are trained no more.

    Rows of tokens that the vocabulary lacked (`SeenEmbedding.delta`) are trained as before.

    Returns:
        peft's model, for `merge_adapters`.
    """
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    trained = {name for name, weight in encoder.named_parameters() if ".delta." in name and weight.requires_grad}
    linear = [name for name, module in encoder.named_modules() if isinstance(module, nn.Linear)]
    config = LoraConfig(
        r=options.lora_rank, lora_alpha=options.lora_alpha, lora_dropout=options.lora_dropout, target_modules=linear
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what other kinds of models may need
        adapted = LoraModel(encoder, {_NAME: config}, _NAME)
    for name, weight in encoder.named_parameters():
        if name in trained:
            weight.requires_grad_(True)
    return adapted


def merge_adapters(adapted: Any) -> None:
    """Add the adapters to the encoder's weights: a plain encoder again that computes the same."""
    encoder = adapted.merge_and_unload()
    for name in {"peft_config", "_hf_peft_config_loaded"} & vars(encoder).keys():
        delattr(encoder, name)
