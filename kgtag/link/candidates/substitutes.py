"""Words that stand for one another, as learned from synonyms: "aws" for "amazon", "config" for "configuration"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graph.errors import InputError

MOST = 8
"""Substitutes kept of one part."""


@dataclass(frozen=True, slots=True)
class Substitutes:
    """Part of a mention → parts of a label with the share of synonyms that change the one into the other, best first.

    The empty part says that the label goes without.
    """

    table: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)

    def of(self, part: str) -> Sequence[tuple[str, float]]:
        return self.table.get(part, ())

    def as_json(self) -> dict[str, list[list[Any]]]:
        return {part: [[other, share] for other, share in found] for part, found in sorted(self.table.items())}

    @classmethod
    def of_json(cls, raw: Any) -> Substitutes:
        """Raises InputError when it isn't what `as_json` gives."""
        try:
            return cls(
                {str(part): tuple((str(other), float(share)) for other, share in found) for part, found in raw.items()}
            )
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(f"the linker's substitutes don't read ({error!r}); train the linker again") from error
