"""Who is who in a table without ids: ids from labels or paths, parents by id, label or path."""

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
    """A row, and its concept as far as the row alone tells; the id may be empty."""

    row: table.Row
    concept: Concept


@dataclass(frozen=True, slots=True)
class Settled:
    """`ids` are the rows', in their order; `concepts` are the rows' and those made for parents without a row.

    `parents` are each row's parents beside its column `broader`; `relations` are those of the made concepts.
    """

    ids: tuple[str, ...]
    concepts: tuple[Concept, ...]
    parents: Mapping[str, Sequence[str]]
    relations: tuple[Relation, ...]
    notes: tuple[str, ...]


def path_of(row: table.Row) -> tuple[str, ...]:
    """`Apparel > Clothing > Shoes` in its levels; () when the row has no path."""
    cell = row.cells.get("path", "").strip()
    if not cell:
        return ()
    if cell.count(">") >= _DEEPEST:
        raise row.error("path", f"{cell.count('>') + 1} levels; at most {_DEEPEST} were expected")
    levels = tuple(_ARROW.split(cell))
    if not all(levels):
        raise row.error("path", f"{cell!r} has an empty level")
    return levels


def with_ids(rows: Sequence[Named], *, lang: str) -> Settled:
    """Every row gets an id and its parents get theirs. Raises FileFormatError for two rows that are one concept."""
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
    home = _Home({id: replace(one.concept, id=id) for id, one in first.items()}, first, lang)
    parents: dict[str, list[str]] = {}
    for id, one in first.items():
        parents[id] = [*home.above(one), *home.named(one)]
    made = sum(not one.concept.id for one in rows)
    notes = [f"{made} rows have no id; ids were made from their names, e.g. {ids[0]!r}"] if made else []
    notes += note("parents have no row of their own and were made", (f"{c.label()!r}" for c in home.made))
    concepts = (*(home.concepts[id] for id in ids), *home.made)
    return Settled(tuple(ids), concepts, parents, tuple(home.relations), tuple(notes))


def _key(concept: Concept, lang: str) -> tuple[str, str]:
    return concept.scheme, normalise(concept.label(lang))


def _made_id(one: Named, repeated: Counter[tuple[str, str]], lang: str) -> str:
    """From the path, else the label; a label that several rows have takes its parent's before it."""
    path = path_of(one.row)
    if path:
        return _path_id(one.concept.scheme, path)
    key = _key(one.concept, lang)
    name = slug(key[1], keep="")
    if repeated[key] == 1:
        return f"{key[0]}:{name}"
    above = [slug(normalise(parent), keep="") for parent in table.split(one.row.cells.get("parent", ""))[:1]]
    return f"{key[0]}:{'.'.join([*above, name])}"


def _path_id(scheme: str, path: Sequence[str]) -> str:
    return f"{scheme}:{'.'.join(slug(normalise(level), keep='') for level in path)}"


class _Home:
    """Finds the concept that a parent cell means, and makes those that have no row."""

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

    def above(self, one: Named) -> list[str]:
        """The parent that the row's path names, made with all above it when it has no row."""
        levels = path_of(one.row)[:-1]
        return [self._at(levels, one)] if levels else []

    def named(self, one: Named) -> list[str]:
        """The parents in the row's column `parent`: ids, or labels."""
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
                found.append(fits[0] if fits else self._make(f"{one.concept.scheme}:{_slug(text)}", text, one))
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


def _slug(text: str) -> str:
    return slug(normalise(text), keep="")


def _norm(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(normalise, path))
