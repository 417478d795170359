"""Trained models, loaded once, and the pipeline they make with a taxonomy snapshot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

from graph.claims import Claims
from graph.errors import InputError
from graph.plugins import load_plugin, plugin_names
from graph.taxonomy import Taxonomy
from kgtag.artifacts import MANIFEST, ModelDirectory
from kgtag.embed.export import EMBEDDINGS
from kgtag.embed.scorer import Scorer
from kgtag.enforce import EnforceSettings
from kgtag.extract.dictionary import LabelExtractor
from kgtag.extract.files import EXTRACTOR, Precision
from kgtag.extract.implicit import DIRECTORY, ImplicitValueModel, ValuesOnly, with_unseen_values
from kgtag.extract.named import ValueNames
from kgtag.extract.sequence import SequenceExtractor
from kgtag.link import TaxonomyLinker
from kgtag.link.candidates.label_table import LabelTable
from kgtag.link.encoder import SentenceEncoder
from kgtag.link.models import ENCODER, TOKENIZER
from kgtag.recommend.model import RecommenderModel
from kgtag.tag.label_map import LabelMap
from kgtag.tag.tagger import Tagger, model_version
from kgtag.tag.watch import Watch
from kgtag.types import Extractor, Linker


@dataclass(frozen=True, slots=True)
class Models:
    """Trained parts, kept while snapshots come and go. Each may be missing.

    Attributes:
        extractor: Without one, the taxonomy's labels are looked for.
        linker: The linker's directory.
        scorer: The embeddings.
        encoder: Opens the sentence encoder of the embeddings; None where they were trained without texts.
        enforcement: Settings.
        values: Infers values that no text states.
        new_values: Infer values younger than the model from their names; runs the sentence encoder per product.
        recommender: Items by what users chose.
        queries: An extractor that was trained on search queries.
        mask_personal: Leave personal data in products unread.
        labels: Serve a tagger without an extractor as well.
        claims: Terms to flag in products; None for none.
        watch: Is told what the pipeline does.
        challenger: Other models for a part of the products.
    """

    extractor: Extractor | None = None
    linker: Path | None = None
    scorer: Scorer | None = None
    enforcement: EnforceSettings = field(default_factory=EnforceSettings)
    values: ImplicitValueModel | None = None
    new_values: bool = False
    encoder: Callable[[], SentenceEncoder | None] = lambda: None
    recommender: RecommenderModel | None = None
    queries: Extractor | None = None
    mask_personal: bool = True
    labels: bool = False
    claims: Claims | None = field(default_factory=Claims.load)
    watch: Watch | None = None
    challenger: Models | None = None

    @property
    def version(self) -> str:
        return model_version(self.extractor, self.values)


def load_models(
    model: Path | str | None = None,
    embeddings: Path | str | None = None,
    *,
    enforcement: EnforceSettings | None = None,
    precision: Precision = "fp32",
    new_values: bool = False,
    recommender: Path | str | None = None,
    query_model: Path | str | None = None,
    mask_personal: bool = True,
    claims: Path | str | None = None,
) -> Models:
    """Read a model directory, with its linker and its model of implicit values, an embeddings directory, one of `kgtag
    train recommender`, and a model that was trained on search queries.

    `model` may be `NAME:ARGUMENT` as well, for an extractor of another package (group `kgtag.extractors`). Raises
    InputError when a directory is missing, incomplete or damaged; the message names the file.
    """
    name, _, argument = str(model or "").partition(":")
    directory = Path(model) if model is not None else None
    extractor: Extractor | None = None
    values = linker = None
    if directory is not None and not directory.exists() and name in plugin_names("kgtag.extractors"):
        extractor = load_plugin("kgtag.extractors", name)(argument)
    elif directory is not None:
        values = ImplicitValueModel.load(directory / DIRECTORY) if (directory / DIRECTORY).is_dir() else None
        linker = directory / "linker" if (directory / "linker").is_dir() else None
        if values is not None and not any((directory / file).exists() for file in EXTRACTOR.files):
            extractor = ValuesOnly(values)
        else:
            extractor = SequenceExtractor.load(directory, precision=precision)
    settings = enforcement or EnforceSettings()
    items = RecommenderModel.load(recommender) if recommender is not None else None
    queries = SequenceExtractor.load(Path(query_model)) if query_model is not None else None
    models = Models(
        extractor, linker, None, settings, values, new_values, recommender=items, queries=queries,
        mask_personal=mask_personal, claims=Claims.load(Path(claims) if claims is not None else None),
    )  # fmt: skip
    if embeddings is None:
        return models
    encoder = cache(partial(open_encoder, Path(embeddings)))
    return replace(models, scorer=Scorer.load(Path(embeddings)), encoder=encoder)


def open_encoder(embeddings: Path) -> SentenceEncoder | None:
    """The sentence encoder in an embeddings directory, None without one. Raises InputError for a damaged one."""
    if not (embeddings / ENCODER).is_file():
        return None
    found = ModelDirectory.open(embeddings, EMBEDDINGS)
    found.check(ENCODER, TOKENIZER)
    digest = found.digests[ENCODER] + found.digests[TOKENIZER]
    return SentenceEncoder(embeddings / ENCODER, embeddings / TOKENIZER, digest=digest)


def assemble_linker(
    models: Models, taxonomy: Taxonomy, *, scheme: str | None = None, earlier: Linker | None = None
) -> TaxonomyLinker:
    """A linker for one snapshot (of `scheme` alone), with dense candidates when one was trained. `earlier` is the
    linker of the snapshot before, whose vectors of known labels are reused."""
    lender = earlier if isinstance(earlier, TaxonomyLinker) else None
    return TaxonomyLinker(taxonomy, model_dir=models.linker, scheme=scheme, earlier=lender)


def assemble_tagger(
    models: Models, taxonomy: Taxonomy, *, linker: TaxonomyLinker | None = None, earlier: Tagger | None = None
) -> Tagger:
    """The pipeline for one snapshot. Without an extractor, titles are searched for the taxonomy's labels.

    The linker is assembled when none is given; `earlier` is the pipeline of the snapshot before. Raises ModelMismatch
    when the models do not fit the taxonomy.
    """
    if linker is None:
        linker = assemble_linker(models, taxonomy, earlier=earlier.linker if earlier is not None else None)
    extractor = models.extractor or _dictionary(taxonomy, linker.table)
    labels = LabelMap.of(
        taxonomy, attributes=extractor.attributes, categories=extractor.categories, recorded=extractor.concepts
    )
    values = models.values
    if values is not None and models.new_values:
        values = with_unseen_values(values, taxonomy, labels.attribute, linker.encoder)
    names = None
    if values is not None and isinstance(extractor, ValuesOnly):
        bound = {name: id for name in values.attributes if (id := labels.attribute(name)) is not None}
        names = ValueNames(linker.table, bound, {name: head.values for name, head in values.heads.items()})
    scorer = models.scorer.aligned(taxonomy) if models.scorer is not None else None
    return Tagger(
        extractor, linker, taxonomy, label_map=labels, values=values, plausibility=scorer, settings=models.enforcement,
        value_names=names, masks=models.mask_personal, claims=models.claims, watch=models.watch,
    )  # fmt: skip


def assemble_challenger(models: Models, taxonomy: Taxonomy, champion: Tagger, *, earlier: Tagger | None) -> Tagger:
    """The pipeline of the challenger. It shares the champion's linker where both were trained on the same one."""
    assert models.challenger is not None
    linker = champion.linker
    if isinstance(linker, TaxonomyLinker) and _same_linker(models.linker, models.challenger.linker):
        return assemble_tagger(models.challenger, taxonomy, linker=linker)
    return assemble_tagger(models.challenger, taxonomy, earlier=earlier)


def _same_linker(one: Path | None, other: Path | None) -> bool:
    if one is None or other is None:
        return one is other
    first, second = one / MANIFEST, other / MANIFEST
    return first.is_file() and second.is_file() and first.read_bytes() == second.read_bytes()


def with_labels(models: Models) -> Models:
    """The models, with a search for the taxonomy's labels where there is no extractor."""
    return models if models.extractor is not None else replace(models, labels=True)


def _dictionary(taxonomy: Taxonomy, table: LabelTable) -> LabelExtractor:
    extractor = LabelExtractor(taxonomy, table)
    if not extractor.attributes and not any(concept.kind == "category" for concept in taxonomy):
        raise InputError(
            "this taxonomy has neither categories nor attributes, so there is nothing to look for in titles; import one"
            " that has (kgtag import FORMAT FILE), or give --model DIR"
        )
    return extractor
