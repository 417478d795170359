"""A stream cut into lines, with bounded memory and without time spent on blank ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile(rb"\S[^\n]*")


@dataclass(frozen=True, slots=True)
class Line:
    """A line, without the blanks before it. `text` is None for one that is too long, of which nothing is kept."""

    number: int
    text: bytes | None


class Lines:
    """Chunks in, lines out; blank ones are skipped. Holds one unfinished line of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open = bytearray()
        self._too_long = False
        self._ends = 0
        """Line ends so far."""

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that the chunk ends; it must be consumed before the next is fed."""
        start = 0
        if self._open or self._too_long:
            end = chunk.find(b"\n")
            self._extend(chunk[:end] if end >= 0 else chunk)
            if end < 0:
                return
            yield self._close()
            start = end
        first = len(chunk) - len(chunk[start:].lstrip())  # ten times as quick as the search, over nothing but line ends
        for found in _LINE.finditer(chunk, first):
            self._ends += chunk.count(b"\n", start, found.start())
            start = found.start()
            self._extend(found.group())
            if found.end() < len(chunk):
                yield self._close()
        self._ends += chunk.count(b"\n", start)

    def finish(self) -> Iterator[Line]:
        """End the stream: what is left is a line."""
        if self._open or self._too_long:
            yield self._close()

    @property
    def number(self) -> int:
        """The number of the line that is being read."""
        return self._ends + 1

    def _extend(self, part: bytes) -> None:
        if self._too_long or len(self._open) + len(part) > self._limit:
            self._too_long = True
            self._open.clear()
        else:
            self._open += part

    def _close(self) -> Line:
        line = Line(self.number, None if self._too_long else bytes(self._open))
        self._open = bytearray()
        self._too_long = False
        return line
