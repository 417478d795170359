"""A trained extractor learns more, from new examples mixed with old ones, so that it forgets nothing it knew."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer

from graph.errors import InputError
from kgtag.extract.files import ModelConfig, check_target, new_directory, read_config, write_config, write_json
from kgtag.extract.lexicon import Lexicon, count_entries
from kgtag.extract.tokens import tokenize
from kgtag.text import document
from kgtag.train.encoder import pretrained
from kgtag.train.extractor.batches import Batcher, gold_pieces
from kgtag.train.extractor.dataset import Example, LabelMap, examples, label_map, learn_trims, split_dev
from kgtag.train.extractor.decision import Judging, tune
from kgtag.train.extractor.load import load_lexicon, load_network, read_metrics
from kgtag.train.extractor.loop import Learner
from kgtag.train.extractor.network import NameEmbedding, SeenEmbedding, TagNetwork, plain_embedding
from kgtag.train.extractor.new_attributes import unlearned_rows
from kgtag.train.extractor.options import TrainOptions, as_json
from kgtag.train.extractor.save import copy_beside, write_network
from kgtag.train.extractor.vocabulary import extend, extended_rows, load_tokenizer, special_ids
from kgtag.types import AnnotatedProduct

GENTLE = TrainOptions(epochs=4, encoder_rate=5e-5, head_rate=5e-4)
"""A trained model is led on, not trained anew."""


@dataclass(frozen=True, slots=True)
class ContinueReport:
    """`f1` on what was held out of both; `new` and `replayed`: training products; `attributes`, `categories`: names the
    model didn't have before."""

    version: str
    f1: float
    new: int
    replayed: int
    attributes: tuple[str, ...]
    categories: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class _Old:
    network: TagNetwork
    config: ModelConfig
    tokenizer: Tokenizer
    lexicon: Lexicon
    encoder: Path


def continue_extractor(
    model: Path,
    data: Sequence[AnnotatedProduct],
    *,
    replay: Sequence[AnnotatedProduct],
    out: Path,
    encoder: str | None = None,
    share: float = 2.0,
    seed: int = 0,
    options: TrainOptions = GENTLE,
    progress: Callable[[str], None] = lambda _: None,
) -> ContinueReport:
    """Train the model of a directory further on `data` and write it to `out`, which may be the same directory.

    `replay`: what it was trained on; of that, `share` times as many products as are new are mixed in, drawn by `seed`.
    Attributes and categories it hasn't seen begin as it reads their names. What an old annotation says nothing of
    because the attribute is new, and a new one because it is old, counts for nothing. `encoder`: the one the model was
    trained from, when its record doesn't say where it is. Raises InputError when there is nothing to learn, or nothing
    of the model's.
    """
    started = time.monotonic()
    check_target(out)
    old = _read(model, encoder)
    labels = _labels(old.config, data)
    if not any(item.spans or any(item.attributes.values()) for item in data):
        raise InputError(f"none of the {len(data)} new products has an annotated value; nothing can be learned")
    fresh, fresh_dev = split_dev(data)
    kept, kept_dev = _drawn(replay, count=round(share * len(data)), seed=seed)
    reads = old.config.reads_text
    texts = [document(item.product.title, item.product.text if reads else None) for item in (*fresh, *kept)]
    tokenizer, added = extend(old.tokenizer, (text for text in texts if text.isprintable()))
    made = _examples(fresh, kept, labels, tokenizer, old.config)
    held = _examples(fresh_dev, kept_dev, labels, tokenizer, old.config) or made
    lexicon = _lexicon(old, made, labels)
    torch.manual_seed(seed)
    network = _network(old, labels, tokenizer, added=added, seed=seed, made=made)
    suffixes = [found.ids.tolist()[:24] for found in tokenize(tokenizer, list(labels.categories))]
    weight = 1.0 if options.missing == "absent" else options.missing_weight
    batcher = Batcher(lexicon, suffixes, special_ids(tokenizer), weight, len(labels.attributes), options.batch)
    best = Learner(network, batcher, options=options, seed=seed).run(made, held, progress)
    network = network.cpu()
    network.load_state_dict(best.state)
    taught = {name for item in fresh for name in item.attributes}
    config, f1 = _tuned(old.config, labels, network, held, batcher, options, taught)
    config = replace(config, trims=_trims(old.config, [*fresh, *kept], made))
    rows = [
        [labels.attributes[attribute], list(pieces), entry.annotated, entry.seen, entry.given]
        for (attribute, pieces), entry in sorted(lexicon.entries.items())
    ]
    seconds = time.monotonic() - started
    before = read_config(model)[1]
    metrics = {
        "f1": f1, "epoch": best.epoch, "continues": before, "history": best.history, "options": as_json(options),
        "encoder": str(read_metrics(model).get("encoder") or old.encoder),
    }  # fmt: skip
    with new_directory(out) as work:
        write_config(work, config)
        write_json(work / "metrics.json", metrics)
        write_json(work / "lexicon.json", rows)
        tokenizer.save(str(work / "tokenizer.json"))
        copy_beside(model, work)
        write_network(network, work)
    new = (
        tuple(name for name in labels.attributes if name not in old.config.attributes),
        tuple(name for name in labels.categories if name not in old.config.categories),
    )
    return ContinueReport(read_config(out)[1], f1, len(fresh), len(kept), *new, seconds)


def _read(model: Path, encoder: str | None) -> _Old:
    network, config = load_network(model)
    if not isinstance(network, TagNetwork):
        raise InputError(f"{str(model)!r} is an ensemble; continue one of its members")
    path = pretrained.resolve(encoder or str(read_metrics(model).get("encoder") or config.encoder))
    return _Old(network, config, load_tokenizer(model), load_lexicon(model, config), path)


def _labels(config: ModelConfig, data: Sequence[AnnotatedProduct]) -> LabelMap:
    """The model's names in their places, new ones behind; what applies to a category is what either saw there."""
    seen = label_map(data)
    attributes = (*config.attributes, *(name for name in seen.attributes if name not in config.attributes))
    categories = (*config.categories, *(name for name in seen.categories if name not in config.categories))
    index = {name: number for number, name in enumerate(attributes)}
    applicable = {name: set(config.applicable.get(name, ())) for name in categories}
    for name, numbers in seen.applicable.items():
        applicable[name] |= {index[seen.attributes[number]] for number in numbers}
    return LabelMap(attributes, categories, {name: tuple(sorted(applicable[name])) for name in categories}, index)


def _drawn(
    replay: Sequence[AnnotatedProduct], *, count: int, seed: int
) -> tuple[list[AnnotatedProduct], list[AnnotatedProduct]]:
    """(train, dev) of at most so many old products; dev is a tenth of what is drawn."""
    if not replay or count < 1:
        return [], []
    drawn = random.Random(seed).sample(list(replay), min(count, len(replay)))
    return split_dev(drawn) if len(drawn) > 1 else (drawn, [])


def _examples(
    fresh: Sequence[AnnotatedProduct],
    kept: Sequence[AnnotatedProduct],
    labels: LabelMap,
    tokenizer: Tokenizer,
    config: ModelConfig,
) -> list[Example]:
    """In order; where an annotation is silent because its attribute is of the other side, nothing is known."""
    data = [*fresh, *kept]
    made, _ = examples(data, labels, tokenizer, max_tokens=config.max_tokens, texts=config.reads_text)
    known = frozenset(range(len(config.attributes)))
    taught = frozenset(labels.index[name] for item in fresh for name in item.attributes)
    found = []
    for example in made:
        said = taught if example.number < len(fresh) else known
        silent = frozenset(range(len(labels.attributes))) - said - example.listed
        found.append(replace(example, unplaced=example.unplaced | silent))
    return found


def _lexicon(old: _Old, made: Sequence[Example], labels: LabelMap) -> Lexicon:
    """The model's entries as they are, and those that the examples add."""
    gold = [gold_pieces(example) for example in made]
    titles = [(example.tokens, example.applicable, own) for example, own in zip(made, gold, strict=True)]
    counted = count_entries((key for own in gold for key in sorted(own)), titles).entries
    return Lexicon({**counted, **old.lexicon.entries})


def _network(
    old: _Old, labels: LabelMap, tokenizer: Tokenizer, *, added: int, seed: int, made: Sequence[Example]
) -> TagNetwork:
    """The trained network with rows for what is new: tokens, attributes and categories."""
    network = old.network
    body = network.encoder
    weight = extended_rows(body.get_input_embeddings().weight, added, seed=seed)
    body.set_input_embeddings(plain_embedding(weight))
    body.config.vocab_size = len(weight)
    attributes = labels.attributes[len(old.config.attributes) :]
    categories = labels.categories[len(old.config.categories) :]
    fresh = unlearned_rows(network, tokenizer, [*attributes, *categories], encoder=old.encoder)
    known = network.attribute.get_parameter("weight").detach()
    network.attribute = NameEmbedding(torch.cat([known, fresh[: len(attributes)]]), forget=0.0)
    told = network.category.weight.detach()[: len(old.config.categories)]
    rows = torch.cat([told, fresh[len(attributes) :]]) if labels.categories else network.category.weight.detach()
    network.category = plain_embedding(rows)
    seen = {int(token) for example in made for token in example.tokens.ids} | set(special_ids(tokenizer)[:2])
    seen |= {int(token) for one in tokenize(tokenizer, list(labels.categories)) for token in one.ids}
    body.set_input_embeddings(SeenEmbedding(weight, torch.tensor(sorted(seen))))
    return network


def _tuned(
    config: ModelConfig,
    labels: LabelMap,
    network: TagNetwork,
    held: Sequence[Example],
    batcher: Batcher,
    options: TrainOptions,
    taught: Set[str],
) -> tuple[ModelConfig, float]:
    """`taught`: attributes that the new products speak of."""
    tuned = tune(network, held, batcher, judging=Judging.of(options))
    grown = replace(
        config,
        attributes=labels.attributes,
        categories=labels.categories,
        applicable=dict(labels.applicable),
        thresholds={},
        looked_up=tuple(name for name in config.looked_up if name not in taught),
    )
    return tuned.applied(grown), tuned.f1


def _trims(
    config: ModelConfig, data: Sequence[AnnotatedProduct], made: Sequence[Example]
) -> dict[str, dict[str, tuple[int, int]]]:
    learned = learn_trims(data, made, texts=config.reads_text)
    return {name: {**learned.get(name, {}), **config.trims.get(name, {})} for name in {*learned, *config.trims}}
