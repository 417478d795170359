"""`kgtag evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kgtag.cli.console import Json, Model, Store, print_json, print_table

app = typer.Typer(no_args_is_help=True)


@app.command()
def extractor(
    model: Model,
    data: Annotated[Path, typer.Option("--data", help="Annotated products that the model was not trained on.")],
    format: Annotated[str, typer.Option(help="annotated, spans, extractgpt, bio or bieos.")] = "annotated",
    lang: Annotated[str | None, typer.Option(help="Language of products that name none.")] = None,
    json: Json = False,
) -> None:
    """Precision, recall and F1: strict spans, or values by the ExtractGPT protocol for `--format extractgpt`.

    Example: `kgtag evaluate extractor --model models/shop --data test.jsonl --json`
    """
    from kgtag.evaluate.extraction import evaluate_extractor
    from kgtag.extract.sequence import SequenceExtractor
    from kgtag.products import read_annotated

    products = list(read_annotated(data, format=format, lang=lang))
    protocol = "extractgpt" if format == "extractgpt" else "spans"
    answer = evaluate_extractor(SequenceExtractor.load(model), products, protocol=protocol)  # type: ignore[arg-type]
    if json:
        print_json(answer)
        return
    rows = [(name, *_rates(answer[name]), "") for name in ("micro", "macro")]
    rows += [(name, *_rates(row), row.get("support", "")) for name, row in sorted(answer["per_label"].items())]
    print_table(f"{answer['n']} products, {answer['protocol']}", ["label", "P", "R", "F1", "support"], rows)


@app.command()
def embeddings(
    model: Annotated[Path, typer.Option(help="An embeddings directory.")],
    triples: Annotated[Path, typer.Option(help="A directory with train.txt, valid.txt, test.txt.")],
    json: Json = False,
) -> None:
    """Link prediction on the test triples: MRR and Hits@k, filtered, both sides, realistic rank.

    Example: `kgtag evaluate embeddings --model models/graph --triples data/ --json`
    """
    from kgtag.evaluate.embeddings import evaluate_directory

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
    from kgtag.bootstrap import assemble_linker, load_models, load_taxonomy, open_store
    from kgtag.evaluate.linking import evaluate_linking
    from kgtag.products import read_annotated
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


def _rates(row: dict[str, Any]) -> tuple[str, str, str]:
    return (f"{row['precision']:.3f}", f"{row['recall']:.3f}", f"{row['f1']:.3f}")
