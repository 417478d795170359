"""Several trained extractors joined into one model, which is better and slower than each; distil it to be fast again.

What is joined is what each network finds likely, before the best spans are chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from graph.errors import InputError
from kgtag.extract.files import ModelConfig, check_target
from kgtag.extract.network import Ensemble, networks
from kgtag.train.sequence.gold import examples
from kgtag.train.sequence.loading import batcher_of, labels_of, load_network, read_metrics
from kgtag.train.sequence.tuning import Judging, tune
from kgtag.train.sequence.vocabulary import load_tokenizer
from kgtag.train.sequence.writing import copy_model
from kgtag.types import AnnotatedProduct


def join(
    models: Sequence[Path],
    dev: Sequence[AnnotatedProduct],
    *,
    out: Path,
    progress: Callable[[str], None] = lambda _: None,
) -> float:
    """Write the joint model to `out`, tuned on `dev` as a single one is, and return its F1 there.

    The models must have been trained on the same data from encoders of the same kind: equal attributes, categories,
    tokens and known values. Raises InputError naming the first one that differs.
    """
    if len(models) < 2:
        raise InputError(f"{len(models)} model given; an ensemble is made of at least two")
    if not dev:
        raise InputError("no dev products given; the joint model's calibration is fitted on them")
    check_target(out)
    loaded = [load_network(model) for model in models]
    for model, (_, config) in zip(models[1:], loaded[1:], strict=True):
        _check_like(models[0], loaded[0][1], model, config)
    network = Ensemble([member for found, _ in loaded for member in networks(found)]).eval()
    config = loaded[0][1]
    before = read_metrics(models[0])
    options = before.get("options", {})
    judging = Judging(options.get("judged") == "spans", options.get("missing") == "unknown")
    batcher = batcher_of(models[0], config)
    tokenizer = load_tokenizer(models[0])
    held, _ = examples(dev, labels_of(config), tokenizer, max_tokens=config.max_tokens, texts=config.reads_text)
    tuned = tune(network, held, batcher, judging=judging)
    metrics: dict[str, Any] = {name: before[name] for name in ("encoder", "options") if name in before}
    metrics |= {"f1": tuned.f1, "members": [str(model) for model in models]}
    copy_model(models[0], out, network=network, config=replace(tuned.applied(config), thresholds={}), metrics=metrics)
    progress(f"wrote {out}: {len(network.members)} networks, dev F1 {100 * tuned.f1:.1f}")
    return tuned.f1


def _check_like(first: Path, one: ModelConfig, other: Path, two: ModelConfig) -> None:
    for name in ("attributes", "categories", "applicable", "special", "max_tokens", "reads_text"):
        if getattr(one, name) != getattr(two, name):
            raise InputError(
                f"models {str(first)!r} and {str(other)!r} differ in their {name}; an ensemble's members are trained on"
                " the same data"
            )
    for name in ("tokenizer.json", "lexicon.json"):
        if (first / name).read_bytes() != (other / name).read_bytes():
            raise InputError(
                f"models {str(first)!r} and {str(other)!r} have different {name}; an ensemble's members are trained on"
                " the same data, from encoders with the same vocabulary"
            )
