"""Everything a training needs, made from products and an encoder before the first step; and epochs of swapped values.

A title gets another value of an attribute, and its gold stays exact.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from graph.errors import InputError, TextError
from kgtag.extract.files import ModelConfig, read_config
from kgtag.extract.inputs import tokenize
from kgtag.extract.lexicon import Lexicon, count_entries
from kgtag.text import clean, document, field_span
from kgtag.train.checkpoints import digest
from kgtag.train.encoder import pretrained
from kgtag.train.encoder.pretrained import extend, extended_rows, load_tokenizer, special_ids
from kgtag.train.extractor import dataset
from kgtag.train.extractor.batches import Batcher, gold_pieces
from kgtag.train.extractor.config import TrainOptions, as_json
from kgtag.train.extractor.dataset import DataReport, Example, LabelMap, examples, label_map, learn_trims, reads_text
from kgtag.train.extractor.network import DeltaEmbedding, TagNetwork, load_encoder, named_rows, set_token_rows
from kgtag.types import AnnotatedProduct, Product, Span

Gold = tuple[str, Span]
Values = Mapping[str, Sequence[str]]
"""Known values by attribute name."""


@dataclass(frozen=True, slots=True)
class _Located:
    """A product with its cleaned title, and where its values are, by place; no values for an unreadable title."""

    product: Product
    gold: tuple[Gold, ...] = ()

    def surfaces(self) -> list[tuple[str, str]]:
        """Return (attribute, text) of each value."""
        return [(name, self.product.cut(span)) for name, span in self.gold]

    def alone(self) -> list[Gold]:
        """Return the values that overlap no other one."""

        def overlaps(one: Span, other: Span) -> bool:
            return one.field == other.field and one.start < other.end and other.start < one.end

        return [(name, one) for name, one in self.gold if sum(overlaps(one, other) for _, other in self.gold) == 1]


class ValueSwapper:
    """Swaps values of training products, which take each other's place within a category. `values` are more of them by
    attribute name; `probability` is that a product gets another value; with `texts`, products' texts are read, too."""

    def __init__(
        self, data: Sequence[AnnotatedProduct], values: Mapping[str, Sequence[str]], *, probability: float, texts: bool
    ) -> None:
        self._probability = probability
        self._located = [_locate(one, texts) for one in data]
        pools: dict[tuple[str | None, str], set[str]] = defaultdict(set)
        for one in self._located:
            for name, surface in one.surfaces():
                pools[one.product.category, name].add(surface)
        self._pools = {
            key: sorted(own | {text for text in values.get(key[1], ()) if text.strip()}) for key, own in pools.items()
        }

    def variant(self, number: int, one: AnnotatedProduct, rng: random.Random) -> AnnotatedProduct | None:
        """Return a variant of the product at `number` in the data, or None where nothing changes."""
        before = self._located[number]
        changed = self._swapped(before, rng) if rng.random() < self._probability else None
        for _ in range(3):
            rng.random()  # drawn by options that are gone: without them, seeds of published models would differ
        return None if changed is None else _annotated(one, before, changed)

    def _swapped(self, before: _Located, rng: random.Random) -> _Located | None:
        """Replace one value, wherever it stands apart from others, by another of its attribute."""
        alone = before.alone()
        choices = sorted({(name, before.product.cut(span)) for name, span in alone})
        if not choices:
            return None
        name, old = rng.choice(choices)
        new = rng.choice(self._pools[before.product.category, name])
        if new == old:
            return None
        places = [span for which, span in alone if (which, before.product.cut(span)) == (name, old)]
        return _replaced(before, places, new)


def _locate(one: AnnotatedProduct, texts: bool) -> _Located:
    try:
        title = clean(one.product.title)
    except TextError:
        return _Located(one.product)
    whole = document(title, one.product.text) if texts else title
    names = sorted({*one.attributes, *(name for name, _ in one.spans)})
    gold = [(n, field_span(at.start, at.end, len(title))) for n in names for at in dataset.place(one, whole, n)[0]]
    return _Located(replace(one.product, title=title), tuple(sorted(gold, key=lambda pair: (pair[1].place, pair[0]))))


def _replaced(before: _Located, places: Sequence[Span], new: str) -> _Located:
    """Put `new` at every place, all of one length, and move the spans behind."""
    product = before.product
    for span in sorted(places, reverse=True):
        text = product.title if span.field == "title" else product.text or ""
        text = text[: span.start] + new + text[span.end :]
        product = replace(product, title=text) if span.field == "title" else replace(product, text=text)
    grown = len(new) - (places[0].end - places[0].start)

    def moved(span: Span) -> Span:
        shift = grown * sum(one.field == span.field and one.end <= span.start for one in places)
        return replace(span, start=span.start + shift, end=span.end + shift + grown * (span in places))

    return _Located(product, tuple((name, moved(span)) for name, span in before.gold))


def _annotated(one: AnnotatedProduct, before: _Located, changed: _Located) -> AnnotatedProduct:
    """Return the changed product with its gold; values that were nowhere in it stay as they were."""
    values: dict[str, dict[str, None]] = {name: {} for name in one.attributes}
    for name, surface in changed.surfaces():
        values.setdefault(name, {})[surface] = None
    placed = {(name, surface.casefold()) for name, surface in before.surfaces()}
    for name, found in one.attributes.items():
        values[name] |= dict.fromkeys(value for value in found if (name, value.strip().casefold()) not in placed)
    return AnnotatedProduct(changed.product, {name: tuple(found) for name, found in values.items()}, changed.gold)


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
        """Return all of it by name, as JSON values; texts of 64 hexadecimal digits are digests. The device is left out:
        a training may be resumed on another."""
        return {
            "training data": digest(self.train), "dev data": digest(self.dev),
            "known values": digest(sorted((name, tuple(found)) for name, found in self.values.items())),
            "encoder": pretrained.weights_digest(self.encoder), "seed": self.seed,
            "options": {name: value for name, value in as_json(self.options).items() if name != "device"},
            "teachers' versions": [read_config(Path(teacher))[1] for teacher in self.options.teachers],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the training loop gets. `products`: those of `train`, by example number; `added`: tokens that the vocabulary
    gained; `config`: without what is tuned on dev; `new_attributes`, `new_categories`: names trained here first."""

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
    """Return what makes an epoch's examples with values swapped, in documents of one window; None without swaps."""
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
    suffixes = [found.ids.tolist()[:24] for found in tokenize(tokenizer, list(labels.categories))]
    weight = 1.0 if options.unannotated_as == "negative" else options.unannotated_weight
    return Batcher(lexicon, suffixes, special_ids(tokenizer), weight, len(labels.attributes), options.batch_size)


def count_lexicon(made: Sequence[Example], labels: LabelMap, tokenizer: Tokenizer, given: Values) -> Lexicon:
    """Return how often each value is annotated and seen in the examples, `given` values included."""
    known = {number: given.get(attribute, ()) for attribute, number in labels.index.items()}
    rows = [(number, value) for number, values in known.items() for value in values]
    pieces = tokenize(tokenizer, [value for _, value in rows])
    outside = [(attribute, tuple(found.ids.tolist())) for (attribute, _), found in zip(rows, pieces, strict=True)]
    gold = [gold_pieces(example) for example in made]
    titles = [(example.tokens, example.applicable, own) for example, own in zip(made, gold, strict=True)]
    return count_entries((key for own in gold for key in sorted(own)), titles, given=[key for key in outside if key[1]])


def name_rows(network: TagNetwork, tokenizer: Tokenizer, names: Sequence[str]) -> Tensor:
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
    body: Any, tokenizer: Tokenizer, labels: LabelMap, *, added: int, task: Training, made: list[Example]
) -> TagNetwork:
    """Return a network with rows for added tokens; attributes and categories start from their names' vectors."""
    options = task.options
    weight = extended_rows(body.get_input_embeddings().weight, added, seed=task.seed)
    set_token_rows(body, weight)
    network = TagNetwork(
        body, attributes=len(labels.attributes), categories=len(labels.categories), dropout=options.dropout
    ).eval()
    rows = name_rows(network, tokenizer, labels.attributes)
    network.attribute = named_rows(torch.cat([torch.zeros(1, rows.shape[1]), rows]), dropout=options.attribute_dropout)
    if labels.categories:
        network.category.load_state_dict({"weight": name_rows(network, tokenizer, labels.categories)})
    body.set_input_embeddings(trained_rows(weight, made, labels, tokenizer, added=added, options=options))
    return network


def trained_rows(
    weight: Tensor, made: list[Example], labels: LabelMap, tokenizer: Tokenizer, *, added: int, options: TrainOptions
) -> DeltaEmbedding:
    """Return token embeddings whose rows are trained for the data's tokens; beside a frozen encoder, for new ones."""
    if options.frozen_layers or options.lora_rank:
        return DeltaEmbedding(weight, torch.arange(len(weight) - added, len(weight)))
    seen = {int(token) for example in made for token in example.tokens.ids} | set(special_ids(tokenizer)[:2])
    seen |= {int(token) for one in tokenize(tokenizer, list(labels.categories)) for token in one.ids}
    return DeltaEmbedding(weight, torch.tensor(sorted(seen), dtype=torch.int64))
