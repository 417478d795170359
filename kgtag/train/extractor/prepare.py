"""Everything a training needs, made from the products and an encoder before the first step."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from graph.errors import InputError
from kgtag.extract.files import read_config
from kgtag.extract.lexicon import Lexicon, count_entries
from kgtag.extract.tokens import tokenize
from kgtag.train.encoder import pretrained
from kgtag.train.extractor.augment import Augmenter
from kgtag.train.extractor.batches import Batcher, class_weights, gold_pieces
from kgtag.train.extractor.dataset import DataReport, Example, LabelMap, examples, label_map, learn_trims, reads_text
from kgtag.train.extractor.network import NameEmbedding, SeenEmbedding, TagNetwork, load_encoder, plain_embedding
from kgtag.train.extractor.options import TrainOptions, as_json
from kgtag.train.extractor.vocabulary import extend, extended_rows, load_tokenizer, special_ids
from kgtag.types import AnnotatedProduct

Values = Mapping[str, Sequence[str]]
"""Known values by attribute name."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """`products` are those of `train`, by example number; `added`: tokens the vocabulary gained; `max_tokens`: of a
    title, as far as the encoder reaches."""

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
    max_tokens: int
    trims: dict[str, dict[str, tuple[int, int]]]
    reads_text: bool


def prepare(
    train: Sequence[AnnotatedProduct],
    dev: Sequence[AnnotatedProduct],
    *,
    encoder: str,
    seed: int,
    options: TrainOptions,
    values: Values,
) -> Prepared:
    """Raises InputError when nothing can be learned from `train`."""
    labels = label_map(train)
    if not labels.attributes or not any(item.spans or any(item.attributes.values()) for item in train):
        raise InputError(f"none of the {len(train)} training products has an annotated value; nothing can be learned")
    torch.manual_seed(seed)
    path = pretrained.resolve(encoder)
    texts = [*(item.product.title for item in train), *labels.categories, *labels.attributes]
    texts += [item.product.text for item in train if item.product.text is not None]
    texts += [value for found in values.values() for value in found]
    tokenizer, added = extend(load_tokenizer(path), (text for text in texts if text.isprintable()))
    body = load_encoder(path)
    max_tokens = min(options.max_tokens, int(getattr(body.config, "max_position_embeddings", 512)) - 32)
    read = reads_text(train)
    made, report = examples(train, labels, tokenizer, max_tokens=max_tokens, texts=read)
    held, dev_report = examples(dev, labels, tokenizer, max_tokens=max_tokens, texts=read)
    if not made:
        raise InputError("no training title can be read; the titles are empty or hold no characters")
    lexicon = _lexicon(made, labels, tokenizer, values)
    network = _network(body, tokenizer, labels, added=added, options=options, seed=seed, made=made)
    trims = learn_trims(train, made, texts=read)
    return Prepared(
        network, tokenizer, labels, lexicon, _batcher(labels, tokenizer, lexicon, made, options), train, made,
        held or made, report, dev_report, added, max_tokens, trims, read,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variants:
    """The examples of an epoch, some of them augmented; documents of several windows stay as they are."""

    prepared: Prepared
    augmenter: Augmenter

    def __call__(self, rng: random.Random) -> list[Example]:
        ready = self.prepared
        found = list(ready.train)
        windows = Counter(example.number for example in found)
        changed = [
            (place, variant)
            for place, example in enumerate(found)
            if windows[example.number] == 1
            and (variant := self.augmenter.variant(example.number, ready.products[example.number], rng)) is not None
        ]
        made, _ = examples(
            [one for _, one in changed],
            ready.labels,
            ready.tokenizer,
            max_tokens=ready.max_tokens,
            texts=ready.reads_text,
        )
        for example in reversed(made):  # of several windows the first stands
            place = changed[example.number][0]
            found[place] = replace(example, number=found[place].number)
        return found


def variants(ready: Prepared, values: Values, options: TrainOptions) -> Variants | None:
    """None where the options ask for no augmentation."""
    return (
        Variants(ready, Augmenter(ready.products, values, options, texts=ready.reads_text))
        if options.augmented
        else None
    )


def fingerprint(
    train: Sequence[AnnotatedProduct],
    dev: Sequence[AnnotatedProduct],
    *,
    encoder: str,
    seed: int,
    options: TrainOptions,
    values: Values,
) -> dict[str, Any]:
    """All that a model depends on, by name, as JSON; texts of 64 hexadecimal digits are digests. The device is left
    out: a training may go on elsewhere."""
    weights = pretrained.resolve(encoder) / "model.safetensors"
    with weights.open("rb") as file:
        read = hashlib.file_digest(file, "sha256").hexdigest()
    settings = {name: value for name, value in as_json(options).items() if name != "device"}
    return {
        "training data": _digest(train),
        "dev data": _digest(dev),
        "known values": _digest(sorted((name, tuple(found)) for name, found in values.items())),
        "encoder": read,
        "seed": seed,
        "options": settings,
        "teachers' versions": [read_config(Path(teacher))[1] for teacher in options.teachers],
    }


def _digest(rows: Sequence[object]) -> str:
    found = hashlib.sha256()
    for row in rows:
        found.update(repr(row).encode("utf-8", "backslashreplace"))
    return found.hexdigest()


def _batcher(
    labels: LabelMap, tokenizer: Tokenizer, lexicon: Lexicon, made: Sequence[Example], options: TrainOptions
) -> Batcher:
    counts = [0] * len(labels.attributes)
    for example in made:
        for attribute in example.spans:
            counts[attribute] += 1
    return Batcher(
        lexicon,
        [found.ids.tolist()[:24] for found in tokenize(tokenizer, list(labels.categories))],
        special_ids(tokenizer),
        1.0 if options.missing == "absent" else options.missing_weight,
        len(labels.attributes),
        options.batch,
        class_weights=class_weights(counts, options.class_weights, cap=options.class_weight_cap),
    )


def _lexicon(made: Sequence[Example], labels: LabelMap, tokenizer: Tokenizer, given: Values) -> Lexicon:
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
    """(len(names), d) float32: how an encoder that has learned nothing yet reads each name, of length 4."""
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
    options: TrainOptions,
    seed: int,
    made: Sequence[Example],
) -> TagNetwork:
    """The network with rows for added tokens; attributes and categories start as the encoder reads their names."""
    weight = extended_rows(body.get_input_embeddings().weight, added, seed=seed)
    body.set_input_embeddings(plain_embedding(weight))
    body.config.vocab_size = len(weight)
    network = TagNetwork(
        body, attributes=len(labels.attributes), categories=len(labels.categories), dropout=options.dropout
    )
    network.eval()
    rows = name_rows(network, tokenizer, labels.attributes)
    network.attribute = NameEmbedding(torch.cat([torch.zeros(1, rows.shape[1]), rows]), forget=options.forget)
    if labels.categories:
        network.category.load_state_dict({"weight": name_rows(network, tokenizer, labels.categories)})
    cls, sep, _ = special_ids(tokenizer)
    seen = sorted({int(token) for example in made for token in example.tokens.ids} | {cls, sep})
    suffixes = tokenize(tokenizer, list(labels.categories))
    seen = sorted({*seen, *(int(token) for suffix in suffixes for token in suffix.ids)})
    if options.freeze or options.adapter != "none":
        seen = list(range(len(weight) - added, len(weight)))
    body.set_input_embeddings(SeenEmbedding(weight, torch.tensor(seen, dtype=torch.int64)))
    return network
