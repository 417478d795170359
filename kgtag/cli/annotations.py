"""`kgtag annotations`: gold in the formats of annotation tools, out and back; and `kgtag split`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import log, print_json, print_table, write_rows
from kgtag.cli.options import Json, Lang, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgtag.types import AnnotatedProduct, Mention

app = typer.Typer(no_args_is_help=True)
Kind = Annotated[str, typer.Option("--format", help="label-studio, doccano, conll or docbin (needs kgtag[spacy]).")]


@app.command()
def export(
    data: Annotated[Path, typer.Argument(help="Annotated products, or products to annotate.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    format: Kind = "label-studio",
    data_format: Annotated[
        str, typer.Option(help="annotated (or products alone), spans, extractgpt, bio or bieos.")
    ] = "annotated",
    model: Annotated[
        Path | None, typer.Option(envvar="KGTAG_MODEL", help="Annotates beforehand: predictions, or suggested labels.")
    ] = None,
    lang: Lang = None,
) -> None:
    """Write annotated products, or products to annotate, for an annotation tool.

    With --model, its mentions are predictions in Label Studio; in the other formats they are the labels of products
    that have none. Label Studio's labelling interface is written beside the file.

    Examples: `kgtag annotations export titles.jsonl --model models/shop --out tasks.json`;
    `kgtag annotations export gold.jsonl --format conll --out gold.conll`
    """
    from kgtag.data import read_annotated, rows
    from kgtag.data.annotated import plain
    from kgtag.data.exchange import write_annotations
    from kgtag.evaluation.extraction import extract_all
    from kgtag.tag.models import load_models
    from kgtag.types import AnnotatedProduct as Gold

    extractor = load_models(model).extractor if model is not None else None

    def predict(given: Sequence[AnnotatedProduct]) -> list[tuple[Mention, ...]]:
        assert extractor is not None
        return [found.mentions for found in extract_all(extractor, given)]

    first = next(iter(rows(data)), None) if data_format == "annotated" else None
    if first is not None and "spans" not in first.fields and "attributes" not in first.fields:
        given = [Gold(plain(row, lang=lang), {}) for row in rows(data)]
    else:
        given = list(read_annotated(data, format=data_format, lang=lang))
    version = extractor.version if extractor is not None else ""
    count = write_annotations(out, given, format, predict=predict if extractor is not None else None, version=version)
    log(f"{count} products in {out}")


@app.command("import")
def import_annotations(
    file: Annotated[Path, typer.Argument(help="An export of the tool.")],
    format: Kind = "label-studio",
    annotator: Annotated[
        str | None, typer.Option(help="Label Studio: whose labels count, by e-mail or id; else the latest.")
    ] = None,
    out: Rows = None,
) -> None:
    """Read an annotation tool's export: annotated products as JSONL, ready for `kgtag train extractor --data`.

    Tasks that nobody has annotated, or that were skipped, are left out.

    Example: `kgtag annotations import project-1.json --out gold.jsonl`
    """
    from kgtag.data.annotated import gold_row
    from kgtag.data.exchange import read_annotations

    found = [gold_row(one) for one in read_annotations(file, format, annotator=annotator)]
    write_rows(found, out)
    log(f"{len(found)} annotated products")


def split(
    data: Annotated[Path, typer.Argument(help="Annotated products, or products.")],
    out: Annotated[Path, typer.Option(help="Directory for train.jsonl, dev.jsonl and test.jsonl.")],
    shares: Annotated[str, typer.Option(help="Of train, dev and test; 0 leaves one out.")] = "0.8,0.1,0.1",
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Products with the same value of a field or attribute stay together (brand, category, cluster_id, …)."
        ),
    ] = None,
    similarity: Annotated[
        float, typer.Option(min=0.1, max=1, help="Near-duplicates stay together: least Jaccard index of their words.")
    ] = 0.7,
    time: Annotated[bool, typer.Option("--time", help="The latest products are the test, by `at`.")] = False,
    seed: Annotated[int, typer.Option(help="Same seed and data: same parts.")] = 0,
    json: Json = False,
) -> None:
    """Split products into train, dev and test without leaks: near-duplicates are never in two parts.

    The answer counts the products of each part, the groups, and what a random split would have leaked: the share of
    test products with a near-duplicate in train.

    Examples: `kgtag split gold.jsonl --out parts/`; `kgtag split gold.jsonl --by brand --shares .9,0,.1 --out parts/`
    """
    from kgtag.data import rows
    from kgtag.data.split import split_rows, write_parts

    try:
        given = tuple(float(one) for one in shares.split(","))
    except ValueError:
        raise InputError(f"--shares {shares!r}: three numbers with commas were expected, such as 0.8,0.1,0.1") from None
    read = [dict(row.fields) for row in rows(data)]
    parts, answer = split_rows(read, given, by=by or (), similarity=similarity, time=time, seed=seed)
    write_parts(out, parts)
    if json:
        print_json(answer)
        return
    print_table(f"{data.name} in {out}", ["part", "products"], list(answer["parts"].items()))
    log(
        f"{answer['groups']} groups; leaked: {answer['leaked']:.1%} of the test, "
        f"by a random split {answer['leaked_at_random']:.1%}"
    )
