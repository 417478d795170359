"""`kgtag train canonical` and `kgtag canonicalise`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgtag.cli.console import Json, log, print_json

if TYPE_CHECKING:
    from kgtag.normalise import ValuePair
    from kgtag.normalise.nearest import Encode

Encoder = Annotated[
    Path | None, typer.Option("--linker", help="A trained linker's directory: its encoder compares meanings.")
]


def train(
    data: Annotated[
        Path,
        typer.Option(
            help="Lines of raw value TAB canonical value TAB attribute [TAB category]; with --canonical, annotated"
            " products."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="JSON file to write.")],
    canonical: Annotated[
        Path | None, typer.Option(help="The same products (by id) annotated with canonical values.")
    ] = None,
    format: Annotated[str, typer.Option(help="Of both, with --canonical: annotated or extractgpt.")] = "annotated",
    linker: Encoder = None,
    json: Json = False,
) -> None:
    """Learn what is done to the values of each attribute: looked up, converted, cut, rewritten, put into families.

    Examples: `kgtag train canonical --data values.tsv --out canonical.json`;
    `kgtag train canonical --data raw.jsonl --canonical normalised.jsonl --format extractgpt --out canonical.json`
    """
    from kgtag.data import read_annotated
    from kgtag.normalise import fit, paired

    if canonical is not None:
        pairs = list(paired(read_annotated(data, format=format), read_annotated(canonical, format=format)))
    else:
        with data.open(encoding="utf-8-sig") as file:
            pairs = read_pairs(file)
    learned = fit(pairs, encode=encode_of(linker))
    learned.save(out)
    if json:
        print_json({"pairs": len(pairs), "rules": len(learned.rules)})
    log(f"{len(learned.rules)} sets of rules from {len(pairs)} pairs in {out}")


def canonicalise(
    values: Annotated[list[str], typer.Argument(help="Values as they are written.")],
    model: Annotated[Path | None, typer.Option(help="What `kgtag train canonical` wrote.")] = None,
    attribute: Annotated[str | None, typer.Option(help="The attribute's name, as it was learned.")] = None,
    category: Annotated[str | None, typer.Option(help="The category's name, as it was learned.")] = None,
    unit: Annotated[str | None, typer.Option(help="Convert into this unit instead: cm, in, kg, ml …")] = None,
    linker: Encoder = None,
    json: Json = False,
) -> None:
    """Values as a catalogue keeps them, by learned rules or in a unit. What no rule speaks of stays as it is.

    Examples: `kgtag canonicalise 5.5in "5 1/2 inches" --unit cm`;
    `kgtag canonicalise HP --model canonical.json --attribute Manufacturer`
    """
    from graph.errors import InputError
    from kgtag.normalise import Canonicaliser
    from kgtag.normalise.quantities import in_unit

    if unit is not None:
        made = [in_unit(value, unit) or value for value in values]
    elif model is not None and attribute is not None:
        learned = Canonicaliser.load(model, encode=encode_of(linker))
        made = [learned.apply(value, attribute=attribute, category=category) for value in values]
    else:
        raise InputError("nothing says what the values should become; give --unit, or --model and --attribute")
    if json:
        print_json([{"raw": raw, "canonical": canonical} for raw, canonical in zip(values, made, strict=True)])
    else:
        for canonical in made:
            typer.echo(canonical)


def read_pairs(lines: Iterable[str]) -> list[ValuePair]:
    """Of lines of three or four fields between tabs; empty lines are passed over. Raises InputError naming the line."""
    from graph.errors import InputError
    from kgtag.normalise import ValuePair

    found = []
    for number, line in enumerate(lines, 1):
        fields = [field.strip() for field in line.rstrip("\r\n").split("\t")]
        if not any(fields):
            continue
        if len(fields) not in (3, 4) or not all(fields[:3]):
            raise InputError(
                f"line {number} is not raw TAB canonical TAB attribute [TAB category]: {line.strip()!r:.80}"
            )
        found.append(ValuePair(fields[0], fields[1], fields[2], fields[3] or None if len(fields) == 4 else None))
    return found


def encode_of(linker: Path | None) -> Encode | None:
    """What compares meanings: the encoder of a trained linker."""
    if linker is None:
        return None
    from kgtag.link.encoder import SentenceEncoder
    from kgtag.link.files import read_linker

    files = read_linker(linker)
    return SentenceEncoder(files.onnx, files.tokenizer, digest=files.encoder_digest).encode
