"""Ids for tables without them, made from labels or paths, and parents by id, label or path."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from graph.formats import table
from graph.formats.parsed import note
from graph.labels import normalise, slug
from graph.model import Concept, Relation

_DEEPEST = 50
_ARROW = re.compile(r"\s*>\s*")


class Named(NamedTuple):
    """A row and its concept, whose id may be empty."""

    row: table.Row
    concept: Concept


@dataclass(frozen=True, slots=True)
class Identified:
    """Rows with ids. `ids` are in the order of rows; `concepts` include those made for parents without a row.

    `parents` are each row's parents besides its column `broader`; `relations` are those of the made concepts.
    """

    ids: tuple[str, ...]
    concepts: tuple[Concept, ...]
    parents: Mapping[str, Sequence[str]]
    relations: tuple[Relation, ...]
    notes: tuple[str, ...]


def path_of(row: table.Row) -> tuple[str, ...]:
    """The levels of `Apparel > Clothing > Shoes`; () for a row without a path."""
    cell = row.cells.get("path", "").strip()
    if not cell:
        return ()
    if cell.count(">") >= _DEEPEST:
        raise row.error("path", f"{cell.count('>') + 1} levels; at most {_DEEPEST} were expected")
    levels = tuple(_ARROW.split(cell))
    if not all(levels):
        raise row.error("path", f"{cell!r} has an empty level")
    return levels


def with_ids(rows: Sequence[Named], *, lang: str) -> Identified:
    """Give every row an id and find its parents. Raises FileFormatError for two rows with one id."""
    repeated = Counter(_key(one.concept, lang) for one in rows if not one.concept.id)
    ids: list[str] = []
    first: dict[str, Named] = {}
    for one in rows:
        id = one.concept.id or _made_id(one, repeated, lang)
        if id in first:
            column = "id" if one.concept.id else "path" if path_of(one.row) else "label"
            raise one.row.error(column, f"a second row for {id!r}; the first is in line {first[id].row.line}")
        first[id] = one
        ids.append(id)
    finder = _ParentFinder({id: replace(one.concept, id=id) for id, one in first.items()}, first, lang)
    parents = {id: [*finder.by_path(one), *finder.by_name(one)] for id, one in first.items()}
    made = sum(not one.concept.id for one in rows)
    notes = [f"{made} rows have no id; ids were made from their names, e.g. {ids[0]!r}"] if made else []
    notes += note("parents have no row of their own and were made", (f"{c.label()!r}" for c in finder.made))
    concepts = (*(finder.concepts[id] for id in ids), *finder.made)
    return Identified(tuple(ids), concepts, parents, tuple(finder.relations), tuple(notes))


def _key(concept: Concept, lang: str) -> tuple[str, str]:
    return concept.scheme, normalise(concept.label(lang))


def _made_id(one: Named, repeated: Counter[tuple[str, str]], lang: str) -> str:
    """An id from the path, else the label, which follows its parent's if several rows have it."""
    path = path_of(one.row)
    if path:
        return _path_id(one.concept.scheme, path)
    key = _key(one.concept, lang)
    above = table.split(one.row.cells.get("parent", ""))[:1] if repeated[key] > 1 else []
    return f"{key[0]}:{'.'.join(slug(part, keep='') for part in (*map(normalise, above), key[1]))}"


def _path_id(scheme: str, path: Sequence[str]) -> str:
    return f"{scheme}:{'.'.join(slug(normalise(level), keep='') for level in path)}"


class _ParentFinder:
    """Finds the concepts of parent cells, and makes those without a row."""

    def __init__(self, concepts: dict[str, Concept], rows: Mapping[str, Named], lang: str) -> None:
        self.concepts = concepts
        self.lang = lang
        self.made: list[Concept] = []
        self.relations: list[Relation] = []
        self._by_path: dict[tuple[str, ...], str] = {}
        self._by_label: dict[str, list[str]] = defaultdict(list)
        for id, one in rows.items():
            if path := _norm(path_of(one.row)):
                self._by_path.setdefault((one.concept.scheme, *path), id)
            for label in dict.fromkeys(map(normalise, one.concept.pref_label.values())):
                self._by_label[label].append(id)

    def by_path(self, one: Named) -> list[str]:
        """The parent in the row's path, made with its ancestors if it has no row."""
        levels = path_of(one.row)[:-1]
        return [self._at(levels, one)] if levels else []

    def by_name(self, one: Named) -> list[str]:
        """The parents in the row's column `parent`: ids or labels."""
        found = []
        for text in table.split(one.row.cells.get("parent", "")):
            if text in self.concepts:
                found.append(text)
                continue
            fits = self._by_label.get(normalise(text), [])
            if len(fits) > 1:
                message = f"{text!r} is the label of several rows ({', '.join(fits[:5])}); name the parent by its id"
                raise one.row.error("parent", message)
            if not fits and one.concept.id:
                found.append(text)
            else:
                found.append(fits[0] if fits else self._make(_path_id(one.concept.scheme, [text]), text, one))
        return found

    def _at(self, levels: tuple[str, ...], one: Named) -> str:
        key = (one.concept.scheme, *_norm(levels))
        known = self._by_path.get(key)
        if known is not None:
            return known
        id = self._make(_path_id(one.concept.scheme, levels), levels[-1], one)
        self._by_path[key] = id
        if len(levels) > 1:
            self.relations.append(Relation("broader", id, self._at(levels[:-1], one), primary=True))
        return id

    def _make(self, id: str, label: str, one: Named) -> str:
        if id not in self.concepts:
            concept = Concept(id, one.concept.scheme, one.concept.kind, {self.lang: label})
            self.concepts[id] = concept
            self.made.append(concept)
            self._by_label[normalise(label)].append(id)
        return id


def _norm(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(normalise, path))
