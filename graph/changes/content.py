"""Rows of a taxonomy that change: what change sets make of them, one after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from graph.changes.net import net
from graph.columns.taxonomy_data import TaxonomyData
from graph.model import Change, ChangeSet, Concept, Relation, RelationType

_Key = tuple[RelationType, str, str]


class Content:
    """Concepts by id and canonical relations by key, in no order. Nothing is checked."""

    def __init__(self, concepts: Iterable[Concept] = (), relations: Iterable[Relation] = ()) -> None:
        self.concepts: dict[str, Concept] = {concept.id: concept for concept in concepts}
        self.relations: dict[_Key, Relation] = {edge.key: edge for edge in map(Relation.canonical, relations)}
        self._touching: dict[str, set[_Key]] | None = None

    def apply(self, changes: Sequence[Change]) -> None:
        """As a store would; moving tags changes nothing here."""
        work = net(ChangeSet(tuple(changes), ""))
        for id in work.delete:
            self.concepts.pop(id, None)
            for key in self._of(id):
                self.relations.pop(key, None)
        for concept in work.put:
            self.concepts[concept.id] = _kept(concept)
        for edge in work.unrelate:
            self.relations.pop(edge.key, None)
        for edge in work.relate:
            self.relations[edge.key] = edge
            if self._touching is not None:
                self._touching[edge.source].add(edge.key)
                self._touching[edge.target].add(edge.key)

    def data(self, version: int) -> TaxonomyData:
        return TaxonomyData.of(version, self.concepts.values(), self.relations.values())

    def _of(self, id: str) -> set[_Key]:
        """Keys of the relations that touch the concept, and of some that did once."""
        if self._touching is None:
            self._touching = defaultdict(set)
            for key in self.relations:
                self._touching[key[1]].add(key)
                self._touching[key[2]].add(key)
        return self._touching.pop(id, set())


def _kept(concept: Concept) -> Concept:
    """As a store gives it back: without languages that have no label."""
    if all(concept.alt_label.values()) and all(concept.hidden_label.values()):
        return concept
    alt, hidden = (
        {tag: texts for tag, texts in labels.items() if texts} for labels in (concept.alt_label, concept.hidden_label)
    )
    return replace(concept, alt_label=alt, hidden_label=hidden)
