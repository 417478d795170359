"""Progress bar of a training, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from kgtag.cli.console import err

if TYPE_CHECKING:
    from kgtag.train.extractor.records import Tick, Watch


@contextmanager
def training_bar() -> Iterator[Watch | None]:
    """Yield the function to call with every tick, or None without a terminal; logged lines stay above the bar."""
    if not err.is_terminal:
        yield None
        return
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]}  dev F1 {task.fields[f1]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("training", total=None, epoch="–", loss="–", f1="–")

        def watch(tick: Tick) -> None:
            f1 = "–" if tick.f1 is None else f"{100 * tick.f1:.1f}"
            epoch = f"{tick.epoch}/{tick.epochs}"
            bar.update(task, total=tick.steps, completed=tick.step, epoch=epoch, loss=f"{tick.loss:.3f}", f1=f1)

        yield watch
