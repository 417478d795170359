"""What a batch costs: the CRF's likelihood, tempered where gold is doubted, smoothed, and drawn towards teachers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from kgtag.train.extractor.batches import Batch
from kgtag.train.extractor.crf import ChainCRF
from kgtag.train.extractor.network import TagNetwork
from kgtag.train.extractor.options import TrainOptions

_CATEGORY = 5.0
"""Weight of the category's loss: a title's CRF losses add up over its attributes, and would drown it otherwise."""


def batch_loss(network: TagNetwork, batch: Batch, options: TrainOptions, *, noise: float = 0.0) -> Tensor:
    """Scalar float32: loss summed over a title's attributes, averaged over titles, plus the category's cross-entropy.

    `noise` is q of the generalised cross-entropy (1 - p^q) / q of a tag path's likelihood p: 0 is plain likelihood; the
    more, the less a row counts whose gold the model holds for impossible. Label smoothing adds, per token, the
    cross-entropy of even tags with the softmax of the emissions alone: transitions and the scheme's forbidden paths
    stay out of it, so no probability is asked for paths that can't be.
    """
    states, logits = network.encode(batch.ids, batch.shapes, batch.mask)
    steps = batch.tags.shape[2]
    scores = network.emissions(states[:, 1 : 1 + steps], batch.attributes, batch.lexicon)
    with torch.autocast(batch.ids.device.type, enabled=False):
        loss = _tag_loss(network.crf, scores.float(), batch, options, noise)
        if options.compete:
            loss = loss + options.compete * competition(scores.float(), batch)
        known = batch.categories >= 0
        if bool(known.any()):
            loss = loss + _CATEGORY * nn.functional.cross_entropy(logits.float()[known], batch.categories[known])
    return loss


def _tag_loss(crf: ChainCRF, scores: Tensor, batch: Batch, options: TrainOptions, noise: float) -> Tensor:
    rows = (batch.weights > 0).flatten()
    emissions, tags = scores.flatten(0, 1)[rows], batch.tags.flatten(0, 1)[rows]
    lengths = batch.lengths[:, None].expand(-1, batch.tags.shape[1]).flatten()[rows]
    losses = crf.negative_log_likelihood(emissions, tags, lengths)
    if noise:
        losses = -torch.expm1(-noise * losses) / noise
    if options.label_smoothing:
        inside = torch.arange(emissions.shape[1], device=emissions.device) < lengths[:, None]
        even = -(torch.log_softmax(emissions, dim=2).mean(2) * inside).sum(1)
        losses = (1 - options.label_smoothing) * losses + options.label_smoothing * even
    if batch.soft is not None and batch.taught is not None:
        taught = batch.taught.flatten()[rows]
        apart = divergence(crf, emissions[taught], batch.soft.flatten(0, 1)[rows][taught], lengths[taught])
        losses = torch.where(taught, (1 - options.teacher_weight) * losses, losses)
        losses = losses.index_add(0, taught.nonzero().squeeze(1), options.teacher_weight * apart)
    return (losses * batch.weights.flatten()[rows]).sum() / len(batch.ids)


def competition(scores: Tensor, batch: Batch) -> Tensor:
    """Scalar float32: cross-entropy of each token's one tag among those of all attributes and O, summed over a title's
    tokens, averaged over titles.

    `scores` (B, A, T, 5). A row's CRF asks whether a token is its attribute's; this asks whose of all it is. Attributes
    whose gold isn't known for sure stay out of it, and tokens that two attributes claim by right are left alone.
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
    return (
        nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-100, reduction="sum") / rows
    )


def log_marginals(crf: ChainCRF, emissions: Tensor, lengths: Tensor) -> Tensor:
    """(N, T, 5) float32: log probability of every tag at every token; rubbish beyond a row's length."""
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
    """(N,) float32: KL of the model's tag marginals from `soft`, (N, T, 5) probabilities, summed over tokens."""
    if not len(emissions):
        return emissions.new_zeros(0)
    ours = log_marginals(crf, emissions, lengths).clamp(min=-30.0)
    inside = torch.arange(emissions.shape[1], device=emissions.device) < lengths[:, None]
    apart: Tensor = ((torch.xlogy(soft, soft) - soft * ours).sum(2) * inside).sum(1)
    return apart


class Adversary:
    """FGM: the same batch again with its token embeddings moved, per title, `size` in the worst direction (by L2)."""

    def __init__(self, network: TagNetwork, size: float) -> None:
        self._network = network
        self._size = size
        self._seen: Tensor | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Around a forward pass whose backward pass will say which direction is the worst."""
        with self._hooked(self._remember):
            yield

    @contextmanager
    def pushing(self) -> Iterator[None]:
        """Around the second forward pass."""
        with self._hooked(self._push):
            yield

    def _remember(self, _module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        if output.requires_grad:
            output.retain_grad()
        else:
            output = output.detach().requires_grad_()
        self._seen = output
        return output

    def _push(self, _module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        gradient = None if self._seen is None else self._seen.grad
        if gradient is None:
            return output
        norm = gradient.float().flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None]
        moved: Tensor = output + (self._size * gradient / norm).to(output.dtype).detach()
        return moved

    @contextmanager
    def _hooked(self, hook: Any) -> Iterator[None]:
        if not self._size:
            yield
            return
        handle = self._network.encoder.get_input_embeddings().register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()
