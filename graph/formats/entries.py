"""Rows of a table as concepts: their ids, and the concepts that they name as parents and otherwise."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from graph.formats import table
from graph.formats.parsed import Faults, circles
from graph.labels import normalise, path_id
from graph.model import Concept, Kind, Relation, RelationType

_NOTHING = frozenset({"", "0", "-", "none", "null", "nan", "n/a", "\\n", "root"})
"""What a cell of parents holds for a top concept."""


@dataclass(slots=True)
class Entry:
    """A row: its concept, whose id may be empty until all rows are read, and what it says about others."""

    concept: Concept
    file: Path
    line: int
    above: tuple[str, ...] = ()
    """The names of the path above it."""
    path: tuple[str, ...] = ()
    """The whole path, when the row has one."""
    parent: str = ""
    keys: tuple[str, ...] = ()
    edges: Mapping[RelationType, str] | None = None
    stated: bool = False
    """Whether the row says what kind of concept it is."""
    more: tuple["Entry", ...] = ()
    """Later rows of the same concept."""

    def at(self, detail: str = "") -> str:
        """The place, for a note."""
        return f"{self.file.name}:{self.line}" + (f" ({detail})" if detail else "")


class Identified:
    """Entries by id: those of the file, else made from paths or names. Rows that repeat an id are joined."""

    def __init__(self, rows: Sequence[Entry], *, lang: str, faults: Faults) -> None:
        self.entries: dict[str, Entry] = {}
        self.notes: list[str] = []
        self._faults = faults
        self._lang = lang
        repeated = Counter(self._key(one) for one in rows if not one.concept.id and not one.path)
        made, example = 0, ""
        for one in rows:
            id = one.concept.id
            if not id:
                id = self._made(one, repeated)
                made, example = made + 1, example or id
            if id in self.entries:
                self._join(id, one)
            else:
                self.entries[id] = one if one.concept.id else replace(one, concept=replace(one.concept, id=id))
        if made:
            self.notes.append(f"{made} rows have no id; ids were made from their names, e.g. {example!r}")

    def _key(self, one: Entry) -> tuple[str, str]:
        return one.concept.scheme, normalise(one.concept.label(self._lang))

    def _made(self, one: Entry, repeated: Mapping[tuple[str, str], int]) -> str:
        """An id from the path, else the label, which follows its parent's if several rows have it."""
        if one.path:
            return path_id(one.concept.scheme, one.path)
        scheme, label = self._key(one)
        above = table.split(one.parent)[:1] if repeated[scheme, label] > 1 else []
        return path_id(scheme, [*(above or one.above), label])

    def _join(self, id: str, one: Entry) -> None:
        """Add what a later row of the same concept says."""
        first, new = self.entries[id].concept, one.concept
        theirs = {tag: text for tag, text in new.pref_label.items() if (tag, text) != ("und", new.id)}
        if any(normalise(first.pref_label.get(tag, text)) != normalise(text) for tag, text in theirs.items()):
            what = "rows have the id of an earlier row and another name; they were left out"
            self._faults.add(what, one.at(f"{id!r}, first in line {self.entries[id].line}"))
            return
        self._faults.add("rows repeat an earlier one and were joined with it", one.at(f"{id!r}"))
        alt = {
            tag: tuple(dict.fromkeys((*first.alt_label.get(tag, ()), *texts))) for tag, texts in new.alt_label.items()
        }
        joined = replace(
            first,
            pref_label={**theirs, **first.pref_label},
            alt_label={**first.alt_label, **alt},
            definition={**new.definition, **first.definition},
        )
        self.entries[id] = replace(self.entries[id], concept=joined, more=(*self.entries[id].more, one))


class ParentFinder:
    """Finds the concepts that rows name, and makes parents without a row, with their relations."""

    def __init__(self, entries: Mapping[str, Entry], *, lang: str, with_ids: bool, faults: Faults) -> None:
        self.concepts = {id: one.concept for id, one in entries.items()}
        self.made: list[Concept] = []
        self.made_relations: list[Relation] = []
        self.unplaced: set[str] = set()
        self._entries = entries
        self._faults = faults
        self._lang = lang
        self._ids = with_ids
        self._by_path: dict[tuple[str, ...], str] = {}
        self._by_key: dict[str, str] = {}
        for id, one in entries.items():
            if one.path:
                self._by_path.setdefault((one.concept.scheme, *map(normalise, one.path)), id)
            for text in one.keys:
                self._by_key.setdefault(text, id)
        self._find_attributes()

    @cached_property
    def _by_label(self) -> dict[str, list[str]]:
        """Ids by normalised label; most tables name parents by id and need none."""
        found: dict[str, list[str]] = defaultdict(list)
        for concept in self.concepts.values():
            for label in dict.fromkeys(map(normalise, concept.pref_label.values())):
                found[label].append(concept.id)
        return found

    def _find_attributes(self) -> None:
        """What has values is an attribute, unless its row says otherwise."""
        for one in self._entries.values():
            for id in table.split((one.edges or {}).get("value_of", ""))[:1]:
                known = self._attribute(id, one)
                found = self._entries.get(known)
                if found is not None and not found.stated and self.concepts[known].kind == "category":
                    self.concepts[known] = replace(self.concepts[known], kind="attribute")

    def relations_of(self, id: str, one: Entry) -> list[Relation]:
        """The relations of a concept, from all its rows."""
        targets: dict[RelationType, dict[str, None]] = {}
        for row in (one, *one.more):
            for type, cell in (row.edges or {}).items():
                named = (
                    (self._attribute(text, row) for text in table.split(cell))
                    if type == "value_of"
                    else table.split(cell)
                )
                targets.setdefault(type, {}).update(dict.fromkeys(named))
            targets.setdefault("broader", {}).update(dict.fromkeys(self._parents(id, row)))
        if id in targets["broader"]:
            del targets["broader"][id]
            above = [self._at(row.above, row) for row in (one, *one.more) if row.above and not targets["broader"]]
            targets["broader"].update(dict.fromkeys(target for target in above if target != id))
            self.unplaced |= set() if targets["broader"] else {id}
            self._faults.add("rows are their own parent, which was left out", one.at(f"{id!r}"))
        attributes = list(targets.get("value_of", ()))
        if len(attributes) > 1:
            targets["value_of"] = {attributes[0]: None}
            self._faults.add("values have several attributes; the first counts", one.at(f"{id!r}"))
        return [
            Relation(type, id, target, primary=type == "broader" and at == 0)
            for type, found in targets.items()
            for at, target in enumerate(found)
        ]

    def _parents(self, id: str, one: Entry) -> list[str]:
        """The parents that the row names in a column of its own, else the last of the path above it."""
        if one.path and one.path[-1] == id:
            return [level for level in one.path[:-1] if level in self.concepts][-1:]
        named = [] if one.parent.lower() in _NOTHING and one.parent not in self.concepts else self._named(one)
        if not named:
            return [self._at(one.above, one)] if one.above else []
        if one.above and id not in named and not any(self._called(target, one.above[-1]) for target in named):
            what = "rows have another parent in their path or tiers than in their column of parents, which counts"
            self._faults.add(what, one.at(f"{named[0]!r}, not {one.above[-1]!r}"))
        return named

    def _called(self, id: str, name: str) -> bool:
        found = self.concepts.get(id)
        return found is None or normalise(name) in map(normalise, found.pref_label.values())

    def _named(self, one: Entry) -> list[str]:
        """The concepts in the row's column of parents: ids, other keys, or labels."""
        texts = [one.parent] if self._known(one.parent) else table.split(one.parent)
        found = []
        for text in texts:
            parts = [part.strip() for part in re.split(r"[,;]", text)]
            several = any(map(self._known, parts)) or all("://" in part for part in parts)
            every = parts if several and all(parts) and not self._known(text) else [text]
            found += [target for part in every if (target := self._target(part, one)) is not None]
        return found

    def _known(self, text: str) -> bool:
        return text in self.concepts or text in self._by_key or normalise(text) in self._by_label

    def _target(self, text: str, one: Entry) -> str | None:
        if text in self.concepts:
            return self.concepts[text].id  # the same text, kept once
        if text in self._by_key:
            return self._by_key[text]
        fits = self._by_label.get(normalise(text), [])
        if len(fits) > 1:
            what = "rows name a parent by a label of several rows, and stand at the top; name it by its id"
            self.unplaced.add(one.concept.id)
            self._faults.add(what, one.at(f"{text!r}: {', '.join(fits[:3])}"))
            return None
        if fits:
            return fits[0]
        return text if self._ids else self._make(path_id(one.concept.scheme, [text]), text, one)

    def _attribute(self, text: str, one: Entry) -> str:
        """The attribute of a value, by id, another key or label; made where the table has no ids."""
        if text in self.concepts:
            return text
        fits = [self._by_key[text]] if text in self._by_key else self._by_label.get(normalise(text), [])
        if len(fits) == 1:
            return fits[0]
        return text if self._ids or fits else self._make(path_id(one.concept.scheme, [text]), text, one, "attribute")

    def _at(self, levels: tuple[str, ...], one: Entry) -> str:
        above: str | None = None
        for depth in range(1, len(levels) + 1):
            key = (one.concept.scheme, *map(normalise, levels[:depth]))
            id = self._by_path.get(key)
            if id is None:
                id = self._make(path_id(one.concept.scheme, levels[:depth]), levels[depth - 1], one)
                self._by_path[key] = id
                if above is not None:
                    self.made_relations.append(Relation("broader", id, above, primary=True))
            above = id
        return above or ""

    def _make(self, id: str, label: str, one: Entry, kind: Kind | None = None) -> str:
        if id not in self.concepts:
            concept = Concept(id, one.concept.scheme, kind or one.concept.kind, {self._lang: label})
            self.concepts[id] = concept
            self.made.append(concept)
            if "_by_label" in self.__dict__:
                self._by_label[normalise(label)].append(id)
        return id

    def acyclic(self, relations: Sequence[Relation]) -> list[Relation]:
        """The relations without those that close a circle of parents."""
        closing = set(circles(relations))
        for edge in closing:
            self.unplaced.add(edge.source)
            one = self._entries.get(edge.source)
            detail = f"{edge.source!r} under {edge.target!r}"
            self._faults.add("parents close a circle and were left out", one.at(detail) if one else detail)
        return [edge for edge in relations if edge not in closing]
