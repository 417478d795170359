"""The family of a value, by its nearest values with a known family: "cranberry" is red as "cherry red" is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgtag.link.candidates.label_table import normal_form
from kgtag.link.candidates.ngrams import GramIndex

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts → (texts, dim) float32 of length 1."""

_NEIGHBOURS = 8
_SHARPNESS = 4
"""The power to which similarity is raised before votes are counted."""


class Nearest:
    """Nearest-neighbour votes by shared letters and, with an encoder, by meaning.

    Args:
        examples: (raw, normalised), each raw value once.
        encode: The encoder.
    """

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
