"""The snapshot every read is answered from: immutable, in memory, integer-indexed."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Sequence
from copy import copy
from functools import cached_property
from typing import Self

import numpy as np

from graph.columns.columns import TYPES, Columns, find_all
from graph.columns.csr import Csr, Indices
from graph.columns.derived import Derived
from graph.columns.invariants import sound
from graph.columns.lazy import Concepts, Relations
from graph.columns.taxonomy_data import TaxonomyData
from graph.errors import UnknownConcept
from graph.labels import normalise
from graph.model import SYMMETRIC, Concept, Kind, Problem, Relation, RelationType

_AT_ONCE = 50_000
"""Up to this many concepts or relations are made into values all at once, and kept."""
_REMEMBERED = 50_000
"""Concepts of a large taxonomy that are kept as values."""
_CLOSE_MATCHES = 20_000
"""Taxonomies larger than this are not searched for near misses of a wrong id: it would take seconds."""


class Taxonomy:
    """Concepts 0…n-1 in the order of their ids, the relations between them, and what follows from both.

    Build one with `Taxonomy.of`. What breaks an invariant is left out and named in `problems`.
    Methods take and give concept ids; the `*_indices` and CSR members are for hot paths.
    """

    def __init__(
        self,
        columns: Columns,
        *,
        version: int = 0,
        problems: Sequence[Problem] = (),
        derived: Derived | None = None,
    ) -> None:
        """From columns that are sound; `derived` is what an earlier process has worked out of them."""
        self.version = version
        self.problems = tuple(problems)
        self.columns = columns
        self._derived = derived or Derived(columns)
        texts = self._derived.ids
        # Plain containers where they cost nothing: they are the fastest there are.
        self.ids: Sequence[str] = texts.all if texts.all is not None else texts
        self._texts = texts
        self._edges = self._derived.adjacency
        self.broader = self._edges["broader", True]
        self.narrower = self._edges["broader", False]
        self._concepts: dict[int, Concept] = {}

    @classmethod
    def of(cls, data: TaxonomyData) -> Self:
        parts = sound(data.columns)
        derived = Derived(parts.columns, hierarchy=parts.hierarchy)
        return cls(parts.columns, version=data.version, problems=parts.problems, derived=derived)

    @property
    def derived(self) -> Derived:
        """What follows from the columns, for a snapshot file to keep."""
        return self._derived

    def warm(self) -> None:
        """Work out now what would be worked out when it is first asked for."""
        self._derived.warm()

    # -- identity ---------------------------------------------------------------------------------

    @property
    def revision(self) -> str:
        """16 hex digits that depend on the sound content alone: equal content has an equal one in every store."""
        return self._derived.revision

    def at_version(self, version: int) -> Taxonomy:
        """The same snapshot under another version."""
        same = copy(self)
        same.version = version
        return same

    def etag(self, id: str) -> str:
        """16 hex digits that change with the concept, a relation that leaves it or a symmetric one that meets it."""
        i = self.index(id)
        rows: list[Concept | Relation] = [self._concept(i), *self.relations_from(id)]
        partners = [f"{type} {other}".encode() for type in sorted(SYMMETRIC) for other in self.out(id, type)]
        return hashlib.blake2b(b"\n".join([*map(_canonical_json, rows), *partners]), digest_size=8).hexdigest()

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, id: object) -> bool:
        return self._texts.find(id) is not None  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Concept]:
        return iter(self.concepts)

    def __getitem__(self, id: str) -> Concept:
        i = self._texts.find(id)
        if i is None:
            raise UnknownConcept(id, near=self.near(id))
        return self._concepts.get(i) or self._concept(i)

    @cached_property
    def concepts(self) -> Sequence[Concept]:
        """By id. Of a large taxonomy they are made as they are asked for."""
        return tuple(self.columns.concepts()) if len(self) <= _AT_ONCE else Concepts(self.columns)

    @cached_property
    def relations(self) -> Sequence[Relation]:
        """By type, source and target; made as they are asked for when they are many."""
        edges = len(self.columns.edges)
        return tuple(self.columns.relations()) if edges <= _AT_ONCE else Relations(self.columns)

    def index(self, id: str) -> int:
        """The concept's number in this snapshot; raises UnknownConcept, naming the nearest ids and labels."""
        i = self._texts.find(id)
        if i is None:
            raise UnknownConcept(id, near=self.near(id))
        return i

    def get(self, id: str) -> Concept | None:
        i = self._texts.find(id)
        return None if i is None else self._concept(i)

    def among(self, ids: Sequence[str]) -> dict[str, Concept]:
        """Those of many ids that are there, sooner than one by one."""
        rows = find_all(self.columns, ids)
        found = self.columns.concepts_at(rows[rows >= 0])
        return {concept.id: concept for concept in found}

    def _concept(self, i: int) -> Concept:
        found = self._concepts.get(i)
        if found is None:
            if len(self._concepts) >= _REMEMBERED:
                self._concepts = {}
            found = self._concepts[i] = self.columns.concept(i)
        return found

    def resolve(self, id: str) -> str:
        """The id itself, or where its redirects (`replaced_by`) lead: to the concept where they end, fork, or turn
        in a circle. Of several successors none is the successor, so the concept that was split stays itself."""
        self.index(id)
        seen = {id}
        while True:
            successors = self.out(id, "replaced_by")
            if len(successors) != 1 or successors[0] in seen:
                return id
            id = successors[0]
            seen.add(id)

    # -- relations --------------------------------------------------------------------------------

    def out(self, id: str, relation: RelationType) -> list[str]:
        """Targets of the relation from the concept, by id; both ends' partners when it is symmetric."""
        return self._names(self._edges[relation, True].row(self.index(id)))

    def into(self, id: str, relation: RelationType) -> list[str]:
        """Sources of the relation into the concept, by id."""
        return self._names(self._edges[relation, False].row(self.index(id)))

    def relations_from(self, id: str) -> list[Relation]:
        """The kept edges whose source is the concept, in order."""
        i = self._texts.find(id)
        if i is None:
            return []
        primary, found = self._derived.primary[i], []
        for type, rows in self._leaving:
            for j in rows.row(i):
                if type not in SYMMETRIC or j > i:
                    found.append(Relation(type, id, self.ids[j], j == primary and type == "broader"))  # noqa: PERF401
        return found

    @cached_property
    def _leaving(self) -> list[tuple[RelationType, Csr]]:
        return [(type, rows) for type in TYPES if len((rows := self._edges[type, True]).targets)]

    def adjacency(self, relation: RelationType, *, forward: bool = True) -> Csr:
        return self._edges[relation, forward]

    def _names(self, rows: list[int]) -> list[str]:
        ids = self._texts.all
        return [ids[j] for j in rows] if ids is not None else self._texts.many(rows)

    # -- hierarchy --------------------------------------------------------------------------------

    def ancestor_indices(self, i: int) -> Indices:
        """(k,) int32, ascending; transitive `broader`, without `i` itself."""
        return self._derived.hierarchy.ancestor_row(i)

    def ancestors(self, id: str) -> list[str]:
        """Ids of all that is broader than the concept, by id."""
        i = self._texts.find(id)
        return self._names(self._derived.hierarchy.above(self.index(id) if i is None else i))

    def descendants(self, id: str) -> list[str]:
        """Ids of all that is narrower than the concept, by id."""
        i = self._texts.find(id)
        return self._names(self._derived.hierarchy.below(self.index(id) if i is None else i))

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `ancestor` is strictly broader than `descendant`."""
        return self.index(ancestor) in self._derived.hierarchy.above(self.index(descendant))

    def path(self, id: str) -> list[str]:
        """From the top concept down to the concept itself, along primary `broader` edges."""
        primary, row = self._derived.primary, self.index(id)
        rows = []
        while row >= 0:
            rows.append(row)
            row = primary[row]
        return self._names(rows[::-1])

    def depth(self, id: str) -> int:
        return int(self.depths[self.index(id)])

    @property
    def depths(self) -> Indices:
        """(n,) int32, steps to the top along primary `broader` edges."""
        return self._derived.depths

    # -- facets -----------------------------------------------------------------------------------

    def attribute_of(self, value: str) -> str | None:
        """The attribute a value belongs to; None for a category or an attribute."""
        homes = self._edges["value_of", True].row(self.index(value))
        return self.ids[homes[0]] if homes else None

    def values_of(self, attribute: str) -> list[str]:
        return self.into(attribute, "value_of")

    def attributes_for(self, category: str) -> list[str]:
        """Attributes that apply to the category: asserted on it or inherited from anything broader; by id."""
        i = self.index(category)
        into = self._edges["applies_to", False]
        found = {a for j in (i, *self._derived.hierarchy.above(i)) for a in into.row(j)}
        return self._names(sorted(found))

    def excluded(self, a: str, b: str) -> bool:
        """Whether the two may never stand on one item, by an asserted `excludes` on them or anything broader.

        What values of a single-choice attribute imply is not said here.
        """
        first, second = self.index(a), self.index(b)
        excludes = self._edges["excludes", True]
        if not len(excludes.targets):
            return False
        hierarchy = self._derived.hierarchy
        right = {second, *hierarchy.above(second)}
        return any(j in right for i in (first, *hierarchy.above(first)) for j in excludes.row(i))

    # -- labels -----------------------------------------------------------------------------------

    def lookup(self, label: str, *, lang: str | None = None) -> list[str]:
        """Ids of the concepts that carry the label (as `graph.labels.normalise` sees it), by id; no deprecated ones."""
        found, codes = self._derived.labels.find(label)
        if lang is not None:
            base, tags = lang.split("-")[0], self.columns.texts.lang.values
            found = [i for i, code in zip(found, codes, strict=True) if tags[code].split("-")[0] == base]
        return self._names(list(dict.fromkeys(found)))

    def near(self, value: str, *, kind: Kind | None = None) -> list[str]:
        """Up to three concepts that somebody who wrote `value` may have meant, as an error message shows them."""
        found = self.lookup(value)
        if len(self) <= _CLOSE_MATCHES:
            labels = self._derived.labels
            found += difflib.get_close_matches(value, self.ids, n=3, cutoff=0.7)
            carried = [text for text, count in zip(labels.texts, np.diff(labels.starts).tolist(), strict=True) if count]
            for label in difflib.get_close_matches(normalise(value), carried, n=3, cutoff=0.7):
                found += self._names(labels.find(label)[0])
        fit = [id for id in dict.fromkeys(found) if kind in (None, self[id].kind)]
        return [f"{self[id].label()!r} ({id})" for id in fit[:3]]

    @property
    def schemes(self) -> tuple[str, ...]:
        return self.columns.scheme.values


def _canonical_json(row: Concept | Relation) -> bytes:
    fields: list[object]
    if isinstance(row, Relation):
        fields = [row.type, row.source, row.target, row.primary]
    else:
        labels = [row.pref_label, row.alt_label, row.hidden_label, row.definition]
        fields = [row.id, row.scheme, row.kind, *labels, row.notation, row.status, row.choice]
    return json.dumps(fields, ensure_ascii=False, sort_keys=True).encode()
