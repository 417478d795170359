"""How alike labels are: by text vectors where there are embeddings, else by characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from graph.columns.columns import find_all
from graph.taxonomy import Taxonomy
from kgtag.recommend.rankers import Floats
from kgtag.recommend.side import grams

if TYPE_CHECKING:
    from kgtag.embed.scorer import Scorer

_MEMBERS = 300
"""Members of a family that are compared with each other."""
_COMPARED = 1_500
"""Others that one concept is compared with at most: more are a list that nobody reads to its end."""
_CELLS = 2_000_000
"""Similarities kept, in all families together: 8 MB."""
_FEW = 12
"""Labels up to which sets are compared sooner than arrays."""
_NEAR = 0.6
"""Least cosine of text vectors of what is similar."""
Near = tuple[list[int], list[float]]
"""Concepts by number, and their cosines."""


class LabelSimilarity:
    """Compares the labels of a snapshot's concepts, by number.

    Args:
        taxonomy: The snapshot.
        scorer: Embeddings with text vectors; without them, characters are compared.

    Attributes:
        cells: Numbers that `near` reads.
    """

    def __init__(self, taxonomy: Taxonomy, scorer: Scorer | None) -> None:
        self._taxonomy = taxonomy
        self._families: dict[int, Floats] = {}
        self._cells = 0
        self._prepared: dict[int, Near] = {}
        self._texts: Floats | None = None
        if scorer is not None and scorer.texts is not None:
            self._number = find_all(taxonomy.columns, scorer.entities).astype(np.int32)
            self._rows = np.full(len(taxonomy), -1, dtype=np.int32)
            known = np.flatnonzero(self._number >= 0)
            self._rows[self._number[known]] = known
            self._texts = scorer.texts
        self.cells = self._texts.size if self._texts is not None else 0

    def family(self, above: int, members: Sequence[int]) -> Floats:
        """(k + 1, k + 1) similarities in [0, 1] of `above` and the first k of its `members`, at most 300."""
        found = self._families.get(above)
        if found is None:
            found = self._compare([above, *members[:_MEMBERS]])
            if self._cells > _CELLS:
                self._families, self._cells = {}, 0
            self._families[above] = found
            self._cells += found.size
        return found

    def of(self, i: int, others: Sequence[int]) -> list[float]:
        """Similarities of concept `i` with others; 0 with those after the first 1,500."""
        some = others[:_COMPARED]
        if self._texts is None:
            found = self._one_by_characters(i, some)
        else:
            rows = self._rows[[i, *some]]
            vectors = np.nan_to_num(self._texts[rows])
            found = np.maximum(vectors[1:] @ vectors[0], 0)
            unknown = np.flatnonzero((rows[1:] < 0) | (rows[0] < 0)).tolist()
            if unknown:
                found[unknown] = self._one_by_characters(i, [some[k] for k in unknown])
        return [*np.minimum(found, 1).tolist(), *[0.0] * (len(others) - len(some))]

    def near(self, i: int) -> Near:
        """Concepts whose text vectors are near; none without embeddings."""
        found = self._prepared.pop(i, None)
        return self._nearest([i])[0] if found is None else found

    def prepare(self, concepts: Sequence[int]) -> None:
        """Compute `near` of several at once, which is faster, for the next time that each is read."""
        if self._texts is not None:
            self._prepared = dict(zip(concepts, self._nearest(concepts), strict=True))

    def _nearest(self, concepts: Sequence[int]) -> list[Near]:
        found: list[Near] = [([], []) for _ in concepts]
        if self._texts is None:
            return found
        known = [k for k, i in enumerate(concepts) if self._rows[i] >= 0]
        rows = self._rows[[concepts[k] for k in known]]
        for k, row, cosine in zip(known, rows, self._texts[rows] @ self._texts.T, strict=True):
            cosine = np.minimum(cosine, 1).round(6)  # the last digits depend on how many are multiplied at once
            close = np.flatnonzero(cosine > _NEAR)
            close = close[(self._number[close] >= 0) & (close != row)]
            found[k] = self._number[close].tolist(), cosine[close].tolist()
        return found

    def _compare(self, concepts: Sequence[int]) -> Floats:
        found = self._by_characters(concepts) if self._texts is None else np.zeros((0, 0), dtype=np.float32)
        if self._texts is not None:
            rows = self._rows[list(concepts)]
            vectors = np.nan_to_num(self._texts[rows])
            found = np.maximum(vectors @ vectors.T, 0)
            if (rows < 0).any():
                unknown = (rows[:, None] < 0) | (rows[None, :] < 0)
                found[unknown] = self._by_characters(concepts)[unknown]
        return np.minimum(found, 1)

    def _one_by_characters(self, i: int, others: Sequence[int]) -> Floats:
        """(k,) the first row of `_by_characters`, without the rest."""
        labels = [self._taxonomy.concepts[j].pref_label for j in (i, *others)]
        found = np.zeros(len(others), dtype=np.float32)
        for lang in labels[0]:
            own, *sets = (grams(label.get(lang, "")) for label in labels)
            both = np.array([len(own & one) for one in sets], dtype=np.float32)
            length = np.sqrt([max(len(one), 1) for one in sets]).astype(np.float32)
            np.maximum(found, both / length / np.sqrt(np.float32(max(len(own), 1))), out=found)
        return found

    def _by_characters(self, concepts: Sequence[int]) -> Floats:
        """Cosine of the characters in threes to fives, and words, in the language that makes it highest."""
        found = np.zeros((len(concepts), len(concepts)), dtype=np.float32)
        labels = [self._taxonomy.concepts[i].pref_label for i in concepts]
        for lang in {lang for label in labels for lang in label}:
            cosines = _cosines([grams(label.get(lang, "")) for label in labels])
            np.maximum(found, cosines, out=found)
        return found


def _cosines(sets: Sequence[set[str]]) -> Floats:
    """(n, n) float32 of the sets, an empty one like nothing."""
    length = np.sqrt([max(len(one), 1) for one in sets]).astype(np.float32)
    if len(sets) <= _FEW:
        counts = np.array([[len(one & other) for other in sets] for one in sets], dtype=np.float32)
    else:
        numbers: dict[str, int] = {}
        columns = [[numbers.setdefault(gram, len(numbers)) for gram in one] for one in sets]
        present = np.zeros((len(sets), len(numbers)), dtype=np.float32)
        for k, row in enumerate(columns):
            present[k, row] = 1
        counts = present @ present.T
    found: Floats = counts / length / length[:, None]
    return found
