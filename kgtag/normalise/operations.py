"""Operations on a value. Each is a name and its settings, so that learned rules are plain JSON."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from graph.labels import normal_form
from kgtag.link.candidates.ngrams import GramIndex
from kgtag.normalise.quantities import Quantity, convert, first_number, like, read_quantity

_PARTS = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?|\s+|[^\w\s]|_")
_BARE = re.compile(r"[\W_]+")
Encode = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts → (texts, dim) float32 of length 1."""
_NEIGHBOURS = 8
_SHARPNESS = 4
"""The power to which similarity is raised before votes are counted."""


class Operation(Protocol):
    def apply(self, value: str) -> str | None:
        """The normalised value; None where the operation does not apply."""
        ...

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class _Named:
    def to_json(self) -> dict[str, Any]:
        name = next(name for name, kind in _KINDS.items() if kind is type(self))
        return {"operation": name, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Case(_Named):
    """Change the case. `to`: upper, lower, title, or same."""

    to: str

    def apply(self, value: str) -> str | None:
        if self.to == "same":
            return value
        return value.upper() if self.to == "upper" else value.lower() if self.to == "lower" else value.title()


@dataclass(frozen=True, slots=True)
class Bare(_Named):
    """Keep letters and digits alone: "AB-12/3" → "AB123"."""

    def apply(self, value: str) -> str | None:
        return _BARE.sub("", value) or None


@dataclass(frozen=True, slots=True)
class InUnit(_Named):
    """Convert to `unit`, as a bare number of `decimals` places; a value without a unit is in the `assumed` one."""

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


@dataclass(frozen=True, slots=True)
class Count(_Named):
    """Take the first number, or number word, in digits: "Quad-Core" → "4"."""

    def apply(self, value: str) -> str | None:
        number = first_number(value)
        return None if number is None else f"{number:g}" if number != int(number) else str(int(number))


@dataclass(frozen=True, slots=True)
class Slice(_Named):
    """Take characters `start` to `end` of the value's digits."""

    start: int
    end: int

    def apply(self, value: str) -> str | None:
        digits = "".join(character for character in value if character.isdigit())
        return digits[self.start : self.end] if len(digits) >= self.end else None


@dataclass(frozen=True, slots=True)
class Rewrite(_Named):
    """Replace words and unit signs one by one: {"gb": "Gigabytes"} makes "4GB" "4 Gigabytes". A space parts a replaced
    word from its neighbours. Applies where a word of the value is in the table."""

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


_KINDS: Mapping[str, type[Any]] = {
    "case": Case, "bare": Bare, "in_unit": InUnit, "count": Count, "slice": Slice, "rewrite": Rewrite,
}  # fmt: skip


def pieces(value: str) -> list[str]:
    """Words, numbers and signs of a value, without the spaces between."""
    return [part for part in _PARTS.findall(value) if not part.isspace()]


def apply_first(operations: Sequence[Operation], value: str) -> str | None:
    """The answer of the first operation that applies."""
    return next((new for operation in operations if (new := operation.apply(value)) is not None), None)


def read_operation(raw: Any, *, encode: Encode | None = None) -> Operation:
    """Read what `to_json` of an operation gives. Raises InputError: an unknown one, or settings it does not have."""
    try:
        settings = dict(raw)
        if settings["operation"] == "nearest":
            return Nearest([(str(value), str(normalised)) for value, normalised in raw["examples"]], encode=encode)
        operation: Operation = _KINDS[settings.pop("operation")](**settings)
        operation.apply("1")  # settings of the wrong type show here
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"unreadable operation ({error!r}); train the normaliser again") from error
    return operation


class Nearest:
    """Nearest-neighbour votes by shared letters and, with an encoder, by meaning. `examples`: (raw, normalised), each
    raw value once."""

    def __init__(self, examples: Sequence[tuple[str, str]], *, encode: Encode | None = None) -> None:
        self.examples = tuple(examples)
        self._texts = [normal_form(raw) for raw, _ in self.examples]
        self._index = GramIndex(self._texts)
        self._encode = encode
        self._vectors = encode(self._texts) if encode is not None and self._texts else None

    def apply(self, value: str) -> str | None:
        """The family with most votes; None when nothing is similar."""
        text = normal_form(value)
        if not text or not self._texts:
            return None
        similarity = np.zeros(len(self._texts))
        ((numbers, scores),) = self._index.search([text], [None], len(self._texts))
        similarity[numbers] = scores
        if self._vectors is not None and self._encode is not None:
            similarity += np.maximum(self._vectors @ self._encode([text])[0], 0)
        order = np.lexsort((np.arange(len(similarity)), -np.round(similarity, 5)))[:_NEIGHBOURS]
        votes: dict[str, float] = defaultdict(float)
        for number in order.tolist():
            votes[self.examples[number][1]] += float(similarity[number]) ** _SHARPNESS
        best = max(sorted(votes), key=lambda name: votes[name])
        return best if votes[best] > 0 else None

    def to_json(self) -> dict[str, Any]:
        return {"operation": "nearest", "examples": [list(example) for example in self.examples]}
