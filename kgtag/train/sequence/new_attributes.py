"""Attributes added to a trained extractor by name and definition, without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from graph.errors import InputError
from kgtag import encoders
from kgtag.extract.files import ModelConfig, check_target
from kgtag.extract.network import TagNetwork, load_encoder, networks, plain_embedding
from kgtag.train.sequence.loading import load_network, load_tokenizer, read_metrics
from kgtag.train.sequence.preparing import name_rows
from kgtag.train.sequence.writing import copy_model


def add_attributes(
    model: Path,
    definitions: Mapping[str, str | None],
    *,
    out: Path,
    categories: Sequence[str] = (),
    encoder: str | None = None,
) -> ModelConfig:
    """Write `model` with more attributes to `out`: names with their definitions, looked for in `categories` (all that
    the model knows, when empty).

    `encoder` is the one that the model was trained from, as its row for a name is what that encoder reads in it; the
    model's own record says which by default. How well a new attribute is found depends on how like those of the
    training data it is: measure it, and train when it matters. Raises InputError for an attribute that the model has, a
    category that it doesn't know, or another encoder.
    """
    check_target(out)
    network, config = load_network(model)
    _check(config, definitions, categories)
    path = encoders.resolve(encoder or str(read_metrics(model).get("encoder") or config.encoder))
    texts = [name if definition is None else f"{name}: {definition}" for name, definition in definitions.items()]
    for member in networks(network):
        body = load_encoder(path)
        if body.config.hidden_size != member.encoder.config.hidden_size:
            raise InputError(f"encoder {str(path)!r} is not the one that {str(model)!r} was trained from")
        weight = body.get_input_embeddings().weight
        body.set_input_embeddings(plain_embedding(_as_long(weight, member)))
        fresh = TagNetwork(body, attributes=1, categories=1).eval()
        rows = name_rows(fresh, load_tokenizer(model), texts)
        old = member.attribute.get_parameter("weight")
        joined = torch.cat([old.detach(), rows])
        member.attribute = nn.Embedding(joined.shape[0], joined.shape[1], padding_idx=0, _weight=joined)
    config = _extended(config, tuple(definitions), categories)
    metrics = read_metrics(model) | {"added_attributes": dict(definitions)}
    copy_model(model, out, network=network, config=config, metrics=metrics)
    return config


def _check(config: ModelConfig, definitions: Mapping[str, str | None], categories: Sequence[str]) -> None:
    if not definitions:
        raise InputError("no attributes given; name at least one")
    for name in definitions:
        if not name.strip():
            raise InputError(f"an attribute's name must have something in it, not {name!r}")
        if name in config.attributes:
            raise InputError(f"the model has an attribute {name!r} already; new ones need another name")
    for category in categories:
        if category not in config.applicable:
            known = ", ".join(config.categories[:10]) or "none"
            raise InputError(f"the model knows no category {category!r}; it knows {known}")


def _as_long(weight: torch.Tensor, member: TagNetwork) -> torch.Tensor:
    """The encoder's token rows, and the trained ones for tokens that it didn't have: (V, d)."""
    trained = member.encoder.get_input_embeddings().weight.detach()
    return torch.cat([weight.detach(), trained[len(weight) :]])


def _extended(config: ModelConfig, names: tuple[str, ...], categories: Sequence[str]) -> ModelConfig:
    numbers = tuple(range(len(config.attributes), len(config.attributes) + len(names)))
    chosen = set(categories or config.categories)
    applicable = {
        category: (*found, *numbers) if category in chosen else found for category, found in config.applicable.items()
    }
    return replace(config, attributes=(*config.attributes, *names), applicable=applicable)
