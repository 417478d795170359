"""`kgtag evaluate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph.errors import InputError
from kgtag.cli.console import log, print_json, print_table
from kgtag.cli.options import Embeddings, Json, Lang, Model, Precision, Store, load_taxonomy, read_precision
from kgtag.cli.tag import Encoder, encode_of

if TYPE_CHECKING:
    from kgtag.types import Extractor

app = typer.Typer(no_args_is_help=True)


@app.command()
def extractor(
    model: Model,
    data: Annotated[Path, typer.Option("--data", help="Annotated products that the model was not trained on.")],
    format: Annotated[str, typer.Option(help="annotated, spans, extractgpt, bio or bieos.")] = "annotated",
    lang: Lang = None,
    precision: Precision = "fp32",
    against: Annotated[Path | None, typer.Option(help="Another model, compared product by product.")] = None,
    normaliser: Annotated[
        Path | None, typer.Option(help="A file from `train normaliser`: predictions are normalised, as gold is.")
    ] = None,
    linker: Encoder = None,
    store: Annotated[
        str | None, typer.Option(help="A taxonomy, for hierarchical F1: concepts with all that is broader.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Directory for plots (PNG) and report.html; needs kgtag[report].")
    ] = None,
    samples: Annotated[int, typer.Option(min=10, help="Bootstrap samples over products.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    examples: Annotated[int, typer.Option(min=0, help="Mistakes shown of each attribute and kind.")] = 3,
    perturb: Annotated[
        list[str] | None,
        typer.Option(
            help="F1 on titles written otherwise: typos, upper, lower, order, traditional, or all; repeatable."
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--slice", help="Rates by a field: lang, category, or an attribute such as Brand; repeatable."),
    ] = None,
    save_thresholds: Annotated[
        bool, typer.Option("--save-thresholds", help="Write the thresholds chosen on this data into the model.")
    ] = False,
    json: Json = False,
) -> None:
    """Precision, recall and F1: strict spans, or values by the ExtractGPT protocol for `--format extractgpt`.

    With 95% intervals, calibration, thresholds by attribute, and mistakes by kind. Values include implicit ones.

    Examples: `kgtag evaluate extractor --model models/shop --data test.jsonl --report evaluation/ --json`;
    `kgtag evaluate extractor --model models/shop --data test.jsonl --perturb all --slice lang --slice brand`;
    `kgtag evaluate extractor --model M --data normalised.jsonl --format extractgpt --normaliser normaliser.json`
    """
    from kgtag.data import read_annotated
    from kgtag.evaluation import report as reports
    from kgtag.evaluation.extraction import Protocol, ValueExtractor, extract_all
    from kgtag.evaluation.report import write_report
    from kgtag.evaluation.robustness import PERTURBATIONS, evaluate_perturbed, slices
    from kgtag.extract.files import read_config, rewrite_config
    from kgtag.normalise import Normaliser
    from kgtag.tag.models import load_models

    products = list(read_annotated(data, format=format, lang=lang))
    protocol: Protocol = "extractgpt" if format == "extractgpt" else "spans"
    if normaliser is not None and protocol == "spans":
        raise InputError(f"--normaliser compares values, and format {format!r} is evaluated by spans; give extractgpt")
    rules = Normaliser.load(normaliser, encode=encode_of(linker)) if normaliser is not None else None

    def read(directory: Path) -> Extractor:
        models = load_models(directory, precision=read_precision(precision))
        assert models.extractor is not None
        if protocol == "spans":
            return models.extractor
        return ValueExtractor(models.extractor, normaliser=rules, implicit=models.values)

    loaded = read(model)
    answer = reports.extraction_report(
        loaded,
        products,
        protocol=protocol,
        taxonomy=load_taxonomy(store) if store is not None else None,
        against=read(against) if against is not None else None,
        samples=samples,
        seed=seed,
        examples=examples,
    )
    if perturb:
        if protocol != "spans":
            raise InputError(f"--perturb compares spans, and format {format!r} is evaluated by values")
        kinds = list(PERTURBATIONS) if "all" in perturb else perturb
        answer["perturbed"] = evaluate_perturbed(loaded, products, kinds, seed=seed)
    if by:
        answer["slices"] = slices(products, extract_all(loaded, products), by, protocol=protocol)
    if report is not None:
        page = write_report(answer, report, title=f"Model {loaded.version} on {data.name}")
        log(f"report in {page}")
    if save_thresholds:
        config, _ = read_config(model)
        version = rewrite_config(model, replace(config, thresholds=answer["thresholds"]["by_attribute"]))
        log(f"thresholds saved in {model} (version {version} now)")
    if json:
        print_json(answer)
        return
    *tables, _ = reports.report_tables(answer)
    for table in tables:
        rows = ([f"{cell:.3f}" if isinstance(cell, float) else cell for cell in row] for row in table.rows)
        print_table(table.title, table.columns, rows)
    _show_robustness(answer)
    for note in reports.report_notes(answer):
        log(note)


def _show_robustness(answer: dict[str, Any]) -> None:
    def cell(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}"

    if perturbed := answer.get("perturbed"):
        columns = ["written", "products", "F1 before", "F1", "difference"]
        cells = [(k, r["n"], cell(r["before"]), cell(r["f1"]), cell(r["difference"])) for k, r in perturbed.items()]
        print_table("Titles written otherwise", columns, cells)
    for field, rows in answer.get("slices", {}).items():
        found = [(row["value"], row["n"], *(cell(row[r]) for r in ("precision", "recall", "f1"))) for row in rows]
        print_table(f"By {field}", [field, "products", "P", "R", "F1"], found)


@app.command()
def tags(
    data: Annotated[Path, typer.Option("--data", help="Annotated products that the model was not trained on.")],
    store: Store = None,
    model: Annotated[
        Path | None,
        typer.Option(envvar="KGTAG_MODEL", help="From `train extractor`; without it, the taxonomy's labels are found."),
    ] = None,
    embeddings: Embeddings = None,
    given_category: Annotated[
        bool, typer.Option("--given-category", help="Let the model read the products' categories, too.")
    ] = False,
    format: Annotated[str, typer.Option(help="annotated, spans or extractgpt.")] = "annotated",
    lang: Lang = None,
    precision: Precision = "fp32",
    samples: Annotated[int, typer.Option(min=10, help="Bootstrap samples over products.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    json: Json = False,
) -> None:
    """What `kgtag tag` gives, against gold: sets of concepts, each with everything broader.

    Micro, macro and weighted rates, F1 of the first five tags, NDCG of the first ten, the most specific category, rates
    by attribute, and the products whose tags contradict each other or the taxonomy; with 95% intervals.

    Example: `kgtag evaluate tags --data test.jsonl --model models/shop --store sqlite:///shop.db --json`
    """
    from kgtag.data import read_annotated
    from kgtag.evaluation.tags import evaluate_tags
    from kgtag.serve.assemble import open_models
    from kgtag.serve.settings import read_settings
    from kgtag.tag.models import assemble_tagger

    products = list(read_annotated(data, format=format, lang=lang))
    models = open_models(read_settings(model=model, embeddings=embeddings, precision=precision))
    tagger = assemble_tagger(models, load_taxonomy(store))
    answer = evaluate_tags(tagger, products, given_category=given_category, samples=samples, seed=seed)
    if json:
        print_json(answer)
        return
    _show_tags(answer)


def _show_tags(answer: dict[str, Any]) -> None:
    def cells(found: dict[str, float]) -> list[str]:
        return [f"{found[rate]:.3f}" for rate in ("precision", "recall", "f1")]

    rows = [(name, *cells(answer[name])) for name in ("micro", "macro", "weighted")]
    print_table(f"Tags of {answer['n']} products", ["mean", "precision", "recall", "F1"], rows)
    low, high = answer["intervals"]["micro_f1"]
    measures = [("micro F1, 95% interval", f"{low:.3f} to {high:.3f}")]
    measures += [
        (title, f"{answer[name]:.3f}" if answer[name] is not None else "no gold")
        for name, title in (
            ("leaf_category_accuracy", "most specific category right"),
            ("f1_at_5", "F1 of the first five"),
            ("ndcg_at_10", "NDCG of the first ten"),
        )
    ]
    measures.append(("products with contradictions", f"{answer['contradictions']}"))
    print_table("Other measures", ["measure", "value"], measures)
    found = sorted(answer["by_attribute"].items(), key=lambda pair: (-pair[1]["support"], pair[0]))
    rows = [(name, *cells(of), f"{of['support']}") for name, of in found]
    print_table("By attribute", ["attribute", "precision", "recall", "F1", "gold"], rows)
    log(answer["protocol"])
    if any(answer["unknown"].values()):
        log(
            "left out, since the taxonomy lacks them: {categories} categories, {values} values".format(
                **answer["unknown"]
            )
        )


@app.command()
def embeddings(
    model: Annotated[Path, typer.Option(help="An embeddings directory.")],
    triples: Annotated[Path, typer.Option(help="A directory with train.txt, valid.txt, test.txt.")],
    json: Json = False,
) -> None:
    """Link prediction on the test triples: MRR and Hits@k, filtered, both sides, realistic rank.

    Example: `kgtag evaluate embeddings --model models/graph --triples data/ --json`
    """
    from kgtag.evaluation.embeddings import evaluate_directory

    answer = evaluate_directory(model, triples).to_json()
    if json:
        print_json(answer)
    else:
        print_table("Link prediction", list(answer), [tuple(answer.values())])


@app.command()
def linker(
    data: Annotated[Path, typer.Option("--data", help="Annotated products with links (`concept` on their spans).")],
    store: Store = None,
    model: Annotated[Path | None, typer.Option(envvar="KGTAG_MODEL", help="A model directory with a linker.")] = None,
    json: Json = False,
) -> None:
    """How often the linker picks the annotators' concept, and knows when there is none.

    Example: `kgtag evaluate linker --model models/shop --data test.jsonl`
    """
    from kgtag.data import read_annotated
    from kgtag.evaluation.tagging import evaluate_linking
    from kgtag.tag.models import assemble_linker, load_models
    from kgtag.train.model import link_examples

    taxonomy = load_taxonomy(store)
    gold = [example for one in read_annotated(data) for example in link_examples(one, taxonomy)]
    if not gold:
        raise InputError(f"{data}: no span has a `concept` of this taxonomy (or null); there is nothing to measure")
    answer: dict[str, Any] = evaluate_linking(assemble_linker(load_models(model), taxonomy), gold)
    if json:
        print_json(answer)
    else:
        print_table("Linking", ["measure", "value"], list(answer.items()))
