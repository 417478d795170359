"""Training loss: the CRF's likelihood, robust to noisy gold, with distillation and a loss across attributes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kgtag.train.extractor.batches import Batch
from kgtag.train.extractor.crf import ChainCRF
from kgtag.train.extractor.network import TagNetwork
from kgtag.train.extractor.options import TrainOptions

_CATEGORY = 5.0
"""Weight of the category's loss, beside CRF losses that add up over a title's attributes."""


def batch_loss(network: TagNetwork, batch: Batch, options: TrainOptions, *, q: float = 0.0) -> Tensor:
    """Return the loss summed over a title's attributes, averaged over titles, plus the category's cross-entropy.

    Args:
        q: of the generalised cross-entropy (1 - p^q) / q of a tag path's likelihood p. 0 is plain likelihood; the
            larger q, the less a row counts whose gold the model finds unlikely.

    Returns:
        Scalar float32.
    """
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
    annotation may have left out, and tokens of two attributes, don't count.

    Args:
        scores: (B, A, T, 5) float32.

    Returns:
        Scalar float32, summed over a title's tokens, averaged over titles.
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
