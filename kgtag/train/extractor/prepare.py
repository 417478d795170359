"""Everything a training needs, made from products and an encoder before the first step."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from graph.errors import InputError
from kgtag.extract.files import ModelConfig, read_config
from kgtag.extract.inputs import tokenize
from kgtag.extract.lexicon import Lexicon, count_entries
from kgtag.train.checkpoints import digest
from kgtag.train.encoder import pretrained
from kgtag.train.encoder.pretrained import extend, extended_rows, load_tokenizer, special_ids
from kgtag.train.extractor.augment import ValueSwapper
from kgtag.train.extractor.batches import Batcher, gold_pieces
from kgtag.train.extractor.config import TrainOptions, as_json
from kgtag.train.extractor.dataset import DataReport, Example, LabelMap, examples, label_map, learn_trims, reads_text
from kgtag.train.extractor.network import NameEmbedding, SeenEmbedding, TagNetwork, load_encoder, plain_embedding
from kgtag.types import AnnotatedProduct

Values = Mapping[str, Sequence[str]]
"""Known values by attribute name."""


@dataclass(frozen=True, slots=True)
class Training:
    """Everything that a model's weights depend on, but for the model that it starts from, if any."""

    train: Sequence[AnnotatedProduct]
    dev: Sequence[AnnotatedProduct]
    encoder: str
    seed: int
    options: TrainOptions
    values: Values = field(default_factory=dict)

    def fingerprint(self) -> dict[str, Any]:
        """Return all of it by name, as JSON values; texts of 64 hexadecimal digits are digests.

        The device is left out: a training may be resumed on another.
        """
        settings = {name: value for name, value in as_json(self.options).items() if name != "device"}
        return {
            "training data": digest(self.train),
            "dev data": digest(self.dev),
            "known values": digest(sorted((name, tuple(found)) for name, found in self.values.items())),
            "encoder": pretrained.weights_digest(self.encoder),
            "seed": self.seed,
            "options": settings,
            "teachers' versions": [read_config(Path(teacher))[1] for teacher in self.options.teachers],
        }


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the training loop gets.

    `products`: those of `train`, by example number; `added`: tokens that the vocabulary gained; `config`: the model's
    configuration without what is tuned on dev; `new_attributes`, `new_categories`: names that are trained here first.
    """

    network: TagNetwork
    tokenizer: Tokenizer
    labels: LabelMap
    lexicon: Lexicon
    batcher: Batcher
    products: Sequence[AnnotatedProduct]
    train: list[Example]
    dev: list[Example]
    report: DataReport
    dev_report: DataReport
    added: int
    config: ModelConfig
    new_attributes: tuple[str, ...]
    new_categories: tuple[str, ...]


def prepare(task: Training) -> Prepared:
    """Prepare a training from an encoder; InputError when nothing can be learned from the data."""
    train, options = task.train, task.options
    labels = label_map(train)
    check_learnable(train)
    torch.manual_seed(task.seed)
    path = pretrained.resolve(task.encoder)
    tokenizer, added = extend(load_tokenizer(path), vocabulary_texts(train, labels, task.values))
    body = load_encoder(path)
    max_tokens = min(options.max_tokens, int(getattr(body.config, "max_position_embeddings", 512)) - 32)
    read = reads_text(train)
    made, report = examples(train, labels, tokenizer, max_tokens=max_tokens, texts=read)
    held, dev_report = examples(task.dev, labels, tokenizer, max_tokens=max_tokens, texts=read)
    if not made:
        raise InputError("no training title can be read; the titles are empty or hold no characters")
    lexicon = count_lexicon(made, labels, tokenizer, task.values)
    network = _network(body, tokenizer, labels, added=added, task=task, made=made)
    config = ModelConfig(
        attributes=labels.attributes, categories=labels.categories, applicable=dict(labels.applicable),
        transitions=(), start=(), end=(), special=special_ids(tokenizer), max_tokens=max_tokens,
        encoder=Path(task.encoder).name, trims=learn_trims(train, made, texts=read), reads_text=read,
    )  # fmt: skip
    return Prepared(
        network, tokenizer, labels, lexicon, make_batcher(labels, tokenizer, lexicon, options), train, made,
        held or made, report, dev_report, added, config, labels.attributes, labels.categories,
    )  # fmt: skip


def check_learnable(data: Sequence[AnnotatedProduct]) -> None:
    """Raise InputError when no product has an annotated value."""
    if not any(item.spans or any(item.attributes.values()) for item in data):
        raise InputError(f"none of the {len(data)} training products has an annotated value; nothing can be learned")


def vocabulary_texts(data: Sequence[AnnotatedProduct], labels: LabelMap, values: Values) -> list[str]:
    """Return every text that the vocabulary must have tokens for."""
    texts = [*(item.product.title for item in data), *labels.categories, *labels.attributes]
    texts += [item.product.text for item in data if item.product.text is not None]
    texts += [value for found in values.values() for value in found]
    return [text for text in texts if text.isprintable()]


def variants(ready: Prepared, task: Training) -> Callable[[random.Random], list[Example]] | None:
    """Return what makes an epoch's examples with values swapped; None where the options ask for no swaps.

    Documents of several windows stay as they are.
    """
    if not task.options.swap:
        return None
    texts, windows = ready.config.reads_text, Counter(example.number for example in ready.train)
    swapper = ValueSwapper(ready.products, task.values, probability=task.options.swap, texts=texts)

    def swapped(rng: random.Random) -> list[Example]:
        found = list(ready.train)
        changed = [
            (place, variant)
            for place, example in enumerate(found)
            if windows[example.number] == 1
            and (variant := swapper.variant(example.number, ready.products[example.number], rng)) is not None
        ]
        products, size = [one for _, one in changed], ready.config.max_tokens
        made, _ = examples(products, ready.labels, ready.tokenizer, max_tokens=size, texts=texts)
        for example in reversed(made):  # of several windows the first stands
            place = changed[example.number][0]
            before = found[place]
            unplaced = example.unplaced | (before.unplaced - before.listed)
            found[place] = replace(example, number=before.number, unplaced=unplaced)
        return found

    return swapped


def make_batcher(labels: LabelMap, tokenizer: Tokenizer, lexicon: Lexicon, options: TrainOptions) -> Batcher:
    """Return what makes training batches."""
    return Batcher(
        lexicon,
        [found.ids.tolist()[:24] for found in tokenize(tokenizer, list(labels.categories))],
        special_ids(tokenizer),
        1.0 if options.unannotated_as == "negative" else options.unannotated_weight,
        len(labels.attributes),
        options.batch_size,
    )


def count_lexicon(made: Sequence[Example], labels: LabelMap, tokenizer: Tokenizer, given: Values) -> Lexicon:
    """Return how often each value is annotated and seen in the examples, `given` values included."""
    rows = [
        (labels.index[attribute], value)
        for attribute, values in given.items()
        if attribute in labels.index
        for value in values
    ]
    pieces = tokenize(tokenizer, [value for _, value in rows])
    outside = [(attribute, tuple(found.ids.tolist())) for (attribute, _), found in zip(rows, pieces, strict=True)]
    gold = [gold_pieces(example) for example in made]
    titles = [(example.tokens, example.applicable, own) for example, own in zip(made, gold, strict=True)]
    return count_entries((key for own in gold for key in sorted(own)), titles, given=[key for key in outside if key[1]])


def name_rows(network: TagNetwork, tokenizer: Tokenizer, names: Sequence[str]) -> torch.Tensor:
    """Return the encoder's mean state of each name, (len(names), d) float32, scaled to length 4."""
    cls, sep, _ = special_ids(tokenizer)
    rows = torch.zeros(len(names), int(network.encoder.config.hidden_size))
    with torch.no_grad():
        for number, pieces in enumerate(tokenize(tokenizer, list(names))):
            ids = torch.tensor([[cls, *pieces.ids.tolist()[:64], sep]])
            states, _ = network.encode(ids, torch.zeros_like(ids), torch.ones_like(ids))
            rows[number] = torch.nn.functional.normalize(states[0].mean(0), dim=0) * 4
    return rows


def _network(
    body: Any,
    tokenizer: Tokenizer,
    labels: LabelMap,
    *,
    added: int,
    task: Training,
    made: Sequence[Example],
) -> TagNetwork:
    """Return a network with rows for added tokens; attributes and categories start from their names' vectors."""
    options = task.options
    weight = extended_rows(body.get_input_embeddings().weight, added, seed=task.seed)
    body.set_input_embeddings(plain_embedding(weight))
    body.config.vocab_size = len(weight)
    network = TagNetwork(
        body, attributes=len(labels.attributes), categories=len(labels.categories), dropout=options.dropout
    )
    network.eval()
    rows = name_rows(network, tokenizer, labels.attributes)
    network.attribute = NameEmbedding(
        torch.cat([torch.zeros(1, rows.shape[1]), rows]), dropout=options.attribute_dropout
    )
    if labels.categories:
        network.category.load_state_dict({"weight": name_rows(network, tokenizer, labels.categories)})
    body.set_input_embeddings(trained_rows(weight, made, labels, tokenizer, added=added, options=options))
    return network


def trained_rows(
    weight: torch.Tensor,
    made: Sequence[Example],
    labels: LabelMap,
    tokenizer: Tokenizer,
    *,
    added: int,
    options: TrainOptions,
) -> SeenEmbedding:
    """Return token embeddings whose rows are trained for the data's tokens; beside a frozen encoder, for new ones."""
    if options.frozen_layers or options.lora_rank:
        return SeenEmbedding(weight, torch.arange(len(weight) - added, len(weight)))
    seen = {int(token) for example in made for token in example.tokens.ids} | set(special_ids(tokenizer)[:2])
    seen |= {int(token) for one in tokenize(tokenizer, list(labels.categories)) for token in one.ids}
    return SeenEmbedding(weight, torch.tensor(sorted(seen), dtype=torch.int64))
