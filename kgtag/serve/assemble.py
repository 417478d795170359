"""The parts that answer requests, assembled for a snapshot."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from graph.errors import InputError
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.discover.place import Placer, read_place_model
from kgtag.embed.scorer import Scorer
from kgtag.enforce import EnforceSettings
from kgtag.link.models import VECTORS
from kgtag.recommend import Recommender
from kgtag.recommend.items import ItemTags
from kgtag.search.query import QueryParser
from kgtag.search.suggest import Suggester
from kgtag.search.tagged import check_query_model
from kgtag.serve.live import LiveTaxonomy, Served
from kgtag.serve.settings import Settings
from kgtag.serve.snapshot_file import SnapshotFile
from kgtag.tag.models import Models, assemble_challenger, assemble_linker, assemble_tagger, load_models, open_encoder
from kgtag.tag.tagger import Tagger
from kgtag.types import Linker

log = logging.getLogger(__name__)


def assemble_served(
    models: Models,
    store: TaxonomyStore | None,
    taxonomy: Taxonomy,
    before: Served | None,
    *,
    linker: Callable[[], Linker] | None = None,
) -> Served:
    """The parts for one snapshot, with the items of the store, if any; those of the snapshot `before` may be reused.
    With the same taxonomy as before, only the items are counted again. `linker`: makes the linker of search queries,
    at the first query, where there is no tagger."""
    items = ItemTags.of(taxonomy, store.items() if store is not None else ())
    counted = items.cooccurrence
    recommender = Recommender(taxonomy, cooccurrence=counted, similarity=_with_new_concepts(models, taxonomy))
    if before is not None and before.taxonomy.revision == taxonomy.revision:
        before.suggester.warm()
        return replace(before, taxonomy=taxonomy, recommender=recommender, items=items)
    suggester = Suggester(taxonomy, popularity=counted.count)
    if store is not None:
        suggester.warm()
    earlier = before.tagger if before is not None else None
    serves = models.extractor is not None or models.labels
    tagger = assemble_tagger(models, taxonomy, earlier=earlier) if serves else None
    if linker is None:
        linker = (lambda: tagger.linker) if tagger is not None else partial(assemble_linker, models, taxonomy)
    parser = QueryParser(taxonomy, linker, popularity=counted.count, within=counted.together, tagger=models.queries)
    if before is not None and before.parser.built:
        parser.warm()
    challenger = _challenger(models, taxonomy, tagger, before.challenger if before is not None else None)
    return Served(taxonomy, recommender, suggester, parser, tagger, items, models.recommender, challenger)


def _challenger(models: Models, taxonomy: Taxonomy, tagger: Tagger | None, earlier: Tagger | None) -> Tagger | None:
    """None where there is none, or where it does not fit the taxonomy: the champion answers for all then."""
    if models.challenger is None or tagger is None:
        return None
    try:
        return assemble_challenger(models, taxonomy, tagger, earlier=earlier)
    except InputError as error:
        log.error("the challenger gets no products: %s", error)
        return None


def _with_new_concepts(models: Models, taxonomy: Taxonomy) -> Scorer | None:
    """The embeddings, extended by the concepts that came after training: each gets a vector from its label."""
    if models.scorer is None:
        return None
    scorer = models.scorer.aligned(taxonomy)
    new = [concept for concept in taxonomy if concept.id not in scorer and concept.status != "deprecated"]
    if not new or scorer.text_map is None or (encoder := models.encoder()) is None:
        return scorer
    texts = encoder.encode([concept.label() for concept in new])
    return scorer.with_texts({concept.id: row for concept, row in zip(new, texts, strict=True)})


def open_placer(
    taxonomy: Taxonomy, embeddings: Path | None, *, kind: str | None = None, scheme: str | None = None
) -> Placer:
    """What finds places for new concepts, with the encoder of the embeddings and what was trained beside them, if it
    was. Raises InputError where there is nothing to place under, and for damaged embeddings."""
    if embeddings is None:
        return Placer(taxonomy, kind=kind, scheme=scheme)
    model, encoder, cache = read_place_model(embeddings), open_encoder(embeddings), embeddings / VECTORS
    return Placer(taxonomy, model=model, encoder=encoder, cache=cache, kind=kind, scheme=scheme)


def open_models(settings: Settings) -> Models:
    """The models that the settings name. Raises InputError when they do not load."""
    models = load_models(
        settings.model,
        settings.embeddings,
        enforcement=EnforceSettings(threshold=settings.threshold, mode=settings.mode),
        precision=settings.precision,
        new_values=settings.new_values,
        mask_personal=settings.mask_personal,
        claims=settings.claims,
        recommender=settings.recommender,
        query_model=settings.query_model,
    )
    check_query_model(models.queries)
    return with_challenger(models, settings)


def with_challenger(models: Models, settings: Settings) -> Models:
    """The models with the challenger that the settings name, if any. Raises InputError when it does not load."""
    if settings.challenger is None:
        return models
    if settings.model is None:
        raise InputError("a challenger needs a champion; give --model DIR as well")
    own = load_models(settings.challenger, precision=settings.precision)
    other = replace(models, extractor=own.extractor, linker=own.linker, values=own.values)
    return replace(models, challenger=other)


def follow(settings: Settings, store: TaxonomyStore, models: Callable[[], Models]) -> LiveTaxonomy:
    """The live snapshot of a store, neither loaded nor started. `models` gives those of the moment."""
    return LiveTaxonomy(
        store,
        lambda taxonomy, before: assemble_served(models(), store, taxonomy, before),
        poll_seconds=settings.poll_seconds,
        file=SnapshotFile(settings.snapshot, store.url) if settings.snapshot is not None else None,
        build_offline=lambda taxonomy, before: assemble_served(models(), None, taxonomy, before),
    )
