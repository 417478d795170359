"""The training loop: AdamW with layer-wise rates, warm-up and linear decay, the best epoch on dev kept."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kgtag.extract.network import TagNetwork
from kgtag.train.sequence.batches import Batch, Batcher
from kgtag.train.sequence.gold import Example
from kgtag.train.sequence.options import TrainOptions
from kgtag.train.sequence.tuning import outcomes, score_examples

_WARM_UP = 0.1
_CATEGORY = 5.0
"""Weight of the category's loss: a title's CRF losses add up over its attributes, and would drown it otherwise."""
_LAYER = re.compile(r"\.layers?\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Best:
    """The kept epoch (from 1), its weights, and every epoch's loss and dev F1."""

    epoch: int
    state: dict[str, Tensor]
    history: list[dict[str, float]]


class Learner:
    """Trains one network in place."""

    def __init__(self, network: TagNetwork, batcher: Batcher, *, options: TrainOptions, seed: int) -> None:
        self.network = network
        self.batcher = batcher
        self.options = options
        self.seed = seed
        self.device = _device(options.device)

    def run(self, train: Sequence[Example], dev: Sequence[Example], progress: Callable[[str], None]) -> Best:
        """All epochs; of equally good ones the last, which has learned the most, is kept."""
        torch.manual_seed(self.seed)
        rng = random.Random(self.seed)
        self.network.to(self.device)
        optimiser = torch.optim.AdamW(_groups(self.network, self.options), weight_decay=0.01)
        steps = self.options.epochs * -(-len(train) // self.batcher.size)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
        best, best_f1 = Best(0, _copy(self.network), []), -1.0
        history: list[dict[str, float]] = []
        for epoch in range(1, self.options.epochs + 1):
            started = time.monotonic()
            loss = self._epoch(train, rng, optimiser, schedule)
            if 3 * epoch < self.options.epochs:
                progress(f"epoch {epoch}: loss {loss:.3f}, {time.monotonic() - started:.1f} s")
                continue
            scored, chain = score_examples(self.network, dev, self.batcher, device=self.device)
            f1, _, _ = outcomes(scored, chain, bias=0.0, listed_only=self.options.missing == "unknown")
            history.append({"epoch": epoch, "loss": round(loss, 5), "f1": round(f1, 5)})
            progress(f"epoch {epoch}: loss {loss:.3f}, dev F1 {100 * f1:.1f}, {time.monotonic() - started:.1f} s")
            if f1 >= best_f1:
                best, best_f1 = Best(epoch, _copy(self.network), history), f1
        return best

    def _epoch(
        self,
        train: Sequence[Example],
        rng: random.Random,
        optimiser: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
    ) -> float:
        self.network.train()
        total, count = 0.0, 0
        for batch in self.batcher.epoch(train, rng):
            loss = batch_loss(self.network, batch.to(self.device))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(batch.ids)
            count += len(batch.ids)
        return total / max(count, 1)


def batch_loss(network: TagNetwork, batch: Batch) -> Tensor:
    """Scalar: CRF loss summed over a title's attributes, averaged over titles, plus the category's cross-entropy."""
    states, logits = network.encode(batch.ids, batch.shapes, batch.mask)
    steps = batch.tags.shape[2]
    emissions = network.emissions(states[:, 1 : 1 + steps], batch.attributes, batch.lexicon)
    rows = (batch.weights > 0).flatten()
    lengths = batch.lengths[:, None].expand(-1, batch.tags.shape[1]).flatten()
    losses = network.crf.negative_log_likelihood(
        emissions.flatten(0, 1)[rows], batch.tags.flatten(0, 1)[rows], lengths[rows]
    )
    loss = (losses * batch.weights.flatten()[rows]).sum() / len(batch.ids)
    known = batch.categories >= 0
    if bool(known.any()):
        loss = loss + _CATEGORY * nn.functional.cross_entropy(logits[known], batch.categories[known])
    return loss


def _groups(network: TagNetwork, options: TrainOptions) -> list[dict[str, Any]]:
    """One group per encoder layer, one for its embeddings, one for everything new."""
    layers = int(getattr(network.encoder.config, "num_hidden_layers", 1))
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = options.head_rate
        if name.startswith("encoder."):
            found = _LAYER.search(name)
            depth = int(found.group(1)) + 1 if found else 0
            rate = options.encoder_rate * options.layer_decay ** (layers - depth)
        groups.setdefault(rate, []).append(parameter)
    return [{"params": found, "lr": rate} for rate, found in sorted(groups.items())]


def _rate(step: int, steps: int) -> float:
    warm = max(1, int(_WARM_UP * steps))
    return (step + 1) / warm if step < warm else max(0.02, (steps - step) / max(1, steps - warm))


def _copy(network: TagNetwork) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def _device(name: str) -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else torch.device(name)
