"""Aligning an encoder's space with a taxonomy's synonyms by a linear map: seconds, instead of a new encoder."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kgtag.link.candidates.label_table import Ids
from kgtag.link.encoder import Vectors

MIN_SYNONYMS = 200
"""With fewer the matrix learns them by heart."""
_EPOCHS, _MOST_STEPS = 6, 800
_BATCH, _NEGATIVES = 128, 2000
_RATE, _DECAY = 1e-3, 1e-3
_SCALE = 20.0


def learn_linear_map(asked: Vectors, labels: Vectors, *, right: Ids, owner: Ids, seed: int) -> Vectors:
    """(dim, dim) float32 such that mapped query vectors are near their label and far from others'.

    `asked` (n, dim), `labels` (texts, dim); `right` (n,) the text each should be near, `owner` (texts,) a concept of
    each text: texts of one concept don't push each other away.
    """
    dim = labels.shape[1]
    steps = -(-len(asked) // _BATCH)
    draw = np.random.default_rng(seed)
    linear_map = torch.zeros((dim, dim), requires_grad=True)
    optimiser = torch.optim.AdamW([linear_map], lr=_RATE, weight_decay=_DECAY)
    for _ in range(max(1, min(_EPOCHS, _MOST_STEPS // max(steps, 1)))):
        order = draw.permutation(len(asked))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            texts = np.concatenate([right[batch], draw.integers(len(labels), size=_NEGATIVES)])
            queries = _mapped(torch.from_numpy(asked[batch]), linear_map)
            scores = _SCALE * queries @ _mapped(torch.from_numpy(np.asarray(labels[texts])), linear_map).T
            loss = nn.functional.cross_entropy(
                scores.masked_fill(torch.from_numpy(_same(owner, texts, len(batch))), -1e4), torch.arange(len(batch))
            )
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return np.asarray(linear_map.detach().numpy(), dtype=np.float32)


def _same(owner: Ids, texts: NDArray[np.integer], size: int) -> NDArray[np.bool_]:
    """(size, texts): other texts of the concept that row i is about."""
    same: NDArray[np.bool_] = owner[texts[:size], None] == owner[texts][None, :]
    same[np.arange(size), np.arange(size)] = False
    return same


def _mapped(vectors: Tensor, linear_map: Tensor) -> Tensor:
    return nn.functional.normalize(vectors + vectors @ linear_map, dim=-1)
