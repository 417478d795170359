"""`kgtag train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgtag.cli.console import Json, Store, err, log, print_json

app = typer.Typer(no_args_is_help=True)

Out = Annotated[Path, typer.Option("--out", help="Directory to write; it appears complete or not at all.")]
Seed = Annotated[int, typer.Option(help="Same seed, same data, same machine: same model.")]
Encoder = Annotated[
    str | None,
    typer.Option(help="A hub name or local path of a transformers encoder.", show_default="all-MiniLM-L6-v2"),
]


@app.command()
def extractor(
    data: Annotated[list[Path], typer.Option("--data", help="Annotated products; may be repeated.")],
    out: Out,
    dev: Annotated[Path | None, typer.Option(help="Held out for choosing; a tenth of the data when left out.")] = None,
    format: Annotated[str, typer.Option(help="annotated, spans, extractgpt, bio or bieos.")] = "annotated",
    encoder: Encoder = None,
    seed: Seed = 0,
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    store: Annotated[
        str | None,
        typer.Option(envvar="KGTAG_STORE", help="Bind the model to this taxonomy, and train a linker for it."),
    ] = None,
    lang: Annotated[str | None, typer.Option(help="Language of products that name none.")] = None,
    json: Json = False,
) -> None:
    """Fine-tune an extractor on annotated products, and export it to ONNX.

    Example: `kgtag train extractor --data train.jsonl --dev dev.jsonl --store sqlite:///shop.db --out models/shop`
    """
    from dataclasses import replace

    from kgtag import encoders
    from kgtag.bootstrap import open_store
    from kgtag.products import read_annotated
    from kgtag.train.sequence.extractor import train_extractor
    from kgtag.train.sequence.options import TrainOptions

    products = [one for file in data for one in read_annotated(file, format=format, lang=lang)]
    held = list(read_annotated(dev, format=format, lang=lang)) if dev is not None else []
    options = TrainOptions(missing="unknown" if format == "extractgpt" else "absent")
    options = replace(options, epochs=epochs or options.epochs)
    name = encoder or encoders.DEFAULT
    if store is None:
        report = train_extractor(products, dev=held, out=out, encoder=name, seed=seed, options=options, progress=log)
    else:
        from graph.changes.releases import stamped
        from kgtag.train.model import train_model

        taxonomy, stamp = stamped(open_store(store))
        report = train_model(
            products, taxonomy, dev=held, out=out, stamp=stamp, encoder=name, seed=seed, options=options, progress=log
        ).extractor
    if json:
        print_json({"model": report.version, "dev_f1": report.f1, "epoch": report.epoch, "seconds": report.seconds})
    log(f"model {report.version} in {out}: F1 {report.f1:.3f} on dev (epoch {report.epoch}), {report.seconds:.0f} s")


@app.command()
def linker(
    out: Out,
    store: Store = None,
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Annotated products with links (`concept` on their spans).")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="Synonyms the store doesn't hold, as lines of mention TAB concept id or label.")
    ] = None,
    usage: Annotated[
        Path | None, typer.Option(help="How often concepts are used, as lines of concept id or label TAB count.")
    ] = None,
    tune: Annotated[bool, typer.Option("--tune", help="Fine-tune the encoder on all synonyms (minutes).")] = False,
    encoder: Encoder = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Train a linker alone: from the taxonomy's own labels, annotators' links, and synonyms from elsewhere.

    Example: `kgtag train linker --store sqlite:///shop.db --pairs synonyms.tsv --out models/shop/linker`
    """
    from graph.changes.releases import stamped
    from kgtag import encoders
    from kgtag.bootstrap import open_store
    from kgtag.products import read_annotated
    from kgtag.train.linking.linker import Material, train_linker
    from kgtag.train.linking.tables import read_mentions, read_usage
    from kgtag.train.model import link_examples

    taxonomy, stamp = stamped(open_store(store))
    gold = [e for file in data or () for one in read_annotated(file) for e in link_examples(one, taxonomy)]
    material = Material(
        gold,
        mentions=read_mentions(pairs, taxonomy) if pairs is not None else (),
        usage=read_usage(usage, taxonomy) if usage is not None else {},
    )
    name = encoder or encoders.DEFAULT
    with err.status("training the linker …"):
        metrics = train_linker(taxonomy, material, out=out, encoder=name, tune=tune, seed=seed, stamp=stamp)
    if json:
        print_json(metrics)
    measured = metrics["all"]
    log(f"linker in {out}: accuracy {measured['accuracy']:.3f}, calibration error {measured['ece']:.3f}")


@app.command()
def embeddings(
    out: Out,
    store: Store = None,
    triples: Annotated[
        Path | None, typer.Option(help="A directory with train.txt, valid.txt, test.txt instead of a store.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Annotated products, which count as items, too.")
    ] = None,
    format: Annotated[str, typer.Option(help="annotated, spans or extractgpt.")] = "annotated",
    model_name: Annotated[str, typer.Option(help="ComplEx, DistMult, TransE or RotatE.")] = "ComplEx",
    dim: Annotated[int | None, typer.Option(min=2)] = None,
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    audit_folds: Annotated[
        int, typer.Option(min=0, help="Models trained besides, for the learned audit check; 0 for none, faster.")
    ] = 3,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Train graph embeddings with PyKEEN on the taxonomy and the tags on its items, and calibrate them.

    Example: `kgtag train embeddings --store sqlite:///shop.db --out models/graph`
    """
    from kgtag.train.embeddings import parse_device, train_embeddings

    chosen = parse_device(device)
    if triples is not None:
        from kgtag.embed.triples import read_triples

        report = train_embeddings(
            read_triples(triples),
            out=out,
            model_name=model_name,
            dim=dim,
            epochs=epochs,
            device=chosen,
            seed=seed,
            progress=err.is_terminal,
        )
    else:
        from graph.changes.releases import stamped
        from kgtag.bootstrap import open_store
        from kgtag.products import read_annotated
        from kgtag.train.graph import train_graph

        opened = open_store(store)
        taxonomy, stamp = stamped(opened)
        report = train_graph(
            taxonomy,
            out=out,
            stamp=stamp,
            items=opened.items(),
            annotated=(one for file in data or () for one in read_annotated(file, format=format)),
            model_name=model_name,
            dim=dim,
            epochs=epochs,
            device=chosen,
            seed=seed,
            audit_folds=audit_folds,
            progress=err.is_terminal,
        )
    if json:
        print_json(report.to_json())
    log(
        f"embeddings {report.version} in {out}: {report.model}, {report.entities} entities, {report.triples} triples, "
        f"MRR {report.ranks.mrr:.3f} on held-out triples, {report.seconds:.0f} s on {report.device}"
    )
