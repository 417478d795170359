"""What can be done to a value. Each operation is a name and its settings, so that a learned set is plain JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from graph.errors import InputError
from kgtag.normalise.numbers import first_number
from kgtag.normalise.quantities import Quantity, convert, like, read_quantity

_PARTS = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?|\s+|[^\w\s]|_")
_BARE = re.compile(r"[\W_]+")


class Operation(Protocol):
    def apply(self, value: str) -> str | None:
        """The canonical value; None when the operation has nothing to say of it."""
        ...

    def as_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Case:
    """`to`: upper, lower, title, or same."""

    to: str

    def apply(self, value: str) -> str | None:
        if self.to == "same":
            return value
        return value.upper() if self.to == "upper" else value.lower() if self.to == "lower" else value.title()

    def as_json(self) -> dict[str, Any]:
        return {"operation": "case", **asdict(self)}


@dataclass(frozen=True, slots=True)
class Bare:
    """Letters and digits alone: "AB-12/3" → "AB123"."""

    def apply(self, value: str) -> str | None:
        return _BARE.sub("", value) or None

    def as_json(self) -> dict[str, Any]:
        return {"operation": "bare"}


@dataclass(frozen=True, slots=True)
class InUnit:
    """The value's quantity in `unit`, as a bare number of `decimals` places, `assumed` where it names no unit."""

    unit: str
    assumed: str
    decimals: int

    def apply(self, value: str) -> str | None:
        quantity = read_quantity(value)
        if quantity is None:
            return None
        if quantity.unit is None or quantity.unit not in like(self.unit):
            quantity = Quantity(quantity.amount, self.assumed)
        return f"{convert(quantity, self.unit):.{self.decimals}f}"

    def as_json(self) -> dict[str, Any]:
        return {"operation": "in_unit", **asdict(self)}


@dataclass(frozen=True, slots=True)
class Count:
    """The first number, or number word, in digits: "Quad-Core" → "4"."""

    def apply(self, value: str) -> str | None:
        number = first_number(value)
        return None if number is None else f"{number:g}" if number != int(number) else str(int(number))

    def as_json(self) -> dict[str, Any]:
        return {"operation": "count"}


@dataclass(frozen=True, slots=True)
class Slice:
    """Characters `start` to `end` of the value's digits."""

    start: int
    end: int

    def apply(self, value: str) -> str | None:
        digits = "".join(character for character in value if character.isdigit())
        return digits[self.start : self.end] if len(digits) >= self.end else None

    def as_json(self) -> dict[str, Any]:
        return {"operation": "slice", **asdict(self)}


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Words and unit signs replaced one by one: {"gb": "Gigabytes"} makes "4GB" "4 Gigabytes".

    A space parts a replaced word from its neighbours. None when no word of the value is in the table.
    """

    table: Mapping[str, str]

    def apply(self, value: str) -> str | None:
        found = _PARTS.findall(value.strip())
        if not any(part.casefold() in self.table for part in found):
            return None
        out: list[str] = []
        after = False
        for part in found:
            new = self.table.get(part.casefold())
            glued = bool(out) and out[-1][-1:].isalnum() and part[:1].isalnum()
            if glued and (new is not None or after):
                out.append(" ")
            out.append(part if new is None else new)
            after = new is not None
        return " ".join("".join(out).split())

    def as_json(self) -> dict[str, Any]:
        return {"operation": "rewrite", "table": dict(sorted(self.table.items()))}


def pieces(value: str) -> list[str]:
    """Words, numbers and signs of a value, without the spaces between."""
    return [part for part in _PARTS.findall(value) if not part.isspace()]


def read_operation(raw: Any) -> Operation:
    """Raises InputError when it is not what an operation's `as_json` gives."""
    try:
        settings = dict(raw)
        match settings.pop("operation"):
            case "case":
                return Case(str(settings["to"]))
            case "bare":
                return Bare()
            case "in_unit":
                return InUnit(str(settings["unit"]), str(settings["assumed"]), int(settings["decimals"]))
            case "count":
                return Count()
            case "slice":
                return Slice(int(settings["start"]), int(settings["end"]))
            case "rewrite":
                return Rewrite({str(part): str(new) for part, new in settings["table"].items()})
            case other:
                raise InputError(f"no operation {other!r} in this kgtag; learn the canonical values again")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"an operation does not read ({error!r}); learn the canonical values again") from error
