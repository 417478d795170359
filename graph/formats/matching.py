"""Matching of names with categories."""

from __future__ import annotations

from collections import defaultdict

from rapidfuzz import fuzz, process

from graph.labels import normalise, singular
from graph.taxonomy import Taxonomy

_CLOSE = 88.0
"""Least similarity (0-100, order of words ignored) at which a label is worth a `close_match`."""


class CategoryMatcher:
    """An index of the labels of a taxonomy's categories in use."""

    def __init__(self, taxonomy: Taxonomy, *, without: str) -> None:
        """Index all categories except those of the scheme `without`."""
        self._taxonomy = taxonomy
        self._exact: dict[str, set[str]] = defaultdict(set)
        self._singular: dict[str, set[str]] = defaultdict(set)
        for concept in taxonomy:
            if concept.kind != "category" or concept.status == "deprecated" or concept.scheme == without:
                continue
            for text, _, kind in concept.labels():
                if kind != "hidden":
                    key = normalise(text)
                    self._exact[key].add(concept.id)
                    self._singular[singular(key)].add(concept.id)

    def find(self, name: str) -> list[str]:
        """Ids of categories with this id, else this label, else a label that differs in number; shallowest first."""
        id = name.strip()
        known = self._taxonomy.get(id)
        if known is not None and known.kind == "category":
            return [id]
        key = normalise(name)
        found = self._exact.get(key) or self._singular.get(singular(key)) or set()
        return sorted(found, key=lambda id: (self._taxonomy.depth(id), id))

    def near(self, name: str) -> str | None:
        """The category with the most similar label, None if none is similar."""
        key = singular(normalise(name))
        close = process.extract(key, list(self._singular), scorer=fuzz.token_sort_ratio, score_cutoff=_CLOSE, limit=5)
        ranked = sorted(
            (-score, self._taxonomy.depth(id), id) for label, score, _ in close for id in self._singular[label]
        )
        return ranked[0][2] if ranked else None
