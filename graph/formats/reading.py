"""Files as lines, JSON and rows, read and written; every fault becomes a FileFormatError with its place."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import tempfile
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from graph.errors import FileFormatError, InputError
from graph.model import LANGUAGE_TAG

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_largest = 256 << 20
_ZIP = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""First bytes of .xlsx and .ods, and of .xls."""
_BOMB = 100
"""Compression factor from which a gzipped file counts as made to fill memory; text has about 10."""
_HARMLESS = 8 << 20
"""Unpacked bytes below which the factor does not matter."""


def limit_files(megabytes: int) -> None:
    """Set how large a line, or a file that is read as a whole, may be in this process: 256 MB until it is called.

    Raises:
        InputError: `megabytes` is not positive.
    """
    global _largest
    if megabytes < 1:
        raise InputError(f"files of at most {megabytes} MB: a whole number of megabytes was expected")
    _largest = megabytes << 20


def largest() -> int:
    """The largest line, or file that is read as a whole, in bytes."""
    return _largest


def suffixes(path: Path) -> tuple[str, bool]:
    """The suffix in lower case without .gz, and whether the file is gzipped: "x.TTL.gz" → (".ttl", True)."""
    gzipped = path.suffix.lower() == ".gz"
    inner = path.with_suffix("") if gzipped else path
    return inner.suffix.lower(), gzipped


def stem(path: Path) -> str:
    """The file's name without its last suffix and without .gz."""
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).stem


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, line with its ending), split at LF only; UTF-8, or UTF-16 with a byte order mark."""
    return ((number, decode(raw, path, number)) for number, raw in raw_lines(path))


def raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines in UTF-8 before decoding, for readers that skip lines that don't decode."""
    number = 0
    limit = largest()
    try:
        with _open(path) as stream, closing(_utf8(stream, limit + 1)) as parts:
            for number, raw in enumerate(parts, start=1):
                if len(raw) > limit:
                    raise _too_large(path, "this line is", number)
                yield number, raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise FileFormatError(str(path), f"not a whole gzip file: {error}", line=number + 1) from None
    except UnicodeDecodeError as error:
        raise FileFormatError(str(path), f"not valid UTF-16: {error.reason}", line=number + 1) from None
    except FileNotFoundError:
        raise FileFormatError(str(path), "there is no such file") from None
    except OSError as error:
        raise FileFormatError(str(path), f"can't be read: {error.strerror or error}") from None


def decode(raw: bytes, path: Path | str, number: int) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        if number == 1 and raw.startswith(_ZIP):
            message = "this is a spreadsheet, or another packed file; save it as CSV in UTF-8"
        column = len(raw[: error.start].decode()) + 1
        raise FileFormatError(str(path), message, line=number, column=column) from None


def text(path: Path) -> str:
    """The whole file; an empty one is refused, and one larger than `largest`."""
    limit = largest()
    try:
        with _open(path) as stream:
            raw = _read(stream, limit + 1)
        if len(raw) > limit:
            raise _too_large(path, "the file is", raw.count(b"\n") + 1)
        whole = raw.removeprefix(codecs.BOM_UTF8).decode()
    except (UnicodeDecodeError, zlib.error, EOFError, OSError):
        whole = "".join(line for _, line in lines(path))  # UTF-16, or an error that names the line
    if not whole.strip():
        raise FileFormatError(str(path), "the file is empty")
    return whole


def json_value(source: str, path: Path | str, *, line: int | None = None) -> Any:
    """The JSON value of `source`, which is line `line` of the file, or all of it."""
    try:
        return orjson.loads(source)
    except orjson.JSONDecodeError as error:
        at = error.lineno if line is None else line
        raise FileFormatError(str(path), f"no valid JSON: {error.msg}", line=at, column=error.colno) from None


def json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a JSONL file; blank lines are skipped, a file without any row is refused."""
    rows = 0
    for number, line in lines(path):
        if line.strip():
            rows += 1
            yield number, json_object(line, path, line=number)
    if not rows:
        raise FileFormatError(str(path), "the file is empty; one JSON object a line was expected")


def json_object(source: str, path: Path | str, *, line: int | None = None) -> dict[str, Any]:
    value = json_value(source, path, line=line)
    if not isinstance(value, dict):
        raise FileFormatError(str(path), f"a JSON object was expected, not {kind_of(value)}", line=line)
    return value


def kind_of(value: object) -> str:
    """The type of a JSON value, for messages."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def languages(files: Sequence[Path], lang: str | None, *, example: str) -> Iterator[tuple[Path, str]]:
    """Files with their languages, one each. Raises InputError; `example` is a name that tells a language."""
    if lang is not None and len(files) > 1:
        raise InputError(f"{len(files)} files but one language {lang!r}; name the files by language ({example})")
    seen: set[str] = set()
    for file in files:
        tag = language(file, lang, example=example)
        if tag in seen:
            raise InputError(f"{file}: a second file for language {tag!r}")
        seen.add(tag)
        yield file, tag


def language(file: Path, lang: str | None, *, example: str) -> str:
    """`lang`, else the last part of the file's name: `categories.zh-CN.json.gz` → zh-CN."""
    tag = lang or stem(file).rpartition(".")[2]
    if not LANGUAGE_TAG.fullmatch(tag):
        hint = f"name the file by its language ({example}) or give --lang"
        raise InputError(f"{file}: {tag!r} is not a language tag; {hint}")
    return tag


def write(path: Path, parts: Iterable[bytes]) -> None:
    """Write the file whole or not at all; gzipped, with the same bytes each time, when its name ends in .gz."""
    partial, given = None, path
    path = path.resolve()  # A link stays, and leads to the new file.
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as device:  # A device or pipe can't be replaced by a file.
                device.writelines(parts)
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        partial = Path(name)
        with os.fdopen(handle, "wb") as raw:
            if path.suffix.lower() == ".gz":
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed:
                    packed.writelines(parts)
            else:
                raw.writelines(parts)
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)
        partial.replace(path)
    except OSError as error:
        raise InputError(f"can't write {str(given)!r}: {error.strerror or error}") from None
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


def _open(path: Path) -> io.BufferedReader:
    if path.is_dir():
        raise FileFormatError(str(path), "this is a directory; a file was expected")
    return io.BufferedReader(_Unpacked(path), 1 << 16) if path.suffix.lower() == ".gz" else path.open("rb")


def _read(stream: io.BufferedReader, limit: int) -> bytes:
    """At most `limit` bytes, in parts: a single read would reserve them all at once."""
    parts: list[bytes] = []
    while limit > 0 and (part := stream.read(min(limit, 1 << 20))):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def _utf8(stream: io.BufferedReader, limit: int) -> Generator[bytes, None, None]:
    """Lines of at most `limit` bytes or characters, recoded from UTF-16 if there is its byte order mark."""
    if stream.peek(2)[:2] not in _UTF16:
        yield from iter(lambda: stream.readline(limit), b"")
        return
    text = io.TextIOWrapper(stream, encoding="utf-16", newline="\n")
    try:
        yield from iter(lambda: text.readline(limit).encode(), b"")
    finally:
        text.detach()  # the caller closes the file


class _Unpacked(gzip.GzipFile):
    """A gzipped file, refused when it unpacks to far more than its size."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._file = path
        self._harmless = max(_HARMLESS, path.stat().st_size * _BOMB)
        self._size = 0

    def readinto(self, buffer: Any) -> int:
        read = super().readinto(buffer)
        self._size += read
        if self._size > self._harmless:
            message = f"it unpacks to more than {_BOMB} times its size; unpack it yourself if that is meant"
            raise FileFormatError(str(self._file), message)
        return read


def _too_large(path: Path, what: str, line: int) -> FileFormatError:
    limit = f"larger than {largest() >> 20} MB; set KGTAG_MAX_FILE_MB to a larger number if that is meant"
    return FileFormatError(str(path), f"{what} {limit}", line=line)


@dataclass(frozen=True, slots=True)
class Row:
    """A row or object of a file. `line` counts from 1, in Parquet rows; `at` is a place in a JSON document."""

    file: str
    line: int
    fields: Mapping[str, Any]
    at: str = ""

    @classmethod
    def of(cls, value: object, file: Path | str, at: str) -> Row:
        """The row of a JSON value, which must be an object."""
        if not isinstance(value, dict):
            raise FileFormatError(str(file), f"{at}: an object was expected, not {kind_of(value)}")
        return cls(str(file), 0, value, at)

    def error(self, message: str) -> FileFormatError:
        return FileFormatError(self.file, f"{self.at}: {message}" if self.at else message, line=self.line or None)

    def optional(self, field: str) -> str | None:
        """The text of a field, None when it is missing, null or empty."""
        value = self.fields.get(field)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise self.error(f"{field!r} must be a string, not {kind_of(value)}")
        return value

    def text(self, field: str) -> str:
        """The text of a field that must not be missing or blank."""
        value = self.fields.get(field)
        if isinstance(value, str) and value.strip():
            return value
        if field not in self.fields:
            there = ", ".join(map(repr, self.fields)) or "none"
            raise self.error(f"{field!r} is missing; the fields here are {there}")
        wrong = "is empty" if isinstance(value, str) else f"is {kind_of(value)}"
        raise self.error(f"{field!r} {wrong}; a string that is not blank was expected")

    def id(self, field: str = "id") -> str:
        """The id in a field as text, by default the line number of the row."""
        value = self.fields.get(field)
        if self.line and (value is None or value == ""):
            return str(self.line)
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise self.error(f"{field!r} must be a string or a whole number, not {kind_of(value)}")
        return str(value)

    def items(self, field: str) -> list[Any]:
        """The list in a field, empty when it is missing."""
        value = self.fields.get(field, [])
        if not isinstance(value, list):
            raise self.error(f"{field!r} must be a list, not {kind_of(value)}")
        return value
