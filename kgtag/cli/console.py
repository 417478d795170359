"""Output of commands: results to stdout, everything else to stderr."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from kgtag.extract.files import Precision as Numbers

err = Console(stderr=True, highlight=False, emoji=False)
out = Console(highlight=False, emoji=False)

Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="KGTAG_STORE",
        show_default="sqlite:///kgtag.db",
        help="Where the taxonomy is kept: sqlite:///file.db, neo4j://user:password@host:7687 or bolt://…",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else there.")]
Model = Annotated[Path, typer.Option("--model", envvar="KGTAG_MODEL", help="A model directory from `train extractor`.")]
Precision = Annotated[
    str,
    typer.Option("--precision", envvar="KGTAG_PRECISION", help="fp32, or int8: quicker, and very nearly as good."),
]
Embeddings = Annotated[
    Path | None,
    typer.Option("--embeddings", envvar="KGTAG_EMBEDDINGS", help="An embeddings directory from `train embeddings`."),
]


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
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, console: Console = out
) -> None:
    table = Table(header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console.print(Text(title, style="italic"), soft_wrap=True)
    console.print(table)


def read_precision(given: str) -> Numbers:
    """Raises InputError for an unsupported precision."""
    from graph.errors import InputError
    from kgtag.extract.files import PRECISIONS

    for known in PRECISIONS:
        if known == given:
            return known
    raise InputError(f"unsupported precision {given!r}; {' or '.join(PRECISIONS)} is expected")


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
