"""Output of commands: results to stdout, everything else to stderr."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from kgtag.tag.batch import Watch as RowWatch
    from kgtag.train.extractor.records import Tick, Watch

PROGRESS_FILE = "KGTAG_PROGRESS"
"""The variable that names a file for the progress, `{"done", "total", "unit"}`, for whoever started the command."""
_PROGRESS_SECONDS = 0.25

err = Console(stderr=True, highlight=False, emoji=False)
out = Console(highlight=False, emoji=False)


def log(message: str) -> None:
    """One line on stderr, without markup or wrapping."""
    err.print(message, markup=False, soft_wrap=True)


def log_error(error: Exception | str) -> None:
    err.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)


def print_json(value: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n")
    sys.stdout.buffer.flush()


def print_line(value: Any) -> None:
    """One line of JSONL."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")


def write_rows(rows: Iterable[Any], out: Path | None) -> None:
    """JSONL, to a file or to stdout."""
    lines = (orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n" for row in rows)
    if out is not None:
        from graph.formats import reading

        reading.write(out, lines)
    else:
        sys.stdout.buffer.writelines(lines)
        sys.stdout.buffer.flush()


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    console: Console = out,
    whole: Collection[str] = (),
) -> None:
    """`whole`: columns whose cells are not wrapped."""
    table = Table(header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in whole)
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console.print(Text(title, style="italic"), soft_wrap=True)
    console.print(table)


def notes(lines: Iterable[str]) -> None:
    for line in lines:
        err.print(f"[yellow]note:[/] {escape(line)}", soft_wrap=True)


@contextmanager
def working(message: str, *, after: float = 1.0) -> Iterator[None]:
    """A spinner on a terminal, after `after` seconds."""
    if not err.is_terminal:
        yield
        return
    status = err.status(Text(message))
    timer = threading.Timer(after, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()


@contextmanager
def row_bar(what: str, unit: str) -> Iterator[RowWatch | None]:
    """Yield the function to call with rows done and, if known, of how many; None when nobody watches."""
    report = _progress_file(unit)
    if report is not None or not err.is_terminal:
        yield report
        return
    from rich import progress

    columns = (
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _progress_file(unit: str) -> RowWatch | None:
    """Writes what it is called with, at most every quarter of a second, to the file of PROGRESS_FILE, if any."""
    if PROGRESS_FILE not in os.environ:
        return None
    path, written = Path(os.environ[PROGRESS_FILE]), 0.0

    def report(done: int, total: int | None) -> None:
        nonlocal written
        now = time.monotonic()
        if done == total or now - written >= _PROGRESS_SECONDS:
            written, new = now, path.with_suffix(".new")
            new.write_bytes(orjson.dumps({"done": done, "total": total, "unit": unit}))
            new.replace(path)

    return report


@contextmanager
def training_bar() -> Iterator[Watch | None]:
    """Yield the function to call with every tick, or None when nobody watches; logged lines stay above the bar."""
    report: Callable[[int, int | None], None] | None = _progress_file("steps")
    if report is not None:
        yield lambda tick: report(tick.step, tick.steps)
        return
    if not err.is_terminal:
        yield None
        return
    from rich import progress

    columns = (
        progress.TextColumn("epoch {task.fields[epoch]}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("loss {task.fields[loss]}  dev F1 {task.fields[f1]}"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("training", total=None, epoch="–", loss="–", f1="–")

        def watch(tick: Tick) -> None:
            f1 = "–" if tick.f1 is None else f"{100 * tick.f1:.1f}"
            epoch = f"{tick.epoch}/{tick.epochs}"
            bar.update(task, total=tick.steps, completed=tick.step, epoch=epoch, loss=f"{tick.loss:.3f}", f1=f1)

        yield watch
