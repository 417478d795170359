"""Where rows of tags go, and how far an earlier run came: a JSONL file, standard output, or a directory of Parquet."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Literal, NotRequired, Protocol, get_args, get_origin

import orjson
from typing_extensions import get_type_hints, is_typeddict

from graph.errors import InputError
from kgtag.data.remote import file_system
from kgtag.rows.tagging import TaggingRow

_ERROR_ROW = re.compile(rb'\{"id":(null|"(\\.|[^"\\])*"),"error":')
_PART = re.compile(r"part-(\d{6})\.parquet")
_PART_ROWS = 20_000
"""Rows of a Parquet file of the directory; a run that is stopped loses as many at most."""
Line = tuple[bytes, bool]
"""A row as JSON, and whether it is an error."""


@dataclass(frozen=True, slots=True)
class Done:
    """The whole rows that are there, those with an error, where they end (a byte, or a part), and the last of them."""

    rows: int = 0
    failed: int = 0
    end: int = 0
    last: Any = None


class Sink(Protocol):
    """Takes rows in order."""

    def write(self, lines: Sequence[Line]) -> None: ...


class Target(Protocol):
    """A place for rows."""

    def exists(self) -> bool: ...

    def done(self) -> Done:
        """Raises InputError for what is not the output of tagging."""
        ...

    @contextmanager
    def opened(self, done: Done) -> Iterator[Sink]:
        """Write after what is done; the rest is cut off. Raises InputError."""
        ...


def target(out: str | None) -> Target:
    """The place that `--out` names. Raises InputError for one that rows can't go to."""
    if out is None:
        return Lines(None)
    if out.removesuffix("/").endswith(".parquet"):
        return Parts(out.removesuffix("/"))
    if "://" in out:
        raise InputError(f"{out}: an object can't be continued line by line; give a directory of Parquet, NAME.parquet")
    return Lines(Path(out))


@dataclass(frozen=True)
class Lines:
    """A JSONL file; None for standard output."""

    path: Path | None

    def __str__(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        if self.path is None or not self.path.exists():
            return False
        if not self.path.is_file():
            raise InputError(f"{self.path} is not a file; leave out --out to write to standard output")
        return True

    def done(self) -> Done:
        rows, failed, end, last = 0, 0, 0, b"null"
        assert self.path is not None
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                rows, failed, end, last = rows + 1, failed + bool(_ERROR_ROW.match(line)), end + len(line), line
        try:
            return Done(rows, failed, end, orjson.loads(last))
        except orjson.JSONDecodeError:
            raise InputError(f"{self.path}:{rows}: not a row of tags; give another --out") from None

    @contextmanager
    def opened(self, done: Done) -> Iterator[Sink]:
        if self.path is None:
            yield _Lines(sys.stdout.buffer)
            return
        out = self.path
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            with out.open("ab") as file:
                file.truncate(done.end)
                yield _Lines(file)
        except OSError as error:
            way = "; --resume continues it once it can be written" if out.is_file() and out.stat().st_size else ""
            raise InputError(f"can't write {str(out)!r}: {error.strerror or error}{way}") from error


@dataclass(frozen=True)
class _Lines:
    file: IO[bytes]

    def write(self, lines: Sequence[Line]) -> None:
        self.file.writelines(line + b"\n" for line, _ in lines)
        self.file.flush()


@dataclass(frozen=True)
class Parts:
    """A directory of Parquet files, local or of an object store; each is there whole or not at all."""

    url: str

    def __str__(self) -> str:
        return self.url

    @cached_property
    def _place(self) -> tuple[Any, str]:
        return file_system(self.url)

    def _parts(self) -> list[str]:
        system, root = self._place
        names = [str(name).rsplit("/", 1)[-1] for name in system.ls(root, detail=False)] if system.exists(root) else []
        return [f"{root}/{name}" for name in sorted(names) if _PART.fullmatch(name)]

    def exists(self) -> bool:
        system, root = self._place
        if system.isfile(root):
            raise InputError(f"{self.url} is a file; the rows go to a directory of Parquet files of that name")
        return bool(self._parts())

    def done(self) -> Done:
        import pyarrow as pa
        import pyarrow.parquet as pq

        system, rows, failed, row = self._place[0], 0, 0, {}
        parts = self._parts()
        for part in parts:
            try:
                with system.open(part, "rb") as file:
                    table = pq.read_table(file, columns=["id", "line", "model", "error"])
            except (pa.ArrowException, KeyError) as error:
                raise InputError(f"{part}: not a file of tags ({error}); give another --out") from None
            rows, failed = rows + len(table), failed + len(table) - table["error"].null_count
            row = table.slice(len(table) - 1).to_pylist()[0]
        return Done(rows, failed, len(parts), {name: value for name, value in row.items() if value is not None})

    @contextmanager
    def opened(self, done: Done) -> Iterator[Sink]:
        sink = _Parts(*self._place, done.end)
        try:
            self._place[0].makedirs(self._place[1], exist_ok=True)
            yield sink
            sink.flush()
        except OSError as error:
            raise InputError(f"can't write {self.url!r}: {error.strerror or error}; --resume continues it") from error


class _Parts:
    def __init__(self, system: Any, root: str, number: int) -> None:
        self._system, self._root, self._number = system, root, number
        self._rows: list[dict[str, Any]] = []

    def write(self, lines: Sequence[Line]) -> None:
        for line, _ in lines:
            row = orjson.loads(line)
            self._rows.append(row | {"error": orjson.dumps(row["error"]).decode()} if "error" in row else row)
            if len(self._rows) == _PART_ROWS:
                self.flush()

    def flush(self) -> None:
        """Write what is waiting as the next part."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._rows:
            return
        buffer = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(self._rows, schema=_schema()), buffer, compression="zstd")
        path = f"{self._root}/part-{self._number:06}.parquet"
        hidden = f"{self._root}/.part-{self._number:06}"
        with self._system.open(hidden, "wb") as file:
            file.write(buffer.getvalue().to_pybytes())
        self._system.mv(hidden, path)
        self._rows, self._number = [], self._number + 1


def _schema() -> Any:
    """The fields of a row of tags, each null where it does not apply; an error is JSON."""
    import pyarrow as pa

    fields = [*_arrow(TaggingRow), pa.field("line", pa.int64()), pa.field("error", pa.string())]
    return pa.schema(fields)


def _arrow(kind: Any) -> Any:
    """The Arrow type of a row's field."""
    import pyarrow as pa

    origin, arguments = get_origin(kind), get_args(kind)
    if origin is NotRequired:
        return _arrow(arguments[0])
    if origin is list:
        return pa.list_(_arrow(arguments[0]))
    if origin is Literal:
        return pa.string()
    if is_typeddict(kind):
        return pa.struct([(name, _arrow(of)) for name, of in get_type_hints(kind).items()])
    return {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}[kind]
