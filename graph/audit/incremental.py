"""The audit after an edit: checks look again only where the edit can have changed what they find.

A check says what its findings depend on (`Check.reach`). The concepts that an edit can have changed them for, and all
that those findings depend on, become a small taxonomy, on which the check runs as on any other; findings on other
concepts are those of the earlier report. The result is that of a whole audit, as a property test holds.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from graph.audit.branches import extended_names
from graph.audit.groups import attribute_rows, carry_loose_numbers, in_use, loose_numbers, numbers_of
from graph.audit.report import Check, Finding, Reach, Report, findings_of
from graph.changes import compare
from graph.columns.columns import CODE, DEFINITION, Flags, Ints, Longs, owners
from graph.columns.derived import normal_forms
from graph.model import RelationType
from graph.taxonomy import Taxonomy

_LARGE = 0.3
"""Share of the taxonomy beyond which a part of it is not worth its making."""
_AROUND: tuple[RelationType, ...] = ("broader", "related", "value_of", "applies_to", "replaced_by")
"""Relations whose other end a message names, or a check looks at."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier report, and the taxonomy that it is on."""

    taxonomy: Taxonomy
    report: Report


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a taxonomy in which findings on some concepts are those of the whole; `ids` are those concepts, and
    those that are gone."""

    taxonomy: Taxonomy
    ids: Set[str]


class Edit:
    """What differs between two taxonomies, and how far that reaches."""

    def __init__(self, before: Taxonomy, after: Taxonomy) -> None:
        found = compare(before.columns, after.columns)
        gone, new = _flags(len(before), found.removed), _flags(len(after), found.added)
        left, right = found.changed.T
        placed = np.zeros(len(left), dtype=bool)
        for one, other in zip(before.columns.coded[:3], after.columns.coded[:3], strict=True):
            values, others = np.array(one.values, dtype=object), np.array(other.values, dtype=object)
            placed |= values[one.codes[left]] != others[other.codes[right]]
        self._place = np.full(len(before), -1, dtype=np.int64)
        self._place[~gone] = np.flatnonzero(~new)
        back = np.full(len(after), -1, dtype=np.int64)
        back[~new] = np.flatnonzero(~gone)
        lost = _rows_of(before, found.edges_removed)
        got = _rows_of(after, found.edges_added)
        old = np.concatenate([lost, _moved_to(got, back)]), gone | _flags(len(before), left)
        now = np.concatenate([_moved_to(lost, self._place), got]), new | _flags(len(after), right)
        self.before = _Side(before, *old, gone | _flags(len(before), left[placed]))
        self.after = _Side(after, *now, new | _flags(len(after), right[placed]))
        self._same = ~self.before.changed, ~self.after.changed
        self._parts: dict[str, Part | None] = {}

    def find(self, check: Check, earlier: Sequence[Finding]) -> tuple[list[Finding], list[Finding]] | None:
        """Findings of the earlier report that stay, and new ones; None where the check must look at all."""
        part = self.part(check.reach) if check.reach is not None else None
        if part is None:
            return None
        ids, at = part.ids, -1 if check.reach == "last" else 0
        found = findings_of(check.name, check.severity, check.find)(part.taxonomy)
        if check.reach == "labels":
            kept = [one for one in earlier if ids.isdisjoint(one.concepts)]
            return kept, [one for one in found if not ids.isdisjoint(one.concepts)]
        return [one for one in earlier if one.concepts[at] not in ids], [
            one for one in found if one.concepts[at] in ids
        ]

    def part(self, reach: Reach) -> Part | None:
        """The part in which checks of that reach must look; None for most of the taxonomy."""
        if reach == "values" and (self.before.changes("value") or self.after.changes("value")):
            return None
        key = "first" if reach in ("last", "values") else reach
        if key not in self._parts:
            self._parts[key] = {"first": self._around, "labels": self._alike, "siblings": self._beside}[key]()
        return self._parts[key]

    def _around(self) -> Part | None:
        concerned = self.before.around(), self.after.around()
        now = self._now(*concerned)
        rows = self.after.surroundings(now)
        if rows.sum() <= _LARGE * len(rows):
            index = self.after.taxonomy.derived.labels
            for *_, rest in extended_names(self.after.taxonomy, now):
                rows[index.find(rest)[0]] = True
        return self._part(concerned, rows)

    def _beside(self) -> Part | None:
        concerned = self.before.siblings(self.before.placed), self.after.siblings(self.after.placed)
        rows = self.after.siblings(self._now(*concerned))
        return self._part(concerned, self.after.closure(rows | self.after.next(rows, "value_of"), "broader"))

    def _alike(self) -> Part | None:
        """Concepts whose labels, places or parents' names differ, and those with labels like theirs."""
        sides = self.before, self.after
        old, new = (s.touched | s.below | s.next(s.changed, "broader", forward=False) for s in sides)
        new = self._now(old, new)
        numbers = self._loose_now[self._labels(new)], self._gone_numbers()
        concerned = new | self._with(np.concatenate(numbers))
        rows = concerned | self._with(self._loose_now[self._labels(concerned)])
        rows |= self.after.next(rows, "value_of")
        return self._part((old, concerned), self.after.closure(rows, "broader"))

    def _part(self, concerned: tuple[Flags, Flags], rows: Flags) -> Part | None:
        if rows.sum() > _LARGE * len(rows):
            return None
        columns = self.after.taxonomy.columns
        inside = rows[columns.edges.source] & rows[columns.edges.target]
        pairs = zip((self.before.taxonomy, self.after.taxonomy), concerned, strict=True)
        ids = {id for taxonomy, flags in pairs for id in taxonomy.ids_of(np.flatnonzero(flags).tolist())}
        return Part(Taxonomy(columns.select(rows, inside)), ids)

    def _now(self, old: Flags, new: Flags) -> Flags:
        """(n,) concepts of the later taxonomy that either has."""
        found = new.copy()
        rows = self._place[old]
        found[rows[rows >= 0]] = True
        return found

    @cached_property
    def _loose_now(self) -> Longs:
        carry_loose_numbers(self.before.taxonomy, self.after.taxonomy, *self._same)
        return loose_numbers(self.after.taxonomy)

    def _gone_numbers(self) -> Longs:
        """The numbers of labels that changed concepts had."""
        texts = self.before.taxonomy.columns.texts
        rows = np.flatnonzero(self.before.changed[owners(texts)] & (texts.kind != DEFINITION))
        return numbers_of(normal_forms(texts.text.take(pa.array(rows))))

    def _labels(self, rows: Flags) -> Flags:
        """(m,) labels of concepts of the later taxonomy."""
        texts = self.after.taxonomy.columns.texts
        found: Flags = rows[owners(texts)] & (texts.kind != DEFINITION)
        return found

    def _with(self, numbers: Longs) -> Flags:
        """(n,) concepts of the later taxonomy with a label of these numbers."""
        sieve = np.zeros(1 << 16, dtype=bool)
        sieve[numbers & 0xFFFF] = True
        texts = self.after.taxonomy.columns.texts
        likely = np.flatnonzero(sieve[self._loose_now & 0xFFFF] & (texts.kind != DEFINITION))
        rows = likely[np.isin(self._loose_now[likely], numbers)]
        return _flags(len(self.after.taxonomy), owners(texts)[rows])


class _Side:
    """One of two taxonomies and (n,) flags of its concepts: `changed` are themselves different, `touched` are so or
    have other relations, `placed` stand elsewhere or are different, `below` have other ancestors or inherit otherwise.
    `edges` (k, 3) have type, source and target, -1 where this one does not have it; `recoded` (n,) are concepts of
    another scheme, kind or status, or of one of the two alone.
    """

    def __init__(self, taxonomy: Taxonomy, edges: Longs, changed: Flags, recoded: Flags) -> None:
        self.taxonomy = taxonomy
        n, (type, source, target) = len(taxonomy), edges.T
        self.changed = changed
        self.touched = changed | _flags(n, source) | _flags(n, target)
        moved = source[type == CODE["broader"]]
        self.placed = changed | _flags(n, moved) | _flags(n, source[type == CODE["value_of"]])
        inherits = _flags(n, moved) | _flags(n, target[type == CODE["applies_to"]]) | recoded
        self.below = self.closure(inherits, "broader", forward=False)

    def changes(self, kind: str) -> bool:
        """Whether concepts of the kind are themselves different."""
        return bool((self.changed & self.taxonomy.columns.kind.where(kind)).any())

    def next(self, rows: Flags, *types: RelationType, forward: bool = True) -> Flags:
        """(n,) concepts that relations of the types lead to from these, or against their direction."""
        found = np.zeros(len(rows), dtype=bool)
        where = np.flatnonzero(rows).astype(np.int32)
        for type in types if len(where) else ():
            found[self.taxonomy.adjacency(type, forward=forward).gather(where)[0]] = True
        return found

    def closure(self, rows: Flags, type: RelationType, *, forward: bool = True) -> Flags:
        """(n,) these, and what relations of the type lead to, in any number of steps."""
        found, front = rows.copy(), rows
        while front.any():
            front = self.next(front, type, forward=forward) & ~found
            found |= front
        return found

    def around(self) -> Flags:
        """(n,) concepts that stand first in findings of reach "first" that may differ."""
        near = self.touched | self.next(self.changed, *_AROUND) | self.next(self.changed, *_AROUND, forward=False)
        wide = self.closure(near | self.below, "replaced_by", forward=False)
        wide |= self.next(wide & ~in_use(self.taxonomy), "broader", "value_of", forward=False)
        return wide | self.next(self.next(near, "broader"), "broader", forward=False)

    def surroundings(self, rows: Flags) -> Flags:
        """(n,) these, and all that their findings of reach "first" depend on."""
        parents = self.next(rows, "broader")
        found = rows | parents | self.next(rows, "related", "value_of", "replaced_by")
        found = self.closure(found, "replaced_by") | self.next(rows | parents, "broader", forward=False)
        found = self.closure(found, "broader")
        return found | self.next(found, "applies_to", forward=False)

    def siblings(self, rows: Flags) -> Flags:
        """(n,) these, and their siblings; those of a top concept have its scheme, kind and attribute."""
        taxonomy, columns = self.taxonomy, self.taxonomy.columns
        found = rows | self.next(self.next(rows, "broader"), "broader", forward=False)
        tops = np.diff(taxonomy.broader.starts) == 0
        ours = np.flatnonzero(rows & tops)
        if len(ours):
            place = (columns.scheme.codes.astype(np.int64) * 3 + columns.kind.codes) * (len(taxonomy) + 1)
            place += attribute_rows(taxonomy) + 1
            found |= tops & np.isin(place, place[ours])
        return found


def _flags(n: int, rows: Longs | Ints) -> Flags:
    found = np.zeros(n, dtype=bool)
    found[rows[rows >= 0]] = True
    return found


def _rows_of(taxonomy: Taxonomy, edges: Longs) -> Longs:
    """(k, 3) type, source and target of edges."""
    every = taxonomy.columns.edges
    return np.stack([one[edges].astype(np.int64) for one in (every.type, every.source, every.target)], axis=1)


def _moved_to(edges: Longs, place: Longs) -> Longs:
    """(k, 3) edges in the rows of the other taxonomy."""
    return np.stack([edges[:, 0], place[edges[:, 1]], place[edges[:, 2]]], axis=1)
