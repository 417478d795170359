"""Attributes added to a trained extractor by name and definition, without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn

from graph.errors import InputError
from kgtag import encoders
from kgtag.extract.files import ModelConfig, check_target
from kgtag.extract.network import TagNetwork, load_encoder, networks, plain_embedding
from kgtag.train.sequence.loading import load_network, read_metrics
from kgtag.train.sequence.preparing import name_rows
from kgtag.train.sequence.vocabulary import load_tokenizer
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
        rows = unlearned_rows(member, load_tokenizer(model), texts, encoder=path)
        member.attribute = _table(torch.cat([member.attribute.get_parameter("weight").detach(), rows]))
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


def unlearned_rows(network: TagNetwork, tokenizer: Tokenizer, names: Sequence[str], *, encoder: Path) -> torch.Tensor:
    """(len(names), d) float32: the names as the encoder read them before `network` was trained from it.

    Raises InputError for an encoder of another shape.
    """
    body = load_encoder(encoder)
    if body.config.hidden_size != network.encoder.config.hidden_size:
        raise InputError(
            f"encoder {str(encoder)!r} is not the one that the model was trained from: it is"
            f" {body.config.hidden_size} wide, not {network.encoder.config.hidden_size}"
        )
    weight = body.get_input_embeddings().weight.detach()
    added = network.encoder.get_input_embeddings().weight.detach()[len(weight) :]
    body.set_input_embeddings(plain_embedding(torch.cat([weight, added])))
    return name_rows(TagNetwork(body, attributes=1, categories=1).eval(), tokenizer, names)


def _table(rows: torch.Tensor) -> nn.Embedding:
    return nn.Embedding(rows.shape[0], rows.shape[1], padding_idx=0, _weight=rows)


def _extended(config: ModelConfig, names: tuple[str, ...], categories: Sequence[str]) -> ModelConfig:
    numbers = tuple(range(len(config.attributes), len(config.attributes) + len(names)))
    chosen = set(categories or config.categories)
    applicable = {
        category: (*found, *numbers) if category in chosen else found for category, found in config.applicable.items()
    }
    return replace(config, attributes=(*config.attributes, *names), applicable=applicable)
