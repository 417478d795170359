"""Statistics of a taxonomy's synonyms: substitutes of words, and a linear map of the encoder's space."""

from __future__ import annotations

import numpy as np

from kgtag.link.candidates.label_table import LabelTable
from kgtag.link.candidates.words import Substitutes
from kgtag.link.encoder import Vectors
from kgtag.link.linker import CandidateFinder
from kgtag.train.linker.dataset import part_of
from kgtag.train.linker.linear_map import MIN_SYNONYMS, learn_linear_map
from kgtag.train.linker.substitutes import learn_substitutes

_MOST = 20_000


class SynonymStatistics:
    """Statistics over all labels of one finder."""

    def __init__(self, finder: CandidateFinder, *, seed: int) -> None:
        self._table = finder.table
        self._vectors = finder.vectors
        self._synonyms = synonyms_of(finder.table)
        self._seed = seed

    def excluding(self, part: int | None) -> tuple[Substitutes, Vectors | None]:
        """Fit without the concepts of a fold; None excludes none."""
        rows = [(mention, name) for mention, name, id in self._synonyms if part_of(id) != part]
        return learn_substitutes(rows), self._linear_map(rows)

    def _linear_map(self, rows: list[tuple[str, str]]) -> Vectors | None:
        if self._vectors is None or len(rows) < MIN_SYNONYMS:
            return None
        if len(rows) > _MOST:
            drawn = np.random.default_rng(self._seed).choice(len(rows), _MOST, replace=False)
            rows = [rows[i] for i in np.sort(drawn)]
        exact, matrix = self._table.exact, self._vectors.matrix
        asked = matrix[[exact[mention] for mention, _ in rows]]
        right = np.array([exact[name] for _, name in rows], dtype=np.int32)
        owner = self._table.rows.concept[self._table.starts[:-1]]
        return learn_linear_map(np.asarray(asked), matrix, right=right, owner=owner, seed=self._seed)


def synonyms_of(table: LabelTable) -> list[tuple[str, str, str]]:
    """(other label, preferred label, concept id) of everything in the table."""
    names: dict[int, list[str]] = {}
    rows = list(zip(table.rows.text.tolist(), table.rows.concept.tolist(), table.rows.kind.tolist(), strict=True))
    for text, concept, kind in rows:
        if kind == 0:
            names.setdefault(concept, []).append(table.texts[text])
    return [
        (table.texts[text], name, table.taxonomy.ids[concept])
        for text, concept, kind in rows
        if kind != 0
        for name in names.get(concept, ())[:1]
    ]
