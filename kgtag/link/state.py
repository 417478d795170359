"""What training leaves behind besides weights: known mentions, words that stand for others, usage, a turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.errors import InputError
from kgtag.link.candidates.substitutes import Substitutes
from kgtag.link.encoder import Vectors


@dataclass(frozen=True, slots=True)
class Learnt:
    """`mentions`: (text, concept id), looked up like labels. `usage`: how often a concept is used, by id.

    `turn` (dim, dim) float32 moves the encoder's vectors (`kgtag.link.candidates.vectors.turned`); None leaves them.
    """

    mentions: tuple[tuple[str, str], ...] = ()
    usage: Mapping[str, float] = field(default_factory=dict)
    substitutes: Substitutes = field(default_factory=Substitutes)
    turn: Vectors | None = None

    def as_json(self) -> dict[str, Any]:
        """Without the turn, which is an array's file of its own."""
        return {
            "mentions": [list(pair) for pair in self.mentions],
            "usage": dict(sorted(self.usage.items())),
            "substitutes": self.substitutes.as_json(),
        }

    @classmethod
    def of_json(cls, raw: Any, turn: Vectors | None = None) -> Learnt:
        """Raises InputError when it isn't what `as_json` gives."""
        try:
            mentions = tuple((str(text), str(id)) for text, id in raw["mentions"])
            usage = {str(id): float(count) for id, count in raw["usage"].items()}
            return cls(mentions, usage, Substitutes.of_json(raw["substitutes"]), turn)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"what the linker learnt doesn't read ({error!r}); train the linker again") from error
