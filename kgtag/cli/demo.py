"""`kgtag demo`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgtag.cli.console import err, out, print_table

if TYPE_CHECKING:
    from kgtag.cli.demo_run import Demo
    from kgtag.types import AnnotatedProduct, Tagging

_SHOWN = ("backpacks", "tea", "headphones")


def demo(
    out_dir: Annotated[Path, typer.Option("--out", help="Where everything is written.")] = Path("demo-out"),
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of the extractor; fewer is faster and worse.")] = 6,
) -> None:
    """Run the whole pipeline on the sample shop, then print what to try next.

    Imports a bilingual taxonomy into SQLite, fine-tunes an extractor, trains graph embeddings, audits the graph, tags
    products the models have not seen, and shows where each tag came from. No server, no key, no download.

    Example: `kgtag demo --out demo-out`
    """
    from graph.errors import InputError
    from kgtag.cli.demo_run import Demo as Run
    from kgtag.data import read_annotated, sample

    if find_spec("pykeen") is None:
        raise InputError("the demo trains models; install what that needs: pip install 'kgtag[train]'")
    run = Run(out_dir, err)
    run.clear()
    train, test = list(read_annotated(sample.TRAIN)), list(read_annotated(sample.TEST))
    with run.step("1/6 Import the sample taxonomy") as log:
        store, imported = run.load()
        taxonomy = imported.taxonomy
        log(f"{len(taxonomy)} concepts and {len(taxonomy.relations)} relations, revision {taxonomy.revision}")
    with run.step(f"2/6 Fine-tune the extractor on {len(train)} titles, and calibrate the linker") as log:
        log(run.train(taxonomy, train, epochs=epochs))
    with run.step("3/6 Train graph embeddings") as log:
        log(run.embed(taxonomy, train))
    with run.step("4/6 Audit the graph"):
        report = run.audit(store)
        found = [(c.severity, c.name, c.count) for c in report.checks if c.count]
        print_table("Findings by check", ["severity", "check", "findings"], found)
    with run.step(f"5/6 Tag {len(test)} products the models have not seen"):
        models = run.models()
        taggings = run.tag(store, models, test)
        _show(test, taggings)
        scores = [
            (mode, f"{r.precision:.3f}", f"{r.recall:.3f}", f"{r.f1:.3f}", f"{r.violation_rate:.1%}")
            for mode, r in run.measure(store, models, test)
        ]
        columns = ["enforcement", "precision", "recall", "F1", "products with contradictions"]
        print_table("Gain from consistency (tags against gold, categories predicted)", columns, scores)
    with run.step("6/6 Find the neighbours of 'hiking-boots'"):
        near = [
            (n.label, n.relation, f"{n.score:.2f}", ", ".join(sorted({e.type for e in n.evidence})))
            for n in run.neighbours(store, models, "hiking-boots")
        ]
        print_table("Neighbours", ["concept", "relation", "score", "evidence"], near)
    out.print(_next_steps(run), soft_wrap=True)


def _show(test: Sequence[AnnotatedProduct], taggings: Sequence[Tagging]) -> None:
    """One English and one Chinese product of some categories."""
    for category in _SHOWN:
        for lang in ("en", "zh"):
            pairs = zip(test, taggings, strict=True)
            of_kind = [(o, t) for o, t in pairs if (o.product.category, o.product.lang) == (category, lang)]
            if of_kind:
                one, tagging = of_kind[0]
                rows: list[tuple[object, ...]] = [
                    (tag.label, tag.attribute or tag.kind, tag.surface, tag.method, f"{tag.probability:.2f}")
                    for tag in tagging.tags
                    if tag.method != "implied"
                ]
                rows += [
                    ("—", nil.attribute, nil.surface, "no concept (NIL)", f"{nil.probability:.2f}")
                    for nil in tagging.nil
                ]
                print_table(one.product.title, ["tag", "attribute", "from", "method", "probability"], rows)


def _next_steps(run: Demo) -> str:
    return f"""
[bold]Next[/]
  kgtag keys create --scope read,tag --store {run.url}
  kgtag serve --store {run.url} --model {run.model} --embeddings {run.embeddings}
  curl -s localhost:8000/v1/tag -H "Authorization: Bearer KEY" -H "Content-Type: application/json" \\
       -d '{{"id": "1", "title": "Nordvik merino crew socks, charcoal, 2 pairs"}}'
Your own catalogue: docs/your-own-catalogue.md
"""
