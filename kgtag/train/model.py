"""One model directory: an extractor, and beside it a linker and the model of implicit values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from graph.errors import InputError
from graph.history.versions import Stamp
from graph.labels import normalise
from graph.model import Kind
from graph.taxonomy import Taxonomy, find_concept, require_concept
from kgtag.artifacts import new_directory
from kgtag.extract.implicit import DIRECTORY
from kgtag.extract.named import ValueNames
from kgtag.link.candidates.label_table import LabelTable
from kgtag.link.encoder import SentenceEncoder
from kgtag.link.linker import LinkExample
from kgtag.link.models import ENCODER, TOKENIZER
from kgtag.train.categories import Names
from kgtag.train.encoder import pretrained
from kgtag.train.extractor.config import TrainOptions
from kgtag.train.extractor.data_checks import inspect_data
from kgtag.train.extractor.derived import NewAttribute, Start
from kgtag.train.extractor.records import Progress
from kgtag.train.extractor.run import RunSettings, TrainReport, train_extractor
from kgtag.train.implicit import ValuesReport, train_values
from kgtag.train.linker.run import Material, train_linker
from kgtag.types import AnnotatedProduct, Query

_INDUCED = 0.95
"""Share of known values from which a taxonomy is taken to have been made from the training titles themselves."""


@dataclass(frozen=True, slots=True)
class ModelReport:
    """What was trained. `linker`: its metrics on held-out concepts (`kgtag.train.linker.run`), empty without a
    taxonomy; `values`: of the model of implicit values, None when too few values are outside the texts."""

    extractor: TrainReport
    linker: Mapping[str, Any] = field(default_factory=dict)
    values: ValuesReport | None = None


def train_model(
    data: Sequence[AnnotatedProduct],
    taxonomy: Taxonomy | None,
    *,
    out: Path,
    dev: Sequence[AnnotatedProduct] = (),
    stamp: Stamp | None = None,
    encoder: str | None = None,
    seed: int = 0,
    options: TrainOptions | None = None,
    start: Start | None = None,
    progress: Progress = lambda _: None,
    run: RunSettings | None = None,
) -> ModelReport:
    """Train the parts of a model directory on `data` and write it to `out`.

    With a taxonomy, names of attributes and categories are bound to its concepts, its labels become known values of the
    extractor, and annotators' links (`AnnotatedProduct.concepts`) train a linker. A model that is trained further
    without a taxonomy keeps its linker and implicit values.

    Args:
        stamp: version of the taxonomy in its store.
        encoder: hub name or path; the default encoder, or the one that `start` was trained from.
        start: a trained model to train further.
        run: what the extractor's training shows and writes beside the model.

    Raises:
        InputError: nothing can be learned.
    """
    run = run or RunSettings()
    attributes, categories, lexicon = {}, {}, {}
    if taxonomy is not None:
        attributes = _bound({name for one in data for name in one.attributes}, taxonomy, "attribute")
        categories = _bound({one.product.category for one in data if one.product.category}, taxonomy, "category")
        lexicon = known_values(data, taxonomy, progress)
        stamp = stamp or Stamp(taxonomy.revision)
        findings = inspect_data(data, dev, taxonomy=taxonomy) if run.findings is None else run.findings
        run = replace(run, findings=findings, place=replace(run.place, clear=False) if run.place else None)
    extractor = train_extractor(
        data, dev=dev, out=out, encoder=encoder, seed=seed, options=options, lexicon=lexicon, stamp=stamp,
        attribute_concepts=attributes, category_concepts=categories, start=start, progress=progress, run=run,
    )  # fmt: skip
    if taxonomy is None:
        if start is not None:
            return ModelReport(extractor)
        values = train_values(data, out=out / DIRECTORY, seed=seed, progress=progress)
        return ModelReport(extractor, values=values)
    everything = [*data, *(start.replay if start is not None else ())]
    name = encoder or (pretrained.DEFAULT if start is None else start.encoder)
    linker, sentences = _train_linker(everything, taxonomy, out / "linker", encoder=name, seed=seed, stamp=stamp)
    values = train_values(
        everything, out=out / DIRECTORY, seed=seed, encoder=sentences, names=Names(taxonomy, categories),
        progress=progress,
    )  # fmt: skip
    if run.place is not None:
        run.place.remove()
    return ModelReport(extractor, linker, values)


def train_values_only(
    data: Sequence[AnnotatedProduct],
    taxonomy: Taxonomy | None = None,
    *,
    out: Path,
    stamp: Stamp | None = None,
    encoder: str | None = None,
    seed: int = 0,
    progress: Progress = lambda _: None,
) -> ValuesReport:
    """Write a model directory without an extractor: it infers values that no text states, and finds no spans. Raises
    InputError: too few values are outside the texts."""
    with new_directory(out) as work:
        sentences, names, value_names, concepts = None, None, None, dict[str, str]()
        if taxonomy is not None:
            name = encoder or pretrained.DEFAULT
            _, sentences = _train_linker(data, taxonomy, work / "linker", encoder=name, seed=seed, stamp=stamp)
            categories = _bound({one.product.category for one in data if one.product.category}, taxonomy, "category")
            attributes = _bound({name for one in data for name in one.attributes}, taxonomy, "attribute")
            concepts, names = attributes | categories, Names(taxonomy, categories)
            value_names = partial(ValueNames, LabelTable(taxonomy), attributes)
        report = train_values(
            data, out=work / DIRECTORY, seed=seed, encoder=sentences, stated=True, names=names, value_names=value_names,
            concepts=concepts, progress=progress,
        )  # fmt: skip
        if report is None:
            raise InputError(
                "too few annotated products: an attribute needs 30 products and two values of 5 products each, and"
                " categories need 30 products of two categories"
            )
    return replace(report, directory=out / DIRECTORY)


def _train_linker(
    data: Sequence[AnnotatedProduct], taxonomy: Taxonomy, out: Path, *, encoder: str, seed: int, stamp: Stamp | None
) -> tuple[Mapping[str, Any], SentenceEncoder]:
    """Write a linker; return its metrics and its encoder."""
    gold = [example for one in data for example in link_examples(one, taxonomy)]
    metrics = train_linker(taxonomy, Material(gold), out=out, encoder=encoder, seed=seed, stamp=stamp)
    return metrics, SentenceEncoder(out / ENCODER, out / TOKENIZER)


def known_values(data: Sequence[AnnotatedProduct], taxonomy: Taxonomy, progress: Progress) -> dict[str, list[str]]:
    """Return the taxonomy's values by attribute name; none when the taxonomy was made from these titles: an extractor
    that finds every training value in its lexicon learns to find no other."""
    attributes = _bound({name for one in data for name in one.attributes}, taxonomy, "attribute")
    labels = {name: _labels(taxonomy, attribute) for name, attribute in attributes.items()}
    known = {name: {normalise(text) for text in texts} for name, texts in labels.items()}
    values = [(name, value) for one in data for name, own in one.attributes.items() for value in own if name in known]
    share = sum(normalise(value) in known[name] for name, value in values) / max(len(values), 1)
    if share > _INDUCED:
        progress(
            f"{share:.0%} of the values are labels already: the taxonomy was made from them, and is not used as lexicon"
        )
        return {}
    return labels


def known_attribute(taxonomy: Taxonomy, name: str, definition: str | None = None) -> NewAttribute:
    """Return a taxonomy's attribute as a new one of an extractor; its own definition, where none is given. Raises
    UnknownConcept: no attribute has this name; the message names the nearest ones."""
    id = require_concept(taxonomy, name, "attribute")
    own = taxonomy[id].definition
    return NewAttribute(definition or own.get("en") or next(iter(own.values()), None), _labels(taxonomy, id), id)


def link_examples(one: AnnotatedProduct, taxonomy: Taxonomy) -> list[LinkExample]:
    """Return the annotators' links as queries with their concepts."""
    category = find_concept(taxonomy, one.product.category, "category") if one.product.category else None
    found = []
    for (name, surface), concept in one.concepts.items():
        if concept is None or concept in taxonomy:
            attribute = find_concept(taxonomy, name, "attribute")
            found.append(LinkExample(Query(surface, attribute, category, one.product.lang), concept))
    return found


def _bound(names: Iterable[str], taxonomy: Taxonomy, kind: Kind) -> dict[str, str]:
    return {name: id for name in sorted(names) if (id := find_concept(taxonomy, name, kind)) is not None}


def _labels(taxonomy: Taxonomy, attribute: str) -> list[str]:
    values = [taxonomy[value] for value in taxonomy.values_of(attribute)]
    return sorted({text for value in values if value.status != "deprecated" for text, _, _ in value.labels()})
