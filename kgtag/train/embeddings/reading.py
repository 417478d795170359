"""Entities that read: what an entity's text says, plus what the graph adds, from PyKEEN's own representations.

    entity = W x + b + s

`x` is the sentence encoder's vector of the text, frozen; `W` and `b` are learned. `s` is the entity's own vector, which
holds what the graph says and the text does not; in training it is dropped at random, so that a concept without edges,
or one that was added a second ago, has a vector of the same space: `W x + b`. Entities without a text have `s` alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from pykeen.models import ERModel
from pykeen.nn.combination import Combination
from pykeen.nn.init import init_phases
from pykeen.nn.representation import CombinedRepresentation, Embedding, Representation, TransformedRepresentation
from pykeen.utils import complex_normalize
from torch import nn

from graph.errors import InputError
from kgtag.embed.interactions import FORMULAS
from kgtag.embed.vectors import COMPLEX, Floats, TextMap
from kgtag.train.embeddings.settings import Settings

_RELATIONS = 0.3
"""Spread of relations before training."""


class Texts(Representation):
    """Frozen vectors of texts (E, k + 1), the last column 1 where there is one. A frozen `Embedding` would be
    drawn anew when training starts."""

    matrix: torch.Tensor

    def __init__(self, texts: Floats) -> None:
        there = np.asarray(np.isfinite(texts).all(axis=1))
        rows = np.column_stack([np.where(there[:, None], texts, 0), there]).astype(np.float32)
        super().__init__(max_id=len(rows), shape=rows.shape[1:])
        self.register_buffer("matrix", torch.from_numpy(rows), persistent=False)

    def _plain_forward(self, indices: torch.Tensor | None = None) -> torch.Tensor:
        return self.matrix if indices is None else self.matrix[indices]


class TextLayer(nn.Module):
    """(…, k + 1) → (…, *shape), complex where `complex_` is: W x + b, and 0 where the last column of the input is 0."""

    def __init__(self, k: int, shape: tuple[int, ...], *, complex_: bool, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(k, math.prod(shape) * (2 if complex_ else 1))
        self.shape, self.complex, self.dropout = shape, complex_, dropout

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        read = nn.functional.dropout(text[..., :-1], self.dropout, self.training)
        mapped = self.linear(read) * text[..., -1:]
        mapped = torch.complex(*mapped.chunk(2, dim=-1)) if self.complex else mapped
        return mapped.reshape(*mapped.shape[:-1], *self.shape)


class TextAndStructure(Combination):
    """The sum of both, of rows with `dims` dimensions; where there is a text, the structure is dropped with probability
    `dropout` in training."""

    def __init__(self, dropout: float, dims: int) -> None:
        super().__init__()
        self.dropout, self.dims = dropout, dims

    def forward(self, xs: Sequence[torch.Tensor]) -> torch.Tensor:
        text, structure = xs
        if self.training and self.dropout:
            there = text.detach() != 0
            for dim in range(-self.dims, 0):
                there = there.any(dim=dim, keepdim=True)
            structure = structure * ~(there & (torch.rand(there.shape, device=there.device) < self.dropout))
        return text + structure

    def output_shape(self, input_shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        return input_shapes[0]


def reading_model(model: ERModel[Any, Any, Any], settings: Settings, texts: Floats) -> ERModel[Any, Any, Any]:
    """The model, whose entities read now. `texts` (E, k) float32, rows of NaN where there is none. Raises InputError
    for KG2E, whose entities are distributions."""
    if settings.model == "KG2E":
        raise InputError('KG2E does not read: a text has no spread; set entities = "structure" in --config')
    complex_ = settings.model in COMPLEX
    dtype = torch.cfloat if complex_ else torch.float
    read, built = Texts(texts), cast(Any, model)
    for number, plain in enumerate(model.entity_representations):
        shape = tuple(plain.shape)
        layer = TextLayer(texts.shape[1], shape, complex_=complex_, dropout=settings.loss.dropout)
        entities: Representation = TransformedRepresentation(layer, base=read)
        if settings.entities != "text":
            start = spread_of(settings.init_scale)
            own = Embedding(max_id=len(texts), shape=shape, dtype=dtype, initializer=start)
            mixture = TextAndStructure(settings.structure_dropout, len(shape))
            entities = CombinedRepresentation(max_id=None, base=[entities, own], combination=mixture)
        built.entity_representations[number] = entities
    if settings.model not in FORMULAS:
        rotates = settings.model == "RotatE"
        built.relation_representations[0] = Embedding(
            max_id=model.num_relations, shape=(settings.dim,), dtype=dtype,
            initializer=init_phases if rotates else spread_of(_RELATIONS),
            constrainer=complex_normalize if rotates else None,
        )  # fmt: skip
    torch.manual_seed(settings.seed)
    model.reset_parameters_()  # type: ignore[no-untyped-call]
    return model


def spread_of(scale: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """An initialiser: normal, with this standard deviation of each number."""

    def fill(weights: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            (torch.view_as_real(weights) if weights.is_complex() else weights).normal_(0.0, scale)
        return weights

    return fill


def text_map(model: ERModel[Any, Any, Any], entity: Floats, texts: Floats) -> TextMap:
    """From a text to a vector, as a model that reads does. `r2` is the share of the vectors of entities (E, width) that
    their texts explain."""
    layers = [part.linear for part in model.modules() if isinstance(part, TextLayer)]
    columns = [torch.vstack([layer.weight.T, layer.bias]) for layer in layers]
    weights = torch.hstack(columns).detach().cpu().numpy().astype(np.float32)
    read = TextMap(weights, 0.0)
    there = np.isfinite(texts).all(axis=1)
    own = entity[there].astype(np.float64)
    total = float(((own - own.mean(axis=0)) ** 2).sum())
    left = float(((own - read(texts[there])) ** 2).sum())
    return TextMap(weights, 1 - left / max(total, 1e-12))
