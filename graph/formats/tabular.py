"""A taxonomy as CSV or TSV: a concept a row, with the columns of docs/reference/formats.md, or a shop's export.

`id,label,parent`, `label,parent` or a column of paths (`Apparel > Shoes`) are enough: ids are made from labels or
paths, and parents may be named by id, label or path. Of a table of products, only their categories are read. A row with
something wrong in it is a note (`Parsed.faults`) and never the end of the file. An export writes every column.
"""

import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graph.errors import FileFormatError
from graph.formats import headers, paths, reading, table
from graph.formats.format import DEFAULTS, Exported, ExportOptions
from graph.formats.parsed import CYCLES, Coverage, Faults, Parsed, Place, circles, note, parsed
from graph.labels import normalise, path_id
from graph.model import CHOICES, KINDS, RELATION_TYPES, STATUSES, Concept, Kind, ProblemCode, Relation, RelationType
from graph.taxonomy import Taxonomy

_LONGEST_ID = 300
_TEXTS = ("pref_label", "definition", "alt_label", "hidden_label")
_PLAIN = ("id", "scheme", "kind", "notation", "status", "choice")
_NOTHING = frozenset({"", "0", "-", "none", "null", "nan", "n/a", "\\n", "root"})
"""What a cell of parents holds for a top concept."""
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>")
_TOLERATED: tuple[ProblemCode, ...] = (
    *CYCLES,
    "wrong_kinds",
    "cross_scheme_broader",
    "excludes_ancestor",
    "excludes_common_narrower",
    "broader_across_attributes",
)
_NO_TEXTS: Mapping[str, Any] = {}


@dataclass(slots=True)
class _Entry:
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
    more: tuple["_Entry", ...] = ()
    """Later rows of the same concept."""

    def at(self, detail: str = "") -> str:
        """The place, for a note."""
        return f"{self.file.name}:{self.line}" + (f" ({detail})" if detail else "")


def read(
    files: Sequence[Path],
    *,
    scheme: str | None = None,
    lang: str | None = None,
    columns: Mapping[str, str] | None = None,
    separator: str | None = None,
) -> Parsed:
    """Read files.

    Args:
        files: Read as one taxonomy.
        scheme: For rows without one ("kgtag").
        lang: For columns without a language ("en").
        columns: Headers by role (`label`, `label@de`, `parent`, `path`), for headers that are not known.
        separator: What separates the levels of paths (" > ").
    """
    found = _Reading(scheme or "kgtag", lang, columns or {}, separator)
    for file in files:
        found.add(file)
    return found.parsed(", ".join(map(str, files)))


class _Reading:
    def __init__(self, scheme: str, lang: str | None, given: Mapping[str, str], separator: str | None) -> None:
        self.scheme = scheme
        self.lang = lang
        self.tag = lang or "en"
        self.given = given
        self.separator = separator
        self.entries: list[_Entry] = []
        self.notes: list[str] = []
        self.faults = Faults()
        self.texts: set[tuple[str, str]] = set()
        self.fields: set[str] = set()
        self.unread: set[str] = set()

    def add(self, file: Path) -> None:
        """Read the rows of a file. Raises FileFormatError for a file without rows, or without names."""
        opened = table.read(file, lambda header: headers.recognised(header, self.given))
        columns = headers.columns(opened, self.given, lang=self.tag)
        if not columns.named:
            raise headers.nameless(opened)
        if opened.above:
            self.notes.append(f"{opened.above} rows of {file.name} stand above its column names and were left out")
        rows = list(self._sound(opened, columns))
        if not rows:
            raise FileFormatError(str(file), "there are no rows below the column names")
        separator = self._separator(file, rows, columns)
        before = len(self.entries)
        if columns.products:
            self._products(opened, rows, columns, separator)
        else:
            itself = self._to_itself(rows, columns, separator)
            for row in rows:
                path = self._levels(row, columns, separator)
                usable = self._usable(path, opened, row)
                if usable or columns.at.keys() & {"id"} or columns.texts:
                    self._concept(opened, row, columns, path if usable else (), itself)
        self._note_columns(file, columns)
        self._cover(columns)
        if columns.products and len(self.entries) == before:
            raise FileFormatError(str(file), "no row has a category")

    def parsed(self, file: str) -> Parsed:
        """Everything read so far. Raises FileFormatError."""
        entries = _Identified(self).entries
        finder = _ParentFinder(entries, self)
        relations: list[Relation] = []
        for id, one in entries.items():
            relations += finder.relations_of(id, one)
        relations += finder.made_relations
        self.notes += note("parents have no row of their own and were made", (f"{c.label()!r}" for c in finder.made))
        places = {id: Place(str(one.file), one.line) for id, one in entries.items()}
        found = parsed(
            finder.concepts.values(),
            finder.acyclic(relations),
            notes=[*self.notes, *self.faults.notes()],
            places=places,
            file=file,
            tolerate=_TOLERATED,
            faults=self.faults.notes(),
        )
        coverage = Coverage(frozenset(self.texts), frozenset(self.fields))
        return replace(found, coverage=coverage, unread=frozenset(self.unread))

    def _cover(self, columns: headers.Columns) -> None:
        """Note what the columns can say."""
        roles = set(columns.at) if not columns.products else {"categories"}
        naming = bool(columns.levels or roles & {"path", "category", "categories"})
        if not columns.products:
            self.texts |= {(field, language) for field, language, _ in columns.texts.values()}
        if naming:
            self.texts.add(("pref_label", self.tag))
        if naming or "parent" in roles:
            self.fields.add("broader")
        self.fields |= roles & {"notation", "status", "choice", *RELATION_TYPES}

    def _sound(self, opened: table.Table, columns: headers.Columns) -> Iterator[table.Row]:
        """Rows with as many cells as the table has columns."""
        for row in opened.rows:
            if row.fault == "cells":
                self.unread.add(row.cell(columns.at.get("id")).strip())
                self.faults.add(
                    f"rows have {table.FAULTS['cells']} and were left out", f"{opened.file.name}:{row.line}"
                )
                continue
            if row.fault == "quotes":
                what = f"rows have {table.FAULTS['quotes']} and were read as well as they could be"
                self.faults.add(what, f"{opened.file.name}:{row.line}")
            yield row

    def _separator(self, file: Path, rows: Sequence[table.Row], columns: headers.Columns) -> str:
        """The separator of the file's paths."""
        if self.separator is not None:
            return self.separator
        role = next((role for role in ("categories", "path", "category") if role in columns.at), None)
        if role is None:
            return paths.DEFAULT
        cells = (row.cell(columns.at[role]) for row in rows)
        if role == "categories":
            cells = (path for cell in cells for path in paths.several(cell))
        found = paths.separator_of(cells)
        if found is None:
            return paths.DEFAULT
        self.notes.append(f"paths of {file.name} were split at {found!r}; --separator names another, such as ' > '")
        return found

    def _products(
        self, opened: table.Table, rows: Sequence[table.Row], columns: headers.Columns, separator: str
    ) -> None:
        """Make a concept of every category that a product has."""
        at = columns.at.get("categories", columns.at.get("category"))
        many = "categories" in columns.at
        seen: set[tuple[str, ...]] = set()
        without = 0
        for row in rows:
            cell = row.cell(at)
            found = [paths.split(one, separator) for one in (paths.several(cell) if many else [cell])]
            without += not any(found)
            for path in found:
                if path and path not in seen and self._usable(path, opened, row):
                    seen.add(path)
                    self.entries.append(
                        _Entry(
                            Concept("", self.scheme, "category", {self.tag: path[-1]}),
                            opened.file,
                            row.line,
                            above=path[:-1],
                            path=path,
                        )
                    )
        more = f", {without} of them without a category" if without else ""
        what = f"{opened.file.name} is a table of products: their categories were read, not the {len(rows)} products"
        self.notes.append(f"{what}{more}")

    def _usable(self, path: Sequence[str], opened: table.Table, row: table.Row) -> bool:
        place = f"{opened.file.name}:{row.line}"
        if len(path) > paths.DEEPEST:
            what = f"paths have more than {paths.DEEPEST} levels and were left out"
            self.faults.add(what, f"{place} ({len(path)} levels)")
            return False
        if not all(path):
            self.faults.add("paths have an empty level and were left out", f"{place} ({' > '.join(path)!r})")
            return False
        return True

    def _concept(
        self, opened: table.Table, row: table.Row, columns: headers.Columns, path: tuple[str, ...], itself: bool
    ) -> None:
        """Add the concept of a row, whose path leads to it or to what is above it."""
        place = f"{opened.file.name}:{row.line}"
        cell = {role: row.cell(position) for role, position in columns.at.items()}
        texts = _texts(row, columns)
        labels = texts["pref_label"]
        if path and (itself or not labels):
            labels = {self.tag: path[-1], **labels}
            above, whole = path[:-1], path
        else:
            above, whole = path, ()
        id = cell.get("id", "").strip()
        if id and (len(id) > _LONGEST_ID or not id.isprintable()):
            self.faults.add(
                f"ids are unprintable or longer than {_LONGEST_ID} characters; the rows were left out", place
            )
            return
        if not labels and not id:
            self.faults.add("rows have neither an id nor a name and were left out", place)
            return
        if not labels:
            self.faults.add("rows have no name and are called by their id", f"{place} ({id!r})")
            labels = {"und": id}
        if not id and "id" in cell:
            name = next(iter(labels.values()))
            self.faults.add("rows have no id; theirs was made from the name", f"{place} ({name!r})")
        edges = {type: cell[type] for type in RELATION_TYPES if cell.get(type, "").strip()}
        default: Kind = "value" if "value_of" in edges else "category"
        gone = "replaced_by" in edges and not cell.get("status", "").strip()
        concept = Concept(
            id,
            cell.get("scheme", "").strip() or self.scheme,
            self._one_of("kind", cell, KINDS, default, place),
            labels,
            texts["alt_label"],
            texts["hidden_label"],
            texts["definition"],
            cell.get("notation") or None,
            "deprecated" if gone else self._one_of("status", cell, STATUSES, "active", place),
            self._one_of("choice", cell, CHOICES, "multiple", place),
        )
        keys = tuple(text for at in columns.keys if (text := row.cell(at).strip()))
        parent = cell.get("parent", "").strip()
        stated = bool(cell.get("kind", "").strip())
        self.entries.append(_Entry(concept, opened.file, row.line, above, whole, parent, keys, edges or None, stated))

    def _levels(self, row: table.Row, columns: headers.Columns, separator: str) -> tuple[str, ...]:
        if columns.levels:
            return tuple(text for at in columns.levels if (text := row.cell(at).strip()))
        return paths.split(row.cell(columns.at.get("path", columns.at.get("category"))), separator)

    def _to_itself(self, rows: Sequence[table.Row], columns: headers.Columns, separator: str) -> bool:
        """Whether paths lead to the row itself, and not to what is above it.

        Columns `path` do; levels and `category` do when the rows have no other names, or at least half have the same.
        """
        if "path" in columns.at and not columns.levels:
            return True
        last, same = 0, 0
        for row in rows:
            if path := self._levels(row, columns, separator):
                labels = _texts(row, columns)["pref_label"].values()
                last += bool(labels)
                same += normalise(path[-1]) in map(normalise, labels)
        return 2 * same >= last

    def _one_of(self, role: str, cell: Mapping[str, str], allowed: Sequence[Any], default: Any, place: str) -> Any:
        value = cell.get(role, "").strip().lower() or default
        if value in allowed:
            return value
        what = f"rows have a {role} that is none of {', '.join(allowed)}; it was taken as {default}"
        self.faults.add(what, f"{place} ({value[:40]!r})")
        return default

    def _note_columns(self, file: Path, columns: headers.Columns) -> None:
        related = [] if columns.products else columns.relation_like()
        rest = [name for name in columns.unused if name not in related]
        what = f"columns of {file.name} look like relations and were not used (--column parent=NAME would)"
        self.notes += note(what, map(repr, related))
        what = "are not about its categories" if columns.products else "are unknown"
        self.notes += note(f"columns of {file.name} {what} and were left out", map(repr, rest))
        if columns.plain and self.lang is None:
            text = f"{file.name} names no language for its labels; they were taken as 'en'; --lang names another"
            self.notes.append(text)


def _texts(row: table.Row, columns: headers.Columns) -> dict[str, Mapping[str, Any]]:
    """The labels and definitions of a row by field and language."""
    found: dict[str, dict[str, Any]] = {}
    for position, (field, language, rank) in columns.texts.items():
        cell = row.cell(position)
        if field in ("alt_label", "hidden_label"):
            if items := table.split(cell):
                found.setdefault(field, {})[language] = tuple(dict.fromkeys(items))
        elif cell.strip() or (field == "definition" and cell):
            if rank:
                cell = _tidy(cell) if field == "definition" else cell.strip()
            found.setdefault(field, {})[language] = cell
    return {field: found.get(field, _NO_TEXTS) for field in _TEXTS}


def _tidy(text: str) -> str:
    """The text of a description without markup."""
    return html.unescape(_MARKUP.sub("", text)).strip()


class _Identified:
    """Entries by id: those of the file, else made from paths or names. Rows that repeat an id are joined."""

    def __init__(self, reading: _Reading) -> None:
        self.entries: dict[str, _Entry] = {}
        self._faults = reading.faults
        self._lang = reading.tag
        repeated = Counter(self._key(one) for one in reading.entries if not one.concept.id and not one.path)
        made, example = 0, ""
        for one in reading.entries:
            id = one.concept.id
            if not id:
                id = self._made(one, repeated)
                made, example = made + 1, example or id
            if id in self.entries:
                self._join(id, one)
            else:
                self.entries[id] = one if one.concept.id else replace(one, concept=replace(one.concept, id=id))
        if made:
            reading.notes.append(f"{made} rows have no id; ids were made from their names, e.g. {example!r}")

    def _key(self, one: _Entry) -> tuple[str, str]:
        return one.concept.scheme, normalise(one.concept.label(self._lang))

    def _made(self, one: _Entry, repeated: Mapping[tuple[str, str], int]) -> str:
        """An id from the path, else the label, which follows its parent's if several rows have it."""
        if one.path:
            return path_id(one.concept.scheme, one.path)
        scheme, label = self._key(one)
        above = table.split(one.parent)[:1] if repeated[scheme, label] > 1 else []
        return path_id(scheme, [*(above or one.above), label])

    def _join(self, id: str, one: _Entry) -> None:
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


class _ParentFinder:
    """Finds the concepts that rows name, and makes parents without a row, with their relations."""

    def __init__(self, entries: Mapping[str, _Entry], reading: _Reading) -> None:
        self.concepts = {id: one.concept for id, one in entries.items()}
        self.made: list[Concept] = []
        self.made_relations: list[Relation] = []
        self._entries = entries
        self._faults = reading.faults
        self._lang = reading.tag
        self._ids = any(one.concept.id for one in reading.entries)
        self._by_path: dict[tuple[str, ...], str] = {}
        self._by_label: dict[str, list[str]] = defaultdict(list)
        self._by_key: dict[str, str] = {}
        for id, one in entries.items():
            if one.path:
                self._by_path.setdefault((one.concept.scheme, *map(normalise, one.path)), id)
            for label in dict.fromkeys(map(normalise, one.concept.pref_label.values())):
                self._by_label[label].append(id)
            for text in one.keys:
                self._by_key.setdefault(text, id)
        self._find_attributes()

    def _find_attributes(self) -> None:
        """What has values is an attribute, unless its row says otherwise."""
        for one in self._entries.values():
            for id in table.split((one.edges or {}).get("value_of", ""))[:1]:
                found = self._entries.get(id)
                if found is not None and not found.stated and self.concepts[id].kind == "category":
                    self.concepts[id] = replace(self.concepts[id], kind="attribute")

    def relations_of(self, id: str, one: _Entry) -> list[Relation]:
        """The relations of a concept, from all its rows."""
        targets: dict[RelationType, dict[str, None]] = {}
        for row in (one, *one.more):
            for type, cell in (row.edges or {}).items():
                targets.setdefault(type, {}).update(dict.fromkeys(table.split(cell)))
            targets.setdefault("broader", {}).update(dict.fromkeys(self._parents(id, row)))
        if id in targets["broader"]:
            del targets["broader"][id]
            above = [self._at(row.above, row) for row in (one, *one.more) if row.above and not targets["broader"]]
            targets["broader"].update(dict.fromkeys(target for target in above if target != id))
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

    def _parents(self, id: str, one: _Entry) -> list[str]:
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

    def _named(self, one: _Entry) -> list[str]:
        """The concepts in the row's column of parents: ids, other keys, or labels."""
        texts = [one.parent] if self._known(one.parent) else table.split(one.parent)
        found = []
        for text in texts:
            parts = [part.strip() for part in re.split(r"[,;]", text)]
            every = [text] if self._known(text) or not all(map(self._known, parts)) else parts
            found += [target for part in every if (target := self._target(part, one)) is not None]
        return found

    def _known(self, text: str) -> bool:
        return text in self.concepts or text in self._by_key or normalise(text) in self._by_label

    def _target(self, text: str, one: _Entry) -> str | None:
        if text in self.concepts:
            return text
        if text in self._by_key:
            return self._by_key[text]
        fits = self._by_label.get(normalise(text), [])
        if len(fits) > 1:
            what = "rows name a parent by a label of several rows, and stand at the top; name it by its id"
            self._faults.add(what, one.at(f"{text!r}: {', '.join(fits[:3])}"))
            return None
        if fits:
            return fits[0]
        return text if self._ids else self._make(path_id(one.concept.scheme, [text]), text, one)

    def _at(self, levels: tuple[str, ...], one: _Entry) -> str:
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

    def _make(self, id: str, label: str, one: _Entry) -> str:
        if id not in self.concepts:
            concept = Concept(id, one.concept.scheme, one.concept.kind, {self._lang: label})
            self.concepts[id] = concept
            self.made.append(concept)
            self._by_label[normalise(label)].append(id)
        return id

    def acyclic(self, relations: Sequence[Relation]) -> list[Relation]:
        """The relations without those that close a circle of parents."""
        closing = set(circles(relations))
        for edge in closing:
            one = self._entries.get(edge.source)
            detail = f"{edge.source!r} under {edge.target!r}"
            self._faults.add("parents close a circle and were left out", one.at(detail) if one else detail)
        return [edge for edge in relations if edge not in closing]


def write(taxonomy: Taxonomy, path: Path, options: ExportOptions = DEFAULTS) -> Exported:
    """Write every concept (of the scheme) with all fields; with tabs for .tsv, else with commas."""
    reading.write(path, _lines(taxonomy, options.scheme, delimiter=table.delimiter_of(path)))
    return Exported.of(taxonomy, options)


def _lines(taxonomy: Taxonomy, scheme: str | None, *, delimiter: str) -> Iterator[bytes]:
    concepts = [concept for concept in taxonomy if scheme in (None, concept.scheme)]
    labels = [
        (field, tag)
        for field in _TEXTS
        for tag in sorted({tag for concept in concepts for tag in getattr(concept, field)})
    ]
    header = [*_PLAIN[:3], *(f"{field}@{tag}" for field, tag in labels), *_PLAIN[3:], *RELATION_TYPES]
    yield table.line(header, delimiter=delimiter)
    for concept in concepts:
        targets: dict[str, list[str]] = {type: [] for type in RELATION_TYPES}
        for relation in sorted(taxonomy.relations_from(concept.id), key=lambda r: (not r.primary, r.target)):
            targets[relation.type].append(relation.target)
        cells = [getattr(concept, field).get(tag, "") for field, tag in labels]
        texts = [cell if isinstance(cell, str) else table.join(cell) for cell in cells]
        head = [concept.id, concept.scheme, concept.kind]
        tail = [concept.notation or "", concept.status, concept.choice]
        yield table.line([*head, *texts, *tail, *map(table.join, targets.values())], delimiter=delimiter)
