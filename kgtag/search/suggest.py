"""Autocomplete over labels."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graph.columns.columns import HIDDEN, PREF, owners
from graph.columns.hierarchy import Csr
from graph.labels import normalise
from graph.model import Kind
from graph.taxonomy import Taxonomy
from kgtag.rows import SuggestionRow
from kgtag.search.prefix_index import PrefixIndex

_SCAN = 2_000
"""Matches ranked per prefix; only one or two letters have more."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A completion: the matching label, in its language, and the concept's preferred label."""

    concept: str
    label: str
    pref_label: str
    kind: Kind
    lang: str

    def to_dict(self) -> SuggestionRow:
        """The row of a completion."""
        return {
            "concept": self.concept,
            "label": self.label,
            "pref_label": self.pref_label,
            "kind": self.kind,
            "lang": self.lang,
        }


class Suggester:
    """Completes prefixes of any word of a label: "boot" finds "hiking boots"."""

    def __init__(self, taxonomy: Taxonomy, *, popularity: Callable[[int], int] = lambda _: 0) -> None:
        self._taxonomy = taxonomy
        self._popularity = popularity
        self._labels = taxonomy.derived.labels
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Build the index now rather than at the first call."""
        with self._lock:
            _ = self._keys, self._forms

    def suggest(
        self, text: str, *, limit: int = 10, lang: str | None = None, kind: str | None = None
    ) -> list[Suggestion]:
        """One completion per concept: label starts before inner words, preferred labels before others."""
        prefix = normalise(text)
        if not prefix:
            return []
        self.warm()
        columns = self._taxonomy.columns
        best: dict[int, tuple[tuple[int, int, int, str], str, str]] = {}
        for form, late, size in self._keys.starting_with(prefix, _SCAN):
            for row in self._forms.row(form):
                i, tag = int(self._owners[row]), columns.texts.lang[row]
                if lang not in (None, tag, tag.split("-")[0]) or kind not in (None, columns.kind[i]):
                    continue
                label = columns.texts.text[row].as_py()
                rank = int(columns.texts.kind[row] != PREF) + 2 * late
                order = (rank, -self._popularity(i), size, label)
                if i not in best or order < best[i][0]:
                    best[i] = (order, label, tag)
        ranked = sorted(best.items(), key=lambda item: (item[1][0], item[0]))[:limit]
        found = ((self._taxonomy[self._taxonomy.ids[i]], label, tag) for i, (_, label, tag) in ranked)
        return [Suggestion(c.id, label, c.label(tag), c.kind, tag) for c, label, tag in found]

    @cached_property
    def _owners(self) -> NDArray[np.int32]:
        return owners(self._taxonomy.columns.texts)

    @cached_property
    def _forms(self) -> Csr:
        """The label rows of each normal form that may be suggested."""
        columns, form = self._taxonomy.columns, self._labels.form
        deprecated = columns.status.where("deprecated")[self._owners]
        rows = np.flatnonzero((form >= 0) & (columns.texts.kind != HIDDEN) & ~deprecated).astype(np.int32)
        order = np.argsort(form[rows], kind="stable")
        return Csr.sorted(len(self._labels.texts), form[rows][order], rows[order])

    @cached_property
    def _keys(self) -> PrefixIndex:
        return PrefixIndex.of(self._labels.texts.array, np.diff(self._forms.starts) > 0)
