"""`kgtag train ensemble` and `kgtag train attributes`: models made from models, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import Json, err, log, print_json
from kgtag.cli.options import Format, Out


def ensemble(
    models: Annotated[
        list[Path], typer.Argument(help="Two or more, trained on the same data with other seeds or encoders.")
    ],
    dev: Annotated[Path, typer.Option(help="Annotated products that none of them was trained on.")],
    out: Out,
    format: Format = "annotated",
    json: Json = False,
) -> None:
    """Build an ensemble of extractors, better and slower than each of them.

    To be fast again, distil it: `kgtag train extractor --set teachers=ENSEMBLE`.

    Example: `kgtag train ensemble models/seed0 models/seed1 models/seed2 --dev dev.jsonl --out models/three`
    """
    from kgtag.data import read_annotated
    from kgtag.train.extractor.derived import build_ensemble

    with err.status("building the ensemble …"):
        f1 = build_ensemble(models, list(read_annotated(dev, format=format)), out=out)
    if json:
        print_json({"members": len(models), "dev_f1": f1})
    log(f"ensemble of {len(models)} models in {out}: F1 {f1:.3f} on dev")


def attributes(
    model: Annotated[Path, typer.Option(help="The extractor to extend; it is left as it is.")],
    add: Annotated[list[str], typer.Option(help="NAME, or NAME=definition; may be repeated.")],
    out: Out,
    store: Annotated[
        str | None,
        typer.Option(help="Taxonomy with their values; tags are of its concepts.", metavar="URL"),
    ] = None,
    category: Annotated[list[str] | None, typer.Option(help="Only for these categories; all by default.")] = None,
    encoder: Annotated[str | None, typer.Option(help="What the model was trained from, if it was moved since.")] = None,
    json: Json = False,
) -> None:
    """Add zero-shot attributes to an extractor.

    With --store, the taxonomy's values are looked up; by its name alone hardly any attribute is found. Measure before
    you rely on it.

    Example: `kgtag train attributes --model models/shop --add "Fit=how tightly it is worn" --store sqlite:///shop.db
    --out models/shop2`
    """
    from kgtag.train.extractor.derived import NewAttribute, add_attributes

    new: dict[str, NewAttribute] = {}
    for given in add:
        name, _, definition = (part.strip() for part in given.partition("="))
        if name in new:
            raise InputError(f"attribute {name!r} is given twice; once is enough")
        new[name] = NewAttribute(definition or None)
    if store is not None:
        from kgtag.cli.settings import load_taxonomy
        from kgtag.train.model import known_attribute

        taxonomy = load_taxonomy(store)
        new = {name: known_attribute(taxonomy, name, one.definition) for name, one in new.items()}
    with err.status("adding attributes …"):
        config = add_attributes(model, new, out=out, categories=category or (), encoder=encoder)
    if json:
        print_json({"attributes": list(config.attributes), "added": list(new)})
    values = sum(len(one.values) for one in new.values())
    log(f"{out} looks for {len(config.attributes)} attributes, {len(new)} of them new, with {values} known values")
