"""A taxonomy as CSV or TSV: a concept a row, with the columns of docs/reference/formats.md, or a shop's export.

`id,label,parent`, `label,parent` or a column of paths (`Apparel > Shoes`) are enough: ids are made from labels or
paths, and parents may be named by id, label or path. Of a table of products, only their categories are read. A row with
something wrong in it is a note (`Parsed.faults`) and never the end of the file. An export writes every column.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from graph.errors import FileFormatError
from graph.formats import headers, paths, reading, table
from graph.formats.entries import Entry, Identified, ParentFinder
from graph.formats.format import DEFAULTS, Exported, ExportOptions
from graph.formats.parsed import CONTRADICTIONS, Coverage, Faults, Lines, Parsed, note, parsed
from graph.labels import normalise
from graph.model import CHOICES, KINDS, RELATION_TYPES, STATUSES, Concept, Kind, Relation
from graph.taxonomy import Taxonomy

_LONGEST_ID = 300
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[A-Za-z]\w{1,30});")
_SAMPLE = 2_000
"""Rows from which a table's way of writing paths is seen."""
_TEXTS = ("pref_label", "definition", "alt_label", "hidden_label")
_PLAIN = ("id", "scheme", "kind", "notation", "status", "choice")
_OTHER_SEPARATOR = re.compile(r"\w>\w|\w / \w")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>")
_NO_TEXTS: Mapping[str, Any] = {}


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
        self.entries: list[Entry] = []
        self.notes: list[str] = []
        self.faults = Faults()
        self.texts: set[tuple[str, str]] = set()
        self.fields: set[str] = set()
        self.unread: set[str] = set()
        self.with_ids = False
        self.unsplit: dict[str, None] = {}

    def add(self, file: Path) -> None:
        """Read the rows of a file. Raises FileFormatError for a file without rows, or without names."""
        opened = table.read(file, lambda header: headers.recognised(header, self.given))
        columns = headers.columns(opened, self.given, lang=self.tag)
        if not columns.named:
            raise headers.nameless(opened)
        if opened.above:
            self.notes.append(f"{opened.above} rows of {file.name} stand above its column names and were left out")
        rows = self._sound(opened, columns)
        if columns.levels:
            rows = self._filled(opened, rows, columns.levels)
        sample = list(islice(rows, _SAMPLE))
        if not sample:
            raise FileFormatError(str(file), "there are no rows below the column names")
        separator = self._separator(file, sample, columns)
        before = len(self.entries)
        if columns.products:
            self._products(opened, chain(sample, rows), columns, separator)
        else:
            itself = self._to_itself(sample, columns, separator)
            for row in chain(sample, rows):
                path = self._levels(row, columns, separator)
                usable = self._usable(path, opened, row)
                if usable or columns.at.keys() & {"id"} or columns.texts:
                    self._concept(opened, row, columns, path if usable else (), itself)
        self._note_columns(file, columns)
        self.notes += note("paths of one level may have another separator; see --separator", map(repr, self.unsplit))
        self.unsplit.clear()
        self._cover(columns)
        if columns.products and len(self.entries) == before:
            raise FileFormatError(str(file), "no row has a category")

    def parsed(self, file: str) -> Parsed:
        """Everything read so far. Raises FileFormatError."""
        identified = Identified(self.entries, lang=self.tag, faults=self.faults)
        self.notes += identified.notes
        entries = identified.entries
        self.entries.clear()
        finder = ParentFinder(entries, lang=self.tag, with_ids=self.with_ids, faults=self.faults)
        relations: list[Relation] = []
        for id, one in entries.items():
            relations += finder.relations_of(id, one)
        relations += finder.made_relations
        self.notes += note("parents have no row of their own and were made", (f"{c.label()!r}" for c in finder.made))
        relations = finder.acyclic(relations)
        places = Lines((id, str(one.file), one.line) for id, one in entries.items())
        entries.clear()
        concepts, unplaced = list(finder.concepts.values()), frozenset(finder.unplaced)
        del finder, identified  # their indexes take as much memory as what is built next
        found = parsed(
            concepts,
            relations,
            notes=[*self.notes, *self.faults.notes()],
            places=places,
            file=file,
            tolerate=CONTRADICTIONS,
            faults=self.faults.notes(),
        )
        coverage = Coverage(frozenset(self.texts), frozenset(self.fields))
        return replace(found, coverage=coverage, unread=frozenset(self.unread), unplaced=unplaced)

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
        self, opened: table.Table, rows: Iterable[table.Row], columns: headers.Columns, separator: str
    ) -> None:
        """Make a concept of every category that a product has."""
        many = columns.at.get("categories")
        single = columns.numbered or (columns.at.get("category"),)
        seen: set[tuple[str, ...]] = set()
        count = without = 0
        for row in rows:
            count += 1
            cells = paths.several(row.cell(many)) if many is not None else map(row.cell, single)
            found = [tuple(map(_unescaped, paths.split(cell, separator))) for cell in cells]
            without += not any(found)
            for path in found:
                if path and path not in seen and self._usable(path, opened, row):
                    seen.add(path)
                    self.entries.append(
                        Entry(
                            Concept("", self.scheme, "category", {self.tag: path[-1]}),
                            opened.file,
                            row.line,
                            above=path[:-1],
                            path=path,
                        )
                    )
        more = f", {without} of them without a category" if without else ""
        what = f"{opened.file.name} is a table of products: their categories were read, not the {count} products"
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
        self.with_ids |= bool(id)
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
        self.entries.append(Entry(concept, opened.file, row.line, above, whole, parent, keys, edges or None, stated))

    def _filled(self, opened: table.Table, rows: Iterator[table.Row], levels: Sequence[int]) -> Iterator[table.Row]:
        """Rows whose first levels are blank, as outlines have them, with those of the row above."""
        above: list[str] = []
        many, example = 0, ""
        for row in rows:
            path = [row.cell(at).strip() for at in levels]
            first = next((depth for depth, text in enumerate(path) if text), 0)
            if 0 < first <= len(above) and all(above[:first]):
                path[:first] = above[:first]
                cells = [*row.cells, *[""] * (max(levels) + 1 - len(row.cells))]
                for at, text in zip(levels, path, strict=True):
                    cells[at] = text
                row = replace(row, cells=cells)
                many, example = many + 1, example or f"{opened.file.name}:{row.line}"
            above = path
            yield row
        if many:
            self.notes.append(
                f"{many:,} rows leave their first levels blank, and have those of the row above: {example}"
            )

    def _levels(self, row: table.Row, columns: headers.Columns, separator: str) -> tuple[str, ...]:
        if columns.levels:
            path = tuple(text for at in columns.levels if (text := row.cell(at).strip()))
        else:
            cell = row.cell(columns.at.get("path", columns.at.get("category")))
            path = paths.split(cell, separator)
            if len(path) == 1 and "path" in columns.at and _OTHER_SEPARATOR.search(cell):
                self.unsplit.setdefault(cell, None)
        return tuple(map(_unescaped, path))

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
        what = f"columns of {file.name} look like relations and were not used; --column ROLE=HEADER says what one is"
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
                cell = _unescaped(_MARKUP.sub("", cell) if field == "definition" else cell).strip()
            found.setdefault(field, {})[language] = cell
    return {field: found.get(field, _NO_TEXTS) for field in _TEXTS}


def _unescaped(text: str) -> str:
    """The text without HTML's entities, which shops export: "Home &amp; Garden"."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


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
