"""Ensembles: several trained extractors as one model, better and slower than each.

The networks' scores are averaged before the best spans are chosen. Distil an ensemble to be fast again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from graph.errors import InputError
from kgtag.artifacts import check_target
from kgtag.extract.files import ModelConfig, read_lexicon
from kgtag.train.extractor.dataset import examples
from kgtag.train.extractor.decision import Metric, tune
from kgtag.train.extractor.load import labels_of, load_lexicon, load_network, read_metrics
from kgtag.train.extractor.network import Ensemble, TagNetwork, networks, plain_embedding
from kgtag.train.extractor.options import DEFAULTS
from kgtag.train.extractor.prepare import make_batcher
from kgtag.train.extractor.save import copy_model
from kgtag.train.extractor.vocabulary import load_tokenizer, renumbering
from kgtag.types import AnnotatedProduct


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
    metrics |= {"f1": tuned.f1, "members": [str(model) for model in models], "encoders": _encoders(models)}
    copy_model(models[0], out, network=network, config=replace(tuned.applied(config), thresholds={}), metrics=metrics)
    progress(f"wrote {out}: {len(network.members)} networks, dev F1 {100 * tuned.f1:.1f}")
    return tuned.f1


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
