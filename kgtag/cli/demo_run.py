"""The steps of the demo: import, train, audit, tag, neighbours."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from graph.audit import Report
from graph.errors import InputError
from graph.history.versions import stamped
from graph.importing import ImportReport
from graph.stores import MigratableStore, load_taxonomy, open_store
from graph.taxonomy import Taxonomy
from kgtag.data import read_annotated, sample
from kgtag.data.importing import import_files
from kgtag.embed.audit import audit_store
from kgtag.embed.scorer import Scorer
from kgtag.enforce import EnforceSettings
from kgtag.evaluation.tagging import TaggingReport, evaluate_tagging
from kgtag.recommend import Neighbour
from kgtag.serve.assemble import assemble_served
from kgtag.tag.models import Models, assemble_tagger, load_models
from kgtag.types import AnnotatedProduct, Tagging

MODES = ("off", "symbolic", "full")
_MARKER = ".kgtag-demo"


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo's directory, and its steps in order. Each step returns what is shown."""

    out: Path
    console: Console

    @property
    def url(self) -> str:
        return f"sqlite:///{self.out / 'shop.db'}"

    @property
    def model(self) -> Path:
        return self.out / "model"

    @property
    def embeddings(self) -> Path:
        return self.out / "embeddings"

    def clear(self) -> None:
        """Empty the directory. Raises InputError when it holds anything but an earlier demo."""
        if self.out.exists() and any(self.out.iterdir()):
            if not (self.out / _MARKER).exists():
                raise InputError(f"{self.out} holds other things; give the demo a directory of its own: --out DIR")
            shutil.rmtree(self.out)
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / _MARKER).touch()

    def load(self) -> tuple[MigratableStore, ImportReport]:
        store = open_store(self.url)
        store.migrate()
        files = [sample.TAXONOMY]
        return store, import_files(store, "jsonl", files, scheme=sample.SCHEME, author="demo")

    def train(self, taxonomy: Taxonomy, train: Sequence[AnnotatedProduct], *, epochs: int) -> str:
        from kgtag.train.extractor.config import TrainOptions
        from kgtag.train.model import train_model

        report = train_model(
            train,
            taxonomy,
            out=self.model,
            dev=list(read_annotated(sample.DEV)),
            stamp=stamped(open_store(self.url))[1],
            options=TrainOptions(epochs=epochs),
            progress=self._log,
        )
        linking = report.linker["all"]
        return (
            f"extractor: F1 {report.extractor.f1:.3f} on dev (spans); linker: accuracy {linking['accuracy']:.3f}, "
            f"calibration error {linking['ece']:.3f} on held-out concepts"
        )

    def embed(self, taxonomy: Taxonomy, train: Sequence[AnnotatedProduct]) -> str:
        from kgtag.link.encoder import SentenceEncoder
        from kgtag.train.embeddings.run import train_graph

        linker = self.model / "linker"
        encode = SentenceEncoder(linker / "encoder.onnx", linker / "tokenizer.json").encode
        report = train_graph(
            taxonomy,
            out=self.embeddings,
            stamp=stamped(open_store(self.url))[1],
            annotated=train,
            encode=encode,
            settings={"progress": self.console.is_terminal},
        )
        size = f"{report.entities} entities, {report.triples} triples"
        quality = f"MRR {report.ranks.mrr:.3f}, calibration error {report.reliability.ece:.3f} on held-out triples"
        return f"{report.model} on {report.device}: {size}; {quality}"

    def models(self) -> Models:
        return load_models(self.model, self.embeddings)

    def audit(self, store: MigratableStore) -> Report:
        return audit_store(store, scorer=Scorer.load(self.embeddings))

    def tag(self, store: MigratableStore, models: Models, gold: Sequence[AnnotatedProduct]) -> list[Tagging]:
        """Tag the test products, their category withheld, and keep the tags."""
        products = [replace(one.product, category=None) for one in gold]
        taggings = assemble_tagger(models, load_taxonomy(store)).tag(products)
        store.put_items([tagging.to_item(product) for product, tagging in zip(products, taggings, strict=True)])
        return taggings

    def measure(
        self, store: MigratableStore, models: Models, gold: Sequence[AnnotatedProduct]
    ) -> Iterator[tuple[str, TaggingReport]]:
        """The ablation of enforcement: without, with the taxonomy, with embeddings too."""
        taxonomy = load_taxonomy(store)
        for mode in MODES:
            settings = EnforceSettings(mode=mode)  # type: ignore[arg-type]
            yield mode, evaluate_tagging(assemble_tagger(replace(models, enforcement=settings), taxonomy), gold)

    def neighbours(self, store: MigratableStore, models: Models, concept: str) -> list[Neighbour]:
        served = assemble_served(replace(models, extractor=None), store, load_taxonomy(store), None)
        return served.recommender.neighbours(concept, limit=10)

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        started = time.perf_counter()
        self.console.print(f"\n[bold]{title}[/]")
        yield self._log
        self.console.print(f"  [dim]{time.perf_counter() - started:.1f} s[/]")

    def _log(self, line: str) -> None:
        self.console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
