"""The training loop. It keeps the epoch that is best on dev, and stopped anywhere, it goes on."""

from __future__ import annotations

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
from kgtag.train.extractor.adapters import Adapter
from kgtag.train.extractor.batches import Batch, Batcher
from kgtag.train.extractor.callbacks import Board, Row, Tick, Watch, as_csv
from kgtag.train.extractor.checkpoints import Keeper
from kgtag.train.extractor.dataset import Example
from kgtag.train.extractor.decision import Judging, outcomes, score_examples
from kgtag.train.extractor.losses import Adversary, batch_loss
from kgtag.train.extractor.network import TagNetwork
from kgtag.train.extractor.optimizer import find_device, find_precision, freeze, mixed, parameter_groups, rate
from kgtag.train.extractor.options import TrainOptions

_ROWS = 200
"""Of the curves, about, over a whole training."""
_RAMP = 1 / 3
"""Share of the epochs over which disbelief in gold grows to what is asked; a new model contradicts everything."""

Progress = Callable[[str], None]
Variants = Callable[[random.Random], Sequence[Example]]
"""An epoch's examples, as many and in the same order as the training examples, of which they are variants."""


@dataclass(frozen=True, slots=True)
class Best:
    """The kept epoch (from 1), its weights (of a plain encoder), every measured epoch's loss and dev F1, and the
    curves."""

    epoch: int
    state: dict[str, Tensor]
    history: list[dict[str, float]]
    curves: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class _Run:
    """A training on its way. `batch`: how many of the epoch's are done; `total` and `count`: the epoch's loss and
    titles so far; `since`: (loss, batches) since the last row of the curves."""

    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    scaler: torch.amp.GradScaler
    adapter: Adapter | None
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


_POSITION = ("epoch", "batch", "step", "total", "count", "since", "best_epoch", "best_f1", "stale", "history", "curves")


class Learner:
    """Trains one network in place."""

    def __init__(self, network: TagNetwork, batcher: Batcher, *, options: TrainOptions, seed: int) -> None:
        self.network = network
        self.batcher = batcher
        self.options = options
        self.seed = seed
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
        """All epochs, or as many as patience allows; of equally good ones the last, which has learned the most, is
        kept. With a `keeper`, what it kept of this run is gone on from, to the same end."""
        run = self._begin(len(train))
        board = board or Board(None)
        if keeper is not None and (kept := keeper.load()) is not None:
            self._restore(run, kept, keeper)
            progress(
                f"continuing the run in {keeper.directory} in epoch {run.epoch}, after step {run.step} of {run.steps}"
            )
        board.begin(run.step)
        while run.epoch <= self.options.epochs and not self._tired(run):
            examples = train if variants is None else variants(random.Random(f"{self.seed} {run.epoch} variants"))
            started = time.monotonic()
            self._epoch(run, examples, keeper, (board, watch))
            loss = run.total / max(run.count, 1)
            said = f"epoch {run.epoch}: loss {loss:.3f}, {time.monotonic() - started:.1f} s"
            if measured := 3 * run.epoch >= self.options.epochs:
                f1 = self._measure(run, dev, loss, keeper)
                board.add(run.curves[-1])
                said = f"epoch {run.epoch}: loss {loss:.3f}, dev F1 {100 * f1:.1f}, {time.monotonic() - started:.1f} s"
            watch(replace(self._tick(run, loss), measured=measured))
            progress(said)
            run.epoch, run.batch, run.total, run.count = run.epoch + 1, 0, 0.0, 0
            self._keep(run, keeper)
        if self._tired(run) and run.epoch <= self.options.epochs:
            progress(f"stopped after epoch {run.epoch - 1}: {run.stale} epochs without a better dev F1")
        return self._finish(run)

    def _begin(self, titles: int) -> _Run:
        options = self.options
        torch.manual_seed(self.seed)
        self.network.to(self.device)
        batches = -(-titles // self.batcher.size)
        steps = options.epochs * -(-batches // options.accumulation)
        freeze(self.network, options.freeze)
        adapter = None if options.adapter == "none" else Adapter(self.network.encoder, options, steps=steps)
        self.network.to(self.device)
        optimiser = torch.optim.AdamW(parameter_groups(self.network, options), weight_decay=options.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, partial(rate, steps=steps, warm_up=options.warm_up))
        scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == torch.float16)
        return _Run(optimiser, schedule, scaler, adapter, steps)

    def _epoch(
        self, run: _Run, examples: Sequence[Example], keeper: Keeper | None, watchers: tuple[Board, Watch]
    ) -> None:
        self.network.train()
        chunks = self.batcher.chunks(examples, random.Random(f"{self.seed} {run.epoch}"))
        size = self.options.accumulation
        for first in range(run.batch, len(chunks), size):
            group = range(first, min(first + size, len(chunks)))
            for number in group:
                noise = random.Random(f"{self.seed} {run.epoch} {number}")
                batch = self.batcher.batch(chunks[number], noise).to(self.device)
                loss = self._backward(run, batch, share=1 / len(group))
                run.total += loss * len(batch.ids)
                run.count += len(batch.ids)
                run.since = (run.since[0] + loss, run.since[1] + 1)
            self._step(run)
            run.batch = group.stop
            self._note(run, watchers, keeper)
            if keeper is not None and keeper.due() and run.batch < len(chunks):
                self._keep(run, keeper)

    def _backward(self, run: _Run, batch: Batch, *, share: float) -> float:
        """Adds the batch's gradients; returns its plain loss. Raises InputError when it is no number any more."""
        options = self.options
        doubt = options.noise * min(1.0, (run.epoch - 1) / max(1.0, _RAMP * options.epochs))
        adversary = Adversary(self.network, options.adversarial)
        with adversary.watching(), mixed(self.device, self.precision):
            loss = batch_loss(self.network, batch, options, noise=doubt)
            whole = loss + (run.adapter.penalty() if run.adapter is not None else 0.0)
        run.scaler.scale(whole * share).backward()  # type: ignore[no-untyped-call]
        if options.adversarial:
            with adversary.pushing(), mixed(self.device, self.precision):
                again = batch_loss(self.network, batch, options, noise=doubt)
            run.scaler.scale(again * share).backward()  # type: ignore[no-untyped-call]
        value = float(loss.detach())
        if not math.isfinite(value):
            raise InputError(
                f"the loss is {value} in epoch {run.epoch}, step {run.step}; lower encoder_rate"
                f" ({options.encoder_rate:g}) and head_rate ({options.head_rate:g}), or use precision fp32"
            )
        return value

    def _step(self, run: _Run) -> None:
        run.scaler.unscale_(run.optimiser)
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        run.scaler.step(run.optimiser)
        run.scaler.update()
        run.step += 1
        if run.adapter is not None:
            run.adapter.stepped(run.step)
        run.optimiser.zero_grad(set_to_none=True)
        run.schedule.step()

    def _note(self, run: _Run, watchers: tuple[Board, Watch], keeper: Keeper | None) -> None:
        board, watch = watchers
        loss = run.since[0] / max(run.since[1], 1)
        watch(self._tick(run, loss))
        if run.step % max(1, run.steps // _ROWS) == 0:
            run.curves.append((run.step, run.epoch, loss, rate(run.step - 1, run.steps, self.options.warm_up), None))
            run.since = (0.0, 0)
            board.add(run.curves[-1])
            if keeper is not None:
                keeper.write_curves(as_csv(run.curves))

    def _measure(self, run: _Run, dev: Sequence[Example], loss: float, keeper: Keeper | None) -> float:
        scored, chain = score_examples(self.network, dev, self.batcher, device=self.device)
        f1, _, _ = outcomes(scored, chain, bias=0.0, judging=Judging.of(self.options))
        run.history.append({"epoch": run.epoch, "loss": round(loss, 5), "f1": round(f1, 5)})
        run.curves.append((run.step, run.epoch, loss, rate(run.step - 1, run.steps, self.options.warm_up), f1))
        run.stale = 0 if f1 > run.best_f1 else run.stale + 1
        if f1 >= run.best_f1:
            run.best_epoch, run.best_f1, run.best = run.epoch, f1, _copy(self.network)
            if keeper is not None:
                keeper.save_best(run.epoch, run.best)
        return f1

    def _tired(self, run: _Run) -> bool:
        return 0 < self.options.patience <= run.stale

    def _tick(self, run: _Run, loss: float) -> Tick:
        f1 = run.history[-1]["f1"] if run.history else None
        return Tick(run.step, run.steps, run.epoch, self.options.epochs, loss, f1)

    def _keep(self, run: _Run, keeper: Keeper | None) -> None:
        if keeper is None:
            return
        state: dict[str, Any] = {name: getattr(run, name) for name in _POSITION}
        state |= {
            "network": self.network.state_dict(),
            "optimiser": run.optimiser.state_dict(),
            "schedule": run.schedule.state_dict(),
            "scaler": run.scaler.state_dict(),
            "adapter": {} if run.adapter is None else run.adapter.state(),
            "random": torch.get_rng_state(),
            "random_gpu": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
        }
        keeper.save(state)

    def _restore(self, run: _Run, state: dict[str, Any], keeper: Keeper) -> None:
        for name in _POSITION:
            setattr(run, name, state[name])
        self.network.load_state_dict(state["network"])
        run.optimiser.load_state_dict(state["optimiser"])
        run.schedule.load_state_dict(state["schedule"])
        run.scaler.load_state_dict(state["scaler"])
        if run.adapter is not None:
            run.adapter.restore(state["adapter"], self.device)
        if run.best_epoch:
            run.best = keeper.load_best(run.best_epoch)
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda" and state["random_gpu"] is not None:
            torch.cuda.set_rng_state(state["random_gpu"], self.device)

    def _finish(self, run: _Run) -> Best:
        """The network as it was best, its adapter merged into it."""
        if run.best:
            self.network.load_state_dict(run.best)
        if run.adapter is not None:
            run.adapter.merge()
        for parameter in self.network.parameters():
            parameter.requires_grad_(True)
        return Best(run.best_epoch, _copy(self.network), run.history, run.curves)


def _copy(network: TagNetwork) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
