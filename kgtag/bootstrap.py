"""The only place that names adapters and reads settings: from words on a command line to objects that work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from graph.errors import InputError, StoreError
from graph.migrate import MigrationStatus
from graph.repairs.repairs import dialect_of
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.embed.triples import concepts_of
from kgtag.enforce import EnforceSettings
from kgtag.extract.files import Precision
from kgtag.extract.implicit.unseen import with_newcomers
from kgtag.recommend import CoOccurrence, Recommender
from kgtag.search.suggest import Suggester
from kgtag.serve.live import Live, Served
from kgtag.serve.snapshot_file import KeptFile
from kgtag.tag.label_map import Binding
from kgtag.tag.tagger import Tagger
from kgtag.types import Linker

if TYPE_CHECKING:
    from graph.audit import Check, Report
    from kgtag.embed.scorer import Scorer
    from kgtag.extract.implicit.model import ValueModel
    from kgtag.extract.sequence import SequenceExtractor
    from kgtag.link import TaxonomyLinker

DEFAULT_STORE = "sqlite:///kgtag.db"


class Settings(BaseSettings):
    """What the environment says: KGTAG_STORE, KGTAG_MODEL, KGTAG_EMBEDDINGS, KGTAG_NEO4J_PASSWORD, …"""

    model_config = SettingsConfigDict(env_prefix="KGTAG_", protected_namespaces=())

    store: str = DEFAULT_STORE
    neo4j_password: SecretStr | None = None
    model: Path | None = None
    embeddings: Path | None = None
    precision: Precision = "fp32"
    threshold: float = EnforceSettings().threshold
    mode: Literal["off", "symbolic", "full"] = "full"
    poll_seconds: float = 0.5
    snapshot: Path | None = None
    busy_seconds: float = 10.0
    new_values: bool = False


class MigratableStore(TaxonomyStore, Protocol):
    """What `open_store` gives: every adapter migrates itself."""

    def migrate(self) -> list[str]: ...

    def migrations(self) -> list[MigrationStatus]: ...


def open_store(url: str | None = None) -> MigratableStore:
    """The store behind a URL (default: KGTAG_STORE, else sqlite:///kgtag.db). Raises InputError for any other URL."""
    settings = Settings()
    url = url or settings.store
    scheme = url.split(":", 1)[0]
    if scheme == "sqlite":
        from graph.sqlite.store import SqliteStore

        return SqliteStore.open(_sqlite_path(url), busy_seconds=settings.busy_seconds)
    if scheme in ("neo4j", "bolt", "neo4j+s", "bolt+s", "neo4j+ssc", "bolt+ssc"):
        from graph.neo4j.store import Neo4jStore

        parts, number = _server_address(url, scheme)
        port = f":{number}" if number else ""
        secret = settings.neo4j_password.get_secret_value() if settings.neo4j_password else ""
        return Neo4jStore.open(
            f"{scheme}://{parts.hostname}{port}",
            user=unquote(parts.username or "neo4j"),
            password=unquote(parts.password) if parts.password else secret,
            database=parts.path.strip("/") or "neo4j",
        )
    raise InputError(
        f"{scheme!r} is no kind of store; expected sqlite:///file.db, neo4j://user:password@host:7687 or bolt://…"
    )


def _server_address(url: str, scheme: str) -> tuple[SplitResult, int | None]:
    """The URL's parts and port. What it says is not repeated in the error: a password may stand anywhere in it."""
    expected = f"expected {scheme}://user:password@host:7687"
    try:
        parts = urlsplit(url)
        number = parts.port
    except ValueError:
        raise InputError(
            f"{scheme}://… has no readable host and port; {expected}, with /, @, : and # in a password as %2F, %40, "
            "%3A and %23, or the password in KGTAG_NEO4J_PASSWORD"
        ) from None
    if not parts.hostname:
        raise InputError(f"{scheme}://… names no host; {expected}")
    return parts, number


def _sqlite_path(url: str) -> Path:
    """`sqlite:///relative.db`, `sqlite:////absolute.db`."""
    if not url.startswith("sqlite:///") or not url.removeprefix("sqlite:///"):
        raise InputError(f"{url!r} names no file; expected sqlite:///relative.db or sqlite:////absolute/path.db")
    return Path(unquote(url.removeprefix("sqlite:///")))


def load_taxonomy(store: TaxonomyStore) -> Taxonomy:
    return Taxonomy.of(store.read())


@dataclass(frozen=True, slots=True)
class Models:
    """What was trained, loaded once and kept while snapshots come and go. Each may be missing.

    `new_values`: whether values that the taxonomy got after training are told from their names; a run of the sentence
    encoder per product.
    """

    extractor: SequenceExtractor | None
    linker: Path | None
    scorer: Scorer | None
    enforcement: EnforceSettings
    values: ValueModel | None = None
    new_values: bool = False


def load_models(
    model: Path | None,
    embeddings: Path | None = None,
    *,
    enforcement: EnforceSettings | None = None,
    precision: Precision = "fp32",
) -> Models:
    """Read the model directory (its `linker/` and `multilabel/` too, when there are) and the embeddings directory.
    `precision` is the extractor's."""
    from kgtag.embed.scorer import Scorer
    from kgtag.extract.implicit.model import ValueModel
    from kgtag.extract.sequence import SequenceExtractor

    linker = model / "linker" if model is not None and (model / "linker").is_dir() else None
    values = model / "multilabel" if model is not None and (model / "multilabel").is_dir() else None
    settings = Settings()
    return Models(
        extractor=SequenceExtractor.load(model, precision=precision) if model is not None else None,
        linker=linker,
        scorer=Scorer.load(embeddings) if embeddings is not None else None,
        enforcement=enforcement or _enforcement(settings),
        values=ValueModel.load(values) if values is not None else None,
        new_values=settings.new_values,
    )


def assemble_linker(
    models: Models, taxonomy: Taxonomy, *, scheme: str | None = None, earlier: Linker | None = None
) -> TaxonomyLinker:
    """With the dense part when a linker was trained; to concepts of `scheme` alone when it is given.

    `earlier`, the linker of the snapshot before, lends the vectors of labels it knows.
    """
    from kgtag.link import TaxonomyLinker

    lender = earlier if isinstance(earlier, TaxonomyLinker) else None
    return TaxonomyLinker(taxonomy, model_dir=models.linker, scheme=scheme, earlier=lender)


def assemble_tagger(models: Models, taxonomy: Taxonomy, *, earlier: Tagger | None = None) -> Tagger:
    """The line for one snapshot; `earlier`: that of the one before. Raises ModelMismatch when models don't fit.

    Without an extractor, the taxonomy's labels are what is looked for in titles.
    """
    extractor = models.extractor
    if extractor is None:
        return _assemble_day_zero(models, taxonomy)
    binding = Binding.of(
        taxonomy,
        attributes=extractor.attributes,
        categories=extractor.config.categories,
        recorded={**extractor.config.attribute_concepts, **extractor.config.category_concepts},
    )
    linker = assemble_linker(models, taxonomy, earlier=earlier.linker if earlier is not None else None)
    values = models.values
    if values is not None and models.new_values:
        values = with_newcomers(values, taxonomy, binding, linker.encoder)
    return Tagger(
        extractor,
        linker,
        taxonomy,
        binding=binding,
        values=values,
        plausibility=models.scorer.aligned(taxonomy) if models.scorer is not None else None,
        settings=models.enforcement,
    )


def _assemble_day_zero(models: Models, taxonomy: Taxonomy) -> Tagger:
    from kgtag.extract.dictionary import LabelExtractor

    extractor = LabelExtractor(taxonomy)
    if not extractor.attributes:
        raise InputError(
            "this taxonomy has no attributes, so there are no values to look for in titles; give --model DIR (train one"
            " with: kgtag train extractor), or import attributes (kgtag import annotated FILE)"
        )
    return Tagger(
        extractor,
        assemble_linker(models, taxonomy),
        taxonomy,
        binding=Binding.of(taxonomy, attributes=extractor.attributes, categories=(), recorded={}),
        plausibility=models.scorer.aligned(taxonomy) if models.scorer is not None else None,
        settings=models.enforcement,
    )


def assemble_served(models: Models, store: TaxonomyStore | None, taxonomy: Taxonomy, before: Served | None) -> Served:
    """Everything that answers requests; when the taxonomy is the same as before, only the items are counted anew.

    Without a store there are no items.
    """
    cooccurrence = CoOccurrence.of(taxonomy, concepts_of(store.items()) if store is not None else ())
    if models.scorer is not None:
        models = replace(models, scorer=models.scorer.aligned(taxonomy))
    recommender = Recommender(taxonomy, cooccurrence=cooccurrence, similarity=models.scorer)
    if before is not None and before.taxonomy.revision == taxonomy.revision:
        before.suggester.warm()
        return replace(before, taxonomy=taxonomy, recommender=recommender)
    suggester = Suggester(taxonomy, popularity=cooccurrence.count)
    if store is not None:
        suggester.warm()
    return Served(
        taxonomy=taxonomy,
        recommender=recommender,
        suggester=suggester,
        tagger=assemble_tagger(models, taxonomy, earlier=before.tagger if before is not None else None)
        if models.extractor is not None
        else None,
    )


def open_models(settings: Settings) -> Models:
    """What the settings name. Raises what loading raises."""
    return load_models(
        settings.model, settings.embeddings, enforcement=_enforcement(settings), precision=settings.precision
    )


def _enforcement(settings: Settings) -> EnforceSettings:
    return EnforceSettings(threshold=settings.threshold, mode=settings.mode)


def follow(settings: Settings, store: TaxonomyStore, models: Models) -> Live:
    """The served snapshot of a store, not yet following. Raises StoreError, and ModelMismatch when models don't fit."""
    return Live(
        store,
        lambda taxonomy, before: assemble_served(models, store, taxonomy, before),
        poll_seconds=settings.poll_seconds,
        kept=KeptFile(settings.snapshot, store.url) if settings.snapshot is not None else None,
        offline=lambda taxonomy, before: assemble_served(models, None, taxonomy, before),
    )


def audit_store(store: TaxonomyStore, *, checks: Sequence[str] | None = None, embeddings: Path | None = None) -> Report:
    """Every check on the taxonomy and its tagged items, and the learned one when there are embeddings."""
    from graph.audit import audit

    if embeddings is None and checks is not None and "implausible_broader" in checks:
        raise InputError("the check 'implausible_broader' is a learned one; give --embeddings DIR")
    taxonomy = load_taxonomy(store)
    learned = _learned_checks(load_models(None, embeddings), taxonomy)
    return audit(taxonomy, items=store.items(), checks=checks, extra=learned, dialect=dialect_of(store.url))


def audit_live(live: Live, models: Models) -> Report:
    """The same for what is served; without its items while the record is out of reach."""
    from graph.audit import audit

    taxonomy, dialect = live.current.taxonomy, dialect_of(live.store.url)
    learned = _learned_checks(models, taxonomy)
    try:
        return audit(taxonomy, items=live.store.items(), extra=learned, dialect=dialect)
    except StoreError:
        return audit(taxonomy, extra=learned, dialect=dialect)


def _learned_checks(models: Models, taxonomy: Taxonomy) -> list[Check]:
    from kgtag.embed.audit import implausible_broader

    return [implausible_broader(models.scorer.aligned(taxonomy))] if models.scorer is not None else []
