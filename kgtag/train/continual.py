"""A trained extractor learns more, from new examples mixed with old ones, so that it forgets nothing it knew."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from graph.errors import InputError
from kgtag import encoders
from kgtag.extract.export import export_onnx
from kgtag.extract.files import (
    ModelConfig,
    check_target,
    new_directory,
    read_config,
    read_lexicon,
    write_config,
    write_json,
)
from kgtag.extract.lexicon import Entry, Lexicon, count_entries
from kgtag.extract.network import SeenEmbedding, TagNetwork, load_encoder, plain_embedding
from kgtag.extract.tokens import tokenize
from kgtag.train.sequence.batches import Batcher, gold_pieces
from kgtag.train.sequence.gold import Example, LabelMap, examples, label_map, learn_trims, split_dev
from kgtag.train.sequence.optimise import Learner
from kgtag.train.sequence.options import TrainOptions
from kgtag.train.sequence.tuning import choose_bias, fit_calibration, outcomes, score_examples
from kgtag.train.sequence.vocabulary import extend, extended_rows, load_tokenizer, special_ids
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
    config: ModelConfig
    tokenizer: Tokenizer
    entries: dict[tuple[str, tuple[int, ...]], Entry]
    state: dict[str, torch.Tensor]


def continue_extractor(
    model: Path,
    data: Sequence[AnnotatedProduct],
    *,
    replay: Sequence[AnnotatedProduct],
    out: Path,
    encoder: str = encoders.DEFAULT,
    share: float = 2.0,
    seed: int = 0,
    options: TrainOptions = GENTLE,
    progress: Callable[[str], None] = lambda _: None,
) -> ContinueReport:
    """Train the model of a directory further on `data` and write it to `out`, which may be the same directory.

    `replay`: what it was trained on; of that, `share` times as many products as are new are mixed in, drawn by `seed`.
    Attributes and categories it hasn't seen begin as it reads their names. What an old annotation says nothing of
    because the attribute is new, and a new one because it is old, counts for nothing. `encoder`: the one the model was
    trained from, for its shape alone. Raises InputError when there is nothing to learn, or nothing of the model's.
    """
    started = time.monotonic()
    check_target(out)
    old = _read(model)
    labels = _labels(old.config, data)
    if not any(item.spans or any(item.attributes.values()) for item in data):
        raise InputError(f"none of the {len(data)} new products has an annotated value; nothing can be learned")
    fresh, fresh_dev = split_dev(data)
    kept, kept_dev = _drawn(replay, count=round(share * len(data)), seed=seed)
    texts = (item.product.title for item in (*fresh, *kept))
    tokenizer, added = extend(old.tokenizer, (text for text in texts if text.isprintable()))
    made = _examples(fresh, kept, labels, tokenizer, old.config)
    held = _examples(fresh_dev, kept_dev, labels, tokenizer, old.config) or made
    lexicon = _lexicon(old, made, labels)
    torch.manual_seed(seed)
    network = _network(old, labels, tokenizer, encoder=encoder, added=added, seed=seed, made=made)
    suffixes = [found.ids.tolist()[:24] for found in tokenize(tokenizer, list(labels.categories))]
    weight = 1.0 if options.missing == "absent" else options.missing_weight
    batcher = Batcher(lexicon, suffixes, special_ids(tokenizer), weight, len(labels.attributes), options.batch)
    best = Learner(network, batcher, options=options, seed=seed).run(made, held, progress)
    network = network.cpu()
    network.load_state_dict(best.state)
    config, f1 = _tuned(old.config, labels, network, held, batcher, options)
    config = replace(config, trims=_trims(old.config, [*fresh, *kept], made))
    rows = [
        [labels.attributes[attribute], list(pieces), entry.annotated, entry.seen, entry.given]
        for (attribute, pieces), entry in sorted(lexicon.entries.items())
    ]
    seconds = time.monotonic() - started
    before = read_config(model)[1]
    metrics = {"f1": f1, "epoch": best.epoch, "continues": before, "history": best.history, "options": asdict(options)}
    _write(out, network, config, tokenizer, rows, metrics)
    new = (
        tuple(name for name in labels.attributes if name not in old.config.attributes),
        tuple(name for name in labels.categories if name not in old.config.categories),
    )
    return ContinueReport(read_config(out)[1], f1, len(fresh), len(kept), *new, seconds)


def _read(model: Path) -> _Old:
    config, _ = read_config(model)
    weights = model / "model.safetensors"
    if not weights.is_file():
        raise InputError(f"model directory {str(model)!r} lacks model.safetensors; copy the whole directory again")
    entries = {
        (name, tuple(pieces)): Entry(annotated, seen, given)
        for name, pieces, annotated, seen, given in read_lexicon(model)
    }
    return _Old(config, load_tokenizer(model), entries, load_file(weights))


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
    made, _ = examples([*fresh, *kept], labels, tokenizer, max_tokens=config.max_tokens)
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
    before = {(labels.index[name], pieces): entry for (name, pieces), entry in old.entries.items()}
    return Lexicon({**counted, **before})


def _network(
    old: _Old,
    labels: LabelMap,
    tokenizer: Tokenizer,
    *,
    encoder: str,
    added: int,
    seed: int,
    made: Sequence[Example],
) -> TagNetwork:
    """The trained network with rows for what is new: tokens, attributes and categories."""
    name = "encoder.embeddings.word_embeddings.weight"
    state = dict(old.state)
    body = load_encoder(encoders.resolve(encoder))
    found = next((key for key in state if key.endswith("word_embeddings.weight")), name)
    if found not in state or state[found].shape[1] != int(body.config.hidden_size):
        raise InputError(f"{encoder!r} isn't the encoder that the model was trained from ({old.config.encoder})")
    state[found] = weight = extended_rows(state[found], added, seed=seed)
    body.set_input_embeddings(plain_embedding(weight))
    body.config.vocab_size = len(weight)
    network = TagNetwork(body, attributes=len(labels.attributes), categories=len(labels.categories))
    for key, rows in (("attribute.weight", network.attribute.weight), ("category.weight", network.category.weight)):
        grown = rows.detach().clone()
        grown[: len(state[key])] = state[key][: len(grown)]
        state[key] = grown
    network.load_state_dict(state)
    network.eval()
    attributes, categories = len(old.config.attributes), len(old.config.categories)
    _begin(network, network.attribute, 1 + attributes, labels.attributes[attributes:], tokenizer)
    _begin(network, network.category, categories, labels.categories[categories:], tokenizer)
    seen = {int(token) for example in made for token in example.tokens.ids} | set(special_ids(tokenizer)[:2])
    seen |= {int(token) for one in tokenize(tokenizer, list(labels.categories)) for token in one.ids}
    body.set_input_embeddings(SeenEmbedding(weight, torch.tensor(sorted(seen))))
    return network


def _begin(
    network: TagNetwork, rows: torch.nn.Embedding, first: int, names: Sequence[str], tokenizer: Tokenizer
) -> None:
    """New rows as the encoder reads their names, as long as rows of names are before training."""
    cls, sep, _ = special_ids(tokenizer)
    with torch.no_grad():
        for number, pieces in enumerate(tokenize(tokenizer, list(names)), start=first):
            ids = torch.tensor([[cls, *pieces.ids.tolist()[:64], sep]])
            states, _ = network.encode(ids, torch.zeros_like(ids), torch.ones_like(ids))
            rows.weight[number] = torch.nn.functional.normalize(states[0].mean(0), dim=0) * 4


def _tuned(
    config: ModelConfig,
    labels: LabelMap,
    network: TagNetwork,
    held: Sequence[Example],
    batcher: Batcher,
    options: TrainOptions,
) -> tuple[ModelConfig, float]:
    listed_only = options.missing == "unknown"
    scored, chain = score_examples(network, held, batcher, device=torch.device("cpu"))
    bias, f1 = choose_bias(scored, chain, listed_only=listed_only)
    _, marginals, hits = outcomes(scored, chain, bias=bias, listed_only=listed_only)
    tuned = replace(
        config,
        attributes=labels.attributes,
        categories=labels.categories,
        applicable=dict(labels.applicable),
        transitions=tuple(tuple(row) for row in chain.transitions.tolist()),
        start=tuple(chain.start.tolist()),
        end=tuple(chain.end.tolist()),
        bias=bias,
        calibration=fit_calibration(marginals, hits),
        thresholds={},
    )
    return tuned, f1


def _trims(
    config: ModelConfig, data: Sequence[AnnotatedProduct], made: Sequence[Example]
) -> dict[str, dict[str, tuple[int, int]]]:
    learned = learn_trims(data, made)
    return {name: {**learned.get(name, {}), **config.trims.get(name, {})} for name in {*learned, *config.trims}}


def _write(
    out: Path, network: TagNetwork, config: ModelConfig, tokenizer: Tokenizer, lexicon: list[Any], metrics: Any
) -> None:
    embedding = network.encoder.get_input_embeddings()
    if isinstance(embedding, SeenEmbedding):
        network.encoder.set_input_embeddings(embedding.folded())
    with new_directory(out) as work:
        write_config(work, config)
        write_json(work / "metrics.json", metrics)
        write_json(work / "lexicon.json", lexicon)
        tokenizer.save(str(work / "tokenizer.json"))
        export_onnx(network, work)
        save_file(
            {name: value.contiguous() for name, value in network.state_dict().items()}, work / "model.safetensors"
        )
