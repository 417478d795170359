"""A taxonomy as a store or a file has it: columns with a version."""

from __future__ import annotations

from collections.abc import Iterable

from graph.columns.assemble import columns_of
from graph.columns.columns import Columns
from graph.model import Concept, Relation


class TaxonomyData:
    """The content of a store, unchecked, in a fixed order: concepts by id, relations by (type, source, target).

    `version` counts the change sets applied through kgtag, not external edits. `concepts` and `relations` (dangling
    ones included) are made of the `columns` when they are read.
    """

    __slots__ = ("_concepts", "_relations", "columns", "version")

    def __init__(self, version: int, columns: Columns) -> None:
        self.version = version
        self.columns = columns
        self._concepts: tuple[Concept, ...] | None = None
        self._relations: tuple[Relation, ...] | None = None

    @classmethod
    def of(cls, version: int, concepts: Iterable[Concept], relations: Iterable[Relation]) -> TaxonomyData:
        """The data of values in any order. Raises InputError for text that no store can hold."""
        return cls(version, columns_of(tuple(concepts), relations))

    @property
    def concepts(self) -> tuple[Concept, ...]:
        if self._concepts is None:
            self._concepts = tuple(self.columns.concepts())
        return self._concepts

    @property
    def relations(self) -> tuple[Relation, ...]:
        if self._relations is None:
            found = tuple(self.columns.relations())
            self._relations = tuple(sorted((*found, *self.columns.dangling))) if self.columns.dangling else found
        return self._relations

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TaxonomyData):
            return NotImplemented
        if (self.version, self.columns.unknown) != (other.version, other.columns.unknown):
            return False
        return self.concepts == other.concepts and self.relations == other.relations

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        columns = self.columns
        return f"TaxonomyData(version {self.version}, {len(columns)} concepts, {len(columns.edges)} relations)"
