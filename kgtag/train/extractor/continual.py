"""Continual fine-tuning: a trained extractor learns from new products, with earlier ones replayed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from graph.errors import InputError
from kgtag.extract.files import ModelConfig, read_config
from kgtag.extract.lexicon import Lexicon
from kgtag.train.checkpoints import digest
from kgtag.train.encoder import pretrained
from kgtag.train.encoder.pretrained import extend, extended_rows, load_tokenizer
from kgtag.train.extractor.dataset import Example, LabelMap, examples, label_map, learn_trims, split_dev
from kgtag.train.extractor.derived import unlearned_rows
from kgtag.train.extractor.network import NameEmbedding, TagNetwork, plain_embedding
from kgtag.train.extractor.prepare import (
    Prepared,
    Training,
    check_learnable,
    count_lexicon,
    make_batcher,
    trained_rows,
    vocabulary_texts,
)
from kgtag.train.extractor.save import load_lexicon, load_network, read_metrics
from kgtag.types import AnnotatedProduct


@dataclass(frozen=True, slots=True)
class Start:
    """The trained model that a training starts from.

    Args:
        model: its directory, which is left as it is.
        replay: products it was trained on; without them it forgets.
        replay_ratio: earlier products for each new one.
    """

    model: Path
    replay: Sequence[AnnotatedProduct] = ()
    replay_ratio: float = 2.0

    @property
    def version(self) -> str:
        return read_config(self.model)[1]

    @property
    def encoder(self) -> str:
        """Name or path of the encoder that the model was trained from."""
        return str(read_metrics(self.model).get("encoder") or read_config(self.model)[0].encoder)

    def fingerprint(self) -> dict[str, Any]:
        """Return what a run depends on besides its `Training`."""
        return {
            "earlier model": self.version,
            "replay_ratio": self.replay_ratio,
            "replayed data": digest(self.replay),
        }

    def drawn(self, new: int, *, seed: int) -> tuple[list[AnnotatedProduct], list[AnnotatedProduct]]:
        """Draw (train, dev) products to replay beside `new` products; a tenth of them are for dev."""
        count = min(round(self.replay_ratio * new), len(self.replay))
        if count < 1:
            return [], []
        drawn = random.Random(seed).sample(list(self.replay), count)
        return split_dev(drawn) if len(drawn) > 1 else (drawn, [])


def prepare_continued(task: Training, start: Start) -> Prepared:
    """Prepare a training that starts from a trained model, whose encoder `task` names.

    New attributes and categories start from their names' vectors. An attribute that only the replayed products were
    annotated with counts for nothing in new ones, and the other way round.

    Raises:
        InputError: nothing can be learned from the data, the model is an ensemble, or the encoder another one.
    """
    network, config = load_network(start.model)
    if not isinstance(network, TagNetwork):
        raise InputError(f"{str(start.model)!r} is an ensemble; continue one of its members")
    train, dev, options = task.train, task.dev, task.options
    check_learnable(train)
    labels = _labels(config, train)
    kept, kept_dev = start.drawn(len(train) + len(dev), seed=task.seed)
    both = [*train, *kept]
    tokenizer, added = extend(load_tokenizer(start.model), vocabulary_texts(both, labels, task.values))
    made, report = examples(both, labels, tokenizer, max_tokens=config.max_tokens, texts=config.reads_text)
    held, dev_report = examples(
        [*dev, *kept_dev], labels, tokenizer, max_tokens=config.max_tokens, texts=config.reads_text
    )
    taught = {name for item in train for name in item.attributes}
    made = _silent(made, len(train), labels, config, taught)
    held = _silent(held, len(dev), labels, config, taught) or made
    counted = count_lexicon(made, labels, tokenizer, task.values)
    lexicon = Lexicon({**counted.entries, **load_lexicon(start.model, config).entries})
    _extend(network, config, labels, tokenizer, task=task, added=added)
    weight = network.encoder.get_input_embeddings().weight
    network.encoder.set_input_embeddings(trained_rows(weight, made, labels, tokenizer, added=added, options=options))
    network.dropout.p = options.dropout
    trims = learn_trims(both, made, texts=config.reads_text)
    grown = replace(
        config,
        attributes=labels.attributes,
        categories=labels.categories,
        applicable=dict(labels.applicable),
        thresholds={},
        looked_up=tuple(name for name in config.looked_up if name not in taught),
        trims={name: {**trims.get(name, {}), **config.trims.get(name, {})} for name in {*trims, *config.trims}},
    )
    return Prepared(
        network, tokenizer, labels, lexicon, make_batcher(labels, tokenizer, lexicon, options), both, made, held,
        report, dev_report, added, grown, labels.attributes[len(config.attributes) :],
        labels.categories[len(config.categories) :],
    )  # fmt: skip


def _labels(config: ModelConfig, data: Sequence[AnnotatedProduct]) -> LabelMap:
    """Return the model's names in their places, new ones after them."""
    seen = label_map(data)
    attributes = (*config.attributes, *(name for name in seen.attributes if name not in config.attributes))
    categories = (*config.categories, *(name for name in seen.categories if name not in config.categories))
    index = {name: number for number, name in enumerate(attributes)}
    applicable = {name: set(config.applicable.get(name, ())) for name in categories}
    for name, numbers in seen.applicable.items():
        applicable[name] |= {index[seen.attributes[number]] for number in numbers}
    return LabelMap(attributes, categories, {name: tuple(sorted(applicable[name])) for name in categories}, index)


def _silent(
    made: Sequence[Example], new: int, labels: LabelMap, config: ModelConfig, taught: set[str]
) -> list[Example]:
    """Leave attributes out of the loss that an example's annotators didn't know; the first `new` products are new."""
    everything = frozenset(range(len(labels.attributes)))
    known = frozenset(range(len(config.attributes)))
    asked = frozenset(labels.index[name] for name in taught)
    return [
        replace(e, unplaced=e.unplaced | (everything - (asked if e.number < new else known) - e.listed)) for e in made
    ]


def _extend(
    network: TagNetwork, config: ModelConfig, labels: LabelMap, tokenizer: Tokenizer, *, task: Training, added: int
) -> None:
    """Add rows for new tokens, attributes and categories to the network."""
    body = network.encoder
    body.set_input_embeddings(plain_embedding(extended_rows(body.get_input_embeddings().weight, added, seed=task.seed)))
    body.config.vocab_size = len(body.get_input_embeddings().weight)
    attributes, categories = labels.attributes[len(config.attributes) :], labels.categories[len(config.categories) :]
    fresh = unlearned_rows(network, tokenizer, [*attributes, *categories], encoder=pretrained.resolve(task.encoder))
    known = network.attribute.get_parameter("weight").detach()
    network.attribute = NameEmbedding(torch.cat([known, fresh[: len(attributes)]]), dropout=0.0)
    rows = network.category.weight.detach()
    if labels.categories:
        rows = torch.cat([rows[: len(config.categories)], fresh[len(attributes) :]])
    network.category = plain_embedding(rows)
