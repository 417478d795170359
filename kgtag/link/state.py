"""The state of a trained linker besides weights: known mentions, substitutes of words, usage, a linear map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.errors import InputError
from kgtag.link.candidates.substitutes import Substitutes
from kgtag.link.encoder import Vectors


@dataclass(frozen=True, slots=True)
class LinkerState:
    """Auxiliary statistics of a trained linker.

    Attributes:
        mentions: (text, concept id), looked up like labels.
        usage: How often a concept is used, by id.
        substitutes: Words that replace others in synonyms.
        linear_map: (dim, dim) float32, see `candidates.vectors.apply_linear_map`; None for none.
    """

    mentions: tuple[tuple[str, str], ...] = ()
    usage: Mapping[str, float] = field(default_factory=dict)
    substitutes: Substitutes = field(default_factory=Substitutes)
    linear_map: Vectors | None = None

    def as_json(self) -> dict[str, Any]:
        """Everything but the linear map, which has a file of its own."""
        return {
            "mentions": [list(pair) for pair in self.mentions],
            "usage": dict(sorted(self.usage.items())),
            "substitutes": self.substitutes.as_json(),
        }

    @classmethod
    def of_json(cls, raw: Any, linear_map: Vectors | None = None) -> LinkerState:
        """Read what `as_json` gives. Raises InputError for anything else."""
        try:
            mentions = tuple((str(text), str(id)) for text, id in raw["mentions"])
            usage = {str(id): float(count) for id, count in raw["usage"].items()}
            return cls(mentions, usage, Substitutes.of_json(raw["substitutes"]), linear_map)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"the linker's learnt.json can't be read ({error!r}); train the linker again") from error
