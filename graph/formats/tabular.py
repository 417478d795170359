"""A taxonomy as CSV or TSV: a concept a row, with the columns of docs/reference/formats.md.

`id,label,parent`, `label,parent` or a column of paths (`Apparel > Shoes`) are enough: ids are made from labels or
paths, and parents may be named by id, label or path. An export writes every column.
"""

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from graph.errors import FileFormatError
from graph.formats import reading, table
from graph.formats.format import DEFAULTS, Exported, ExportOptions
from graph.formats.parsed import Parsed, Place, note, parsed
from graph.labels import normalise, slug
from graph.model import CHOICES, KINDS, LANGUAGE_TAG, RELATION_TYPES, STATUSES, Concept, Relation
from graph.taxonomy import Taxonomy

_DEEPEST = 50
_ARROW = re.compile(r"\s*>\s*")
_ONE = ("pref_label", "definition")
_MANY = ("alt_label", "hidden_label")
_LABELS = (*_ONE, *_MANY)
_PLAIN = ("id", "scheme", "kind", "notation", "status", "choice")
_SHORT = {"label": "pref_label", "name": "pref_label", "synonyms": "alt_label"}
_COLUMNS = (*_PLAIN, *_LABELS, *RELATION_TYPES, *_SHORT, "parent", "path")


class Named(NamedTuple):
    """A row and its concept, whose id may be empty."""

    row: table.Row
    concept: Concept


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


def _ids(rows: Sequence[Named], lang: str) -> list[str]:
    """An id for each row. Raises FileFormatError for two rows with one id."""
    repeated = Counter(_key(one.concept, lang) for one in rows if not one.concept.id)
    lines: dict[str, int] = {}
    for one in rows:
        id = one.concept.id or _made_id(one, repeated, lang)
        if id in lines:
            column = "id" if one.concept.id else "path" if path_of(one.row) else "label"
            raise one.row.error(column, f"a second row for {id!r}; the first is in line {lines[id]}")
        lines[id] = one.row.line
    return list(lines)


def _key(concept: Concept, lang: str) -> tuple[str, str]:
    return concept.scheme, normalise(concept.label(lang))


def _made_id(one: Named, repeated: Counter[tuple[str, str]], lang: str) -> str:
    """An id from the path, else the label, which follows its parent's if several rows have it."""
    if path := path_of(one.row):
        return _path_id(one.concept.scheme, path)
    key = _key(one.concept, lang)
    above = table.split(one.row.cells.get("parent", ""))[:1] if repeated[key] > 1 else []
    return f"{key[0]}:{'.'.join(slug(part, keep='') for part in (*map(normalise, above), key[1]))}"


def _path_id(scheme: str, path: Sequence[str]) -> str:
    return f"{scheme}:{'.'.join(slug(normalise(level), keep='') for level in path)}"


class _ParentFinder:
    """Finds the concepts of parent cells, and makes those without a row, with their `relations`."""

    def __init__(self, rows: Mapping[str, Named], lang: str) -> None:
        self.concepts = {id: replace(one.concept, id=id) for id, one in rows.items()}
        self.lang = lang
        self.made: list[Concept] = []
        self.relations: list[Relation] = []
        self._by_path: dict[tuple[str, ...], str] = {}
        self._by_label: dict[str, list[str]] = defaultdict(list)
        for id, one in rows.items():
            if path := path_of(one.row):
                self._by_path.setdefault((one.concept.scheme, *map(normalise, path)), id)
            for label in dict.fromkeys(map(normalise, one.concept.pref_label.values())):
                self._by_label[label].append(id)

    def parents(self, one: Named) -> list[str]:
        """The row's parents besides its column `broader`: the last of its path, and those in its column `parent`."""
        above = path_of(one.row)[:-1]
        return [*([self._at(above, one)] if above else []), *self._by_name(one)]

    def _by_name(self, one: Named) -> list[str]:
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
        key = (one.concept.scheme, *map(normalise, levels))
        if (known := self._by_path.get(key)) is not None:
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


def read(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read files; `scheme` is for rows without one ("kgtag"), `lang` for columns without a language ("en")."""
    into, tag = scheme or "kgtag", lang or "en"
    named: list[Named] = []
    notes: list[str] = []
    for file in files:
        labels: dict[str, tuple[str, str]] | None = None
        for row in table.rows(file, known=_COLUMNS):
            if labels is None:
                labels, remarks = _labels(row, lang)
                notes += remarks
            named.append(Named(row, _concept(row, labels, into=into, tag=tag)))
        if labels is None:
            raise FileFormatError(str(file), "there are no rows below the column names")
    ids = _ids(named, tag)
    finder = _ParentFinder(dict(zip(ids, named, strict=True)), tag)
    relations = [edge for id, one in zip(ids, named, strict=True) for edge in _relations(id, one, finder)]
    if made := sum(not one.concept.id for one in named):
        notes.append(f"{made} rows have no id; ids were made from their names, e.g. {ids[0]!r}")
    notes += note("parents have no row of their own and were made", (f"{c.label()!r}" for c in finder.made))
    places = {id: Place(str(one.row.file), one.row.line) for id, one in zip(ids, named, strict=True)}
    relations += finder.relations
    return parsed(finder.concepts.values(), relations, notes=notes, places=places, file=", ".join(map(str, files)))


def write(taxonomy: Taxonomy, path: Path, options: ExportOptions = DEFAULTS) -> Exported:
    """Write every concept (of the scheme) with all fields; with tabs for .tsv, else with commas."""
    reading.write(path, _lines(taxonomy, options.scheme, delimiter=table.delimiter_of(path)))
    return Exported.of(taxonomy, options)


def _lines(taxonomy: Taxonomy, scheme: str | None, *, delimiter: str) -> Iterator[bytes]:
    concepts = [concept for concept in taxonomy if scheme in (None, concept.scheme)]
    labels = [
        (field, tag)
        for field in _LABELS
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


def _labels(row: table.Row, lang: str | None) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Field and language of the columns of labels, by column name, and notes on the file's columns."""
    labels: dict[str, tuple[str, str]] = {}
    unknown: list[str] = []
    assumed = "path" in row.columns
    for name in row.columns:
        field, at, language = name.partition("@")
        field = _SHORT.get(field, field)
        if field in _LABELS:
            key = (field, language if at else lang or "en")
            if not LANGUAGE_TAG.fullmatch(key[1]):
                raise row.error(name, f"{language!r} is not a language tag (like en or zh-CN)")
            if key in labels.values():
                raise row.error(name, f"a second column of {key[0]}@{key[1]}")
            labels[name] = key
            assumed |= not at
        elif name not in _COLUMNS:
            near = difflib.get_close_matches(field, _COLUMNS, n=1, cutoff=0.8)
            if near:
                raise row.error(name, f"there is no such column; did you mean {near[0]}?")
            unknown.append(name)
    if "path" not in row.columns and not any(field == "pref_label" for field, _ in labels.values()):
        message = "no column of names: `label`, `pref_label@en` or `path` was expected (see docs/reference/formats.md)"
        raise FileFormatError(str(row.file), message, line=1)
    notes = note(f"columns of {row.file.name} are unknown and were left out", map(repr, unknown))
    if assumed and lang is None:
        notes.append(f"{row.file.name} names no language for its labels; they were taken as 'en'; --lang names another")
    return labels, notes


def _concept(row: table.Row, labels: Mapping[str, tuple[str, str]], *, into: str, tag: str) -> Concept:
    """The row's concept, with an empty id when the table has none."""
    fields: dict[str, dict[str, Any]] = {field: {} for field in _LABELS}
    for name, (field, language) in labels.items():
        cell = row.cells.get(name, "")
        if field == "definition" and cell:
            fields[field][language] = cell
        elif field == "pref_label" and cell.strip():
            fields[field][language] = cell.strip() if name in _SHORT else cell
        elif field in _MANY and (items := table.split(cell)):
            fields[field][language] = tuple(items)
    if path := path_of(row):
        fields["pref_label"].setdefault(tag, path[-1])
    if not fields["pref_label"]:
        columns = [name for name, (field, _) in labels.items() if field == "pref_label"]
        raise row.error((*columns, "path")[0], "the row has no name")
    id = row.cells.get("id", "").strip()
    if not id and "id" in row.columns:
        raise row.error("id", "the row has no id; fill in all of them, or leave the column out")
    default = "value" if row.cells.get("value_of", "").strip() else "category"
    return Concept(
        id,
        row.cells.get("scheme", "").strip() or into,
        _one_of(row, "kind", KINDS, default),
        fields["pref_label"],
        fields["alt_label"],
        fields["hidden_label"],
        fields["definition"],
        row.cells.get("notation") or None,
        _one_of(row, "status", STATUSES, "active"),
        _one_of(row, "choice", CHOICES, "multiple"),
    )


def _one_of(row: table.Row, column: str, allowed: Sequence[Any], default: Any) -> Any:
    value = row.cells.get(column, "").strip() or default
    if value not in allowed:
        raise row.error(column, f"{value!r} is none of {', '.join(allowed)}")
    return value


def _relations(id: str, one: Named, finder: _ParentFinder) -> Iterator[Relation]:
    for type in RELATION_TYPES:
        targets = table.split(one.row.cells.get(type, ""))
        if type == "broader":
            targets += finder.parents(one)
        for at, target in enumerate(dict.fromkeys(targets)):
            yield Relation(type, id, target, primary=type == "broader" and at == 0)
