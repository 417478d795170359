"""Sequences over columns: sorted texts, searched in place, and values that are made when they are read."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_SMALL = 200_000
"""Up to this many texts a tuple and a dict are cheap, and made at first use."""
_READS = 2_000
"""Texts read singly before a tuple and a dict are worth their 150 bytes a text."""
Value = TypeVar("Value")
_CACHED = 50_000


class SortedTexts(Sequence[str]):
    """(n,) distinct texts, ascending by code point. `all` is None until `warm`.

    `find` gives the row of a text, None when it is missing: by bisection in the bytes, in a few microseconds for any
    `n`, or after `warm` by a dict's `get`.
    """

    __slots__ = ("_bytes", "_n", "_reads", "_starts", "all", "array", "find")

    def __init__(self, array: pa.LargeStringArray) -> None:
        self.array = array
        self._n = len(array)
        self._starts = offsets(array)
        self._bytes = memoryview(array.buffers()[2] or b"")
        self._reads = _READS if self.small else 0
        self.all: tuple[str, ...] | None = None
        self.find: Callable[[str], int | None] = self._bisect

    @property
    def small(self) -> bool:
        return self._n <= _SMALL

    def warm(self) -> None:
        """Make the tuple and the dict."""
        if self.all is None:
            found = tuple(self.array.to_pylist())
            self.find = dict(zip(found, range(self._n), strict=True)).get
            self.all = found

    def _bisect(self, text: str) -> int | None:
        self._count(1)
        if self.all is not None:
            return self.find(text)
        try:
            wanted = text.encode()
        except (UnicodeEncodeError, AttributeError):
            return None
        row = bisect_left(range(self._n), wanted, key=self._at)
        return row if row < self._n and self._at(row) == wanted else None

    def many(self, rows: Sequence[int]) -> list[str]:
        if self.all is None:
            self._count(len(rows))
        found = self.all
        return [found[row] for row in rows] if found is not None else [self._text(row) for row in rows]

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[str]: ...
    def __getitem__(self, row: int | slice) -> str | Sequence[str]:
        if self.all is not None:
            return self.all[row]
        if isinstance(row, slice):
            return [self._text(i) for i in range(*row.indices(self._n))]
        if not -self._n <= row < self._n:
            raise IndexError(row)
        self._count(1)
        return self._text(row % self._n)

    def __iter__(self) -> Iterator[str]:
        if self.all is not None:
            return iter(self.all)
        return (text for start in range(0, self._n, 4096) for text in self.array.slice(start, 4096).to_pylist())

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self.find(text) is not None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SortedTexts):
            return bool(self.array.equals(other.array))
        if not isinstance(other, Sequence) or self._n != len(other):
            return False
        return all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def _count(self, reads: int) -> None:
        self._reads += reads
        if self._reads > _READS:
            self.warm()

    def _at(self, row: int) -> bytes:
        return bytes(self._bytes[self._starts[row] : self._starts[row + 1]])

    def _text(self, row: int) -> str:
        return str(self._bytes[self._starts[row] : self._starts[row + 1]], "utf-8")


def offsets(array: pa.LargeStringArray) -> NDArray[np.int64]:
    """(n + 1,) offsets of the texts in the array's data buffer."""
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(1, dtype=np.int64)
    found: NDArray[Any] = np.frombuffer(buffer, dtype=np.int64)
    return found[array.offset : array.offset + len(array) + 1]


class Lazy(Sequence[Value]):
    """`size` values; `make(start, stop)` gives those of a range. `made` holds the last ones that were read singly."""

    __slots__ = ("_make", "_size", "made")

    def __init__(self, size: int, make: Callable[[int, int], Iterator[Value]]) -> None:
        self._size = size
        self._make = make
        self.made: dict[int, Value] = {}

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, i: int) -> Value: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Value]: ...
    def __getitem__(self, i: int | slice) -> Value | Sequence[Value]:
        if isinstance(i, slice):
            start, stop, step = i.indices(self._size)
            return tuple(self._make(start, stop)) if step == 1 else tuple(self[j] for j in range(start, stop, step))
        found = self.made.get(i)
        if found is None:
            if not -self._size <= i < self._size:
                raise IndexError(i)
            if len(self.made) >= _CACHED:
                self.made.clear()
            row = int(i) % self._size
            found = self.made[row] = next(self._make(row, row + 1))
        return found

    def __iter__(self) -> Iterator[Value]:
        return self._make(0, self._size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


class Streamed(Sequence[Value]):
    """`size` values that `stream` gives anew each time that they are walked through."""

    __slots__ = ("_size", "_stream")

    def __init__(self, size: int, stream: Callable[[], Iterator[Value]]) -> None:
        self._size = size
        self._stream = stream

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Value]:
        return self._stream()

    @overload
    def __getitem__(self, i: int) -> Value: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Value]: ...
    def __getitem__(self, i: int | slice) -> Value | Sequence[Value]:
        if isinstance(i, slice):
            return tuple(self._stream())[i]
        if not -self._size <= i < self._size:
            raise IndexError(i)
        return next(islice(self._stream(), i % self._size, None))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]
