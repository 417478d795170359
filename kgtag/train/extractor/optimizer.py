"""What a training minimises, and how: losses, learning rates, frozen layers, LoRA adapters, device and precision.

The loss is the CRF's likelihood, robust to noisy gold, with distillation and a loss across attributes.
"""

import re
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from graph.errors import InputError
from kgtag.train.extractor.batches import Batch
from kgtag.train.extractor.config import Precision, TrainOptions
from kgtag.train.extractor.network import ChainCRF, TagNetwork

_CATEGORY = 5.0
"""Weight of the category's loss, beside CRF losses that add up over a title's attributes."""
_LAYER = re.compile(r"\.layers?\.(\d+)\.")
_ADAPTER_FACTOR = 10.0
"""Learning rate of adapters, as a multiple of the encoder's."""
_NEW_ROWS = ".delta."
"""Trained rows of `DeltaEmbedding`; beside a frozen encoder, the vocabulary's new tokens alone."""


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
    """Freeze the embeddings and the `lowest` layers, but not the rows of new tokens, which mean nothing yet. Raises
    InputError: the encoder has fewer layers."""
    layers = int(getattr(network.encoder.config, "num_hidden_layers", 1))
    if lowest > layers:
        raise InputError(f"option frozen_layers is {lowest}, but the encoder has {layers} layers")
    for name, parameter in network.named_parameters():
        if lowest and name.startswith("encoder.") and _depth(name) <= lowest and _NEW_ROWS not in name:
            parameter.requires_grad_(False)


def find_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """Return the type that the network computes in; weights, CRF and loss stay float32."""
    if wanted == "fp16" and device.type != "cuda":
        raise InputError("option precision is 'fp16', which needs a GPU; use bf16 or fp32 on a CPU")
    if wanted == "auto":
        able = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if able else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[wanted]


def rate(step: int, steps: int, warmup_ratio: float) -> float:
    """Return the factor on the peak rates: linear up in the warm-up, then linear down to 0.02."""
    warm = max(1, int(warmup_ratio * steps))
    return (step + 1) / warm if step < warm else max(0.02, (steps - step) / max(1, steps - warm))


def _depth(name: str) -> int:
    """Return 0 for embeddings, 1 for the lowest layer, and so on upwards."""
    found = _LAYER.search(name)
    return int(found.group(1)) + 1 if found else 0


def add_adapters(encoder: Any, options: TrainOptions) -> Any:
    """Put an adapter by peft on every linear layer, to be merged afterwards; the encoder's own weights are trained no
    more, but the rows of tokens that the vocabulary lacked (`DeltaEmbedding.delta`) are as before."""
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    trained = {name for name, weight in encoder.named_parameters() if ".delta." in name and weight.requires_grad}
    linear = [name for name, module in encoder.named_modules() if isinstance(module, nn.Linear)]
    config = LoraConfig(
        r=options.lora_rank, lora_alpha=options.lora_alpha, lora_dropout=options.lora_dropout, target_modules=linear
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what other kinds of models may need
        adapted = LoraModel(encoder, {"default": config}, "default")
    for name, weight in encoder.named_parameters():
        if name in trained:
            weight.requires_grad_(True)
    return adapted


def merge_adapters(adapted: Any) -> None:
    """Add the adapters to the encoder's weights: a plain encoder again that computes the same."""
    encoder = adapted.merge_and_unload()
    for name in {"peft_config", "_hf_peft_config_loaded"} & vars(encoder).keys():
        delattr(encoder, name)


def batch_loss(network: TagNetwork, batch: Batch, options: TrainOptions, *, q: float = 0.0) -> Tensor:
    """Return the loss summed over a title's attributes, averaged over titles, plus the category's cross-entropy. `q` is
    of the generalised cross-entropy (1 - p^q) / q of a tag path's likelihood p. 0 is plain likelihood; the larger q,
    the less a row counts whose gold the model finds unlikely."""
    states, logits = network.encode(batch.ids, batch.shapes, batch.mask)
    steps = batch.tags.shape[2]
    scores = network.emissions(states[:, 1 : 1 + steps], batch.attributes, batch.lexicon)
    with torch.autocast(batch.ids.device.type, enabled=False):
        loss = _tag_loss(network.crf, scores.float(), batch, options, q)
        if weight := options.cross_attribute_loss_weight:
            loss = loss + weight * cross_attribute_loss(scores.float(), batch)
        known = batch.categories >= 0
        if bool(known.any()):
            loss = loss + _CATEGORY * nn.functional.cross_entropy(logits.float()[known], batch.categories[known])
    return loss


def _tag_loss(crf: ChainCRF, scores: Tensor, batch: Batch, options: TrainOptions, q: float) -> Tensor:
    rows = (batch.weights > 0).flatten()
    emissions, tags = scores.flatten(0, 1)[rows], batch.tags.flatten(0, 1)[rows]
    lengths = batch.lengths[:, None].expand(-1, batch.tags.shape[1]).flatten()[rows]
    losses = crf.negative_log_likelihood(emissions, tags, lengths)
    if q:
        losses = -torch.expm1(-q * losses) / q
    if batch.soft is not None and batch.taught is not None:
        taught, weight = batch.taught.flatten()[rows], options.distillation_weight
        apart = divergence(crf, emissions[taught], batch.soft.flatten(0, 1)[rows][taught], lengths[taught])
        losses = torch.where(taught, (1 - weight) * losses, losses)
        losses = losses.index_add(0, taught.nonzero().squeeze(1), weight * apart)
    return (losses * batch.weights.flatten()[rows]).sum() / len(batch.ids)


def cross_attribute_loss(scores: Tensor, batch: Batch) -> Tensor:
    """Return the cross-entropy of each token's tag among those of all attributes and O.

    A row's CRF decides whether a token belongs to its attribute; this loss, to which of them all. Attributes that the
    annotation may have left out, and tokens of two attributes, don't count. `scores` are (B, A, T, 5) float32; the loss
    is summed over a title's tokens, and averaged over titles.
    """
    rows, _, steps, _ = scores.shape
    claimed = batch.tags > 0
    sure = (batch.weights >= 1) | claimed.any(dim=2)
    offers = (scores[..., 1:] - scores[..., :1]).masked_fill(~sure[:, :, None, None], -1e4)
    logits = torch.cat([scores.new_zeros(rows, steps, 1), offers.permute(0, 2, 1, 3).flatten(2)], dim=2)
    which = claimed.int().argmax(dim=1)
    tag = batch.tags.gather(1, which.unsqueeze(1)).squeeze(1)
    wanted = torch.where(tag > 0, 4 * which + tag, 0)
    inside = torch.arange(steps, device=scores.device) < batch.lengths[:, None]
    wanted = wanted.masked_fill(~inside | (claimed.sum(dim=1) > 1), -100)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-100, reduction="sum")
    return loss / rows


def log_marginals(crf: ChainCRF, emissions: Tensor, lengths: Tensor) -> Tensor:
    """Return the log probability of every tag at every token, (N, T, 5) float32; undefined beyond a row's length."""
    transitions, start, end = crf.scores()
    steps = emissions.shape[1]
    alpha, beta = [start + emissions[:, 0]], [end.expand(len(emissions), 5)]
    for t in range(1, steps):
        alpha.append(torch.logsumexp(alpha[-1][:, :, None] + transitions, dim=1) + emissions[:, t])
    for t in range(steps - 2, -1, -1):
        after = torch.logsumexp(transitions + (emissions[:, t + 1] + beta[-1])[:, None, :], dim=2)
        beta.append(torch.where((t + 1 < lengths)[:, None], after, end))
    joined = torch.stack(alpha, dim=1) + torch.stack(beta[::-1], dim=1)
    return joined - torch.logsumexp(joined, dim=2, keepdim=True)


def divergence(crf: ChainCRF, emissions: Tensor, soft: Tensor, lengths: Tensor) -> Tensor:
    """Return KL(soft || model's tag marginals) summed over tokens, (N,) float32, of `soft` (N, T, 5) probabilities."""
    if not len(emissions):
        return emissions.new_zeros(0)
    ours = log_marginals(crf, emissions, lengths).clamp(min=-30.0)
    inside = torch.arange(emissions.shape[1], device=emissions.device) < lengths[:, None]
    apart: Tensor = ((torch.xlogy(soft, soft) - soft * ours).sum(2) * inside).sum(1)
    return apart
