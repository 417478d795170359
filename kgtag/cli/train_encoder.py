"""`kgtag train encoder`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from kgtag.cli.console import Json, err, log, print_json
from kgtag.cli.options import Out, Seed


def encoder(
    data: Annotated[list[Path], typer.Option("--data", help="Unlabelled products or lines of text; repeatable.")],
    out: Out,
    format: Annotated[
        str, typer.Option(help="products, lines, bieos, bio or extractgpt; .txt files are always lines.")
    ] = "products",
    encoder: Annotated[
        str | None,
        typer.Option(help="Encoder to adapt: hub name or path.", show_default="a new small one"),
    ] = None,
    teacher: Annotated[
        str | None, typer.Option(help="Train a new encoder whose states resemble those of this one.")
    ] = None,
    epochs: Annotated[
        int, typer.Option(min=1, help="At most; training stops when perplexity on held-out text no longer falls.")
    ] = 10,
    layers: Annotated[int, typer.Option(min=1, help="Layers of a new encoder.")] = 4,
    width: Annotated[int, typer.Option(min=32, help="Hidden size of a new encoder; a multiple of 64.")] = 256,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate.", show_default="1e-3 for a new one, else 1e-4")
    ] = None,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Discard the run in OUT.run; by default it is resumed.")
    ] = False,
    json: Json = False,
) -> None:
    """Pretrain an encoder on unlabelled product text. Stopped at any point, the same command resumes.

    Example: `kgtag train encoder --data titles.jsonl --encoder all-MiniLM-L6-v2 --out encoders/shop`
    """
    from dataclasses import asdict

    from kgtag.train.embeddings.settings import parse_device
    from kgtag.train.encoder.loop import PretrainOptions, Watching
    from kgtag.train.encoder.masking import read_texts
    from kgtag.train.encoder.run import pretrain

    options = PretrainOptions(
        epochs=epochs, rate=learning_rate, layers=layers, width=width, device=parse_device(device)
    )
    texts = read_texts(data, format=format)
    columns = (TextColumn("pretraining"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        watching = Watching(log, lambda share: bar.update(task, completed=share))
        report = pretrain(
            texts,
            out=out,
            encoder=encoder,
            teacher=teacher,
            seed=seed,
            options=options,
            resume="never" if fresh else "auto",
            watching=watching,
        )
    if json:
        print_json({**asdict(report), "directory": str(report.directory)})
    log(
        f"encoder in {out}: perplexity {report.before:.1f} before, {report.after:.1f} after {report.epoch} epochs"
        f" ({report.chance:.1f} by frequency), {report.parameters / 1e6:.1f} M parameters, {report.seconds:.0f} s"
    )
