"""LoRA and AdaLoRA by peft: low-rank additions learn while the encoder stays, and are merged into it afterwards."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from kgtag.train.extractor.options import TrainOptions

_NAME = "default"
_ORTHOGONAL = 0.5
"""Weight of the term that keeps AdaLoRA's factors orthogonal, as its paper has it."""


class Adapter:
    """Put into an encoder when made; the encoder's own weights learn no more."""

    def __init__(self, encoder: Any, options: TrainOptions, *, steps: int) -> None:
        """`steps`: how many the whole training takes, for AdaLoRA's schedule."""
        self._adaptive = options.adapter == "adalora"
        trained = {name for name, weight in encoder.named_parameters() if ".delta." in name and weight.requires_grad}
        linear = [name for name, module in encoder.named_modules() if isinstance(module, nn.Linear)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what other kinds of models may need
            self._tuner = (
                _adaptive(encoder, options, linear, steps) if self._adaptive else _plain(encoder, options, linear)
            )
        for name, weight in encoder.named_parameters():
            if name in trained:
                weight.requires_grad_(True)

    def penalty(self) -> Tensor | float:
        """What AdaLoRA adds to the loss; a scalar."""
        if not self._adaptive:
            return 0.0
        terms = []
        for name, weight in self._tuner.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                square = weight @ weight.T if "lora_A" in name else weight.T @ weight
                terms.append(torch.linalg.matrix_norm(square - torch.eye(len(square), device=square.device)))
        return _ORTHOGONAL * torch.stack(terms).mean()

    def stepped(self, step: int) -> None:
        """AdaLoRA moves rank to where it matters; after the optimiser's step (from 1), while gradients are there."""
        if self._adaptive:
            self._tuner.update_and_allocate(step)

    def state(self) -> dict[str, Any]:
        """What is no weight of the network but belongs to a checkpoint."""
        if not self._adaptive:
            return {}
        allocator = self._tuner.rankallocator
        importance = {name: dict(getattr(allocator, name)) for name in ("ipt", "exp_avg_ipt", "exp_avg_unc")}
        return {"importance": importance, "pattern": self._tuner.peft_config[_NAME].rank_pattern or {}}

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        if self._adaptive:
            for name, found in state["importance"].items():
                moved = {key: value.to(device) for key, value in found.items()}
                setattr(self._tuner.rankallocator, name, moved)
            self._tuner.peft_config[_NAME].rank_pattern = state["pattern"] or None

    def merge(self) -> None:
        """Adds what was learned to the encoder's own weights: a plain encoder again, which computes the same."""
        encoder = self._tuner.merge_and_unload()
        for name in {"peft_config", "_hf_peft_config_loaded"} & vars(encoder).keys():
            delattr(encoder, name)


def _plain(encoder: Any, options: TrainOptions, linear: list[str]) -> Any:
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    config = LoraConfig(
        r=options.rank, lora_alpha=options.alpha, lora_dropout=options.adapter_dropout, target_modules=linear
    )
    return LoraModel(encoder, {_NAME: config}, _NAME)


def _adaptive(encoder: Any, options: TrainOptions, linear: list[str], steps: int) -> Any:
    from peft import AdaLoraConfig
    from peft.tuners.adalora import AdaLoraModel

    config = AdaLoraConfig(
        target_r=options.rank,
        init_r=options.rank + max(1, options.rank // 2),
        lora_alpha=options.alpha,
        lora_dropout=options.adapter_dropout,
        target_modules=linear,
        tinit=steps // 10,
        tfinal=steps // 5,
        deltaT=max(1, steps // 100),
        total_step=max(1, steps),
    )
    return AdaLoraModel(encoder, {_NAME: config}, _NAME)  # type: ignore[no-untyped-call]
