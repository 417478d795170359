"""Fine-tuning a sentence encoder on synonyms: each mention is to be nearer to its concept's name than to all others."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

_EPOCHS, _MOST_STEPS = 3, 600
_BATCH = 48
_RATE, _DECAY = 5e-5, 0.01
_SCALE = 20.0
"""Cosines are multiplied by this before the softmax."""
_TOKENS = 32
_FROZEN = 0.5
"""Share of the lowest layers that stay as they are, embeddings included: half the work, and less is forgotten."""


def tune(
    encoder: nn.Module,
    tokenizer: Path,
    pairs: Sequence[tuple[str, str]],
    *,
    wrong: Sequence[Sequence[str]],
    pool: Callable[[Tensor, Tensor], Tensor],
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Changes `encoder` in place. `pairs`: (mention, name); names of one batch are each other's wrong answers, besides
    one each that is drawn from `wrong`, by pair. `pool`: (states, mask) → vectors."""
    cut = Tokenizer.from_file(str(tokenizer))
    cut.enable_truncation(_TOKENS)
    _freeze(encoder)
    with_statistics = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(with_statistics, lr=_RATE, weight_decay=_DECAY)
    batches = (len(pairs) + _BATCH - 1) // _BATCH
    epochs = max(1, min(_EPOCHS, _MOST_STEPS // batches))
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=epochs * batches, pct_start=0.1)
    draw = random.Random(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder.train()
        for epoch in range(epochs):
            order = list(range(len(pairs)))
            draw.shuffle(order)
            total = 0.0
            for start in range(0, len(order), _BATCH):
                batch = order[start : start + _BATCH]
                hard = [draw.choice(wrong[i]) for i in batch if wrong[i]]
                texts = [pairs[i][0] for i in batch] + [pairs[i][1] for i in batch] + hard
                vectors = _vectors(encoder, cut, texts, pool)
                loss = _loss(vectors, [pairs[i][1] for i in batch])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(with_statistics, 1.0)
                optimiser.step()
                pace.step()
                total += float(loss.detach())
            progress(f"encoder, epoch {epoch + 1} of {epochs}: loss {total / batches:.3f}")
        encoder.eval()


def _freeze(encoder: nn.Module) -> None:
    """By the layers' number in their parameters' names: "encoder.layer.3.output.dense.weight"."""
    numbered = [
        (name, [int(part) for part in name.split(".") if part.isdigit()]) for name, _ in encoder.named_parameters()
    ]
    layers = 1 + max((numbers[0] for _, numbers in numbered if numbers), default=-1)
    for (_, numbers), parameter in zip(numbered, encoder.parameters(), strict=True):
        if numbers:
            parameter.requires_grad = numbers[0] >= layers * _FROZEN
        else:
            parameter.requires_grad = layers == 0


def _vectors(
    encoder: nn.Module, cut: Tokenizer, texts: Sequence[str], pool: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    cut.no_padding()
    encodings = cut.encode_batch(list(texts))
    width = max(len(encoding.ids) for encoding in encodings)
    ids, mask = np.zeros((2, len(texts), width), dtype=np.int64)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding.ids)] = encoding.ids
        mask[row, : len(encoding.ids)] = 1
    there = torch.from_numpy(mask)
    states = encoder(input_ids=torch.from_numpy(ids), attention_mask=there).last_hidden_state
    return nn.functional.normalize(pool(states, there), dim=-1)


def _loss(vectors: Tensor, names: Sequence[str]) -> Tensor:
    """The first len(names) rows ask, the next answer, the rest are wrong for all; equal names don't count as wrong."""
    n = len(names)
    scores = _SCALE * vectors[:n] @ vectors[n:].T
    same = torch.zeros(scores.shape, dtype=torch.bool)
    same[:, :n] = torch.tensor([[a == b for b in names] for a in names])
    same[torch.arange(n), torch.arange(n)] = False
    return nn.functional.cross_entropy(scores.masked_fill(same, -1e4), torch.arange(n))
