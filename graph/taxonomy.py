"""The snapshot every read is answered from: immutable, in memory, integer-indexed."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graph.errors import UnknownConcept
from graph.invariants import Problem, sound
from graph.labels import normalise
from graph.model import SYMMETRIC, Concept, Kind, Relation, RelationType, TaxonomyData

Indices = NDArray[np.int32]

_CLOSE_MATCHES = 20_000
"""Taxonomies larger than this are not searched for near misses of a wrong id: it would take seconds."""


class Csr:
    """Sparse rows: row `i` is `targets[starts[i]:starts[i + 1]]`, both int32, each row ascending, no repeats."""

    __slots__ = ("starts", "targets")

    def __init__(self, starts: Indices, targets: Indices) -> None:
        self.starts = starts
        self.targets = targets

    @classmethod
    def of(cls, rows: Sequence[Iterable[int]]) -> Csr:
        ordered = [sorted(set(row)) for row in rows]
        starts = np.zeros(len(rows) + 1, dtype=np.int32)
        np.cumsum([len(row) for row in ordered], out=starts[1:])
        return cls(starts, np.fromiter((t for row in ordered for t in row), dtype=np.int32, count=int(starts[-1])))

    def __getitem__(self, row: int) -> Indices:
        return self.targets[self.starts[row] : self.starts[row + 1]]

    def __len__(self) -> int:
        return len(self.starts) - 1


class Taxonomy:
    """Concepts 0…n-1 in the order of their ids, the relations between them, and what follows from both.

    Build one with `Taxonomy.of`. What breaks an invariant is left out and named in `problems`.
    Methods take and give concept ids; the `*_indices` and CSR members are for hot paths.
    """

    def __init__(
        self,
        concepts: Mapping[str, Concept],
        relations: Sequence[Relation],
        *,
        version: int = 0,
        problems: Sequence[Problem] = (),
    ) -> None:
        self.version = version
        self.problems = tuple(problems)
        self.relations = tuple(relations)
        self.concepts: tuple[Concept, ...] = tuple(concepts.values())
        self.ids: tuple[str, ...] = tuple(concepts)
        self._index = {id: i for i, id in enumerate(self.ids)}
        self._edges = self._adjacency()
        self.broader = self._edges["broader", True]
        self.narrower = self._edges["broader", False]
        self._ancestors = self._closure()

    @classmethod
    def of(cls, data: TaxonomyData) -> Taxonomy:
        parts = sound(data.concepts, data.relations, strays=data.strays)
        return cls(parts.concepts, parts.relations, version=data.version, problems=parts.problems)

    # -- identity ---------------------------------------------------------------------------------

    @cached_property
    def revision(self) -> str:
        """16 hex digits that depend on the sound content alone: equal taxonomies have equal revisions in every store.

        The sum of one hash per row, so that it doesn't depend on the rows' order.
        """
        total = 0
        rows: list[Concept | Relation] = [*self.concepts, *self.relations]
        for row in rows:
            digest = hashlib.blake2b(_canonical_json(row), digest_size=16).digest()
            total = (total + int.from_bytes(digest, "big")) % (1 << 128)
        return f"{total:032x}"[:16]

    def etag(self, id: str) -> str:
        """16 hex digits that change with the concept, a relation that leaves it or a symmetric one that meets it."""
        i = self.index(id)
        rows: list[Concept | Relation] = [self.concepts[i], *self.relations_from(id)]
        partners = [f"{type} {other}".encode() for type in sorted(SYMMETRIC) for other in self.out(id, type)]
        return hashlib.blake2b(b"\n".join([*map(_canonical_json, rows), *partners]), digest_size=8).hexdigest()

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, id: object) -> bool:
        return id in self._index

    def __iter__(self) -> Iterator[Concept]:
        return iter(self.concepts)

    def __getitem__(self, id: str) -> Concept:
        return self.concepts[self.index(id)]

    def index(self, id: str) -> int:
        """The concept's number in this snapshot; raises UnknownConcept, naming the nearest ids and labels."""
        try:
            return self._index[id]
        except KeyError:
            raise UnknownConcept(id, near=self.near(id)) from None

    def get(self, id: str) -> Concept | None:
        i = self._index.get(id)
        return None if i is None else self.concepts[i]

    def resolve(self, id: str) -> str:
        """The id itself, or where its redirects (`replaced_by`) lead."""
        self.index(id)
        seen = {id}
        while True:
            successors = self.out(id, "replaced_by")
            if not successors or successors[0] in seen:
                return id
            id = successors[0]
            seen.add(id)

    # -- relations --------------------------------------------------------------------------------

    def out(self, id: str, relation: RelationType) -> list[str]:
        """Targets of the relation from the concept, by id; both ends' partners when it is symmetric."""
        return [self.ids[j] for j in self._edges[relation, True][self.index(id)]]

    def into(self, id: str, relation: RelationType) -> list[str]:
        """Sources of the relation into the concept, by id."""
        return [self.ids[j] for j in self._edges[relation, False][self.index(id)]]

    def relations_from(self, id: str) -> list[Relation]:
        """The kept edges whose source is the concept, in order."""
        return self._by_source.get(id, [])

    def adjacency(self, relation: RelationType, *, forward: bool = True) -> Csr:
        return self._edges[relation, forward]

    # -- hierarchy --------------------------------------------------------------------------------

    def ancestor_indices(self, i: int) -> Indices:
        """(k,) int32, ascending; transitive `broader`, without `i` itself."""
        return self._ancestors[i]

    def ancestors(self, id: str) -> list[str]:
        return [self.ids[j] for j in self._ancestors[self.index(id)]]

    def descendants(self, id: str) -> list[str]:
        return [self.ids[j] for j in self._descendants[self.index(id)]]

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `ancestor` is strictly broader than `descendant`."""
        return self._has_ancestor(self.index(descendant), self.index(ancestor))

    def path(self, id: str) -> list[str]:
        """From the top concept down to the concept itself, along primary `broader` edges."""
        path = [self.ids[self.index(id)]]
        while (parent := self._primary.get(path[-1])) is not None:
            path.append(parent)
        return path[::-1]

    def depth(self, id: str) -> int:
        return len(self.path(id)) - 1

    def top_concepts(self, scheme: str | None = None) -> list[str]:
        return [c.id for i, c in enumerate(self.concepts) if not len(self.broader[i]) and scheme in (None, c.scheme)]

    # -- facets -----------------------------------------------------------------------------------

    def attribute_of(self, value: str) -> str | None:
        """The attribute a value belongs to; None for a category or an attribute."""
        homes = self._edges["value_of", True][self.index(value)]
        return self.ids[homes[0]] if len(homes) else None

    def values_of(self, attribute: str) -> list[str]:
        return self.into(attribute, "value_of")

    def attributes_for(self, category: str) -> list[str]:
        """Attributes that apply to the category: asserted on it or inherited from anything broader; by id."""
        i = self.index(category)
        into = self._edges["applies_to", False]
        found = {int(a) for j in (i, *self._ancestors[i]) for a in into[int(j)]}
        return [self.ids[a] for a in sorted(found)]

    def excluded(self, a: str, b: str) -> bool:
        """Whether the two may never stand on one item, by an asserted `excludes` on them or anything broader.

        The implied exclusion among values of a single-choice attribute is `rival`, which looks at both concepts' lines.
        """
        left = {self.index(a), *map(int, self._ancestors[self.index(a)])}
        right = {self.index(b), *map(int, self._ancestors[self.index(b)])}
        excludes = self._edges["excludes", True]
        return any(int(j) in right for i in left for j in excludes[i])

    def rival(self, a: str, b: str) -> bool:
        """Whether both are values of one single-choice attribute and neither is broader than the other."""
        attribute = self.attribute_of(a)
        if a == b or attribute is None or attribute != self.attribute_of(b):
            return False
        return self[attribute].choice == "single" and not self.is_ancestor(a, b) and not self.is_ancestor(b, a)

    # -- labels -----------------------------------------------------------------------------------

    def lookup(self, label: str, *, lang: str | None = None) -> list[str]:
        """Ids of the concepts that carry the label (as `graph.labels.normalise` sees it), by id; no deprecated ones."""
        found = self._labels.get(normalise(label), ())
        base = lang.split("-")[0] if lang is not None else None
        return list(dict.fromkeys(self.ids[i] for i, tag in found if base in (None, tag.split("-")[0])))

    def near(self, value: str, *, kind: Kind | None = None) -> list[str]:
        """Up to three concepts that somebody who wrote `value` may have meant, as an error message shows them."""
        found = self.lookup(value)
        if len(self) <= _CLOSE_MATCHES:
            found += difflib.get_close_matches(value, self.ids, n=3, cutoff=0.7)
            close = difflib.get_close_matches(normalise(value), self._labels, n=3, cutoff=0.7)
            found += [self.ids[i] for label in close for i, _ in self._labels[label]]
        fit = [id for id in dict.fromkeys(found) if kind in (None, self[id].kind)]
        return [f"{self[id].label()!r} ({id})" for id in fit[:3]]

    @cached_property
    def schemes(self) -> tuple[str, ...]:
        return tuple(sorted({concept.scheme for concept in self.concepts}))

    # -- construction -----------------------------------------------------------------------------

    def _adjacency(self) -> dict[tuple[RelationType, bool], Csr]:
        n = len(self.ids)
        rows: dict[tuple[RelationType, bool], list[list[int]]] = defaultdict(lambda: [[] for _ in range(n)])
        for edge in self.relations:
            source, target = self._index[edge.source], self._index[edge.target]
            rows[edge.type, True][source].append(target)
            rows[edge.type, False][target].append(source)
            if edge.type in SYMMETRIC:
                rows[edge.type, True][target].append(source)
                rows[edge.type, False][source].append(target)
        empty = Csr(np.zeros(n + 1, dtype=np.int32), np.zeros(0, dtype=np.int32))
        built: dict[tuple[RelationType, bool], Csr] = defaultdict(lambda: empty)
        built.update({key: Csr.of(value) for key, value in rows.items()})
        return built

    def _closure(self) -> Csr:
        """Ancestors of every concept, parents before children (Kahn's order); `sound` has removed the cycles."""
        n = len(self.ids)
        waiting = [len(self.broader[i]) for i in range(n)]
        ready = [i for i in range(n) if not waiting[i]]
        closure: list[set[int]] = [set() for _ in range(n)]
        for i in ready:
            for child in map(int, self.narrower[i]):
                closure[child].add(i)
                closure[child] |= closure[i]
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        return Csr.of(closure)

    @cached_property
    def _descendants(self) -> Csr:
        rows: list[list[int]] = [[] for _ in self.ids]
        for i in range(len(self.ids)):
            for ancestor in self._ancestors[i]:
                rows[ancestor].append(i)
        return Csr.of(rows)

    @cached_property
    def _primary(self) -> dict[str, str]:
        return {edge.source: edge.target for edge in self.relations if edge.type == "broader" and edge.primary}

    @cached_property
    def _by_source(self) -> dict[str, list[Relation]]:
        by_source: dict[str, list[Relation]] = defaultdict(list)
        for edge in self.relations:
            by_source[edge.source].append(edge)
        return dict(by_source)

    @cached_property
    def _labels(self) -> dict[str, list[tuple[int, str]]]:
        index: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for i, concept in enumerate(self.concepts):
            if concept.status == "deprecated":
                continue
            for text, tag, _ in concept.labels():
                key = normalise(text)
                if (i, tag) not in index[key]:
                    index[key].append((i, tag))
        return dict(index)

    def _has_ancestor(self, i: int, ancestor: int) -> bool:
        row = self._ancestors[i]
        at = int(np.searchsorted(row, ancestor))
        return at < len(row) and int(row[at]) == ancestor


def _canonical_json(row: Concept | Relation) -> bytes:
    fields: list[object]
    if isinstance(row, Relation):
        fields = [row.type, row.source, row.target, row.primary]
    else:
        labels = [row.pref_label, row.alt_label, row.hidden_label, row.definition]
        fields = [row.id, row.scheme, row.kind, *labels, row.notation, row.status, row.choice]
    return json.dumps(fields, ensure_ascii=False, sort_keys=True).encode()
