"""Annif with Omikuji beside kgtag on the same titles: what is tagged, and how fast.

    python benchmarks/annif.py --data DIR [--titles 3000 --titles 300] [--venv DIR] [--network] [--save annif]

The rows and gold are described in benchmarks/fashion.py; the category is withheld. Annif's pins conflict with kgtag's,
so that it gets an environment of its own: DIR of --venv, made with pip when it is missing, else a temporary one.
Annif (Omikuji as Parabel: balanced 2-means, depth 20) learns every concept of gold with everything broader, from words
and pairs of words. The score from which on a suggestion counts is the best for micro F1 on a tenth of the training
titles, by a model of the others. kgtag is trained with `spans = false`, its default threshold; --network adds the span
network at its defaults, which takes an hour for 3,000 titles. Quality by `kgtag evaluate tags`; titles per CPU second
are of 1,000 titles in one process, models loaded.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import arguments, machine, report, table
from fashion import HELD_OUT, annotated, read_rows, taxonomy_of

from graph.taxonomy import Taxonomy
from kgtag.evaluation.tagging import closed, gold_concepts
from kgtag.evaluation.tags import compare_tags
from kgtag.tag.models import assemble_tagger, load_models
from kgtag.train.model import train_model, train_values_only
from kgtag.types import AnnotatedProduct

_PROJECT = """[beside]
name=beside
language=en
backend=omikuji
analyzer=snowball(english)
vocab=beside
cluster_balanced=True
cluster_k=2
max_depth=20
ngram=2
min_df=1
limit=50
"""
_COLUMNS = (
    "model", "titles", "P", "R", "micro F1", "95%", "leaf category", "contradictions", "training, s", "CPU, s",
    "titles per CPU s",
)  # fmt: skip


def environment(given: Path | None, scratch: Path) -> Path:
    """The Python of an environment with Annif."""
    directory = given or scratch / "venv"
    python = directory / "bin" / "python"
    if not python.exists():
        venv.create(directory, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "annif[omikuji]"], check=True)
    return python


def run_annif(
    python: Path, work: Path, train: Sequence[AnnotatedProduct], test: Sequence[AnnotatedProduct], taxonomy: Taxonomy
) -> dict[str, Any]:
    """Train on `train`, and suggest for `test`; see annif_side.py."""
    work.mkdir(parents=True)
    (work / "projects.cfg").write_text(_PROJECT, encoding="utf-8")
    # Annif takes URIs, and looks nothing up in the labels.
    names = "".join(f"<{_uri(taxonomy, one.id)}>\t{one.label('en')}\n" for one in taxonomy)
    (work / "vocabulary.tsv").write_text(names, encoding="utf-8")
    for name, rows in (("train", train), ("test", test)):
        lines = [
            {"text": one.product.title, "subjects": [_uri(taxonomy, id) for id in sorted(_gold(one, taxonomy))]}
            for one in rows
        ]
        (work / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    side = Path(__file__).with_name("annif_side.py")
    with (work / "log").open("wb") as log:
        subprocess.run([str(python), "-I", str(side), str(work)], check=True, stdout=log, stderr=log)
    found: dict[str, Any] = json.loads((work / "out.json").read_text(encoding="utf-8"))
    ids = [concept.id for concept in taxonomy]
    found["answers"] = [{ids[int(uri.rpartition("/")[2])]: score for uri, score in row} for row in found["answers"]]
    return found


def _uri(taxonomy: Taxonomy, id: str) -> str:
    return f"http://example.org/{taxonomy.index(id)}"


def _gold(one: AnnotatedProduct, taxonomy: Taxonomy) -> set[str]:
    return closed(gold_concepts(one, taxonomy), taxonomy)


def threshold(answers: Sequence[dict[str, float]], gold: Sequence[AnnotatedProduct], taxonomy: Taxonomy) -> float:
    """The score from which on suggestions give the best micro F1."""
    wanted = [_gold(one, taxonomy) for one in gold]
    pairs = sorted(
        ((score, id in want) for found, want in zip(answers, wanted, strict=True) for id, score in found.items()),
        reverse=True,
    )
    total, hits, best, chosen = sum(map(len, wanted)), 0, 0.0, 0.5
    for number, (score, right) in enumerate(pairs, start=1):
        hits += right
        if (f1 := 2 * hits / (number + total)) > best:
            best, chosen = f1, score
    return chosen


def annif_row(
    python: Path, scratch: Path, train: Sequence[AnnotatedProduct], test: Sequence[AnnotatedProduct], taxonomy: Taxonomy
) -> tuple[dict[str, Any], dict[str, float]]:
    tenth = len(train) // 10
    draft = run_annif(python, scratch / "draft", train[tenth:], train[:tenth], taxonomy)
    least = threshold(draft["answers"], train[:tenth], taxonomy)
    made = run_annif(python, scratch / "whole", train, test, taxonomy)
    kept = [{id: score for id, score in found.items() if score >= least} for found in made["answers"]]
    costs = {"seconds": made["train"]["seconds"], "cpu": made["train"]["cpu"], "suggest": made["suggest"]["cpu"]}
    return compare_tags(test, kept, taxonomy), costs


def kgtag_row(
    out: Path,
    train: Sequence[AnnotatedProduct],
    test: Sequence[AnnotatedProduct],
    taxonomy: Taxonomy,
    *,
    network: bool = False,
) -> tuple[dict[str, Any], dict[str, float]]:
    began, cpu = time.perf_counter(), time.process_time()
    if network:
        train_model(train, taxonomy, out=out, progress=_log)
    else:
        train_values_only(train, taxonomy, out=out, progress=_log)
    costs = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    tagger = assemble_tagger(load_models(out), taxonomy)
    products = [replace(one.product, category=None) for one in test]
    tagger.tag(products[:1])
    cpu = time.process_time()
    taggings = tagger.tag(products)
    costs["suggest"] = time.process_time() - cpu
    predicted = [{tag.concept: tag.probability for tag in tagging.tags} for tagging in taggings]
    return compare_tags(test, predicted, taxonomy, proposals=[one.proposals for one in taggings]), costs


def _row(titles: int, name: str, found: dict[str, Any], costs: dict[str, float]) -> list[object]:
    low, high = found["intervals"]["micro_f1"]
    micro = [found["micro"][rate] for rate in ("precision", "recall", "f1")]
    return [
        name, titles, *micro, f"{low:.3f} to {high:.3f}", found["leaf_category_accuracy"],
        found["contradictions"] / found["n"], round(costs["seconds"]), round(costs["cpu"]),
        round(found["n"] / costs["suggest"]),
    ]  # fmt: skip


def _log(line: str) -> None:
    print(line, file=sys.stderr)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--titles", type=int, action="append", help="titles to learn from; repeatable")
    parser.add_argument("--venv", type=Path, help="an environment with Annif, made where it is missing")
    parser.add_argument("--network", action="store_true")
    given = parser.parse_args()
    host, rows = machine(), read_rows(given.data)
    taxonomy = Taxonomy.of(taxonomy_of(rows))
    test = [annotated(row, by_id=True) for row in rows[:HELD_OUT]]
    cells, measured = [], {}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        python = environment(given.venv, scratch)
        for titles in given.titles or [3000, 300]:
            chosen = rows[HELD_OUT : HELD_OUT + titles]
            by_id, by_label = ([annotated(row, by_id=by) for row in chosen] for by in (True, False))
            work = scratch / str(titles)
            runs = {
                "Annif, Omikuji": lambda w=work, t=by_id: annif_row(python, w / "annif", t, test, taxonomy),
                "kgtag": lambda w=work, t=by_id: kgtag_row(w / "ids", t, test, taxonomy),
                "kgtag, categories by name": lambda w=work, t=by_label: kgtag_row(w / "names", t, test, taxonomy),
            }
            if given.network:
                runs["kgtag, with the span network"] = lambda w=work, t=by_id: kgtag_row(
                    w / "network", t, test, taxonomy, network=True
                )
            for model, run in runs.items():
                found, costs = run()
                cells.append(_row(titles, model, found, costs))
                measured[f"{model}, {titles}"] = {
                    "micro": found["micro"], "leaf": found["leaf_category_accuracy"], **costs,
                }  # fmt: skip
                _log(str(cells[-1]))
    table("Beside Annif", _COLUMNS, cells, rivals=["Annif, Omikuji"])
    report("annif", "fashion_styles, 1,000 titles held out", host, save=given.save, test=len(test), **measured)


if __name__ == "__main__":
    main()
