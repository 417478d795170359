"""The pretraining loop, with masks drawn by seed, epoch and step: a resumed run ends like an uninterrupted one.

Not `transformers.Trainer`: whole-run masking of Chinese, batches by token count and a teacher would have to be
subclassed into it, which is more code than the loop.
"""

import hashlib
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from graph.errors import InputError
from kgtag.train.checkpoints import Keeper, copied
from kgtag.train.device import find_device
from kgtag.train.encoder.masking import IGNORED, Text, Vocabulary, hide, padded

FRESH_RATE = 1e-3
ADAPT_RATE = 1e-4
_WARM_UP = 0.06
Batch = tuple[Tensor, Tensor, Tensor]
"""ids, mask, labels, all (B, L) int64."""
_POSITION = ("epoch", "step", "loss", "best_loss", "best_epoch", "history")
"""Fields of the state in a checkpoint; the best weights are a file of their own."""


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


class MaskedModel(nn.Module):
    """An encoder d wide that guesses hidden tokens by its own embeddings; `teacher_width`: of a teacher's states."""

    def __init__(self, encoder: Any, *, teacher_width: int | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        hidden = int(encoder.config.hidden_size)
        self.transform = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.LayerNorm(hidden))
        self.bias = nn.Parameter(torch.zeros(len(encoder.get_input_embeddings().weight)))
        self.resemble = nn.Linear(hidden, teacher_width) if teacher_width is not None else None

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(B, L, d) float32 of ids and mask, both (B, L) int64."""
        found: Tensor = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return found

    def guesses(self, states: Tensor) -> Tensor:
        """(N, V) float32 logits of the hidden tokens' states, (N, d)."""
        scores: Tensor = self.transform(states) @ self.encoder.get_input_embeddings().weight.T + self.bias
        return scores

    def unlikeness(self, states: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
        """Scalar: mean squared difference from the teacher's states (B, L, t), each scaled to unit variance."""
        assert self.resemble is not None
        width = wanted.shape[-1:]
        ours = nn.functional.layer_norm(self.resemble(states), width)
        theirs = nn.functional.layer_norm(wanted, width)
        kept = mask.bool()
        return nn.functional.mse_loss(ours[kept], theirs[kept])


def small_encoder(vocabulary: int, *, layers: int, width: int, positions: int) -> Any:
    """A BERT with random weights. Heads are 64 wide, or half of the width where that is less than 128."""
    from transformers import BertConfig, BertModel

    heads = max(2, width // 64)
    if width % heads:
        raise InputError(f"an encoder {width} wide can't have {heads} attention heads; give a multiple of 64")
    config = BertConfig(
        vocab_size=vocabulary, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=4 * width, max_position_embeddings=positions,
    )  # fmt: skip
    return BertModel(config, add_pooling_layer=False)


@dataclass(slots=True)
class State:
    """Where a run is: `epoch` (from 1) and `step` are the next ones to do; `best` the weights of the best epoch."""

    epoch: int = 1
    step: int = 0
    loss: float = 0.0
    best_loss: float = math.inf
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Watching:
    """Callbacks: `line` with text for people, `share` with the completed share of the run, 0 to 1."""

    line: Callable[[str], None] = lambda _: None
    share: Callable[[float], None] = lambda _: None


class Pretrainer:
    """Trains one model in place."""

    def __init__(
        self,
        model: MaskedModel,
        vocabulary: Vocabulary,
        *,
        options: PretrainOptions,
        rate: float,
        seed: int,
        teacher: Any = None,
    ) -> None:
        self.model, self.vocabulary, self.options, self.rate, self.seed = model, vocabulary, options, rate, seed
        self.device = find_device(options.device)
        self.teacher = teacher.to(self.device).eval() if teacher is not None else None
        self.model.to(self.device)
        trained = [one for one in model.parameters() if one.requires_grad]
        matrices = {"params": [one for one in trained if one.dim() > 1], "weight_decay": 0.01}
        vectors = {"params": [one for one in trained if one.dim() <= 1], "weight_decay": 0.0}
        self.optimiser = torch.optim.AdamW([matrices, vectors], lr=rate, betas=(0.9, 0.98))

    def run(self, train: Sequence[Text], held: Sequence[Text], keeper: Keeper, watching: Watching) -> State:
        """Train all epochs from the last checkpoint on, or fewer when the held-out loss stops falling."""
        state = self._resumed(keeper, watching)
        while state.epoch <= self.options.epochs:
            started = time.monotonic()
            self._epoch(train, state, keeper, watching)
            held_loss = self.loss(held)
            steps = max(state.step, 1)
            row = {"epoch": state.epoch, "loss": round(state.loss / steps, 5), "held_out_loss": round(held_loss, 5)}
            state.history.append(row)
            watching.line(
                f"epoch {state.epoch}: loss {row['loss']:.3f}, held-out perplexity {math.exp(held_loss):.1f},"
                f" {time.monotonic() - started:.1f} s"
            )
            if held_loss < state.best_loss:
                state.best_loss, state.best_epoch, state.best = held_loss, state.epoch, copied(self.model)
            late = state.epoch - state.best_epoch >= self.options.patience
            state.epoch = self.options.epochs + 1 if late else state.epoch + 1
            state.step, state.loss = 0, 0.0
            self._save(state, keeper, watching)
        return state

    def loss(self, texts: Sequence[Text]) -> float:
        """Mean cross-entropy of hidden tokens, in nats; the same ones are hidden whenever it is asked."""
        self.model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for number, chunk in enumerate(self.chunks(texts)):
                ids, mask, labels = self._batch(chunk, random.Random(f"held out {number}"))
                hidden = labels != IGNORED
                guesses = self.model.guesses(self.model.states(ids, mask)[hidden])
                total += float(nn.functional.cross_entropy(guesses, labels[hidden], reduction="sum"))
                count += int(hidden.sum())
        return total / max(count, 1)

    def chunks(self, texts: Sequence[Text], rng: random.Random | None = None) -> list[list[Text]]:
        """Texts of like length together, at most `options.tokens` tokens a chunk; in random order with `rng`."""
        order = list(texts)
        if rng is not None:
            rng.shuffle(order)
        order.sort(key=lambda text: len(text.ids))
        found: list[list[Text]] = []
        for text in order:
            if not found or (len(found[-1]) + 1) * (len(text.ids) + 2) > self.options.tokens:
                found.append([])
            found[-1].append(text)
        if rng is not None:
            rng.shuffle(found)
        return found

    def _epoch(self, train: Sequence[Text], state: State, keeper: Keeper, watching: Watching) -> None:
        self.model.train()
        chunks = self.chunks(train, random.Random(f"{self.seed} {state.epoch}"))
        for step in range(state.step, len(chunks)):
            done = (state.epoch - 1 + step / len(chunks)) / self.options.epochs
            watching.share(done)
            state.loss += self._step(chunks[step], f"{self.seed} {state.epoch} {step}", done)
            state.step = step + 1
            if keeper.due():
                self._save(state, keeper, watching)

    def _step(self, chunk: Sequence[Text], key: str, done: float) -> float:
        torch.manual_seed(int(hashlib.sha256(key.encode()).hexdigest()[:12], 16))  # dropout
        ids, mask, labels = self._batch(chunk, random.Random(key))
        states = self.model.states(ids, mask)
        hidden = labels != IGNORED
        loss = nn.functional.cross_entropy(self.model.guesses(states[hidden]), labels[hidden])
        value = float(loss.detach())
        if self.teacher is not None:
            whole = torch.where(hidden, labels, ids)
            with torch.no_grad():
                wanted = self.teacher(input_ids=whole, attention_mask=mask).last_hidden_state
            loss = loss + self.options.resemblance * self.model.unlikeness(states, wanted, mask)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * _slope(done)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return value

    def _batch(self, chunk: Sequence[Text], rng: random.Random) -> Batch:
        arrays = padded([hide(text, self.vocabulary, rng) for text in chunk], self.vocabulary)
        ids, mask, labels = (torch.from_numpy(array).to(self.device) for array in arrays)
        return ids, mask, labels

    def _resumed(self, keeper: Keeper, watching: Watching) -> State:
        if (found := keeper.load()) is None:
            return State()
        self.model.load_state_dict(found["model"])
        self.optimiser.load_state_dict(found["optimiser"])
        state = State(**{name: found[name] for name in _POSITION})
        if state.best_epoch:
            state.best = keeper.load_best(state.best_epoch)
        watching.line(f"resuming from epoch {state.epoch}, step {state.step}")
        return state

    def _save(self, state: State, keeper: Keeper, watching: Watching) -> None:
        """Write a checkpoint; on a full disk the earlier one stays and the run continues."""
        position = {name: getattr(state, name) for name in _POSITION}
        parts = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        try:
            if state.best_epoch:
                keeper.save_best(state.best_epoch, state.best)
            keeper.save(position | parts)
        except InputError as error:
            watching.line(f"continuing without a new checkpoint: {error}")


def _slope(done: float) -> float:
    """Share of the peak rate: up over the warm-up, then down to nothing."""
    return max(done / _WARM_UP, 0.01) if done < _WARM_UP else max(0.01, (1 - done) / (1 - _WARM_UP))
