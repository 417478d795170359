"""One model directory for one taxonomy: the extractor bound to its concepts, and beside it the linker and, where values
are annotated that no text says, the model of implied values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graph.history.releases import Stamp
from graph.labels import normalise
from graph.lookup import find_concept, require_concept
from graph.model import Kind
from graph.taxonomy import Taxonomy
from kgtag.link.encoder import SentenceEncoder
from kgtag.link.examples import LinkExample
from kgtag.link.files import ENCODER, TOKENIZER
from kgtag.train.encoder import pretrained
from kgtag.train.extractor.data_checks import inspect_data
from kgtag.train.extractor.new_attributes import NewAttribute
from kgtag.train.extractor.options import TrainOptions
from kgtag.train.extractor.run import RunSettings, TrainReport, train_extractor
from kgtag.train.implicit.run import DIRECTORY, ValuesReport, train_values
from kgtag.train.linker.run import Material, train_linker
from kgtag.types import AnnotatedProduct, Query

_INDUCED = 0.95
"""Share of known values from which a taxonomy is taken to have been made from the training titles themselves."""


@dataclass(frozen=True, slots=True)
class ModelReport:
    """`linker`: its metrics on concepts kept apart (`kgtag.train.linker.run`); `values`: of the model of implied
    values, None when too few values aren't in the texts."""

    extractor: TrainReport
    linker: Mapping[str, Any]
    values: ValuesReport | None = None


def train_model(
    data: Sequence[AnnotatedProduct],
    taxonomy: Taxonomy,
    *,
    out: Path,
    dev: Sequence[AnnotatedProduct] = (),
    stamp: Stamp | None = None,
    encoder: str = pretrained.DEFAULT,
    seed: int = 0,
    options: TrainOptions | None = None,
    progress: Callable[[str], None] = lambda _: None,
    run: RunSettings | None = None,
) -> ModelReport:
    """Train them on `data` and write them to `out`. Raises InputError when nothing can be learned.

    Names of attributes and categories that the taxonomy knows are recorded as its concepts; its labels help the
    extractor to know a value when it sees one. Annotators' links (`AnnotatedProduct.concepts`) train the linker.
    `stamp`: what its store calls the taxonomy; `run`: what the extractor's training keeps and shows of itself.
    """
    run = run or RunSettings()
    if run.findings is None:
        run = replace(run, findings=inspect_data(data, dev, taxonomy=taxonomy))
    if run.place is not None:
        run = replace(run, place=replace(run.place, clear=False))
    attributes = _bound({name for one in data for name in one.attributes}, taxonomy, "attribute")
    categories = _bound({one.product.category for one in data if one.product.category}, taxonomy, "category")
    extractor = train_extractor(
        data,
        dev=dev,
        out=out,
        encoder=encoder,
        seed=seed,
        options=options,
        lexicon=_lexicon(data, taxonomy, attributes, progress),
        stamp=stamp or Stamp(taxonomy.revision),
        attribute_concepts=attributes,
        category_concepts=categories,
        progress=progress,
        run=run,
    )
    gold = [example for one in data for example in link_examples(one, taxonomy)]
    linker = train_linker(taxonomy, Material(gold), out=out / "linker", encoder=encoder, seed=seed, stamp=stamp)
    sentences = SentenceEncoder(out / "linker" / ENCODER, out / "linker" / TOKENIZER)
    values = train_values(data, out=out / DIRECTORY, seed=seed, encoder=sentences, progress=progress)
    if run.place is not None:
        run.place.remove()
    return ModelReport(extractor, linker, values)


def known_values(
    data: Sequence[AnnotatedProduct], taxonomy: Taxonomy, progress: Callable[[str], None]
) -> dict[str, list[str]]:
    """The taxonomy's values by attribute name, as the extractor is trained with them."""
    return _lexicon(
        data, taxonomy, _bound({name for one in data for name in one.attributes}, taxonomy, "attribute"), progress
    )


def known_attribute(taxonomy: Taxonomy, name: str, definition: str | None = None) -> NewAttribute:
    """What the taxonomy knows of the attribute with this name; its own definition, where none is given.

    Raises UnknownConcept, naming the nearest ones.
    """
    id = require_concept(taxonomy, name, "attribute")
    own = taxonomy[id].definition
    return NewAttribute(definition or own.get("en") or next(iter(own.values()), None), _labels(taxonomy, id), id)


def link_examples(one: AnnotatedProduct, taxonomy: Taxonomy) -> list[LinkExample]:
    """The links that annotators gave, as the linker will be asked; empty where they gave none."""
    category = find_concept(taxonomy, one.product.category, "category") if one.product.category else None
    found = []
    for (name, surface), concept in one.concepts.items():
        if concept is None or concept in taxonomy:
            attribute = find_concept(taxonomy, name, "attribute")
            found.append(LinkExample(Query(surface, attribute, category, one.product.lang), concept))
    return found


def _bound(names: Iterable[str], taxonomy: Taxonomy, kind: Kind) -> dict[str, str]:
    return {name: id for name in sorted(names) if (id := find_concept(taxonomy, name, kind)) is not None}


def _lexicon(
    data: Sequence[AnnotatedProduct],
    taxonomy: Taxonomy,
    attributes: Mapping[str, str],
    progress: Callable[[str], None],
) -> dict[str, list[str]]:
    """Labels by attribute; nothing when the taxonomy was made from these very titles.

    An extractor that finds every training value in its lexicon learns to find nothing else.
    """
    labels = {name: _labels(taxonomy, attribute) for name, attribute in attributes.items()}
    known = {name: {normalise(text) for text in texts} for name, texts in labels.items()}
    values = [
        (name, value) for one in data for name, found in one.attributes.items() for value in found if name in known
    ]
    share = sum(normalise(value) in known[name] for name, value in values) / max(len(values), 1)
    if share > _INDUCED:
        progress(
            f"{share:.0%} of the values are labels already: the taxonomy was made from them, and is no lexicon here"
        )
        return {}
    return labels


def _labels(taxonomy: Taxonomy, attribute: str) -> list[str]:
    values = [taxonomy[value] for value in taxonomy.values_of(attribute)]
    return sorted({text for value in values if value.status != "deprecated" for text, _, _ in value.labels()})
