"""Models made of trained ones: ensembles, and attributes added by name, definition and known values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from graph.errors import InputError
from kgtag.artifacts import check_target
from kgtag.extract.files import LexiconRow, ModelConfig, read_lexicon
from kgtag.extract.inputs import tokenize
from kgtag.extract.lexicon import MAX_PIECES
from kgtag.train.encoder import pretrained
from kgtag.train.encoder.pretrained import load_tokenizer, renumbering
from kgtag.train.extractor.config import DEFAULTS
from kgtag.train.extractor.dataset import examples
from kgtag.train.extractor.decision import Metric, tune
from kgtag.train.extractor.network import Ensemble, TagNetwork, load_encoder, networks, plain_embedding
from kgtag.train.extractor.prepare import make_batcher, name_rows
from kgtag.train.extractor.save import copy_model, labels_of, load_lexicon, load_network, read_metrics
from kgtag.types import AnnotatedProduct


@dataclass(frozen=True, slots=True)
class NewAttribute:
    """An attribute to add.

    `values`: known ones, as a taxonomy's labels; `concept`: the id of the attribute in that taxonomy.
    """

    definition: str | None = None
    values: Sequence[str] = ()
    concept: str | None = None


def add_attributes(
    model: Path,
    attributes: Mapping[str, NewAttribute],
    *,
    out: Path,
    categories: Sequence[str] = (),
    encoder: str | None = None,
) -> ModelConfig:
    """Write `model` with more attributes to `out`, and return its configuration.

    Their known `values` are tagged wherever they occur, until the model is trained on the attribute
    (`kgtag.train.extractor.continual`). By name and definition alone, little is found.

    Args:
        categories: where the attributes are looked for; all that the model knows when empty.
        encoder: the one that the model was trained from, by default as its metrics name it.

    Raises:
        InputError: the model has the attribute already, lacks the category, or was trained from another encoder.
    """
    check_target(out)
    network, config = load_network(model)
    _check(config, attributes, categories)
    before = read_metrics(model)
    if len(mixed := before.get("encoders", ())) > 1:
        raise InputError(
            f"{str(model)!r} is an ensemble of models from different encoders ({', '.join(mixed)}); add the attributes"
            " to each of them, and build the ensemble anew"
        )
    path = pretrained.resolve(encoder or str(before.get("encoder") or config.encoder))
    tokenizer = load_tokenizer(model)
    texts = [name if new.definition is None else f"{name}: {new.definition}" for name, new in attributes.items()]
    for member in networks(network):
        rows = unlearned_rows(member, tokenizer, texts, encoder=path)
        member.attribute = _table(torch.cat([member.attribute.get_parameter("weight").detach(), rows]))
    added = {name: {"definition": new.definition, "values": len(new.values)} for name, new in attributes.items()}
    config = _extended(config, attributes, categories)
    lexicon = [*read_lexicon(model), *_entries(attributes, tokenizer)]
    metrics = before | {"added_attributes": added}
    copy_model(model, out, network=network, config=config, metrics=metrics, lexicon=lexicon)
    return config


def _entries(attributes: Mapping[str, NewAttribute], tokenizer: Tokenizer) -> list[LexiconRow]:
    """Return the known values as rows of a lexicon, each as if it had been annotated in one title."""
    rows = [(name, value) for name, new in attributes.items() for value in dict.fromkeys(new.values)]
    pieces = [found.ids.tolist() for found in tokenize(tokenizer, [value for _, value in rows])]
    keys = dict.fromkeys((name, tuple(ids)) for (name, _), ids in zip(rows, pieces, strict=True))
    return [(name, list(ids), 1, 1, True) for name, ids in keys if 0 < len(ids) <= MAX_PIECES]


def _check(config: ModelConfig, attributes: Mapping[str, NewAttribute], categories: Sequence[str]) -> None:
    if not attributes:
        raise InputError("no attributes given; name at least one")
    for name in attributes:
        if not name.strip():
            raise InputError(f"an attribute's name must have something in it, not {name!r}")
        if name in config.attributes:
            raise InputError(f"the model has an attribute {name!r} already; new ones need another name")
    for category in categories:
        if category not in config.applicable:
            known = ", ".join(config.categories[:10]) or "none"
            raise InputError(f"the model knows no category {category!r}; it knows {known}")


def unlearned_rows(network: TagNetwork, tokenizer: Tokenizer, names: Sequence[str], *, encoder: Path) -> torch.Tensor:
    """Return the vectors of names in the encoder from before `network` was trained, (len(names), d) float32.

    Raises:
        InputError: an encoder of another shape.
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


def _extended(config: ModelConfig, attributes: Mapping[str, NewAttribute], categories: Sequence[str]) -> ModelConfig:
    numbers = tuple(range(len(config.attributes), len(config.attributes) + len(attributes)))
    chosen = set(categories or config.categories)
    applicable = {
        category: (*found, *numbers) if category in chosen else found for category, found in config.applicable.items()
    }
    bound = {name: new.concept for name, new in attributes.items() if new.concept is not None}
    return replace(
        config,
        attributes=(*config.attributes, *attributes),
        applicable=applicable,
        attribute_concepts={**config.attribute_concepts, **bound},
        looked_up=(*config.looked_up, *(name for name, new in attributes.items() if new.values)),
    )


def build_ensemble(
    models: Sequence[Path],
    dev: Sequence[AnnotatedProduct],
    *,
    out: Path,
    progress: Callable[[str], None] = lambda _: None,
) -> float:
    """Write an ensemble to `out`, tuned on `dev` as a single model is, and return its F1 there.

    The models must have been trained on the same data: equal attributes, categories and known values. Their encoders
    may differ if they cut texts into the same tokens, under whatever ids.

    Raises:
        InputError: a model differs; the message names it.
    """
    if len(models) < 2:
        raise InputError(f"{len(models)} model given; an ensemble is made of at least two")
    if not dev:
        raise InputError("no dev products given; the joint model's calibration is fitted on them")
    check_target(out)
    loaded = [load_network(model) for model in models]
    for model, (found, config) in zip(models[1:], loaded[1:], strict=True):
        _check_like(models[0], loaded[0][1], model, config)
        _renumber(found, _numbers(models[0], model))
    network = Ensemble([member for found, _ in loaded for member in networks(found)]).eval()
    config = loaded[0][1]
    before = read_metrics(models[0])
    options = before.get("options", {})
    metric = Metric(options.get("dev_metric", "span_f1") == "span_f1", options.get("unannotated_as") == "unknown")
    tokenizer, labels = load_tokenizer(models[0]), labels_of(config)
    batcher = make_batcher(labels, tokenizer, load_lexicon(models[0], config), DEFAULTS)
    held, _ = examples(dev, labels, tokenizer, max_tokens=config.max_tokens, texts=config.reads_text)
    tuned = tune(network, held, batcher, metric=metric)
    metrics: dict[str, Any] = {name: before[name] for name in ("encoder", "options") if name in before}
    metrics |= {"f1": tuned.made.f1, "members": [str(model) for model in models], "encoders": _encoders(models)}
    copy_model(models[0], out, network=network, config=replace(tuned.applied(config), thresholds={}), metrics=metrics)
    progress(f"wrote {out}: {len(network.members)} networks, dev F1 {100 * tuned.made.f1:.1f}")
    return tuned.made.f1


def _check_like(first: Path, one: ModelConfig, other: Path, two: ModelConfig) -> None:
    for name in ("attributes", "categories", "applicable", "max_tokens", "reads_text", "looked_up"):
        if getattr(one, name) != getattr(two, name):
            raise InputError(
                f"models {str(first)!r} and {str(other)!r} differ in their {name}; an ensemble's members are trained on"
                " the same data"
            )


def _numbers(first: Path, other: Path) -> list[int]:
    """Return the other model's token id for each of the first one's."""
    try:
        numbers = renumbering(load_tokenizer(first), load_tokenizer(other))
    except InputError as error:
        raise InputError(f"{str(first)!r} and {str(other)!r} can't be an ensemble: {error}") from error
    known = {(name, tuple(numbers[id] for id in ids), *counts) for name, ids, *counts in read_lexicon(first)}
    if known != {(name, tuple(ids), *counts) for name, ids, *counts in read_lexicon(other)}:
        raise InputError(
            f"models {str(first)!r} and {str(other)!r} know different values; an ensemble's members are trained on the"
            " same data"
        )
    return numbers


def _renumber(network: TagNetwork | Ensemble, numbers: list[int]) -> None:
    """Make the network read tokens by the first model's ids."""
    for member in networks(network):
        rows = member.encoder.get_input_embeddings().weight.detach()[numbers]
        member.encoder.set_input_embeddings(plain_embedding(rows))
        member.encoder.config.vocab_size = len(rows)


def _encoders(models: Sequence[Path]) -> list[str]:
    """Return the encoders that they were trained from, each once."""
    found = [read_metrics(model) for model in models]
    return sorted({name for one in found for name in one.get("encoders", [one.get("encoder")]) if name})
