"""The masked-language model around an encoder, and small encoders from nothing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graph.errors import InputError


class MaskedModel(nn.Module):
    """An encoder d wide that guesses hidden tokens by its own embeddings; `teacher_width` is of the states it learns
    to resemble, if it learns from a teacher."""

    def __init__(self, encoder: Any, *, teacher_width: int | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        hidden = int(encoder.config.hidden_size)
        vocabulary = int(encoder.get_input_embeddings().weight.shape[0])
        self.transform = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.LayerNorm(hidden))
        self.bias = nn.Parameter(torch.zeros(vocabulary))
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
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=positions,
    )
    return BertModel(config, add_pooling_layer=False)
