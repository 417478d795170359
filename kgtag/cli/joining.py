"""`kgtag train ensemble` and `kgtag train attributes`: models made of models, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import Json, err, log, print_json

_Out = Annotated[Path, typer.Option("--out", help="Directory to write; it appears complete or not at all.")]


def ensemble(
    models: Annotated[list[Path], typer.Argument(help="Two or more, trained on the same data with other seeds.")],
    dev: Annotated[Path, typer.Option(help="Annotated products that none of them was trained on.")],
    out: _Out,
    format: Annotated[str, typer.Option(help="annotated, spans, extractgpt, bio or bieos.")] = "annotated",
    json: Json = False,
) -> None:
    """Join extractors into one that is better and slower than each. To be fast again, teach one with it
    (`kgtag train extractor --teacher`).

    Example: `kgtag train ensemble models/seed0 models/seed1 models/seed2 --dev dev.jsonl --out models/three`
    """
    from kgtag.products import read_annotated
    from kgtag.train.sequence.ensemble import join

    with err.status("joining …"):
        f1 = join(models, list(read_annotated(dev, format=format)), out=out)
    if json:
        print_json({"members": len(models), "dev_f1": f1})
    log(f"{len(models)} models joined in {out}: F1 {f1:.3f} on dev")


def attributes(
    model: Annotated[Path, typer.Option(help="The extractor to extend; it is left as it is.")],
    add: Annotated[list[str], typer.Option(help="NAME, or NAME=definition; may be repeated.")],
    out: _Out,
    category: Annotated[list[str] | None, typer.Option(help="Only for these; all by default.")] = None,
    encoder: Annotated[
        str | None, typer.Option(help="What the model was trained from, when it isn't where it was.")
    ] = None,
    json: Json = False,
) -> None:
    """Teach an extractor new attributes by their names alone. It finds them as well as they resemble those it was
    trained on: measure before you rely on it.

    Example: `kgtag train attributes --model models/shop --add "Fit=how tightly it is worn" --out models/shop2`
    """
    from kgtag.train.sequence.new_attributes import add_attributes

    definitions: dict[str, str | None] = {}
    for given in add:
        name, _, definition = (part.strip() for part in given.partition("="))
        if name in definitions:
            raise InputError(f"attribute {name!r} is given twice; once is enough")
        definitions[name] = definition or None
    with err.status("adding attributes …"):
        config = add_attributes(model, definitions, out=out, categories=category or (), encoder=encoder)
    if json:
        print_json({"attributes": list(config.attributes), "added": list(definitions)})
    log(f"{out} looks for {len(config.attributes)} attributes, {len(definitions)} of them new")
