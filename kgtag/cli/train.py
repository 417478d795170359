"""`kgtag train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgtag.cli import options as opt
from kgtag.cli import train_derived, train_encoder
from kgtag.cli.console import Json, Store, err, log, print_json, print_table
from kgtag.cli.progress import training_bar
from kgtag.cli.training_data import TrainingData, read_data, show_findings, training_options, without_passwords

if TYPE_CHECKING:
    from kgtag.train.extractor.config import RunOptions, TrainOptions
    from kgtag.train.extractor.data_checks import DataFinding
    from kgtag.train.extractor.derived import Start
    from kgtag.train.extractor.run import TrainReport

app = typer.Typer(no_args_is_help=True)
app.command()(train_encoder.encoder)
app.command()(train_derived.ensemble)
app.command()(train_derived.attributes)


@app.command(epilog="Config files, presets, recipes and resuming: docs/how-to/train.md.")
def extractor(
    data: opt.Data,
    out: opt.Out,
    dev: opt.Dev = None,
    format: opt.ConfigFormat = None,
    lang: opt.Lang = None,
    store: opt.Bind = None,
    encoder: opt.Encoder = None,
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="MODEL", help="Fine-tune this trained model further.")
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(help="With --from: what the model was trained on, to forget nothing; repeatable."),
    ] = None,
    config: opt.Config = None,
    assignments: opt.Set = None,
    epochs: opt.Epochs = None,
    batch_size: opt.BatchSize = None,
    learning_rate: opt.LearningRate = None,
    seed: opt.ConfigSeed = None,
    device: opt.Device = None,
    resume: Annotated[
        bool | None,
        typer.Option(
            "--resume/--fresh", help="Resume the run in OUT.run, or discard it; by default resume if there is one."
        ),
    ] = None,
    fail_on_data_warnings: Annotated[
        bool, typer.Option("--fail-on-data-warnings", help="Exit 1 instead of training when the data has findings.")
    ] = False,
    json: Json = False,
) -> None:
    """Fine-tune an extractor on annotated products, and export it to ONNX.

    Stopped at any point, the same command resumes. The model directory documents the training: MODEL_CARD.md,
    training.toml, metrics.json, data_report.json, curves.csv.

    Example: `kgtag train extractor --data train.jsonl --dev dev.jsonl --store sqlite:///shop.db --out models/shop`

    Example: `kgtag train extractor --data train.jsonl --config small --set early_stopping_patience=4 --out models/shop`

    Example: `kgtag train extractor --from models/shop --data new.jsonl --replay train.jsonl --out models/shop2`
    """
    from kgtag.train.extractor.data_checks import inspect_data

    given = {
        "format": format, "lang": lang, "encoder": encoder, "epochs": epochs, "batch_size": batch_size,
        "learning_rate": learning_rate, "seed": seed, "device": device,
    }  # fmt: skip
    run, options = training_options(config, assignments, given, continued=from_ is not None)
    read = read_data(data, dev, format=run.format, lang=run.lang, store=store)
    start = _start(from_, replay or [], run)
    findings = inspect_data(read.train, read.dev, taxonomy=read.taxonomy, misplaced=read.misplaced)
    show_findings(findings)
    if fail_on_data_warnings and any(one.level == "finding" for one in findings):
        log("the data has findings, and --fail-on-data-warnings was given: nothing was trained")
        if json:
            print_json({"data": [one.to_json() for one in findings]})
        raise typer.Exit(1)
    if not run.spans:
        _train_values_only(read, out, run, json=json)
        return
    report = _train(read, out, run, options, start=start, findings=findings, resume=resume)
    if json:
        answer: dict[str, Any] = {
            "model": report.version, "dev_f1": report.f1, "epoch": report.epoch, "seconds": report.seconds,
        }  # fmt: skip
        if start is not None:
            answer |= {"new_attributes": report.new_attributes, "new_categories": report.new_categories}
        print_json(answer | {"data": [one.to_json() for one in findings]})
    log(f"model {report.version} in {out}: F1 {report.f1:.3f} on dev (epoch {report.epoch}), {report.seconds:.0f} s")


def _start(model: Path | None, replay: list[Path], run: RunOptions) -> Start | None:
    from graph.errors import InputError
    from kgtag.data import read_annotated
    from kgtag.train.extractor.derived import Start

    if model is None:
        if replay:
            raise InputError("--replay is for a model that is trained further; give --from MODEL as well")
        return None
    if not run.spans:
        raise InputError("option spans is false, and a model of such values is always trained anew; leave out --from")
    earlier = [one for file in replay for one in read_annotated(file, format=run.format, lang=run.lang)]
    return Start(model, earlier, run.replay_ratio)


def _train(
    read: TrainingData,
    out: Path,
    run: RunOptions,
    options: TrainOptions,
    *,
    start: Start | None,
    findings: list[DataFinding],
    resume: bool | None,
) -> TrainReport:
    from kgtag.train.checkpoints import Resume, RunPlace
    from kgtag.train.extractor.run import RunSettings
    from kgtag.train.model import train_model

    how: Resume = "auto" if resume is None else "must" if resume else "never"
    with training_bar() as watch:
        settings = RunSettings(
            RunPlace.beside(out, resume=how, minutes=run.checkpoint_minutes),
            None if run.tensorboard is None else Path(run.tensorboard),
            watch,
            findings,
            without_passwords(["kgtag", *sys.argv[1:]]),
            run,
        )
        return train_model(
            read.train,
            read.taxonomy,
            dev=read.dev,
            out=out,
            stamp=read.stamp,
            encoder=run.encoder,
            seed=run.seed,
            options=options,
            start=start,
            progress=log,
            run=settings,
        ).extractor


def _train_values_only(read: TrainingData, out: Path, run: RunOptions, *, json: bool) -> None:
    from dataclasses import asdict

    from kgtag.train.model import train_values_only

    data = [*read.train, *read.dev]
    report = train_values_only(
        data, read.taxonomy, out=out, stamp=read.stamp, encoder=run.encoder, seed=run.seed, progress=log
    )
    if json:
        print_json(asdict(report) | {"directory": str(out)})
    log(f"model in {out}: accuracy {report.accuracy:.3f} on a tenth of the products, {report.seconds:.0f} s")


@app.command(epilog="The search space is in docs/how-to/train.md.")
def search(
    data: opt.Data,
    out: Annotated[Path, typer.Option("--out", help="TOML file for the best options, to give as --config.")],
    dev: opt.Dev = None,
    format: opt.ConfigFormat = None,
    lang: opt.Lang = None,
    store: opt.Bind = None,
    encoder: opt.Encoder = None,
    config: opt.Config = None,
    assignments: opt.Set = None,
    epochs: opt.Epochs = None,
    batch_size: opt.BatchSize = None,
    learning_rate: opt.LearningRate = None,
    seed: opt.ConfigSeed = None,
    device: opt.Device = None,
    trials: Annotated[int, typer.Option(min=1, help="Trials in all, those of earlier runs included.")] = 20,
    timeout: Annotated[float | None, typer.Option(min=0, help="Minutes after which no new trial begins.")] = None,
    study: Annotated[
        Path | None, typer.Option(help="SQLite file of the trials, to continue a search.", show_default="OUT.db")
    ] = None,
    json: Json = False,
) -> None:
    """Search for better training options with Optuna, stopping poor trials early.

    The first trial has the options given here; those outside the search space are the same in every trial.

    Example: `kgtag train search --data train.jsonl --dev dev.jsonl --out best.toml --trials 20 --epochs 6`
    """
    from kgtag.train.encoder import pretrained
    from kgtag.train.extractor.search import search_options
    from kgtag.train.model import known_values

    given = {
        "format": format, "lang": lang, "encoder": encoder, "epochs": epochs, "batch_size": batch_size,
        "learning_rate": learning_rate, "seed": seed, "device": device,
    }  # fmt: skip
    run, options = training_options(config, assignments, given)
    read = read_data(data, dev, format=run.format, lang=run.lang, store=store)
    found = search_options(
        read.train,
        dev=read.dev,
        out=out,
        storage=study or out.with_name(f"{out.name}.db"),
        base=options,
        encoder=run.encoder or pretrained.DEFAULT,
        seed=run.seed,
        trials=trials,
        timeout=None if timeout is None else 60 * timeout,
        values=known_values(read.train, read.taxonomy, log) if read.taxonomy is not None else None,
        progress=log,
    )
    if json:
        print_json(found.to_json())
    else:
        print_table("Trials, best first", found.columns, found.rows)
    log(f"best options in {out}: dev F1 {found.best_f1:.3f}; train with --config {out}")


@app.command()
def linker(
    out: opt.Out,
    store: Store = None,
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Annotated products with links (`concept` on their spans).")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="Further synonyms, as lines of mention TAB concept id or label.")
    ] = None,
    usage: Annotated[
        Path | None, typer.Option(help="How often concepts are used, as lines of concept id or label TAB count.")
    ] = None,
    tune: Annotated[bool, typer.Option("--tune", help="Fine-tune the encoder on all synonyms (minutes).")] = False,
    encoder: opt.Encoder = None,
    seed: opt.Seed = 0,
    json: Json = False,
) -> None:
    """Train a linker alone: from the taxonomy's own labels, annotators' links, and synonyms from elsewhere.

    Example: `kgtag train linker --store sqlite:///shop.db --pairs synonyms.tsv --out models/shop/linker`
    """
    from graph.history.versions import stamped
    from kgtag.cli.settings import open_store
    from kgtag.data import read_annotated
    from kgtag.train.encoder import pretrained
    from kgtag.train.linker.run import Material, read_mentions, read_usage, train_linker
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


@app.command(epilog="Config files: benchmarks/configs/kge-*.toml.")
def embeddings(
    out: opt.Out,
    store: Store = None,
    triples: Annotated[
        Path | None, typer.Option(help="A directory with train.txt, valid.txt, test.txt instead of a store.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Annotated products, which count as items, too.")
    ] = None,
    format: Annotated[str, typer.Option(help="annotated, spans or extractgpt.")] = "annotated",
    kge_model: Annotated[
        str | None, typer.Option(help="ComplEx, DistMult, TransE or RotatE.", show_default="ComplEx")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Training settings; the command line wins.")
    ] = None,
    dim: Annotated[int | None, typer.Option(min=2, help="Dimension of the vectors.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the triples.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.", show_default="auto")] = None,
    audit_folds: Annotated[
        int, typer.Option(min=0, help="Further models, for the learned audit check; 0 for none, faster.")
    ] = 3,
    seed: opt.ConfigSeed = None,
    json: Json = False,
) -> None:
    """Train graph embeddings with PyKEEN on the taxonomy and the tags on its items, and calibrate them.

    Example: `kgtag train embeddings --store sqlite:///shop.db --out models/graph`
    """
    from kgtag.train.embeddings.run import train_embeddings
    from kgtag.train.embeddings.settings import parse_device, read_settings

    given = {"model": kge_model, "dim": dim, "epochs": epochs, "seed": seed}
    given |= {"device": parse_device(device) if device is not None else None, "progress": err.is_terminal}
    settings = read_settings(config) if config is not None else {}
    settings |= {name: value for name, value in given.items() if value is not None}
    if triples is not None:
        from kgtag.embed.triples import read_triples

        report = train_embeddings(read_triples(triples), out=out, settings=settings)
    else:
        from graph.history.versions import stamped
        from kgtag.cli.settings import open_store
        from kgtag.data import read_annotated
        from kgtag.train.embeddings.run import train_graph

        opened = open_store(store)
        taxonomy, stamp = stamped(opened)
        report = train_graph(
            taxonomy,
            out=out,
            stamp=stamp,
            items=opened.items(),
            annotated=(one for path in data or () for one in read_annotated(path, format=format)),
            settings=settings,
            audit_folds=audit_folds,
        )
    if json:
        print_json(report.to_json())
    log(
        f"embeddings {report.version} in {out}: {report.model}, {report.entities} entities, {report.triples} triples, "
        f"MRR {report.ranks.mrr:.3f} on held-out triples, {report.seconds:.0f} s on {report.device}"
    )
