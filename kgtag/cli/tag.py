"""Commands on products and values: link, tag, normalise, train normaliser."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import log, print_json, print_line, row_bar
from kgtag.cli.options import Columns, Embeddings, Json, Lang, Precision, Store, load_taxonomy, open_store

if TYPE_CHECKING:
    from kgtag.normalise import ValuePair
    from kgtag.normalise.operations import Encode
    from kgtag.tag.ray_engine import RayEngine

Encoder = Annotated[
    Path | None, typer.Option("--linker", help="A trained linker's directory: its encoder compares meanings.")
]


def link(
    store: Store = None,
    scheme: Annotated[str | None, typer.Option(help="Only concepts of this scheme.")] = None,
    model: Annotated[
        Path | None, typer.Option(envvar="KGTAG_MODEL", help="Adds the trained linker's dense candidates.")
    ] = None,
    embeddings: Embeddings = None,
    json: Json = True,
) -> None:
    """Link mentions to concepts: JSONL on stdin, JSONL on stdout.

    In: `{"id", "text", "category"?, "attribute"?, "lang"?}`;
    out: `{"id", "links": [{"concept", "label", "score", "probability", "method"}], "nil"}`, or `{"id", "error"}` for a
    line that cannot be linked; the command exits with 1 then.

    Example: `echo '{"id":"1","text":"navy blue","attribute":"color"}' | kgtag link`
    """
    from kgtag.link.linker import link_rows
    from kgtag.serve.assemble import open_models
    from kgtag.serve.settings import read_settings
    from kgtag.tag.models import assemble_linker

    taxonomy = load_taxonomy(store)
    linker = assemble_linker(open_models(read_settings(model=model, embeddings=embeddings)), taxonomy, scheme=scheme)
    failed = 0
    for row in link_rows(linker, taxonomy, sys.stdin.buffer):
        print_line(row)
        failed += "error" in row
    if failed:
        log(f"{failed} lines failed")
        raise typer.Exit(1)


def tag(
    source: Annotated[
        str | None,
        typer.Argument(metavar="[IN]", help="Products: JSONL, CSV, TSV or Parquet, a URL too; stdin when left out."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(envvar="KGTAG_MODEL", help="From `train extractor`; without it, the taxonomy's labels are found."),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="JSONL file, or NAME.parquet, a directory (a URL too); stdout when left out.")
    ] = None,
    store: Store = None,
    embeddings: Embeddings = None,
    resume: Annotated[bool, typer.Option(help="Continue OUT after an interruption.")] = False,
    record: Annotated[
        bool, typer.Option(help="Keep the tags in the store as well, for neighbours and audits.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say in a sentence why, for each tag.")] = False,
    scheme: Annotated[
        str | None, typer.Option(help="Give each tag in the terms of this scheme as well, through mappings.")
    ] = None,
    precision: Precision = "fp32",
    lang: Lang = None,
    column: Columns = None,
    engine: Annotated[str, typer.Option(help="local, or ray: on every core of a cluster (kgtag[ray]).")] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="The Ray cluster.", show_default="one of this machine alone"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="With --out: the counts of OUT as JSON on stdout.")] = False,
) -> None:
    """Tag products: one row out for each product in, in order.

    Without a model, a dictionary baseline searches titles for the taxonomy's labels: precise, with low recall. A
    product that cannot be tagged gets `{"id", "error"}` in its place, and the command exits with 1.

    Examples: `kgtag tag products.csv --model models/shop --out tags.jsonl`;
    `kgtag tag products.csv --column at=created_at --record --out tags.jsonl`;
    `kgtag tag products.csv --scheme google --out feed.jsonl`;
    `kgtag tag s3://shop/products.parquet --model /models/shop --out s3://shop/tags.parquet --engine ray --resume`
    """
    from functools import partial

    from graph.taxonomy import Taxonomy
    from kgtag.data import read_columns
    from kgtag.serve.assemble import open_models
    from kgtag.serve.settings import read_settings
    from kgtag.tag.batch import TagJob
    from kgtag.tag.models import assemble_tagger
    from kgtag.tag.shown import Shown

    if json and out is None:
        raise InputError("standard output has the tags; --json goes with --out FILE")
    if model is None:
        log("no --model: dictionary baseline, the taxonomy's labels are searched for")
    columns, opened = read_columns(column), open_store(store)
    settings, data = read_settings(model=model, embeddings=embeddings, precision=precision, store=store), opened.read()
    taxonomy = Taxonomy.of(data)
    shown = Shown.of(taxonomy, explain=explain, scheme=scheme)
    tagger = assemble_tagger(open_models(settings), taxonomy)
    where: RayEngine | None = None
    if engine == "ray":
        from kgtag.tag.ray_engine import RayEngine

        settings = settings.absolute()
        kept = settings.open_store if record else None
        load = partial(open_models, settings)
        where = RayEngine(data, load, kept, explain, scheme, lang, columns, address=ray_address)
    elif engine != "local":
        raise InputError(f"unsupported engine {engine!r}; local or ray is expected")
    job = TagJob(tagger, store=opened if record else None, lang=lang, shown=shown, columns=columns, engine=where)
    with row_bar("tagging", "products") as watch:
        report = job.run(source, out, resume=resume, watch=watch)
    if json:
        print_json(report.to_json())
    log(
        f"{report.tagged} products tagged, {report.failed} failed"
        + (f", {report.skipped} done before" if report.skipped else "")
        + f"; {report.seconds:.1f} s"
    )
    if report.failed:
        raise typer.Exit(1)


def train_normaliser(
    data: Annotated[
        Path,
        typer.Option(
            help="Lines of raw value TAB normalised value TAB attribute [TAB category]; with --normalised, annotated"
            " products."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="JSON file to write.")],
    normalised: Annotated[
        Path | None, typer.Option(help="The same products (by id) annotated with normalised values.")
    ] = None,
    format: Annotated[str, typer.Option(help="Of both, with --normalised: annotated or extractgpt.")] = "annotated",
    linker: Encoder = None,
    json: Json = False,
) -> None:
    """Train a normaliser: lookups, conversions, slices, rewrites and families, by attribute.

    Examples: `kgtag train normaliser --data values.tsv --out normaliser.json`;
    `kgtag train normaliser --data raw.jsonl --normalised normalised.jsonl --format extractgpt --out normaliser.json`
    """
    from kgtag.data import read_annotated
    from kgtag.normalise import fit, pair_values

    if normalised is not None:
        pairs = list(pair_values(read_annotated(data, format=format), read_annotated(normalised, format=format)))
    else:
        with data.open(encoding="utf-8-sig") as file:
            pairs = read_pairs(file)
    learned = fit(pairs, encode=encode_of(linker))
    learned.save(out)
    if json:
        print_json({"pairs": len(pairs), "rules": len(learned.rules)})
    log(f"{len(learned.rules)} sets of rules from {len(pairs)} pairs in {out}")


def normalise(
    values: Annotated[list[str], typer.Argument(help="Raw values.")],
    model: Annotated[Path | None, typer.Option(help="A file from `kgtag train normaliser`.")] = None,
    attribute: Annotated[str | None, typer.Option(help="The attribute's name in the training data.")] = None,
    category: Annotated[str | None, typer.Option(help="The category's name in the training data.")] = None,
    unit: Annotated[str | None, typer.Option(help="Convert into this unit instead: cm, in, kg, ml …")] = None,
    linker: Encoder = None,
    json: Json = False,
) -> None:
    """Normalise values by learned rules, or convert them to a unit. Unmatched values are returned unchanged.

    Examples: `kgtag normalise 5.5in "5 1/2 inches" --unit cm`;
    `kgtag normalise HP --model normaliser.json --attribute Manufacturer`
    """
    from kgtag.normalise import Normaliser
    from kgtag.normalise.quantities import in_unit

    if unit is not None:
        made = [in_unit(value, unit) or value for value in values]
    elif model is not None and attribute is not None:
        learned = Normaliser.load(model, encode=encode_of(linker))
        made = [learned.apply(value, attribute=attribute, category=category) for value in values]
    else:
        raise InputError("normalise needs --unit, or --model and --attribute")
    if json:
        print_json([{"raw": raw, "normalised": value} for raw, value in zip(values, made, strict=True)])
    else:
        for value in made:
            typer.echo(value)


def read_pairs(lines: Iterable[str]) -> list[ValuePair]:
    """Read lines of three or four fields between tabs. Raises InputError, naming the line."""
    from kgtag.normalise import ValuePair

    found = []
    for number, line in enumerate(lines, 1):
        fields = [field.strip() for field in line.rstrip("\r\n").split("\t")]
        if not any(fields):
            continue
        if len(fields) not in (3, 4) or not all(fields[:3]):
            raise InputError(
                f"line {number} is not raw TAB normalised TAB attribute [TAB category]: {line.strip()!r:.80}"
            )
        found.append(ValuePair(fields[0], fields[1], fields[2], fields[3] or None if len(fields) == 4 else None))
    return found


def encode_of(linker: Path | None) -> Encode | None:
    """The encoder of a trained linker."""
    if linker is None:
        return None
    from kgtag.link.encoder import SentenceEncoder
    from kgtag.link.models import read_linker

    files = read_linker(linker)
    return SentenceEncoder(files.onnx, files.tokenizer, digest=files.encoder_digest).encode
