"""The front door: models and a taxonomy in, a pipeline that answers out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from graph import taxonomy as snapshots
from graph.errors import InputError
from graph.model import Kind
from graph.sources import Taxonomy
from graph.store import TaxonomyStore
from graph.stores import open_store
from kgtag.ask.asker import Asker
from kgtag.data import read_annotated
from kgtag.describe.describer import Describer
from kgtag.enforce import EnforceSettings
from kgtag.evaluation.tagging import evaluate_tagging
from kgtag.link import TaxonomyLinker
from kgtag.recommend import EVIDENCE_TYPES, EvidenceType, Group, Neighbour
from kgtag.recommend.items import RecommendedItem
from kgtag.recommend.profile import Profile
from kgtag.rows.ask import AskAnswerRow
from kgtag.rows.tagging import DescriptionRow
from kgtag.search.parsed import ParsedQuery
from kgtag.search.suggest import Suggestion
from kgtag.serve.assemble import assemble_served
from kgtag.serve.live import Served
from kgtag.tag.models import Models, assemble_linker, assemble_tagger, load_models
from kgtag.tag.tagger import Tagger
from kgtag.types import AnnotatedProduct, Extractor, Linked, Product, Query, Tagging

if TYPE_CHECKING:
    from kgtag.train.embeddings.run import EmbeddingReport
    from kgtag.train.extractor.run import TrainReport

Text = str | Product | Mapping[str, Any]
"""A product as a title, a `Product`, or a row of a product file."""
Source = str | Path | snapshots.Taxonomy | TaxonomyStore
"""A taxonomy as a store URL, a file, a snapshot, or an open store."""


def load(
    model: str | Path | Extractor | None = None,
    *,
    store: Source,
    embeddings: str | Path | None = None,
    precision: Literal["fp32", "int8"] = "fp32",
    threshold: float = 0.5,
    mode: Literal["off", "symbolic", "full"] = "full",
    new_values: bool = False,
    query_model: str | Path | None = None,
    recommender: str | Path | None = None,
) -> Pipeline:
    """Load a pipeline. Nothing is read from the environment, and nothing is fetched.

    Args:
        model: A model directory, an `Extractor`, or `NAME:ARGUMENT` for an extractor of another package; without
            one, titles are searched for the taxonomy's labels.
        store: The taxonomy: a store URL, a file (`.jsonl`, `.csv`, `.ttl`, …), a `Taxonomy`, or an open store.
        embeddings: A directory of graph embeddings.
        precision: The extractor's numbers; int8 is quicker and very nearly as good.
        threshold: The least probability of a tag, 0 to 1.
        mode: What enforcement uses: the threshold alone ("off"), the taxonomy ("symbolic"), embeddings too ("full").
        new_values: Infer values younger than the model from their names.
        query_model: A model directory that was trained on search queries, for `search`.
        recommender: A directory of `train recommender`, for what goes with an item.

    Returns:
        The pipeline, on a snapshot of the taxonomy as it is now.

    Raises:
        InputError: A model, store or file is missing or damaged, or `threshold` or `mode` is out of range.
        ModelMismatch: The model does not fit the taxonomy.

    Example:
        >>> shop = load(store="tents.jsonl")
        >>> [tag.label for tag in shop("Trailhead dome tent, green").tags]
        ['Dome tents', 'Green', 'Tents']
    """
    settings = EnforceSettings(threshold=threshold, mode=mode)
    given = model if isinstance(model, str | Path) or model is None else None
    models = load_models(
        given,
        embeddings,
        enforcement=settings,
        precision=precision,
        new_values=new_values,
        query_model=query_model,
        recommender=recommender,
    )
    if model is not None and not isinstance(model, str | Path):
        models = replace(models, extractor=model)
    taxonomy, opened = _opened(store)
    return Pipeline(taxonomy, models=models, store=opened)


class Pipeline:
    """Tags products, and answers questions about the taxonomy, on one snapshot of it.

    Safe to share between threads. Make one with `load`.

    Args:
        taxonomy: The snapshot.
        models: Trained parts.
        store: Where the snapshot and the tagged items come from; None for a taxonomy without items.

    Example:
        >>> Pipeline(Taxonomy.load("tents.jsonl"))
        Pipeline(model labels, 6 concepts, revision a2c8f13bc224)
    """

    def __init__(
        self, taxonomy: snapshots.Taxonomy, *, models: Models | None = None, store: TaxonomyStore | None = None
    ) -> None:
        self._taxonomy = taxonomy
        self._models = models or Models()
        self._store = store

    @property
    def taxonomy(self) -> snapshots.Taxonomy:
        """The snapshot that answers."""
        return self._taxonomy

    def __repr__(self) -> str:
        model = self._models.extractor.version if self._models.extractor is not None else "labels"
        return f"Pipeline(model {model}, {len(self._taxonomy)} concepts, revision {self._taxonomy.revision[:12]})"

    def __call__(self, product: Text) -> Tagging:
        """Tag one product.

        Args:
            product: A title, a `Product`, or a row with `title` and, if known, `text`, `category`, `lang`.

        Raises:
            TextError: The title is empty, too long, or not text.
            UnknownConcept: The product names a category that the taxonomy lacks.

        Example:
            >>> shop = load(store="tents.jsonl")
            >>> shop("Trailhead dome tent, green").by_attribute()["color"][0].concept
            'green'
        """
        return self.tagger.tag([_product(product, 1)])[0]

    def pipe(self, products: Iterable[Text], *, batch_size: int = 512) -> Iterator[Tagging]:
        """Tag many products, in order; the next batch is read while one is linked.

        Args:
            products: Titles, products or rows, as many as there are.
            batch_size: Products that go through the stages together.

        Raises:
            InputError: A product that cannot be tagged, after the taggings of the batches before it.

        Example:
            >>> shop = load(store="tents.jsonl")
            >>> [len(tagging.tags) for tagging in shop.pipe(["red tent", "green tent"])]
            [2, 2]
        """
        if isinstance(products, str):
            raise InputError("pipe takes several products; tag a single title with pipeline(title)")
        numbered = (_product(one, number) for number, one in enumerate(products, start=1))
        for outcomes in self.tagger.attempt_each(iter(lambda: list(islice(numbered, batch_size)), [])):
            for outcome in outcomes:
                if isinstance(outcome, InputError):
                    raise outcome
                yield outcome

    def link(
        self, text: str, *, attribute: str | None = None, category: str | None = None, lang: str | None = None
    ) -> Linked:
        """Link a mention to concepts.

        Args:
            text: The mention.
            attribute: Id of the attribute that it is a value of.
            category: Id of the product's category.
            lang: Language of the labels in the answer.

        Returns:
            Candidates, best first, and the decision: `link` is None for a mention without a concept (NIL).

        Example:
            >>> load(store="tents.jsonl").link("dome-tents").link.concept
            'dome-tents'
        """
        (found,) = self.linker.link([Query(text, attribute, category, lang)])
        return found.labelled(lambda id: self._taxonomy[id].label(lang))

    def neighbours(
        self,
        concept: str,
        *,
        relation: str | None = None,
        evidence: Sequence[EvidenceType] = EVIDENCE_TYPES,
        kind: Kind | None = None,
        group: Group | None = None,
        limit: int = 20,
        lang: str | None = None,
    ) -> list[Neighbour]:
        """Concepts related to a concept, best first, each once with its evidence; attributes only if asked for.

        Args:
            concept: The id.
            relation: Only this relation; also "sibling", "occurs_with", "similar".
            evidence: Only these types.
            kind: Only "category", "attribute" or "value".
            group: Only "taxonomy", "facets", "goes_with" or "like_it".
            limit: Rows at most.
            lang: Language of the labels in the answer.

        Raises:
            UnknownConcept: An id that the taxonomy lacks.

        Example:
            >>> [row.label for row in load(store="tents.jsonl").neighbours("dome-tents", limit=1)]
            ['Tents']
        """
        recommender = self._parts.recommender
        return recommender.neighbours(
            concept, relation=relation, evidence=evidence, kind=kind, group=group, limit=limit, lang=lang
        )

    def recommend(
        self,
        concepts: Sequence[str] = (),
        *,
        text: str | None = None,
        limit: int = 20,
        kind: Kind | None = None,
        lang: str | None = None,
    ) -> list[Neighbour]:
        """Concepts that go with all of `concepts`, and with the tags of `text`, together.

        Args:
            concepts: Ids, or one id.
            text: A title, for its tags.
            limit: Rows at most.
            kind: Only "category", "attribute" or "value".
            lang: Language of the labels in the answer.

        Raises:
            UnknownConcept: An id that the taxonomy lacks.
            InputError: Neither concepts nor a text are given.
        """
        if isinstance(concepts, str):
            concepts = (concepts,)
        given = [*concepts, *((tag.concept for tag in self(text).tags) if text is not None else ())]
        if not concepts and text is None:
            raise InputError("recommend needs concepts or a text")
        return self._parts.recommender.recommend(given, limit=limit, lang=lang, kind=kind) if given else []

    def recommend_items(
        self,
        concepts: Sequence[str] = (),
        *,
        items: Sequence[str] = (),
        text: str | None = None,
        profile: Profile | None = None,
        limit: int = 20,
        lang: str | None = None,
    ) -> list[RecommendedItem]:
        """Items of the store like `items`, the latest last, that have `concepts` and the tags of `text`.

        Args:
            concepts: Ids; an item that contradicts one of them is left out.
            items: Ids of items that a visitor saw.
            text: A title, for its tags.
            profile: What a visitor did, of `Profile.of(events)`; the items that they know are left out.
            limit: Rows at most.
            lang: Language of the labels in `why`.

        Raises:
            UnknownConcept: An id that the taxonomy lacks.
            InputError: An item that has not been tagged, or nothing is given.
        """
        given = [*concepts, *((tag.concept for tag in self(text).tags) if text is not None else ())]
        if text is not None and not given and not items and not profile:
            return []
        parts = self._parts
        assert parts.items is not None
        return parts.items.recommend(
            given, items, profile=profile, model=self._models.recommender, limit=limit, lang=lang
        )

    def suggest(
        self, prefix: str, *, limit: int = 10, lang: str | None = None, kind: str | None = None
    ) -> list[Suggestion]:
        """Completions of a half-typed label, one per concept.

        Example:
            >>> [one.label for one in load(store="tents.jsonl").suggest("dom")]
            ['Dome tents']
        """
        return self._parts.suggester.suggest(prefix, limit=limit, lang=lang, kind=kind)

    def search(self, query: str, *, lang: str | None = None) -> ParsedQuery:
        """Parse a search query: spans that name concepts, the category, bounds and exclusions, expansions, facets, and
        a query body for Elasticsearch and OpenSearch.

        Args:
            query: As typed.
            lang: Language of the labels in the answer; that of the query by default.

        Raises:
            TextError: The query is empty, or longer than 300 characters.

        Example:
            >>> found = load(store="tents.jsonl").search("green dome tent sale")
            >>> [(span.surface, span.concepts[0].concept) for span in found.spans], found.remainder
            ([('green', 'green'), ('dome tent', 'dome-tents')], 'sale')
        """
        return self._parts.parser.parse(query, lang=lang)

    def ask(self, question: str, *, lang: str | None = None) -> AskAnswerRow:
        """Answer a question about stored items and concepts, with citations; `known` is false where no tag says.

        Args:
            question: English or Chinese.
            lang: Language of the answer, "en" or "zh"; that of the question by default.

        Raises:
            TextError: The question is empty, or longer than 600 characters.
            InputError: There is no store, or another language is asked for.
        """
        return self._asker.ask(question, lang=lang)

    def describe(self, product: Text, *, lang: str = "en") -> DescriptionRow:
        """Tag a product and describe it by its tags alone; see `kgtag describe` for stored items and templates.

        Args:
            product: A title, a `Product`, or a row.
            lang: "en" or "zh".

        Raises:
            InputError: Another language, or a product that cannot be tagged.

        Example:
            >>> load(store="tents.jsonl").describe("Trailhead dome tent, green")["description"]
            'Green dome tent.'
        """
        read = _product(product, 1)
        return Describer(self._taxonomy).describe(self(read).to_item(read), lang=lang)

    @cached_property
    def tagger(self) -> Tagger:
        """Extraction, linking and enforcement on the snapshot."""
        return assemble_tagger(self._models, self._taxonomy, linker=self.linker)

    @cached_property
    def linker(self) -> TaxonomyLinker:
        """The linker alone: it needs no extractor."""
        return assemble_linker(self._models, self._taxonomy)

    @cached_property
    def _asker(self) -> Asker:
        if self._store is None:
            raise InputError("questions are answered from stored items; load the pipeline with a store")
        return Asker(self._parts, self._store)

    @cached_property
    def _parts(self) -> Served:
        return assemble_served(
            replace(self._models, extractor=None), self._store, self._taxonomy, None, linker=lambda: self.linker
        )


def evaluate(
    pipeline: Pipeline, gold: str | Path | Sequence[AnnotatedProduct], *, given_category: bool = False
) -> dict[str, Any]:
    """Compare a pipeline's tags with annotated products.

    Args:
        pipeline: The pipeline.
        gold: A file of annotated products, or the products.
        given_category: Tell the pipeline each product's category; it is withheld otherwise.

    Returns:
        `n`, `precision`, `recall` and `f1` over sets of concepts, each with everything broader, and
        `violation_rate`: the share of products whose tags contradict each other or the taxonomy.

    Raises:
        FileFormatError: The file does not read.

    Example:
        >>> evaluate(load(store="tents.jsonl"), "titles.jsonl")
        {'n': 3, 'precision': 1.0, 'recall': 1.0, 'f1': 1.0, 'violation_rate': 0.0}
    """
    products = list(read_annotated(Path(gold))) if isinstance(gold, str | Path) else gold
    return asdict(evaluate_tagging(pipeline.tagger, products, given_category=given_category))


def train_extractor(
    data: str | Path | Sequence[AnnotatedProduct],
    *,
    out: str | Path,
    store: Source | None = None,
    dev: str | Path | Sequence[AnnotatedProduct] = (),
    config: str | Path | Mapping[str, Any] | None = None,
    progress: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> TrainReport:
    """Fine-tune an extractor; with a taxonomy, a linker and a model of implicit values as well.

    Needs `pip install 'kgtag[train]'`.

    Args:
        data: A file of annotated products, or the products.
        out: Directory of the model; it appears complete or not at all.
        store: The taxonomy that the model is for; see `load`.
        dev: Held out for choosing the epoch; a tenth of the data otherwise.
        config: A TOML file, the name of a preset, or a mapping of options.
        progress: Called with lines for people.
        **options: `encoder`, `format`, `seed`, `epochs`, `learning_rate` and all others of a config file; they count
            more than `config`.

    Raises:
        InputError: Nothing can be learned from the data, or an option is unknown or out of range.

    Example:
        >>> report = train_extractor("titles.jsonl", out="models/tents", encoder="encoder", epochs=1)
        >>> report.directory.name, len(report.version)
        ('tents', 12)
    """
    from kgtag.train.extractor.config import read_config, resolve
    from kgtag.train.model import train_model

    base = read_config(str(config)) if isinstance(config, str | Path) else config or {}
    run, chosen = resolve(base, options)
    train, held = (_annotated(given, run.format, run.lang) for given in (data, dev))
    taxonomy = _opened(store)[0] if store is not None else None
    return train_model(
        train, taxonomy, dev=held, out=Path(out), encoder=run.encoder, seed=run.seed, options=chosen, progress=progress
    ).extractor


def train_embeddings(
    store: Source, *, out: str | Path, config: str | Path | Mapping[str, Any] | None = None, **options: Any
) -> EmbeddingReport:
    """Train graph embeddings with PyKEEN on a taxonomy and the tags of its items, and calibrate them.

    Needs `pip install 'kgtag[train]'`.

    Args:
        store: The taxonomy; see `load`.
        out: Directory of the embeddings.
        config: A TOML file of settings, or a mapping.
        **options: `model` (ComplEx, DistMult, TransE, RotatE), `dim`, `epochs`, `device`, `seed` and all others of a
            settings file; they count more than `config`. The rest follows from the size of the data.

    Raises:
        InputError: Too few triples, or an unknown model.

    Example:
        >>> report = train_embeddings("tents.jsonl", out="graph", dim=4, epochs=2)
        >>> report.entities, report.model
        (5, 'ComplEx')
    """
    from kgtag.train.embeddings.run import train_graph
    from kgtag.train.embeddings.settings import read_settings

    taxonomy, opened = _opened(store)
    items = opened.items() if opened is not None else ()
    base = read_settings(Path(config)) if isinstance(config, str | Path) else config or {}
    return train_graph(taxonomy, out=Path(out), items=items, settings={**base, **options})


def _annotated(given: str | Path | Sequence[AnnotatedProduct], format: str, lang: str | None) -> list[AnnotatedProduct]:
    return list(read_annotated(Path(given), format=format, lang=lang) if isinstance(given, str | Path) else given)


def _opened(store: Source) -> tuple[snapshots.Taxonomy, TaxonomyStore | None]:
    """The snapshot, and the store that it is of."""
    if isinstance(store, snapshots.Taxonomy):
        return store, None
    if isinstance(store, str | Path):
        if "://" not in str(store):
            return Taxonomy.load(store), None
        store = open_store(str(store))
    return Taxonomy.of(store.read()), store


def _product(given: Text, number: int) -> Product:
    """Products without an id are numbered from 1."""
    if isinstance(given, Product):
        return given
    if isinstance(given, str):
        return Product(str(number), given)
    if not isinstance(given, Mapping):
        raise InputError(
            f"product {number} must be a text, a Product or a row with 'title', not {type(given).__name__}"
        )
    title, text, category, lang, group = (given.get(name) for name in ("title", "text", "category", "lang", "group"))
    if not isinstance(title, str):
        raise InputError(f"product {number} has no title; a text, a Product or a row with 'title' is expected")
    return Product(str(given.get("id", number)), title, text, category, lang, group=group)
