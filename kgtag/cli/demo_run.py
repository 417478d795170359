"""The steps of the demo: import, train, audit, tag, neighbours."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path

from graph.errors import InputError
from graph.history.versions import stamped
from graph.stores import load_taxonomy, open_store
from kgtag.cli.console import err, out, print_table
from kgtag.data import read_annotated, sample
from kgtag.data.importing import import_files
from kgtag.embed.audit import audit_store
from kgtag.embed.scorer import Scorer
from kgtag.evaluation.tagging import tagging_report
from kgtag.link.encoder import SentenceEncoder
from kgtag.serve.assemble import assemble_served
from kgtag.tag.models import assemble_tagger, load_models
from kgtag.types import AnnotatedProduct, Tagging

_MARKER = ".kgtag-demo"
_SHOWN = ("backpacks", "tea", "headphones")


def run_demo(directory: Path, *, epochs: int) -> None:
    """Run every step in the directory. Raises InputError when it holds anything but an earlier demo."""
    from kgtag.train.embeddings.run import train_graph
    from kgtag.train.extractor.config import TrainOptions
    from kgtag.train.model import train_model

    _clear(directory)
    url, model, embeddings = f"sqlite:///{directory / 'shop.db'}", directory / "model", directory / "embeddings"
    train, dev, test = (list(read_annotated(file)) for file in (sample.TRAIN, sample.DEV, sample.TEST))
    with _step("1/6 Import the sample taxonomy"):
        store = open_store(url)
        store.migrate()
        taxonomy = import_files(store, "jsonl", [sample.TAXONOMY], scheme=sample.SCHEME, author="demo").taxonomy
        _say(f"{len(taxonomy)} concepts and {len(taxonomy.relations)} relations, revision {taxonomy.revision}")
    stamp = stamped(store)[1]
    with _step(f"2/6 Fine-tune the extractor on {len(train)} titles, and calibrate the linker"):
        options = TrainOptions(epochs=epochs)
        trained = train_model(train, taxonomy, out=model, dev=dev, stamp=stamp, options=options, progress=_say)
        linking = trained.linker["all"]
        _say(
            f"extractor: F1 {trained.extractor.f1:.3f} on dev (spans); linker: accuracy {linking['accuracy']:.3f}, "
            f"calibration error {linking['ece']:.3f} on held-out concepts"
        )
    with _step("3/6 Train graph embeddings"):
        encoder = SentenceEncoder(model / "linker" / "encoder.onnx", model / "linker" / "tokenizer.json")
        settings = {"progress": err.is_terminal}
        graph = train_graph(taxonomy, out=embeddings, stamp=stamp, annotated=train, encoder=encoder, settings=settings)
        _say(
            f"{graph.model} on {graph.device}: {graph.entities} entities, {graph.triples} triples; "
            f"MRR {graph.ranks.mrr:.3f}, calibration error {graph.reliability.ece:.3f} on held-out triples"
        )
    with _step("4/6 Audit the graph"):
        report = audit_store(store, scorer=Scorer.load(embeddings))
        found = [(c.severity, c.name, c.count) for c in report.checks if c.count]
        print_table("Findings by check", ["severity", "check", "findings"], found)
    with _step(f"5/6 Tag {len(test)} products the models have not seen"):
        models, taxonomy = load_models(model, embeddings), load_taxonomy(store)
        products = [replace(one.product, category=None) for one in test]
        by_mode = assemble_tagger(models, taxonomy).tag_by_mode(products, ("off", "symbolic", "full"))
        taggings = by_mode["full"]
        store.put_items([tagging.to_item(product) for product, tagging in zip(products, taggings, strict=True)])
        _show(test, taggings)
        scores = []
        for mode, tagged in by_mode.items():
            r = tagging_report(taxonomy, test, tagged)
            scores.append((mode, f"{r.precision:.3f}", f"{r.recall:.3f}", f"{r.f1:.3f}", f"{r.violation_rate:.1%}"))
        columns = ["enforcement", "precision", "recall", "F1", "products with contradictions"]
        print_table("Gain from consistency (tags against gold, categories predicted)", columns, scores)
    with _step("6/6 Find the neighbours of 'hiking-boots'"):
        served = assemble_served(replace(models, extractor=None), store, load_taxonomy(store), None)
        near = [
            (n.label, n.relation, f"{n.score:.2f}", ", ".join(sorted({e.type for e in n.evidence})))
            for n in served.recommender.neighbours("hiking-boots", limit=10)
        ]
        print_table("Neighbours", ["concept", "relation", "score", "evidence"], near)
    next_steps = f"""
[bold]Next[/]
Open the page, with all of this loaded:
  kgtag demo --serve --out {directory}
Or step by step:
  kgtag keys create --scope read,tag --store {url}
  kgtag serve --store {url} --model {model} --embeddings {embeddings}
  curl -s localhost:8000/v1/tag -H "Authorization: Bearer KEY" -H "Content-Type: application/json" \\
       -d '{{"id": "1", "title": "Nordvik merino crew socks, charcoal, 2 pairs"}}'
Your own catalogue: docs/how-to/your-own-catalogue.md
"""
    out.print(next_steps, soft_wrap=True)


def is_complete(directory: Path) -> bool:
    """Whether the directory holds a demo that ran to its end."""
    parts = (_MARKER, "shop.db", "model/manifest.json", "embeddings/manifest.json")
    return all((directory / part).is_file() for part in parts)


def _clear(directory: Path) -> None:
    if directory.exists() and any(directory.iterdir()):
        if not (directory / _MARKER).exists():
            raise InputError(f"{directory} holds other things; give the demo a directory of its own: --out DIR")
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MARKER).touch()


@contextmanager
def _step(title: str) -> Iterator[None]:
    started = time.perf_counter()
    err.print(f"\n[bold]{title}[/]")
    yield
    err.print(f"  [dim]{time.perf_counter() - started:.1f} s[/]")


def _say(line: str) -> None:
    err.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _show(test: Sequence[AnnotatedProduct], taggings: Sequence[Tagging]) -> None:
    """One English and one Chinese product of some categories."""
    for wanted in product(_SHOWN, ("en", "zh")):
        pairs = zip(test, taggings, strict=True)
        of_kind = [(one, tagging) for one, tagging in pairs if (one.product.category, one.product.lang) == wanted]
        for one, tagging in of_kind[:1]:
            rows: list[tuple[object, ...]] = [
                (tag.label, tag.attribute or tag.kind, tag.surface, tag.method, f"{tag.probability:.2f}")
                for tag in tagging.tags
                if tag.method != "implied"
            ]
            lost = tagging.nil
            rows += [("—", nil.attribute, nil.surface, "no concept (NIL)", f"{nil.probability:.2f}") for nil in lost]
            print_table(one.product.title, ["tag", "attribute", "from", "method", "probability"], rows)
