"""Fine-tunes the sequence extractor on annotated products and writes a model directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from graph.changes.releases import Stamp
from graph.errors import InputError
from kgtag import encoders
from kgtag.extract.decode import Chain
from kgtag.extract.export import export_onnx
from kgtag.extract.files import ModelConfig, check_target, new_directory, read_config, write_config, write_json
from kgtag.extract.lexicon import Lexicon, count_entries
from kgtag.extract.network import SeenEmbedding, TagNetwork, load_encoder, plain_embedding
from kgtag.extract.tokens import tokenize
from kgtag.train.sequence.batches import Batcher, gold_pieces
from kgtag.train.sequence.gold import (
    DataReport,
    Example,
    LabelMap,
    examples,
    label_map,
    learn_trims,
    reads_text,
    split_dev,
)
from kgtag.train.sequence.optimise import Learner
from kgtag.train.sequence.options import TrainOptions
from kgtag.train.sequence.tuning import choose_bias, fit_calibration, outcomes, score_examples
from kgtag.train.sequence.vocabulary import extend, extended_rows, load_tokenizer, special_ids
from kgtag.types import AnnotatedProduct


@dataclass(frozen=True, slots=True)
class TrainReport:
    """`f1`: micro-F1 of exact spans on dev, a fraction; `epoch`: the one kept, from 1; `version`: the model's."""

    version: str
    f1: float
    epoch: int
    seconds: float
    data: DataReport
    dev: DataReport
    added_tokens: int
    directory: Path


Progress = Callable[[str], None]


def train_extractor(
    data: Sequence[AnnotatedProduct],
    *,
    dev: Sequence[AnnotatedProduct] = (),
    out: Path,
    encoder: str = encoders.DEFAULT,
    seed: int = 0,
    options: TrainOptions | None = None,
    lexicon: Mapping[str, Sequence[str]] | None = None,
    stamp: Stamp | None = None,
    attribute_concepts: Mapping[str, str] | None = None,
    category_concepts: Mapping[str, str] | None = None,
    progress: Progress = lambda _: None,
) -> TrainReport:
    """Trains on `data`, keeps the epoch that is best on `dev` (a tenth of `data` by title hash when empty), and writes
    the model to `out`, which appears complete or not at all.

    `lexicon`: known values by attribute name, from the taxonomy say. `attribute_concepts` and `category_concepts`:
    concept ids by name; `stamp`: which taxonomy they are of. `progress` is called with lines for people.
    Deterministic for a seed on one machine. Raises InputError when nothing can be learned from
    the data or `out` holds something else.
    """
    options = options or TrainOptions()
    started = time.monotonic()
    check_target(out)
    train, held = (list(data), list(dev)) if dev else split_dev(data)
    labels = label_map(train)
    if not labels.attributes or not any(item.spans or any(item.attributes.values()) for item in train):
        raise InputError(f"none of the {len(train)} training products has an annotated value; nothing can be learned")
    setup = _prepare(train, held, labels, encoder=encoder, seed=seed, options=options, given=lexicon or {})
    for line in _describe(setup.report, len(setup.dev), setup.added):
        progress(line)
    best = Learner(setup.network, setup.batcher, options=options, seed=seed).run(setup.train, setup.dev, progress)
    network = setup.network.cpu()
    network.load_state_dict(best.state)
    listed_only = options.missing == "unknown"
    scored, chain = score_examples(network, setup.dev, setup.batcher, device=torch.device("cpu"))
    bias, f1 = choose_bias(scored, chain, listed_only=listed_only)
    _, marginals, hits = outcomes(scored, chain, bias=bias, listed_only=listed_only)
    config = _config(labels, chain, setup, encoder, options, bias, fit_calibration(marginals, hits))
    config = _with_taxonomy(config, stamp, attribute_concepts or {}, category_concepts or {})
    seconds = time.monotonic() - started
    metrics = {
        "f1": f1, "epoch": best.epoch, "seconds": round(seconds, 1), "seed": seed, "history": best.history,
        "options": asdict(options), "train": asdict(setup.report), "dev": asdict(setup.dev_report),
    }  # fmt: skip
    _write(out, network, config, setup, metrics)
    _, version = read_config(out)
    progress(f"wrote {out} (version {version}); dev F1 {100 * f1:.1f} from epoch {best.epoch}; {seconds:.0f} s")
    return TrainReport(version, f1, best.epoch, seconds, setup.report, setup.dev_report, setup.added, out)


@dataclass(frozen=True, slots=True)
class _Setup:
    network: TagNetwork
    tokenizer: Tokenizer
    lexicon: Lexicon
    batcher: Batcher
    train: list[Example]
    dev: list[Example]
    report: DataReport
    dev_report: DataReport
    added: int
    trims: dict[str, dict[str, tuple[int, int]]]
    reads_text: bool


def _prepare(
    train: list[AnnotatedProduct],
    dev: list[AnnotatedProduct],
    labels: LabelMap,
    *,
    encoder: str,
    seed: int,
    options: TrainOptions,
    given: Mapping[str, Sequence[str]],
) -> _Setup:
    torch.manual_seed(seed)
    path = encoders.resolve(encoder)
    base = load_tokenizer(path)
    texts = [*(item.product.title for item in train), *labels.categories, *labels.attributes]
    texts += [item.product.text for item in train if item.product.text is not None]
    texts += [value for values in given.values() for value in values]
    tokenizer, added = extend(base, (text for text in texts if text.isprintable()))
    body = load_encoder(path)
    positions = int(getattr(body.config, "max_position_embeddings", 512))
    max_tokens = min(options.max_tokens, positions - 32)
    read = reads_text(train)
    made, report = examples(train, labels, tokenizer, max_tokens=max_tokens, texts=read)
    held, dev_report = examples(dev, labels, tokenizer, max_tokens=max_tokens, texts=read)
    if not made:
        raise InputError("no training title can be read; the titles are empty or hold no characters")
    lexicon = _lexicon(made, labels, tokenizer, given)
    network = _network(body, tokenizer, labels, added=added, seed=seed, made=made)
    suffixes = [found.ids.tolist()[:24] for found in tokenize(tokenizer, list(labels.categories))]
    weight = 1.0 if options.missing == "absent" else options.missing_weight
    batcher = Batcher(lexicon, suffixes, special_ids(tokenizer), weight, len(labels.attributes), options.batch)
    trims = learn_trims(train, made, texts=read)
    return _Setup(network, tokenizer, lexicon, batcher, made, held or made, report, dev_report, added, trims, read)


def _lexicon(
    made: Sequence[Example], labels: LabelMap, tokenizer: Tokenizer, given: Mapping[str, Sequence[str]]
) -> Lexicon:
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


def _network(
    body: Any, tokenizer: Tokenizer, labels: LabelMap, *, added: int, seed: int, made: Sequence[Example]
) -> TagNetwork:
    """The network with rows for added tokens; attributes and categories start as the encoder reads their names."""
    weight = extended_rows(body.get_input_embeddings().weight, added, seed=seed)
    body.set_input_embeddings(plain_embedding(weight))
    body.config.vocab_size = len(weight)
    network = TagNetwork(body, attributes=len(labels.attributes), categories=len(labels.categories))
    network.eval()
    cls, sep, _ = special_ids(tokenizer)
    with torch.no_grad():
        for rows, first, names in ((network.attribute, 1, labels.attributes), (network.category, 0, labels.categories)):
            for number, pieces in enumerate(tokenize(tokenizer, list(names)), start=first):
                ids = torch.tensor([[cls, *pieces.ids.tolist()[:64], sep]])
                states, _ = network.encode(ids, torch.zeros_like(ids), torch.ones_like(ids))
                rows.weight[number] = torch.nn.functional.normalize(states[0].mean(0), dim=0) * 4
    seen = sorted({int(token) for example in made for token in example.tokens.ids} | {cls, sep})
    suffixes = tokenize(tokenizer, list(labels.categories))
    seen = sorted({*seen, *(int(token) for suffix in suffixes for token in suffix.ids)})
    body.set_input_embeddings(SeenEmbedding(weight, torch.tensor(seen)))
    return network


def _config(
    labels: LabelMap,
    chain: Chain,
    setup: _Setup,
    encoder: str,
    options: TrainOptions,
    bias: float,
    calibration: tuple[float, float],
) -> ModelConfig:
    positions = int(getattr(setup.network.encoder.config, "max_position_embeddings", 512))
    return ModelConfig(
        attributes=labels.attributes,
        categories=labels.categories,
        applicable=dict(labels.applicable),
        transitions=tuple(tuple(row) for row in chain.transitions.tolist()),
        start=tuple(chain.start.tolist()),
        end=tuple(chain.end.tolist()),
        special=setup.batcher.special,
        max_tokens=min(options.max_tokens, positions - 32),
        encoder=Path(encoder).name,
        bias=bias,
        calibration=calibration,
        trims=setup.trims,
        reads_text=setup.reads_text,
    )


def _with_taxonomy(
    config: ModelConfig, stamp: Stamp | None, attributes: Mapping[str, str], categories: Mapping[str, str]
) -> ModelConfig:
    return replace(
        config,
        taxonomy_revision=stamp.revision if stamp is not None else None,
        taxonomy_version=stamp.version if stamp is not None else None,
        taxonomy_release=stamp.release if stamp is not None else None,
        attribute_concepts={name: attributes[name] for name in config.attributes if name in attributes},
        category_concepts={name: categories[name] for name in config.categories if name in categories},
    )


def _write(out: Path, network: TagNetwork, config: ModelConfig, setup: _Setup, metrics: dict[str, Any]) -> None:
    embedding = network.encoder.get_input_embeddings()
    if isinstance(embedding, SeenEmbedding):
        network.encoder.set_input_embeddings(embedding.folded())
    with new_directory(out) as work:
        write_config(work, config)
        write_json(work / "metrics.json", metrics)
        write_json(work / "lexicon.json", _lexicon_rows(setup, config))
        setup.tokenizer.save(str(work / "tokenizer.json"))
        export_onnx(network, work)
        save_file(
            {name: value.contiguous() for name, value in network.state_dict().items()}, work / "model.safetensors"
        )


def _lexicon_rows(setup: _Setup, config: ModelConfig) -> list[list[Any]]:
    """[attribute, token ids, annotated, seen, given] by entry, sorted."""
    return [
        [config.attributes[attribute], list(pieces), entry.annotated, entry.seen, entry.given]
        for (attribute, pieces), entry in sorted(setup.lexicon.entries.items())
    ]


def _describe(report: DataReport, dev: int, added: int) -> list[str]:
    lines = [f"{report.products} training products ({report.unreadable} unreadable), {dev} to choose by"]
    lines.append(
        f"{report.values} values: {report.not_in_text} not found in the text, {report.overlapping} overlapping;"
        f" {len(report.labels_seen_once)} attributes seen once; {added} tokens added to the vocabulary"
    )
    return lines
