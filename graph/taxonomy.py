"""Snapshots of a taxonomy: immutable, in memory, integer-indexed."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Self

import numpy as np

from graph.columns.assemble import TaxonomyData
from graph.columns.columns import TYPES, Columns, find_all
from graph.columns.derived import Derived
from graph.columns.hierarchy import Csr, Indices
from graph.columns.invariants import sound
from graph.columns.sequences import Lazy
from graph.errors import UnknownConcept
from graph.labels import normalise, singular
from graph.model import SYMMETRIC, Concept, Kind, Problem, Relation, RelationType

_SMALL = 50_000
"""Up to this many concepts or relations are made into values all at once."""
_CLOSE_MATCHES = 20_000
"""Larger taxonomies are not searched for ids like a wrong one: it would take seconds."""


class Taxonomy:
    """A snapshot of a taxonomy: concepts 0…n-1 by id, their relations, and indexes of both.

    Rows that break an invariant are left out and listed in `problems`. Methods take and return concept ids; the
    `*_indices` and CSR members are for hot paths. `len`, `in`, iteration and `taxonomy[id]` work as in a mapping of
    concepts by id.

    Attributes:
        version: The version of the store that it was read at, 0 for a file.
        problems: Problems of the rows that were left out, in order.
        derived: The indexes, for a snapshot file.
        ids: All concept ids, ascending.

    Example:
        >>> shop = Taxonomy.of(store.read())
        >>> shop["boots"].label("de"), shop.path("boots")
        ('Stiefel', ['footwear', 'boots'])
    """

    def __init__(
        self, columns: Columns, *, version: int = 0, problems: Sequence[Problem] = (), derived: Derived | None = None
    ) -> None:
        """A snapshot of sound columns; `derived` are their indexes if they exist already."""
        self.version = version
        self.problems = tuple(problems)
        self.columns = columns
        self.derived = derived or Derived(columns)
        texts = self.derived.ids
        # A tuple where it is cheap: it is fastest.
        self.ids: Sequence[str] = texts.all if texts.all is not None else texts
        self._texts = texts
        self._edges = self.derived.adjacency
        self.broader = self._edges["broader", True]
        self.narrower = self._edges["broader", False]
        self._rows = Lazy(len(columns), columns.concepts)
        self._made = self._rows.made

    @classmethod
    def of(cls, data: TaxonomyData) -> Self:
        """The snapshot of a store's content; rows that break an invariant become `problems`."""
        parts = sound(data.columns)
        derived = Derived(parts.columns, hierarchy=parts.hierarchy)
        return cls(parts.columns, version=data.version, problems=parts.problems, derived=derived)

    def warm(self) -> None:
        """Compute all indexes now instead of at first use."""
        self.derived.warm()

    @property
    def revision(self) -> str:
        """16 hex digits of a hash of the content; equal content has an equal one in every store."""
        return self.derived.revision

    def at_version(self, version: int) -> Taxonomy:
        """The same snapshot under another version."""
        same = copy(self)
        same.version = version
        return same

    def etag(self, id: str) -> str:
        """16 hex digits of a hash of a concept, its relations and its symmetric partners. Raises UnknownConcept."""
        rows: list[Concept | Relation] = [self[id], *self.relations_from(id)]
        partners = [f"{type} {other}".encode() for type in sorted(SYMMETRIC) for other in self.out(id, type)]
        return hashlib.blake2b(b"\n".join([*map(_canonical_json, rows), *partners]), digest_size=8).hexdigest()

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, id: object) -> bool:
        return self._texts.find(id) is not None  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Concept]:
        return iter(self.concepts)

    def __getitem__(self, id: str) -> Concept:
        i = self.index(id)
        return self._made.get(i) or self._rows[i]

    @cached_property
    def concepts(self) -> Sequence[Concept]:
        """All concepts by id; of a large taxonomy they are made when they are read."""
        return tuple(self.columns.concepts()) if len(self) <= _SMALL else self._rows

    @cached_property
    def relations(self) -> Sequence[Relation]:
        """All relations by type, source and target; made when they are read if they are many."""
        count, make = len(self.columns.edges), self.columns.relations
        return tuple(make()) if count <= _SMALL else Lazy(count, make)

    def index(self, id: str) -> int:
        """The concept's number in this snapshot. Raises UnknownConcept, naming similar ids and labels."""
        if (i := self._texts.find(id)) is None:
            raise UnknownConcept(id, near=self.near(id))
        return i

    def get(self, id: str) -> Concept | None:
        """The concept, None when it is missing."""
        i = self._texts.find(id)
        return None if i is None else self._made.get(i) or self._rows[i]

    def among(self, ids: Sequence[str]) -> dict[str, Concept]:
        """The concepts of those ids that exist; faster than `get` for many ids."""
        rows = find_all(self.columns, ids)
        return {concept.id: concept for concept in self.columns.concepts_at(rows[rows >= 0])}

    def resolve(self, id: str) -> str:
        """Follow redirects (`replaced_by`) to where they end, fork or repeat.

        A concept with several successors resolves to itself.

        Args:
            id: A concept, deprecated or not.

        Returns:
            The id of the concept that stands for it; `id` itself without redirects.

        Raises:
            UnknownConcept: No such concept.
        """
        seen = {id}
        while len(successors := self.out(id, "replaced_by")) == 1 and successors[0] not in seen:
            id = successors[0]
            seen.add(id)
        return id

    def out(self, id: str, relation: RelationType) -> list[str]:
        """Targets of a concept's relations of a type, by id; all partners if it is symmetric.

        Args:
            id: The source.
            relation: A relation type, such as "broader".

        Raises:
            UnknownConcept: No such concept.
        """
        return self.ids_of(self._edges[relation, True].row(self.index(id)))

    def into(self, id: str, relation: RelationType) -> list[str]:
        """Sources of relations of a type into a concept, by id. Raises UnknownConcept."""
        return self.ids_of(self._edges[relation, False].row(self.index(id)))

    def relations_from(self, id: str) -> list[Relation]:
        """Stored relations whose source is the concept, in order; none for an unknown concept."""
        if (i := self._texts.find(id)) is None:
            return []
        primary, found = self.derived.primary[i], []
        for type, rows in self._leaving:
            for j in rows.row(i):
                if type not in SYMMETRIC or j > i:
                    found.append(Relation(type, id, self.ids[j], j == primary and type == "broader"))  # noqa: PERF401
        return found

    @cached_property
    def _leaving(self) -> list[tuple[RelationType, Csr]]:
        return [(type, rows) for type in TYPES if len((rows := self._edges[type, True]).targets)]

    def adjacency(self, relation: RelationType, *, forward: bool = True) -> Csr:
        """Targets by source as a CSR matrix of concept numbers, or sources by target."""
        return self._edges[relation, forward]

    def ids_of(self, rows: list[int]) -> list[str]:
        """Ids of concept numbers, in their order."""
        ids = self._texts.all
        return [ids[j] for j in rows] if ids is not None else self._texts.many(rows)

    def ancestor_indices(self, i: int) -> Indices:
        """(k,) int32, ascending: ancestors of concept number `i`, without itself."""
        return self.derived.hierarchy.ancestor_row(i)

    def ancestors(self, id: str) -> list[str]:
        """Ids of all broader concepts, transitively, by id. Raises UnknownConcept."""
        return self.ids_of(self.derived.hierarchy.above(self.index(id)))

    def descendants(self, id: str) -> list[str]:
        """Ids of all narrower concepts, transitively, by id. Raises UnknownConcept."""
        return self.ids_of(self.derived.hierarchy.below(self.index(id)))

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `ancestor` is transitively broader than `descendant`, not equal to it. Raises UnknownConcept."""
        return self.index(ancestor) in self.derived.hierarchy.above(self.index(descendant))

    def path(self, id: str) -> list[str]:
        """Ids from the top concept down to the concept, along primary `broader` relations. Raises UnknownConcept."""
        primary, row = self.derived.primary, self.index(id)
        rows = []
        while row >= 0:
            rows.append(row)
            row = primary[row]
        return self.ids_of(rows[::-1])

    def deepest(self, ids: Sequence[str]) -> list[str]:
        """The ids in the order given, without those above another of them that has the same preferred label."""
        if len(ids) < 2:
            return list(ids)
        names = {id: {normalise(label) for label in self[id].pref_label.values()} for id in ids}
        above = {
            ancestor
            for id in ids
            for ancestor in self.ancestors(id)
            if not names[id].isdisjoint(names.get(ancestor, ()))
        }
        return [id for id in ids if id not in above]

    def depth(self, id: str) -> int:
        """Steps up to the top along primary `broader` relations. Raises UnknownConcept."""
        return int(self.depths[self.index(id)])

    @property
    def depths(self) -> Indices:
        """(n,) int32: `depth` of every concept."""
        return self.derived.depths

    def attribute_of(self, value: str) -> str | None:
        """The attribute of a value, None for a category or an attribute. Raises UnknownConcept."""
        found = self._edges["value_of", True].row(self.index(value))
        return self.ids[found[0]] if found else None

    def values_of(self, attribute: str) -> list[str]:
        """Ids of an attribute's values, by id. Raises UnknownConcept."""
        return self.into(attribute, "value_of")

    def attributes_for(self, category: str) -> list[str]:
        """Ids of attributes that apply to a category, asserted or inherited, by id. Raises UnknownConcept."""
        i = self.index(category)
        into = self._edges["applies_to", False]
        return self.ids_of(sorted({a for j in (i, *self.derived.hierarchy.above(i)) for a in into.row(j)}))

    def excluded(self, a: str, b: str) -> bool:
        """Whether an asserted `excludes` of the two, or of their ancestors, forbids both on one item.

        Exclusions that follow from a single-choice attribute are not included. Raises UnknownConcept.
        """
        first, second = self.index(a), self.index(b)
        excludes = self._edges["excludes", True]
        if not len(excludes.targets):
            return False
        hierarchy = self.derived.hierarchy
        right = {second, *hierarchy.above(second)}
        return any(j in right for i in (first, *hierarchy.above(first)) for j in excludes.row(i))

    def lookup(self, label: str, *, lang: str | None = None) -> list[str]:
        """Find concepts by a label, compared in normal form.

        Args:
            label: A preferred, alternative or hidden label.
            lang: Only labels of this language; regions are ignored.

        Returns:
            Ids of active and candidate concepts, by id.
        """
        found, codes = self.derived.labels.find(label)
        if lang is not None:
            base, tags = lang.split("-")[0], self.columns.texts.lang.values
            found = [i for i, code in zip(found, codes, strict=True) if tags[code].split("-")[0] == base]
        return self.ids_of(list(dict.fromkeys(found)))

    def near(self, value: str, *, kind: Kind | None = None) -> list[str]:
        """Up to three concepts whose ids or labels are like `value`, as error messages show them."""
        found = self.lookup(value)
        if len(self) <= _CLOSE_MATCHES:
            labels = self.derived.labels
            found += difflib.get_close_matches(value, self.ids, n=3, cutoff=0.7)
            carried = [text for text, count in zip(labels.texts, np.diff(labels.starts).tolist(), strict=True) if count]
            for label in difflib.get_close_matches(normalise(value), carried, n=3, cutoff=0.7):
                found += self.ids_of(labels.find(label)[0])
        fit = [id for id in dict.fromkeys(found) if kind in (None, self[id].kind)]
        return [f"{self[id].label()!r} ({id})" for id in fit[:3]]

    @property
    def schemes(self) -> tuple[str, ...]:
        """Ids of all concept schemes, in order."""
        return self.columns.scheme.values


def _canonical_json(row: Concept | Relation) -> bytes:
    fields: list[object]
    if isinstance(row, Relation):
        fields = [row.type, row.source, row.target, row.primary]
    else:
        labels = [row.pref_label, row.alt_label, row.hidden_label, row.definition]
        fields = [row.id, row.scheme, row.kind, *labels, row.notation, row.status, row.choice]
    return json.dumps(fields, ensure_ascii=False, sort_keys=True).encode()


def require_concept(taxonomy: Taxonomy, value: str, kind: Kind) -> str:
    """The id of the concept of a kind with this id or label, redirects followed. Raises UnknownConcept."""
    if (found := find_concept(taxonomy, value, kind)) is not None:
        return found
    if value in taxonomy:
        raise UnknownConcept(value, kind=kind, near=[f"an {kind}; {value!r} is of kind {taxonomy[value].kind}"])
    raise UnknownConcept(value, kind=kind, near=taxonomy.near(value, kind=kind))


def find_concept(taxonomy: Taxonomy, name: str, kind: Kind, recorded: Mapping[str, str] | None = None) -> str | None:
    """The id of the concept of a kind with this id or label, redirects followed, or None.

    `recorded` are ids by name that take precedence. A category's label may differ in number (rod, rods). Of several, a
    category that attributes apply to is preferred, then one below another of its name (Wallets > Wallets, and not
    Bags > Wallets), then the one nearest the top, then the smallest id. Of a category and one above it with one name,
    the deeper is meant.
    """
    if recorded and name in recorded:
        return taxonomy.resolve(recorded[name])
    if name in taxonomy and taxonomy[name].kind == kind:
        return taxonomy.resolve(name)
    for spelling in _in_either_number(name) if kind == "category" else [name]:
        if found := [id for id in taxonomy.lookup(spelling) if taxonomy[id].kind == kind]:
            return min(taxonomy.deepest(found), key=lambda id: _preference(taxonomy, id))
    return None


def _preference(taxonomy: Taxonomy, id: str) -> tuple[bool, bool, int, str]:
    """Sort key among concepts of one name: see `find_concept`."""
    line = taxonomy.path(id)
    own = len(line) > 1 and len(taxonomy.deepest(line[-2:])) < 2
    return not taxonomy.attributes_for(id), not own, taxonomy.depth(id), id


def _in_either_number(name: str) -> Iterator[str]:
    """The name, then its singular and plurals in English, which `import annotated` takes for one category."""
    yield name
    one = singular(normalise(name))
    yield one
    yield one + "s"
    yield one.removesuffix("y") + "ies" if one.endswith("y") else one + "es"
