"""Models made of trained ones: further training, ensembles, attributes added by name, definition and known values.

Further training learns from new products, with earlier ones replayed. An ensemble averages its networks' scores before
the best spans are chosen: better and slower than each; distil it to be fast again.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from graph.errors import InputError
from kgtag.artifacts import check_target
from kgtag.extract.files import LexiconRow, ModelConfig, read_config, read_lexicon
from kgtag.extract.inputs import tokenize
from kgtag.extract.lexicon import MAX_PIECES, Lexicon
from kgtag.train.checkpoints import digest
from kgtag.train.encoder import pretrained
from kgtag.train.encoder.pretrained import extend, extended_rows, load_tokenizer, renumbering
from kgtag.train.extractor import prepare
from kgtag.train.extractor.config import DEFAULTS
from kgtag.train.extractor.dataset import Example, LabelMap, examples, label_map, learn_trims, split_dev
from kgtag.train.extractor.decision import Metric, tune
from kgtag.train.extractor.network import Ensemble, TagNetwork, load_encoder, named_rows, networks, set_token_rows
from kgtag.train.extractor.records import Progress
from kgtag.train.extractor.save import copy_model, labels_of, load_lexicon, load_network, read_metrics
from kgtag.types import AnnotatedProduct


@dataclass(frozen=True, slots=True)
class NewAttribute:
    """An attribute to add. `values`: known ones, as a taxonomy's labels; `concept`: the attribute's id there."""

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
    (`kgtag.train.extractor.derived`). By name and definition alone, little is found.

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
        rows = torch.cat([member.attribute.get_parameter("weight").detach(), rows])
        member.attribute = nn.Embedding(len(rows), rows.shape[1], padding_idx=0, _weight=rows)
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
    """Return the vectors of names in the encoder from before `network` was trained, (len(names), d) float32. Raises
    InputError: an encoder of another shape."""
    body = load_encoder(encoder)
    if body.config.hidden_size != network.encoder.config.hidden_size:
        raise InputError(
            f"encoder {str(encoder)!r} is not the one that the model was trained from: it is"
            f" {body.config.hidden_size} wide, not {network.encoder.config.hidden_size}"
        )
    weight = body.get_input_embeddings().weight.detach()
    added = network.encoder.get_input_embeddings().weight.detach()[len(weight) :]
    set_token_rows(body, torch.cat([weight, added]))
    return prepare.name_rows(TagNetwork(body, attributes=1, categories=1).eval(), tokenizer, names)


def _extended(config: ModelConfig, attributes: Mapping[str, NewAttribute], categories: Sequence[str]) -> ModelConfig:
    numbers = tuple(range(len(config.attributes), len(config.attributes) + len(attributes)))
    chosen = set(categories or config.categories)
    applicable = {name: (*found, *numbers) if name in chosen else found for name, found in config.applicable.items()}
    bound = {name: new.concept for name, new in attributes.items() if new.concept is not None}
    return replace(
        config, attributes=(*config.attributes, *attributes), applicable=applicable,
        attribute_concepts={**config.attribute_concepts, **bound},
        looked_up=(*config.looked_up, *(name for name, new in attributes.items() if new.values)),
    )  # fmt: skip


def build_ensemble(
    models: Sequence[Path], dev: Sequence[AnnotatedProduct], *, out: Path, progress: Progress = lambda _: None
) -> float:
    """Write an ensemble to `out`, tuned on `dev` as a single model is, and return its F1 there. The models must have
    been trained on the same data: equal attributes, categories and known values. Their encoders may differ if they cut
    texts into the same tokens, under whatever ids. Raises InputError: a model differs; the message names it."""
    if len(models) < 2:
        raise InputError(f"{len(models)} model given; an ensemble is made of at least two")
    if not dev:
        raise InputError("no dev products given; the joint model's calibration is fitted on them")
    check_target(out)
    loaded = [load_network(model) for model in models]
    config = loaded[0][1]
    for model, (found, other) in zip(models[1:], loaded[1:], strict=True):
        for name in ("attributes", "categories", "applicable", "max_tokens", "reads_text", "looked_up"):
            if getattr(config, name) != getattr(other, name):
                raise InputError(
                    f"models {str(models[0])!r} and {str(model)!r} differ in their {name}; an ensemble's members are"
                    " trained on the same data"
                )
        numbers = _numbers(models[0], model)
        for member in networks(found):  # it reads tokens by the first model's ids from now on
            set_token_rows(member.encoder, member.encoder.get_input_embeddings().weight.detach()[numbers])
    network = Ensemble([member for found, _ in loaded for member in networks(found)]).eval()
    before, *others = map(read_metrics, models)
    encoders = {name for one in (before, *others) for name in one.get("encoders", [one.get("encoder")]) if name}
    options = before.get("options", {})
    metric = Metric(options.get("dev_metric", "span_f1") == "span_f1", options.get("unannotated_as") == "unknown")
    tokenizer, labels = load_tokenizer(models[0]), labels_of(config)
    batcher = prepare.make_batcher(labels, tokenizer, load_lexicon(models[0], config), DEFAULTS)
    held, _ = examples(dev, labels, tokenizer, max_tokens=config.max_tokens, texts=config.reads_text)
    tuned = tune(network, held, batcher, metric=metric)
    metrics: dict[str, Any] = {name: before[name] for name in ("encoder", "options") if name in before}
    metrics |= {"f1": tuned.made.f1, "members": [str(model) for model in models], "encoders": sorted(encoders)}
    copy_model(models[0], out, network=network, config=replace(tuned.applied(config), thresholds={}), metrics=metrics)
    progress(f"wrote {out}: {len(network.members)} networks, dev F1 {100 * tuned.made.f1:.1f}")
    return tuned.made.f1


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
        return {"earlier model": self.version, "replay_ratio": self.replay_ratio, "replayed data": digest(self.replay)}

    def drawn(self, new: int, *, seed: int) -> tuple[list[AnnotatedProduct], list[AnnotatedProduct]]:
        """Draw (train, dev) products to replay beside `new` products; a tenth of them are for dev."""
        count = min(round(self.replay_ratio * new), len(self.replay))
        if count < 1:
            return [], []
        drawn = random.Random(seed).sample(list(self.replay), count)
        return split_dev(drawn) if len(drawn) > 1 else (drawn, [])


def prepare_continued(task: prepare.Training, start: Start) -> prepare.Prepared:
    """Prepare a training that starts from a trained model, whose encoder `task` names.

    New attributes and categories start from their names' vectors. An attribute that only the replayed products were
    annotated with counts for nothing in new ones, and the other way round. Raises InputError: nothing can be learned
    from the data, the model is an ensemble, or the encoder another one.
    """
    network, config = load_network(start.model)
    if not isinstance(network, TagNetwork):
        raise InputError(f"{str(start.model)!r} is an ensemble; continue one of its members")
    train, dev, options = task.train, task.dev, task.options
    prepare.check_learnable(train)
    labels = _labels(config, train)
    kept, kept_dev = start.drawn(len(train) + len(dev), seed=task.seed)
    both = [*train, *kept]
    tokenizer, added = extend(load_tokenizer(start.model), prepare.vocabulary_texts(both, labels, task.values))
    size, texts = config.max_tokens, config.reads_text
    made, report = examples(both, labels, tokenizer, max_tokens=size, texts=texts)
    held, dev_report = examples([*dev, *kept_dev], labels, tokenizer, max_tokens=size, texts=texts)
    taught = {name for item in train for name in item.attributes}
    made = _silent(made, len(train), labels, config, taught)
    held = _silent(held, len(dev), labels, config, taught) or made
    counted = prepare.count_lexicon(made, labels, tokenizer, task.values)
    lexicon = Lexicon({**counted.entries, **load_lexicon(start.model, config).entries})
    _extend(network, config, labels, tokenizer, task=task, added=added)
    weight = network.encoder.get_input_embeddings().weight
    rows = prepare.trained_rows(weight, made, labels, tokenizer, added=added, options=options)
    network.encoder.set_input_embeddings(rows)
    network.dropout.p = options.dropout
    trims = learn_trims(both, made, texts=texts)
    grown = replace(
        config, attributes=labels.attributes, categories=labels.categories, applicable=dict(labels.applicable),
        thresholds={}, looked_up=tuple(name for name in config.looked_up if name not in taught),
        trims={name: {**trims.get(name, {}), **config.trims.get(name, {})} for name in {*trims, *config.trims}},
    )  # fmt: skip
    return prepare.Prepared(
        network, tokenizer, labels, lexicon, prepare.make_batcher(labels, tokenizer, lexicon, options), both, made,
        held, report, dev_report, added, grown, labels.attributes[len(config.attributes) :],
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


def _silent(made: Sequence[Example], new: int, labels: LabelMap, config: ModelConfig, named: set[str]) -> list[Example]:
    """Leave attributes out of the loss that an example's annotators didn't know; the first `new` products are new."""
    every = frozenset(range(len(labels.attributes)))
    known = frozenset(range(len(config.attributes)))
    asked = frozenset(labels.index[name] for name in named)
    return [replace(e, unplaced=e.unplaced | (every - (asked if e.number < new else known) - e.listed)) for e in made]


def _extend(
    network: TagNetwork, config: ModelConfig, labels: LabelMap, tokenizer: Tokenizer, task: prepare.Training, added: int
) -> None:
    """Add rows for new tokens, attributes and categories to the network."""
    body = network.encoder
    set_token_rows(body, extended_rows(body.get_input_embeddings().weight, added, seed=task.seed))
    attributes, categories = labels.attributes[len(config.attributes) :], labels.categories[len(config.categories) :]
    fresh = unlearned_rows(network, tokenizer, [*attributes, *categories], encoder=pretrained.resolve(task.encoder))
    known = network.attribute.get_parameter("weight").detach()
    network.attribute = named_rows(torch.cat([known, fresh[: len(attributes)]]), dropout=0.0)
    rows = network.category.weight.detach()
    if labels.categories:
        rows = torch.cat([rows[: len(config.categories)], fresh[len(attributes) :]])
    network.category = nn.Embedding(len(rows), rows.shape[1], _weight=rows)
