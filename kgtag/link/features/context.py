"""How a candidate fits the context of the surface: attribute, category, language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from kgtag.link.candidates.label_table import NOWHERE, Flags, Ids, LabelTable
from kgtag.link.candidates.retrieve import Lookup

Signs = NDArray[np.int8]
"""1 fits, -1 does not fit, 0 unknown."""
_CACHED = 64


class Context:
    """Signs for (lookup, label row) and (lookup, concept) pairs, given as parallel int arrays (n,)."""

    def __init__(self, table: LabelTable) -> None:
        self._table = table
        applies = table.taxonomy.adjacency("applies_to")
        self._declared: Flags = np.diff(applies.starts) > 0
        self._languages = {lang: number for number, lang in enumerate(table.languages)}
        self._undetermined = np.array([self._languages.get(lang, NOWHERE) for lang in ("und", "zxx", "mul")])
        self._fits: Callable[[int], Signs] = lru_cache(_CACHED)(partial(_fits, table, self._declared))

    def admitted(self, lookups: Sequence[Lookup], lookup: Ids, row: NDArray[np.int64], text: Ids) -> Flags:
        """Whether the row is one the lookup may see: of its attribute, and not hidden from it."""
        table = self._table
        concept = table.rows.concept[row]
        admitted = np.ones(len(lookup), dtype=np.bool_)
        attribute = np.array([_code(query.attribute) for query in lookups], dtype=np.int64)[lookup]
        for number in np.unique(attribute[attribute != NOWHERE]):
            asked = attribute == number
            admitted[asked] = np.isin(table.attribute[concept[asked]], table.within(int(number)))
        hidden = [query.without for query in lookups]
        if any(hidden):
            without = np.array([w.concept if w else NOWHERE for w in hidden], dtype=np.int64)[lookup]
            label = np.array([_code(w.text) if w else NOWHERE for w in hidden], dtype=np.int64)[lookup]
            admitted &= ~((concept == without) & ((label == NOWHERE) | (label == text)))
        return admitted

    def language(self, lookups: Sequence[Lookup], lookup: Ids, row: NDArray[np.int64]) -> Signs:
        """Whether label and query are known to be in one language."""
        codes = [self._languages.get(_base(query.lang), NOWHERE - 1) if query.lang else NOWHERE for query in lookups]
        asked = np.array(codes, dtype=np.int64)[lookup]
        written = self._table.rows.lang[row]
        sign = np.where(asked == written, 1, -1)
        sign[(asked == NOWHERE) | np.isin(written, self._undetermined)] = 0
        return sign.astype(np.int8)

    def fit(self, lookups: Sequence[Lookup], lookup: Ids, concept: Ids) -> Signs:
        """Whether the candidate belongs in the lookup's category."""
        fit = np.zeros(len(lookup), dtype=np.int8)
        category = np.array([_code(query.category) for query in lookups], dtype=np.int64)[lookup]
        for number in np.unique(category[category != NOWHERE]):
            asked = category == number
            fit[asked] = self._fits(int(number))[concept[asked]]
        return fit


def _fits(table: LabelTable, declared: Flags, category: int) -> Signs:
    """Signs for all concepts, (concepts,), of one category.

    Values and attributes fit where their attribute applies, categories on one path with this one. An attribute that
    isn't `declared` to apply anywhere gives no sign.
    """
    taxonomy = table.taxonomy
    id = taxonomy.ids[category]
    applicable = np.zeros(len(taxonomy), dtype=np.bool_)
    applicable[[taxonomy.index(attribute) for attribute in taxonomy.attributes_for(id)]] = True
    of_attribute = np.where(applicable, 1, np.where(declared, -1, 0)).astype(np.int8)
    fit = np.zeros(len(taxonomy), dtype=np.int8)
    fit[table.is_attribute] = of_attribute[table.is_attribute]
    values = table.attribute != NOWHERE
    fit[values] = of_attribute[table.attribute[values]]
    fit[table.is_category] = -1
    fit[[category, *map(taxonomy.index, [*taxonomy.ancestors(id), *taxonomy.descendants(id)])]] = 1
    return fit


def _code(number: int | None) -> int:
    return NOWHERE if number is None else number


def _base(lang: str) -> str:
    return lang.split("-")[0].lower()
