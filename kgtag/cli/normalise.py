"""`kgtag train normaliser` and `kgtag normalise`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgtag.cli.console import Json, log, print_json

if TYPE_CHECKING:
    from kgtag.normalise import ValuePair
    from kgtag.normalise.operations import Encode

Encoder = Annotated[
    Path | None, typer.Option("--linker", help="A trained linker's directory: its encoder compares meanings.")
]


def train(
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
    from graph.errors import InputError
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
    from graph.errors import InputError
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
    from kgtag.link.files import read_linker

    files = read_linker(linker)
    return SentenceEncoder(files.onnx, files.tokenizer, digest=files.encoder_digest).encode
