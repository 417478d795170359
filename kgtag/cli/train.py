"""`kgtag train`: extractors here, with the search for their options; the rest is in `train_parts`."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph.errors import FileFormatError, InputError
from kgtag.cli import train_parts
from kgtag.cli.console import err, log, print_json, print_table, training_bar
from kgtag.cli.options import Data, DataOptions, Json, Out, TrainingOptions, grouped, open_store
from kgtag.types import AnnotatedProduct

if TYPE_CHECKING:
    from graph.history.versions import Stamp
    from graph.taxonomy import Taxonomy
    from kgtag.train.extractor.config import RunOptions, TrainOptions
    from kgtag.train.extractor.data_checks import DataFinding
    from kgtag.train.extractor.derived import Start
    from kgtag.train.extractor.run import TrainReport

app = typer.Typer(no_args_is_help=True)
for _command in (train_parts.encoder, train_parts.ensemble, train_parts.attributes):
    app.command()(_command)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Products of the files, and the taxonomy. `misplaced`: spans out of range, which the products lack."""

    train: list[AnnotatedProduct]
    dev: list[AnnotatedProduct]
    taxonomy: Taxonomy | None
    stamp: Stamp | None
    misplaced: list[FileFormatError] = field(default_factory=list)


@app.command(epilog="Config files, presets, recipes and resuming: docs/how-to/train.md.")
@grouped
def extractor(
    data: Data,
    out: Out,
    *,
    source: DataOptions,
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="MODEL", help="Fine-tune this trained model further.")
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(help="With --from: what the model was trained on, to forget nothing; repeatable."),
    ] = None,
    training: TrainingOptions,
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

    run, options = _resolved(source, training, continued=from_ is not None)
    read = _read(data, source, run)
    start = _start(from_, replay or [], run)
    findings = inspect_data(read.train, read.dev, taxonomy=read.taxonomy, misplaced=read.misplaced)
    if findings:
        rows = [(f"{one.count:,}", f"{one.message} ({one.level})", "\n".join(one.examples)) for one in findings]
        print_table("Data, before training", ("count", "what", "for example"), rows, console=err)
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
    log(
        f"model {report.version} in {out}: F1 {report.f1:.3f} of values found in dev texts (epoch {report.epoch}),"
        f" {report.seconds:.0f} s; what is tagged in the end: kgtag evaluate tags"
    )


def _start(model: Path | None, replay: list[Path], run: RunOptions) -> Start | None:
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
    from kgtag.train.implicit import described
    from kgtag.train.model import train_values_only

    data = [*read.train, *read.dev]
    report = train_values_only(
        data, read.taxonomy, out=out, stamp=read.stamp, encoder=run.encoder, seed=run.seed, progress=log
    )
    if json:
        print_json(asdict(report) | {"directory": str(out)})
    log(f"model in {out}: {'; '.join(described(report))}; {report.seconds:.0f} s")
    log("what is tagged in the end: kgtag evaluate tags")


@app.command(epilog="The search space is in docs/how-to/train.md.")
@grouped
def search(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="TOML file for the best options, to give as --config.")],
    *,
    source: DataOptions,
    training: TrainingOptions,
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

    run, options = _resolved(source, training)
    read = _read(data, source, run)
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


app.command()(train_parts.linker)
app.command()(train_parts.recommender)
app.command(epilog="Config files: benchmarks/configs/kge-*.toml.")(train_parts.embeddings)


def _read(data: Sequence[Path], source: DataOptions, run: RunOptions) -> TrainingData:
    """Read the files and open the store. Raises FileFormatError, naming the line."""
    from graph.history.versions import stamped
    from kgtag.data import read_annotated

    misplaced: list[FileFormatError] = []
    train, dev = (
        [one for file in files for one in read_annotated(file, format=run.format, lang=run.lang, misplaced=misplaced)]
        for files in (data, [] if source.dev is None else [source.dev])
    )
    taxonomy, stamp = stamped(open_store(source.store)) if source.store is not None else (None, None)
    if source.feedback:
        train += _reviewed(source.store, taxonomy, train=train, dev=dev)
    return TrainingData(train, dev, taxonomy, stamp, misplaced)


def _reviewed(
    store: str | None, taxonomy: Taxonomy | None, *, train: Sequence[AnnotatedProduct], dev: Sequence[AnnotatedProduct]
) -> list[AnnotatedProduct]:
    """Products with feedback, but for those held out."""
    from kgtag.discover.feedback import reviewed_products

    if store is None or taxonomy is None:
        raise InputError("--feedback reads what people think of a store's tags; give --store URL as well")
    apart = {one.product.id for one in dev} | {one.product.title for one in dev}
    reviewed = reviewed_products(open_store(store), taxonomy, beside=train)
    found = [one for one in reviewed if apart.isdisjoint((one.product.id, one.product.title))]
    log(f"{len(found)} products with feedback")
    return found


def _resolved(
    source: DataOptions, training: TrainingOptions, *, continued: bool = False
) -> tuple[RunOptions, TrainOptions]:
    """The options of a config file, then those of `--set`, then those with an option of their own."""
    from kgtag.train.extractor.config import read_assignments, read_config, resolve

    file = read_config(training.config) if training.config is not None else {}
    given = asdict(source) | asdict(training)
    others = ("dev", "store", "feedback", "config", "assignments")
    here = {name: value for name, value in given.items() if value is not None and name not in others}
    return resolve(file, read_assignments(training.assignments or ()), here, continued=continued)


def without_passwords(command: Sequence[str]) -> str:
    """Return the command to write down, passwords in URLs left out."""
    return shlex.join(re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1:…@", word) for word in command)
