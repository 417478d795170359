"""`kgtag train ensemble`, `attributes` and `continue`: models made of models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import Json, err, log, print_json

_Out = Annotated[Path, typer.Option("--out", help="Directory to write; it appears complete or not at all.")]


def ensemble(
    models: Annotated[
        list[Path], typer.Argument(help="Two or more, trained on the same data with other seeds or encoders.")
    ],
    dev: Annotated[Path, typer.Option(help="Annotated products that none of them was trained on.")],
    out: _Out,
    format: Annotated[str, typer.Option(help="annotated, spans, extractgpt, bio or bieos.")] = "annotated",
    json: Json = False,
) -> None:
    """Join extractors into one that is better and slower than each. To be fast again, teach one with it
    (`kgtag train extractor --teacher`).

    Example: `kgtag train ensemble models/seed0 models/seed1 models/seed2 --dev dev.jsonl --out models/three`
    """
    from kgtag.data import read_annotated
    from kgtag.train.extractor.ensemble import join

    with err.status("joining …"):
        f1 = join(models, list(read_annotated(dev, format=format)), out=out)
    if json:
        print_json({"members": len(models), "dev_f1": f1})
    log(f"{len(models)} models joined in {out}: F1 {f1:.3f} on dev")


def attributes(
    model: Annotated[Path, typer.Option(help="The extractor to extend; it is left as it is.")],
    add: Annotated[list[str], typer.Option(help="NAME, or NAME=definition; may be repeated.")],
    out: _Out,
    store: Annotated[
        str | None,
        typer.Option(help="Their values are known from this taxonomy, and tags are of its concepts.", metavar="URL"),
    ] = None,
    category: Annotated[list[str] | None, typer.Option(help="Only for these; all by default.")] = None,
    encoder: Annotated[
        str | None, typer.Option(help="What the model was trained from, when it isn't where it was.")
    ] = None,
    json: Json = False,
) -> None:
    """Let an extractor look for new attributes without training it. With --store it knows their values by the taxonomy;
    by its name alone hardly any attribute is found. Measure before you rely on it.

    Example: `kgtag train attributes --model models/shop --add "Fit=how tightly it is worn" --store sqlite:///shop.db
    --out models/shop2`
    """
    from kgtag.train.extractor.new_attributes import NewAttribute, add_attributes

    new: dict[str, NewAttribute] = {}
    for given in add:
        name, _, definition = (part.strip() for part in given.partition("="))
        if name in new:
            raise InputError(f"attribute {name!r} is given twice; once is enough")
        new[name] = NewAttribute(definition or None)
    if store is not None:
        from graph.stores import load_taxonomy
        from kgtag.cli.settings import open_store
        from kgtag.train.model import known_attribute

        taxonomy = load_taxonomy(open_store(store))
        new = {name: known_attribute(taxonomy, name, one.definition) for name, one in new.items()}
    with err.status("adding attributes …"):
        config = add_attributes(model, new, out=out, categories=category or (), encoder=encoder)
    if json:
        print_json({"attributes": list(config.attributes), "added": list(new)})
    values = sum(len(one.values) for one in new.values())
    log(f"{out} looks for {len(config.attributes)} attributes, {len(new)} of them new, with {values} known values")


def continue_(
    model: Annotated[Path, typer.Option(help="The extractor to lead on; it is left as it is.")],
    data: Annotated[list[Path], typer.Option("--data", help="New annotated products; may be repeated.")],
    replay: Annotated[list[Path], typer.Option(help="What the model was trained on; may be repeated.")],
    out: _Out,
    share: Annotated[float, typer.Option(min=0, help="Old products mixed in, for each new one.")] = 2.0,
    format: Annotated[str, typer.Option(help="annotated, spans, extractgpt, bio or bieos.")] = "annotated",
    encoder: Annotated[
        str | None, typer.Option(help="What the model was trained from, when it isn't where it was.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same data, same machine: same model.")] = 0,
    json: Json = False,
) -> None:
    """Lead a trained extractor on with new examples, some of the old ones mixed in so that it forgets nothing.

    Example: `kgtag train continue --model models/shop --data new.jsonl --replay train.jsonl --out models/shop2`
    """
    from dataclasses import asdict, replace

    from kgtag.data import read_annotated
    from kgtag.train.extractor.continual import GENTLE, continue_extractor

    new, old = ([one for file in files for one in read_annotated(file, format=format)] for files in (data, replay))
    options = replace(GENTLE, epochs=epochs or GENTLE.epochs)
    report = continue_extractor(
        model, new, replay=old, out=out, encoder=encoder, share=share, seed=seed, options=options, progress=log
    )
    if json:
        print_json(asdict(report))
    log(f"model {report.version} in {out}: F1 {report.f1:.3f} on what was held out of {report.new} new products")
