"""Learned rules by attribute, applied, and saved as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.errors import InputError
from kgtag.link.candidates.label_table import normal_form
from kgtag.normalise.operations import Encode, Nearest, Operation, read_operation

FORMAT = 1
Key = tuple[str, str | None]
"""Attribute and category; None for the attribute in any category."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`known`: normalised values by the normal form of raw ones. `operations` are tried in order on all others."""

    known: Mapping[str, str]
    operations: tuple[Operation, ...]

    def apply(self, value: str) -> str:
        """The normalised value; unmatched values are returned unchanged."""
        known = self.known.get(normal_form(value))
        if known is not None:
            return known
        return next((new for one in self.operations if (new := one.apply(value)) is not None), value)


class Normaliser:
    """Normalises values, deterministically, by the rules of their attribute.

    Example:
        >>> from kgtag.normalise import ValuePair, fit
        >>> fit([ValuePair("HP", "Hewlett-Packard", "brand")]).apply("hp", attribute="brand")
        'Hewlett-Packard'
    """

    def __init__(self, rules: Mapping[Key, Rules], *, encode: Encode | None = None) -> None:
        self.rules = dict(rules)
        self.encoded = encode is not None

    def apply(self, value: str, *, attribute: str, category: str | None = None) -> str:
        """Normalise by the rules of the attribute in the category, else of the attribute, else not at all."""
        rules = self.rules.get((attribute, category)) or self.rules.get((attribute, None))
        return value if rules is None else rules.apply(value)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "encoded": self.encoded,
            "rules": [
                {
                    "attribute": attribute,
                    "category": category,
                    "known": dict(sorted(rules.known.items())),
                    "operations": [operation.to_json() for operation in rules.operations],
                }
                for (attribute, category), rules in sorted(self.rules.items(), key=lambda r: (r[0][0], r[0][1] or ""))
            ],
        }

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, *, encode: Encode | None = None) -> Normaliser:
        """Read a saved normaliser; `encode` must be the one it was trained with.

        Raises:
            InputError: The file is missing, damaged, or of another format.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw.get("format") != FORMAT:
                raise InputError(f"{str(path)!r} is not a normaliser of format {FORMAT}; train it again")
            rules = {
                (str(row["attribute"]), None if row["category"] is None else str(row["category"])): Rules(
                    {str(form): str(value) for form, value in row["known"].items()},
                    tuple(_operation(one, encode) for one in row["operations"]),
                )
                for row in raw["rules"]
            }
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{str(path)!r} does not read ({error}); train the normaliser again") from error
        return cls(rules, encode=encode)


def _operation(raw: Any, encode: Encode | None) -> Operation:
    if raw.get("operation") == "nearest":
        return Nearest([(str(value), str(normalised)) for value, normalised in raw["examples"]], encode=encode)
    return read_operation(raw)
