"""Rows of files as fields, read one by one with errors that name the place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.errors import FileFormatError
from graph.formats.reading import kind_of


@dataclass(frozen=True, slots=True)
class Row:
    """A row or object of a file. `line` counts from 1, in Parquet rows; `at` is a place in a JSON document."""

    file: str
    line: int
    fields: Mapping[str, Any]
    at: str = ""

    @classmethod
    def of(cls, value: object, file: Path, at: str) -> Row:
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
