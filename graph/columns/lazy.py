"""Sequences whose values are made when they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, overload

Value = TypeVar("Value")
_CACHED = 50_000


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
