"""`kgtag evaluate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgtag.cli.console import Json, Model, Precision, Store, log, print_json, print_table, read_precision
from kgtag.cli.normalise import Encoder, encode_of

if TYPE_CHECKING:
    from kgtag.types import Extractor

app = typer.Typer(no_args_is_help=True)


@app.command()
def extractor(
    model: Model,
    data: Annotated[Path, typer.Option("--data", help="Annotated products that the model was not trained on.")],
    format: Annotated[str, typer.Option(help="annotated, spans, extractgpt, bio or bieos.")] = "annotated",
    lang: Annotated[str | None, typer.Option(help="Language of products that name none.")] = None,
    precision: Precision = "fp32",
    against: Annotated[Path | None, typer.Option(help="Another model, compared product by product.")] = None,
    canonical: Annotated[
        Path | None,
        typer.Option(help="What `kgtag train canonical` wrote: gold has canonical values, and so get what is found."),
    ] = None,
    linker: Encoder = None,
    store: Annotated[
        str | None, typer.Option(help="A taxonomy, for hierarchical F1: concepts with all that is broader.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Directory for plots (PNG) and report.html; needs kgtag[report].")
    ] = None,
    samples: Annotated[int, typer.Option(min=10, help="Of the bootstrap over products.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    examples: Annotated[int, typer.Option(min=0, help="Mistakes shown of each attribute and kind.")] = 3,
    save_thresholds: Annotated[
        bool, typer.Option("--save-thresholds", help="Write the thresholds chosen on this data into the model.")
    ] = False,
    json: Json = False,
) -> None:
    """Precision, recall and F1: strict spans, or values by the ExtractGPT protocol for `--format extractgpt`, among
    them values that the model infers without finding them in the text.

    With 95% intervals, calibration, thresholds by attribute, and the mistakes by kind.

    Examples: `kgtag evaluate extractor --model models/shop --data test.jsonl --report evaluation/ --json`;
    `kgtag evaluate extractor --model M --data normalised.jsonl --format extractgpt --canonical canonical.json`
    """
    from graph.errors import InputError
    from graph.stores import load_taxonomy
    from kgtag.cli.settings import open_store
    from kgtag.data import read_annotated
    from kgtag.evaluation.extraction import Protocol
    from kgtag.evaluation.html import write_report
    from kgtag.evaluation.report import Asked, evaluate_thoroughly
    from kgtag.evaluation.values import Valued
    from kgtag.extract.files import read_config, rewrite_config
    from kgtag.normalise import Canonicaliser
    from kgtag.tag.models import load_models

    products = list(read_annotated(data, format=format, lang=lang))
    protocol: Protocol = "extractgpt" if format == "extractgpt" else "spans"
    if canonical is not None and protocol == "spans":
        raise InputError(f"--canonical compares values, and format {format!r} is judged by spans; give extractgpt")
    rules = Canonicaliser.load(canonical, encode=encode_of(linker)) if canonical is not None else None

    def read(directory: Path) -> Extractor:
        models = load_models(directory, precision=read_precision(precision))
        assert models.extractor is not None
        if protocol == "spans":
            return models.extractor
        return Valued(models.extractor, canonicaliser=rules, implied=models.values)

    loaded = read(model)
    answer = evaluate_thoroughly(
        loaded,
        products,
        protocol=protocol,
        taxonomy=load_taxonomy(open_store(store)) if store is not None else None,
        against=read(against) if against is not None else None,
        asked=Asked(samples, seed, examples),
    )
    if report is not None:
        page = write_report(answer, report, title=f"Model {loaded.version} on {data.name}")
        log(f"report in {page}")
    if save_thresholds:
        config, _ = read_config(model)
        version = rewrite_config(model, replace(config, thresholds=answer["thresholds"]["by_attribute"]))
        log(f"thresholds saved in {model} (version {version} now)")
    if json:
        print_json(answer)
    else:
        show_extraction(answer)


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
    from graph.errors import InputError
    from graph.stores import load_taxonomy
    from kgtag.cli.settings import open_store
    from kgtag.data import read_annotated
    from kgtag.evaluation.linking import evaluate_linking
    from kgtag.tag.models import assemble_linker, load_models
    from kgtag.train.model import link_examples

    taxonomy = load_taxonomy(open_store(store))
    gold = [example for one in read_annotated(data) for example in link_examples(one, taxonomy)]
    if not gold:
        raise InputError(f"{data}: no span has a `concept` of this taxonomy (or null); there is nothing to measure")
    answer: dict[str, Any] = evaluate_linking(assemble_linker(load_models(model), taxonomy), gold)
    if json:
        print_json(answer)
    else:
        print_table("Linking", ["measure", "value"], list(answer.items()))


def show_extraction(answer: dict[str, Any]) -> None:
    """What `evaluate extractor` found, for people."""
    sure = answer["confidence"]
    rows = [(name, *_rates(answer[name]), _interval(sure[f"{name}_f1"]), "") for name in ("micro", "macro")]
    if "hierarchical" in answer:
        rows.append(("hierarchical", *_rates(answer["hierarchical"]), "", ""))
    rows += [
        (name, *_rates(row), _interval(sure["per_label_f1"].get(name)), row.get("support", ""))
        for name, row in sorted(answer["per_label"].items())
    ]
    title = f"{answer['n']} products, {answer['protocol']}"
    print_table(title, ["label", "P", "R", "F1", "95% interval", "support"], rows)
    if answer["per_category"]:
        by_category = [(name, *_rates(row), row["products"]) for name, row in answer["per_category"].items()]
        print_table("By category", ["category", "P", "R", "F1", "products"], by_category)
    found = answer["errors"]
    columns = ["attribute", *found["by_kind"]]
    print_table("Mistakes", columns, [(name, *row.values()) for name, row in found["by_attribute"].items()])
    log(f"calibration error {answer['calibration']['ece']:.3f}")
    paid = answer["thresholds"]
    if paid["by_attribute"]:
        chosen = ", ".join(f"{name} {least}" for name, least in paid["by_attribute"].items())
        log(f"thresholds that pay here: {chosen}; {paid['gain']:+.3f} F1 to be expected elsewhere")
    if "against" in answer:
        other, sure = answer["against"], answer["against"]["paired"]
        low, high = sure["interval"]
        log(f"against {other['model']}: {sure['difference']:+.3f} F1, [{low:+.3f}, {high:+.3f}], p = {sure['p']:.3f}")


def _interval(bounds: list[float] | None) -> str:
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else ""


def _rates(row: dict[str, Any]) -> tuple[str, str, str]:
    return (f"{row['precision']:.3f}", f"{row['recall']:.3f}", f"{row['f1']:.3f}")
