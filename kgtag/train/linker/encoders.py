"""Sentence encoders of a linker: loaded, fine-tuned on synonyms, and exported to ONNX.

Pooling and scaling to length 1 are inside, as sentence-transformers computes them.
"""

import json
import logging
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModel

from graph.errors import InputError
from kgtag.link.linker import CandidateFinder
from kgtag.link.models import ENCODER, TOKENIZER
from kgtag.train.encoder.pretrained import resolve, write_onnx

log = logging.getLogger(__name__)

Pooling = Literal["mean", "cls"]
_EPOCHS, _MOST_STEPS = 3, 600
_BATCH = 48
_RATE, _DECAY = 5e-5, 0.01
_SCALE = 20.0
"""Cosines are multiplied by this before the softmax."""
_TOKENS = 32
_FROZEN = 0.5
"""Share of the lowest layers that stay as they are, embeddings included: half the work, and less is forgotten."""
_MIN_SYNONYMS = 50
_MOST_SYNONYMS = 20_000
_HARD = 12
"""Wrong names kept for a synonym, to draw from."""
Synonyms = Sequence[tuple[str, str, str]]
"""(mention, name of its concept, concept id)."""


@dataclass(frozen=True, slots=True)
class LoadedEncoder:
    """`network` gives states (texts, tokens, dim) as `last_hidden_state`; `tokenizer` is the file it was made with."""

    network: nn.Module
    pooling: Pooling
    tokenizer: Path

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        """(texts, dim), not scaled; `mask` (texts, tokens) is 0 for padding."""
        if self.pooling == "cls":
            return states[:, 0]
        there = mask.unsqueeze(-1).to(states.dtype)
        return (states * there).sum(dim=1) / there.sum(dim=1)


class _Sentence(nn.Module):
    """ids (texts, tokens) int64 without padding → (texts, dim) float32."""

    def __init__(self, encoder: nn.Module, pooling: Pooling) -> None:
        super().__init__()
        self.encoder, self.pooling = encoder, pooling

    def forward(self, ids: Tensor) -> Tensor:
        states = self.encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        pooled = states[:, 0] if self.pooling == "cls" else states.mean(dim=1)
        return nn.functional.normalize(pooled, dim=-1)


def load_encoder(name_or_path: str) -> LoadedEncoder:
    """Raises InputError when there is none, or it pools otherwise than by the mean or the first token."""
    source = resolve(name_or_path)
    pooling = _pooling(source)
    network = AutoModel.from_pretrained(source, attn_implementation="eager").eval()
    return LoadedEncoder(network, pooling, source / "tokenizer.json")


def export_encoder(encoder: LoadedEncoder, directory: Path) -> None:
    """Write encoder.onnx and tokenizer.json."""
    write_onnx(
        _Sentence(encoder.network, encoder.pooling),
        directory / ENCODER,
        inputs={"ids": (torch.ones((2, 5), dtype=torch.long), {0: "texts", 1: "tokens"})},
        outputs={"vector": {0: "texts"}},
        opset=18,
    )
    shutil.copyfile(encoder.tokenizer, directory / TOKENIZER)


def _pooling(source: Path) -> Pooling:
    """As the encoder's `1_Pooling/config.json` says; the mean without one."""
    path = source / "1_Pooling" / "config.json"
    if not path.is_file():
        return "mean"
    config = json.loads(path.read_text(encoding="utf-8"))
    named = [name for name, on in config.items() if name.startswith("pooling_mode_") and on is True]
    if named == ["pooling_mode_cls_token"]:
        return "cls"
    if named not in ([], ["pooling_mode_mean_tokens"]):
        raise InputError(f"encoder {str(source)!r} pools by {', '.join(named)}; the linker needs mean or first token")
    return "mean"


def tune(
    loaded: LoadedEncoder, pairs: Sequence[tuple[str, str]], *, wrong: Sequence[Sequence[str]], seed: int = 0
) -> None:
    """Fine-tune the encoder in place: each mention is to be nearer to its concept's name than to all others. `pairs`:
    (mention, name); wrong are the other names of a batch, and for each pair one that is drawn from its `wrong`."""
    encoder, tokenizer = loaded.network, Tokenizer.from_file(str(loaded.tokenizer))
    tokenizer.enable_truncation(_TOKENS)
    tokenizer.enable_padding()
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
                encodings = tokenizer.encode_batch(texts)
                mask = torch.tensor([encoding.attention_mask for encoding in encodings])
                ids = torch.tensor([encoding.ids for encoding in encodings])
                states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
                vectors = nn.functional.normalize(loaded.pool(states, mask), dim=-1)
                loss = _loss(vectors, [pairs[i][1] for i in batch])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(with_statistics, 1.0)
                optimiser.step()
                pace.step()
                total += float(loss.detach())
            log.info(f"encoder, epoch {epoch + 1} of {epochs}: loss {total / batches:.3f}")
        encoder.eval()


def _freeze(encoder: nn.Module) -> None:
    """By the layers' number in their parameters' names: "encoder.layer.3.output.dense.weight"."""
    numbered = [[int(part) for part in name.split(".") if part.isdigit()] for name, _ in encoder.named_parameters()]
    layers = 1 + max((numbers[0] for numbers in numbered if numbers), default=-1)
    for numbers, parameter in zip(numbered, encoder.parameters(), strict=True):
        parameter.requires_grad = numbers[0] >= layers * _FROZEN if numbers else layers == 0


def _loss(vectors: Tensor, names: Sequence[str]) -> Tensor:
    """The first len(names) rows ask, the next answer, the rest are wrong for all; equal names don't count as wrong."""
    n = len(names)
    scores = _SCALE * vectors[:n] @ vectors[n:].T
    same = torch.zeros(scores.shape, dtype=torch.bool)
    same[:, :n] = torch.tensor([[a == b for b in names] for a in names])
    same[torch.arange(n), torch.arange(n)] = False
    return nn.functional.cross_entropy(scores.masked_fill(same, -1e4), torch.arange(n))


def tune_encoder(encoder: str, finder: CandidateFinder, synonyms: Synonyms, directory: Path, *, seed: int) -> None:
    """Fine-tune an encoder on synonyms, and export it; `finder` says which names look alike. Raises InputError."""
    if len(synonyms) < _MIN_SYNONYMS:
        raise InputError(
            f"{len(synonyms)} synonyms are too few to tune an encoder on, {_MIN_SYNONYMS} are needed; add"
            " alternative labels or pairs, or train without tuning"
        )
    rows = sorted(synonyms)
    if len(rows) > _MOST_SYNONYMS:
        drawn = np.random.default_rng(seed).choice(len(rows), _MOST_SYNONYMS, replace=False)
        rows = [rows[i] for i in np.sort(drawn)]
    loaded = load_encoder(encoder)
    tune(loaded, [(mention, name) for mention, name, _ in rows], wrong=_wrong(finder, rows), seed=seed)
    export_encoder(loaded, directory)


def _wrong(finder: CandidateFinder, synonyms: Synonyms) -> list[list[str]]:
    """For each synonym, labels near it in meaning that its concept doesn't carry."""
    table, vectors, encoder = finder.table, finder.vectors, finder.encoder
    assert vectors is not None and encoder is not None
    found = []
    for start in range(0, len(synonyms), 256):
        batch = synonyms[start : start + 256]
        asked = encoder.encode([mention for mention, _, _ in batch])
        for (_, _, id), (texts, _) in zip(batch, vectors.search(asked, [None] * len(batch), 2 * _HARD), strict=True):
            concept = finder.taxonomy.index(id)
            bounds = [(n, table.starts[n], table.starts[n + 1]) for n in texts.tolist()]
            others = [n for n, start, end in bounds if concept not in table.rows.concept[start:end]]
            found.append([table.texts[n] for n in others[:_HARD]])
    return found
