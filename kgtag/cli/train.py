"""`kgtag train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kgtag.cli import train_derived as joining
from kgtag.cli import train_encoder as pretraining
from kgtag.cli.console import Json, Store, err, log, print_json, print_table
from kgtag.cli.options import Given, with_train_options
from kgtag.cli.progress import training_bar
from kgtag.cli.training_data import base_options, read_work, show_findings, told
from kgtag.train.encoder import pretrained

app = typer.Typer(no_args_is_help=True)
app.command()(pretraining.encoder)
app.command()(joining.ensemble)
app.command()(joining.attributes)
app.command("continue")(joining.continue_)

Out = Annotated[Path, typer.Option("--out", help="Directory to write; it appears complete or not at all.")]
Seed = Annotated[int, typer.Option(help="Same seed, same data, same machine: same model.")]
Encoder = Annotated[
    str | None,
    typer.Option(help="A hub name or local path of a transformers encoder.", show_default="all-MiniLM-L6-v2"),
]


Data = Annotated[list[Path], typer.Option("--data", help="Annotated products; may be repeated.")]
Dev = Annotated[Path | None, typer.Option(help="Held out for choosing; a tenth of the data when left out.")]
Format = Annotated[str, typer.Option(help="annotated, spans, extractgpt, bio or bieos.")]
Bind = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="KGTAG_STORE",
        help="Bind the model to this taxonomy, and train a linker for it.",
        metavar="URL",
    ),
]
Lang = Annotated[str | None, typer.Option(help="Language of products that name none.")]
_RUN = "The run"


@app.command(epilog="What each option does, recipes, resuming and searching: docs/training.md.")
@with_train_options
def extractor(
    data: Data,
    out: Out,
    given: Given,
    dev: Dev = None,
    format: Format = "annotated",
    encoder: Encoder = None,
    seed: Seed = 0,
    store: Bind = None,
    lang: Lang = None,
    resume: Annotated[
        bool | None,
        typer.Option(
            "--resume/--fresh",
            help="Go on with the run in OUT.run, or throw it away; by default go on if there is one.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    checkpoint_minutes: Annotated[
        float, typer.Option(min=0, help="Between checkpoints within an epoch.", rich_help_panel=_RUN)
    ] = 10,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Write TensorBoard's event files to this directory.", rich_help_panel=_RUN)
    ] = None,
    strict_data: Annotated[
        bool, typer.Option("--strict-data", help="Don't train on data with findings: exit 1.", rich_help_panel=_RUN)
    ] = False,
    json: Json = False,
) -> None:
    """Fine-tune an extractor on annotated products, and export it to ONNX.

    Stopped at any point, the same command goes on where it was. The model directory holds what was trained how:
    MODEL_CARD.md, options.toml, metrics.json, data_report.json, curves.csv.

    Example: `kgtag train extractor --data train.jsonl --dev dev.jsonl --store sqlite:///shop.db --out models/shop`

    Example: `kgtag train extractor --data train.jsonl --out models/shop --epochs 20 --patience 4 --swap 0.3`

    Example: `kgtag train extractor --data train.jsonl --out models/again --options models/shop/options.toml --fresh`
    """
    from kgtag.train.extractor.checkpoints import RunPlace
    from kgtag.train.extractor.run import RunSettings, train_extractor
    from kgtag.train.implicit.run import DIRECTORY, train_values

    options = given(base_options(format))
    work = read_work(data, dev, format=format, lang=lang, store=store)
    findings = work.inspected()
    show_findings(findings)
    if strict_data and any(one.level == "finding" for one in findings):
        log("the data has findings, and --strict-data was given: nothing was trained")
        if json:
            print_json({"data": [one.to_json() for one in findings]})
        raise typer.Exit(1)
    place = RunPlace.beside(
        out, resume="auto" if resume is None else "must" if resume else "never", minutes=checkpoint_minutes
    )
    name = encoder or pretrained.DEFAULT
    with training_bar() as watch:
        run = RunSettings(place, tensorboard, watch, findings, told(["kgtag", *sys.argv[1:]]))
        if work.taxonomy is None:
            report = train_extractor(
                work.train, dev=work.dev, out=out, encoder=name, seed=seed, options=options, progress=log, run=run
            )
            train_values(work.train, out=out / DIRECTORY, seed=seed, progress=log)
        else:
            from kgtag.train.model import train_model

            report = train_model(
                work.train,
                work.taxonomy,
                dev=work.dev,
                out=out,
                stamp=work.stamp,
                encoder=name,
                seed=seed,
                options=options,
                progress=log,
                run=run,
            ).extractor
    if json:
        said = {"model": report.version, "dev_f1": report.f1, "epoch": report.epoch, "seconds": report.seconds}
        print_json(said | {"data": [one.to_json() for one in findings]})
    log(f"model {report.version} in {out}: F1 {report.f1:.3f} on dev (epoch {report.epoch}), {report.seconds:.0f} s")


@app.command(epilog="The search space is in docs/training.md.")
@with_train_options
def search(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="TOML file for the best options, to give as --options.")],
    given: Given,
    dev: Dev = None,
    format: Format = "annotated",
    encoder: Encoder = None,
    seed: Seed = 0,
    store: Bind = None,
    lang: Lang = None,
    trials: Annotated[int, typer.Option(min=1, help="How many there are to be, those of earlier runs included.")] = 20,
    timeout: Annotated[float | None, typer.Option(min=0, help="Minutes after which no new trial begins.")] = None,
    study: Annotated[
        Path | None, typer.Option(help="SQLite file of the trials, from which a search goes on; OUT.db by default.")
    ] = None,
    json: Json = False,
) -> None:
    """Look for options that train a better extractor: Optuna's TPE, with poor trials given up early.

    Options given here are where the search begins and, but for those it varies, what every trial has.

    Example: `kgtag train search --data train.jsonl --dev dev.jsonl --out best.toml --trials 20 --epochs 6`
    """
    from kgtag.train.extractor.search import search_options

    work = read_work(data, dev, format=format, lang=lang, store=store)
    found = search_options(
        work.train,
        dev=work.dev,
        out=out,
        storage=study or out.with_name(f"{out.name}.db"),
        base=given(base_options(format)),
        encoder=encoder or pretrained.DEFAULT,
        seed=seed,
        trials=trials,
        timeout=None if timeout is None else 60 * timeout,
        values=work.values(log),
        progress=log,
    )
    if json:
        print_json(found.to_json())
    else:
        print_table("Trials, best first", found.columns, found.rows)
    log(f"best options in {out}: dev F1 {found.best_f1:.3f}; train with --options {out}")


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
    from graph.history.releases import stamped
    from kgtag.cli.settings import open_store
    from kgtag.data import read_annotated
    from kgtag.train.encoder import pretrained
    from kgtag.train.linker.run import Material, train_linker
    from kgtag.train.linker.tables import read_mentions, read_usage
    from kgtag.train.model import link_examples

    taxonomy, stamp = stamped(open_store(store))
    gold = [e for file in data or () for one in read_annotated(file) for e in link_examples(one, taxonomy)]
    material = Material(
        gold,
        mentions=read_mentions(pairs, taxonomy) if pairs is not None else (),
        usage=read_usage(usage, taxonomy) if usage is not None else {},
    )
    name = encoder or pretrained.DEFAULT
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
    from kgtag.train.embeddings.run import parse_device, train_embeddings

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
        from graph.history.releases import stamped
        from kgtag.cli.settings import open_store
        from kgtag.data import read_annotated
        from kgtag.train.embeddings.graph import train_graph

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
