"""Concepts and relations of columns as sequences of values that are made when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

from graph.columns.columns import Columns
from graph.model import Concept, Relation

Value = TypeVar("Value", Concept, Relation)
_REMEMBERED = 50_000


class _Lazy(Sequence[Value]):
    __slots__ = ("_columns", "_made")

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._made: dict[int, Value] = {}

    def _values(self, start: int, stop: int) -> Iterator[Value]:
        raise NotImplementedError

    @overload
    def __getitem__(self, i: int) -> Value: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Value]: ...
    def __getitem__(self, i: int | slice) -> Value | Sequence[Value]:
        if isinstance(i, slice):
            start, stop, step = i.indices(len(self))
            return tuple(self._values(start, stop)) if step == 1 else tuple(self[j] for j in range(start, stop, step))
        found = self._made.get(i)
        if found is None:
            if not -len(self) <= i < len(self):
                raise IndexError(i)
            if len(self._made) >= _REMEMBERED:
                self._made = {}
            row = int(i) % len(self)
            found = self._made[row] = next(self._values(row, row + 1))
        return found

    def __iter__(self) -> Iterator[Value]:
        return self._values(0, len(self))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


class Concepts(_Lazy[Concept]):
    def __len__(self) -> int:
        return len(self._columns)

    def _values(self, start: int, stop: int) -> Iterator[Concept]:
        return self._columns.concepts(start, stop)


class Relations(_Lazy[Relation]):
    def __len__(self) -> int:
        return len(self._columns.edges)

    def _values(self, start: int, stop: int) -> Iterator[Relation]:
        return self._columns.relations(start, stop)
