"""Learned rules by attribute, applied and kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.errors import InputError
from kgtag.link.candidates.forms import normal_form
from kgtag.normalise.nearest import Encode, Nearest
from kgtag.normalise.operations import Operation, read_operation

FORMAT = 1
Key = tuple[str, str | None]
"""Attribute and category; None for the attribute in any category."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`known`: canonical values by the normal form of raw ones. `operations` are tried in order on all others."""

    known: Mapping[str, str]
    operations: tuple[Operation, ...]

    def apply(self, value: str) -> str | None:
        """None when no rule speaks of it."""
        known = self.known.get(normal_form(value))
        if known is not None:
            return known
        return next((said for one in self.operations if (said := one.apply(value)) is not None), None)


class Canonicaliser:
    """Same value, same answer. What was not learned stays as it is."""

    def __init__(self, rules: Mapping[Key, Rules], *, encode: Encode | None = None) -> None:
        self.rules = dict(rules)
        self.encoded = encode is not None

    def apply(self, value: str, *, attribute: str, category: str | None = None) -> str:
        """By the rules of the attribute in the category; without any, by those of the attribute."""
        for key in ((attribute, category), (attribute, None)):
            rules = self.rules.get(key)
            if rules is not None:
                said = rules.apply(value)
                return value if said is None else said
        return value

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "encoded": self.encoded,
            "rules": [
                {
                    "attribute": attribute,
                    "category": category,
                    "known": dict(sorted(rules.known.items())),
                    "operations": [operation.as_json() for operation in rules.operations],
                }
                for (attribute, category), rules in sorted(self.rules.items(), key=lambda r: (r[0][0], r[0][1] or ""))
            ],
        }

    @classmethod
    def of_json(cls, raw: Any, *, encode: Encode | None = None) -> Canonicaliser:
        """Raises InputError when it is not what `as_json` gives."""
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise InputError(f"these are no canonical values of format {FORMAT}; learn them again")
        try:
            rules = {
                (str(row["attribute"]), None if row["category"] is None else str(row["category"])): Rules(
                    {str(form): str(value) for form, value in row["known"].items()},
                    tuple(_operation(one, encode) for one in row["operations"]),
                )
                for row in raw["rules"]
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"the canonical values do not read ({error!r}); learn them again") from error
        return cls(rules, encode=encode)

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self.as_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, *, encode: Encode | None = None) -> Canonicaliser:
        """Raises InputError when the file is missing or damaged."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise InputError(f"{str(path)!r} does not read ({error}); learn the canonical values again") from error
        return cls.of_json(raw, encode=encode)


def _operation(raw: Any, encode: Encode | None) -> Operation:
    if raw.get("operation") == "nearest":
        return Nearest([(str(value), str(canonical)) for value, canonical in raw["examples"]], encode=encode)
    return read_operation(raw)
