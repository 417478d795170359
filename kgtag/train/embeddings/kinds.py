"""PyKEEN's models by name, and their arrays as they are served."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import torch
from pykeen.losses import CrossEntropyLoss, Loss, NSSALoss
from pykeen.models import ERModel, make_model, model_resolver
from pykeen.nn.modules import Interaction, NormBasedInteraction, interaction_resolver
from pykeen.triples import CoreTriplesFactory

from kgtag.embed.interactions import FORMULAS, Parts
from kgtag.embed.vectors import BILINEAR, Floats, ModelName, Vectors
from kgtag.train.embeddings.reading import reading_model, spread_of
from kgtag.train.embeddings.settings import Settings

_OPTIONS = ("p", "power_norm", "u", "tanh_map", "max_projection_norm", "coefficients")
_FILTERS = 32
"""ConvKB's; PyKEEN's 400 take 400 times as long as DistMult."""


def model_of(
    factory: CoreTriplesFactory, settings: Settings, texts: Floats | None, *, one_vs_all: bool
) -> ERModel[Any, Any, Any]:
    """An untrained model; with `texts` (E, k) float32, its entities read."""
    model = _plain(factory, settings, _loss(settings, one_vs_all=one_vs_all))
    return model if texts is None else reading_model(model, settings, texts)


def _loss(settings: Settings, *, one_vs_all: bool) -> Loss:
    if one_vs_all:
        return CrossEntropyLoss()
    # A margin shifts distances, which are never positive as scores; dot products have their zero where it belongs.
    far = issubclass(interaction_resolver.lookup(settings.model), NormBasedInteraction) or settings.model == "KG2E"
    return NSSALoss(margin=settings.margin if far else 0.0, adversarial_temperature=1.0)


def _plain(factory: CoreTriplesFactory, settings: Settings, loss: Loss) -> ERModel[Any, Any, Any]:
    name, dim = settings.model, settings.dim
    common: dict[str, Any] = {"triples_factory": factory, "loss": loss, "random_seed": settings.seed}
    if name in BILINEAR:
        start = spread_of(settings.init_scale)
        common |= {"entity_initializer": start, "relation_initializer": start, "regularizer": None}
    if name == "DistMult":
        common["entity_constrainer"] = None
    if name.lower() in model_resolver.lookup_dict:
        extra = {"CP": {"rank": 1}, "TransR": {"relation_dim": dim}, "ConvKB": {"num_filters": _FILTERS}}
        return cast(ERModel[Any, Any, Any], model_resolver.make(name, common | extra.get(name, {}), embedding_dim=dim))
    kwargs = {"LineaRE": {"p": 1}, "MultiLinearTucker": {"head_dim": dim}}
    interaction = interaction_resolver.make(name, kwargs.get(name))
    return make_model(dict.fromkeys(interaction.dimensions, dim), interaction, **common)


def vectors_of(model: ERModel[Any, Any, Any], name: ModelName) -> Vectors:
    """The model's arrays as they are served, of one that is not in training."""
    both = model.entity_representations, model.relation_representations
    entity, relation = _rows(both[0], model.num_entities), _rows(both[1], model.num_relations)
    interaction = getattr(model.interaction, "base", model.interaction)
    if name not in FORMULAS:
        return Vectors(name, entity, relation, int(getattr(interaction, "p", 1)) if name == "TransE" else 2)
    shapes = [tuple(tuple(part.shape) for part in of) for of in both]
    options = {option: getattr(interaction, option) for option in _OPTIONS if hasattr(interaction, option)}
    return Vectors(name, entity, relation, parts=Parts(shapes[0], shapes[1], _weights(interaction), options))


def _weights(interaction: Interaction[Any, Any, Any]) -> dict[str, Floats]:
    """The interaction's own, a batch's normalisation as a scale and a shift."""
    found: dict[str, Floats] = {}
    for name, tensor in interaction.state_dict().items():
        owner, _, own = name.rpartition(".")
        part = interaction.get_submodule(owner)
        if not isinstance(part, torch.nn.BatchNorm1d):
            found[name] = _array(tensor)
        elif own == "weight" and part.running_mean is not None and part.running_var is not None:
            scale = tensor / torch.sqrt(part.running_var + part.eps)
            found[f"{owner}.scale"] = _array(scale)
            found[f"{owner}.shift"] = _array(part.bias - part.running_mean * scale)
    return found


def _rows(representations: Iterable[Any], n: int) -> Floats:
    """(n, width): each one's rows, flattened, one after the other."""
    parts = [_array(real(one())).reshape(n, -1) for one in representations]
    return np.concatenate([np.zeros((n, 0), dtype=np.float32), *parts], axis=1)


def real(x: torch.Tensor) -> torch.Tensor:
    """(n, d) complex → (n, 2d) real; real rows stay."""
    return torch.cat([x.real, x.imag], dim=-1) if x.is_complex() else x


def _array(weights: torch.Tensor) -> Floats:
    array: Floats = weights.detach().cpu().numpy().astype(np.float32)
    return array
