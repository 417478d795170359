"""The training loop: keeps the epoch that is best on dev, and resumes from checkpoints."""

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from graph.errors import InputError
from kgtag.train.checkpoints import Keeper, copied
from kgtag.train.device import find_device
from kgtag.train.extractor.batches import Batch, Batcher
from kgtag.train.extractor.config import TrainOptions
from kgtag.train.extractor.dataset import Example
from kgtag.train.extractor.decision import Metric, outcomes, score_examples
from kgtag.train.extractor.network import TagNetwork
from kgtag.train.extractor.optimizer import (
    add_adapters,
    batch_loss,
    find_precision,
    freeze,
    merge_adapters,
    parameter_groups,
    rate,
)
from kgtag.train.extractor.records import Board, Progress, Row, Tick, Watch, as_csv

_ROWS = 200
"""Rows of the curves over a whole training, about."""
_RAMP = 1 / 3
"""Share of the epochs over which q of the generalised cross-entropy rises: a new model finds all gold unlikely."""

Variants = Callable[[random.Random], Sequence[Example]]
"""Returns an epoch's examples: variants of the training examples, in the same order."""
_POSITION = ("epoch", "batch", "step", "total", "count", "since", "best_epoch", "best_f1", "stale", "history", "curves")
_STEPPED = ("optimiser", "schedule", "scaler")


@dataclass(frozen=True, slots=True)
class Best:
    """The best epoch (from 1), its weights with adapters merged, the history of evaluated epochs, and the curves."""

    epoch: int
    state: dict[str, Tensor]
    history: list[dict[str, float]]
    curves: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class _Run:
    """State of a training. `batch`: batches of the epoch that are done; `total`, `count`: the epoch's loss and titles
    so far; `since`: (loss, batches) since the last row of the curves."""

    keeper: Keeper | None
    board: Board
    watch: Watch
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    scaler: torch.amp.GradScaler
    adapted: Any
    steps: int
    epoch: int = 1
    batch: int = 0
    step: int = 0
    total: float = 0.0
    count: int = 0
    since: tuple[float, int] = (0.0, 0)
    best_epoch: int = 0
    best_f1: float = -1.0
    stale: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    curves: list[Row] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)


class Learner:
    """Trains one network in place."""

    def __init__(self, network: TagNetwork, batcher: Batcher, *, options: TrainOptions, seed: int) -> None:
        self.network, self.batcher, self.options, self.seed = network, batcher, options, seed
        self.device = find_device(options.device)
        self.precision = find_precision(options.precision, self.device)

    def run(
        self,
        train: Sequence[Example],
        dev: Sequence[Example],
        progress: Progress,
        *,
        variants: Variants | None = None,
        keeper: Keeper | None = None,
        board: Board | None = None,
        watch: Watch = lambda _: None,
    ) -> Best:
        """Train until the last epoch, or until patience ends; return the epoch of best dev F1, the last of equals.
        `variants`: gives each epoch's examples, instead of `train` itself; `keeper`: writes checkpoints; a checkpoint
        that it has is resumed from, to the same result."""
        run = self._begin(len(train), keeper, board or Board(None), watch)
        if keeper is not None and (kept := keeper.load()) is not None:
            self._restore(run, kept)
            progress(
                f"continuing the run in {keeper.directory} in epoch {run.epoch}, after step {run.step} of {run.steps}"
            )
        run.board.begin(run.step)
        while run.epoch <= self.options.epochs and not self._stalled(run):
            examples = train if variants is None else variants(random.Random(f"{self.seed} {run.epoch} variants"))
            started = time.monotonic()
            self._epoch(run, examples)
            loss = run.total / max(run.count, 1)
            line = f"epoch {run.epoch}: loss {loss:.3f}"
            if measured := 3 * run.epoch >= self.options.epochs:
                f1 = self._measure(run, dev, loss)
                line += f", dev F1 {100 * f1:.1f}"
            watch(replace(self._tick(run, loss), measured=measured))
            progress(f"{line}, {time.monotonic() - started:.1f} s")
            run.epoch, run.batch, run.total, run.count = run.epoch + 1, 0, 0.0, 0
            self._keep(run)
        if self._stalled(run) and run.epoch <= self.options.epochs:
            progress(f"stopped after epoch {run.epoch - 1}: {run.stale} epochs without a better dev F1")
        return self._finish(run)

    def _begin(self, titles: int, keeper: Keeper | None, board: Board, watch: Watch) -> _Run:
        options = self.options
        torch.manual_seed(self.seed)
        self.network.to(self.device)
        batches = -(-titles // self.batcher.size)
        steps = options.epochs * -(-batches // options.gradient_accumulation_steps)
        freeze(self.network, options.frozen_layers)
        adapted = add_adapters(self.network.encoder, options) if options.lora_rank else None
        self.network.to(self.device)
        optimiser = torch.optim.AdamW(parameter_groups(self.network, options), weight_decay=options.weight_decay)
        factor = partial(rate, steps=steps, warmup_ratio=options.warmup_ratio)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == torch.float16)
        return _Run(keeper, board, watch, optimiser, schedule, scaler, adapted, steps)

    def _epoch(self, run: _Run, examples: Sequence[Example]) -> None:
        self.network.train()
        chunks = self.batcher.chunks(examples, random.Random(f"{self.seed} {run.epoch}"))
        size = self.options.gradient_accumulation_steps
        for first in range(run.batch, len(chunks), size):
            group = range(first, min(first + size, len(chunks)))
            for number in group:
                noise = random.Random(f"{self.seed} {run.epoch} {number}")
                batch = self.batcher.batch(chunks[number], noise).to(self.device)
                loss = self._backward(run, batch, share=1 / len(group))
                run.total += loss * len(batch.ids)
                run.count += len(batch.ids)
                run.since = (run.since[0] + loss, run.since[1] + 1)
            run.batch = group.stop
            self._step(run)
            if run.keeper is not None and run.keeper.due() and run.batch < len(chunks):
                self._keep(run)

    def _backward(self, run: _Run, batch: Batch, *, share: float) -> float:
        """Add the batch's gradients and return its loss; raise InputError when that is not finite."""
        options = self.options
        q = options.gce_q * min(1.0, (run.epoch - 1) / max(1.0, _RAMP * options.epochs))
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            loss = batch_loss(self.network, batch, options, q=q)
        run.scaler.scale(loss * share).backward()  # type: ignore[no-untyped-call]
        value = float(loss.detach())
        if not math.isfinite(value):
            raise InputError(
                f"the loss is {value} in epoch {run.epoch}, step {run.step}; lower learning_rate"
                f" ({options.learning_rate:g}) and head_learning_rate ({options.head_learning_rate:g}), or use"
                " precision fp32"
            )
        return value

    def _step(self, run: _Run) -> None:
        """Change the weights, and tell everybody who watches."""
        run.scaler.unscale_(run.optimiser)
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        run.scaler.step(run.optimiser)
        run.scaler.update()
        run.step += 1
        run.optimiser.zero_grad(set_to_none=True)
        run.schedule.step()
        loss = run.since[0] / max(run.since[1], 1)
        run.watch(self._tick(run, loss))
        if run.step % max(1, run.steps // _ROWS) == 0:
            self._add_row(run, loss, None)
            run.since = (0.0, 0)
            if run.keeper is not None:
                run.keeper.write_curves(as_csv(run.curves))

    def _measure(self, run: _Run, dev: Sequence[Example], loss: float) -> float:
        scored, chain = score_examples(self.network, dev, self.batcher, device=self.device)
        f1 = outcomes(scored, chain, bias=0.0, metric=Metric.of(self.options)).f1
        run.history.append({"epoch": run.epoch, "loss": round(loss, 5), "f1": round(f1, 5)})
        self._add_row(run, loss, f1)
        run.stale = 0 if f1 > run.best_f1 else run.stale + 1
        if f1 >= run.best_f1:
            run.best_epoch, run.best_f1, run.best = run.epoch, f1, copied(self.network)
            if run.keeper is not None:
                run.keeper.save_best(run.epoch, run.best)
        return f1

    def _add_row(self, run: _Run, loss: float, f1: float | None) -> None:
        run.curves.append((run.step, run.epoch, loss, rate(run.step - 1, run.steps, self.options.warmup_ratio), f1))
        run.board.add(run.curves[-1])

    def _stalled(self, run: _Run) -> bool:
        return 0 < self.options.early_stopping_patience <= run.stale

    def _tick(self, run: _Run, loss: float) -> Tick:
        f1 = run.history[-1]["f1"] if run.history else None
        return Tick(run.step, run.steps, run.epoch, self.options.epochs, loss, f1)

    def _keep(self, run: _Run) -> None:
        if run.keeper is None:
            return
        state: dict[str, Any] = {name: getattr(run, name) for name in _POSITION}
        state |= {
            "network": self.network.state_dict(),
            **{name: getattr(run, name).state_dict() for name in _STEPPED},
            "random": torch.get_rng_state(),
            "random_gpu": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
        }
        run.keeper.save(state)

    def _restore(self, run: _Run, state: dict[str, Any]) -> None:
        for name in _POSITION:
            setattr(run, name, state[name])
        self.network.load_state_dict(state["network"])
        for name in _STEPPED:
            getattr(run, name).load_state_dict(state[name])
        if run.best_epoch and run.keeper is not None:
            run.best = run.keeper.load_best(run.best_epoch)
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda" and state["random_gpu"] is not None:
            torch.cuda.set_rng_state(state["random_gpu"], self.device)

    def _finish(self, run: _Run) -> Best:
        """Restore the best weights and merge the adapters into them."""
        if run.best:
            self.network.load_state_dict(run.best)
        if run.adapted is not None:
            merge_adapters(run.adapted)
        for parameter in self.network.parameters():
            parameter.requires_grad_(True)
        return Best(run.best_epoch, copied(self.network), run.history, run.curves)
