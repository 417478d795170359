"""Taxonomies with a category a line: Google's product taxonomy, and GS1's Global Product Classification (GPC)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from graph.errors import FileFormatError, InputError
from graph.formats import paths, reading
from graph.formats.parsed import Faults, Parsed, Place, note, parsed, shortened, under
from graph.labels import path_id
from graph.model import Concept, Kind, Relation

_VERSION = re.compile(r"#\s*Google_Product_Taxonomy_Version:\s*(\d{4}-\d{2}-\d{2})\s*")
LEVELS = ("segment", "family", "class", "brick")
_STATED = re.compile(rb"\(GPC (segment|family|class|brick)\)\Z")
_LONGEST = len("(GPC segment)")
_LEVEL = re.compile(r"(.*)\(GPC (segment|family|class|brick|attType|attValue)\)")


class Line(NamedTuple):
    """A line with an id and a path, the groups of `pattern`."""

    pattern: re.Pattern[str]
    example: str


_GOOGLE = Line(re.compile(r"(\d{1,18}) - (.+)"), "1604 - Apparel > Clothing")


@dataclass(slots=True)
class _Locale:
    """A file; `version` is its date in ISO 8601 or "", `made` whether its ids were made; other fields are by id."""

    file: Path
    lang: str
    version: str = ""
    names: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str | None] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    dangling: list[str] = field(default_factory=list)
    made: bool = False
    faults: Faults = field(default_factory=Faults)


def read_google(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read files, one per locale, joined on ids; a file's locale is `lang`, else in its name (….zh-CN.txt).

    Where files disagree on parents, the newest one counts (its first line has the date). Ids that only older files have
    become deprecated. A file without ids gets some from its paths, and can't be joined with another.
    """
    tagged = list(reading.languages(files, lang, example="taxonomy-with-ids.zh-CN.txt"))
    return read_listing(tagged, _GOOGLE, scheme=scheme or "google", notation=True)


def read_listing(files: Sequence[tuple[Path, str]], line: Line, *, scheme: str, notation: bool) -> Parsed:
    """Read files with their languages; `notation`: whether ids are notations too."""
    locales = [_read_locale(file, tag, line, scheme) for file, tag in files]
    if len(files) > 1 and any(one.made for one in locales):
        raise InputError(f"{files[0][0].name} has no ids, by which languages could be joined; take the files with ids")
    by_age = sorted(locales, key=lambda one: one.version, reverse=True)
    source = {id: one for one in reversed(by_age) for id in one.names}
    current = {id for one in by_age if one.version == by_age[0].version for id in one.names}
    concepts = [
        Concept(
            id,
            scheme,
            "category",
            {one.lang: one.names[id] for one in sorted(locales, key=lambda one: one.lang) if id in one.names},
            notation=id if notation and not source[id].made else None,
            status="active" if id in current else "deprecated",
        )
        for id in source
    ]
    relations, _ = under({id: one.parents[id] for id, one in source.items()})
    places = {id: Place(str(one.file), one.lines[id]) for id, one in source.items()}
    faults = [text for one in locales for text in one.faults.notes()]
    notes = [*_notes(by_age, source, current), *faults]
    return parsed(concepts, relations, notes=notes, places=places, file=str(files[0][0]), faults=faults)


def _notes(by_age: Sequence[_Locale], source: dict[str, _Locale], current: set[str]) -> list[str]:
    moved = [
        f"{id!r} ({one.names[id]}) in {one.file.name}"
        for one in by_age
        for id, parent in one.parents.items()
        if source[id] is not one and source[id].parents[id] != parent
    ]
    unlabelled = [f"{id!r}" for id in source if any(id not in one.names for one in by_age)]
    old = [f"{id!r} ({one.names[id]})" for id, one in source.items() if id not in current]
    made = next((one for one in by_age if one.made), None)
    return [
        *([f"{made.file.name} has no ids; they were made from the names, and change when those do"] if made else []),
        *note("parents are not in their file and were ignored", (d for one in by_age for d in one.dangling)),
        *note(f"categories are only in files older than {by_age[0].version} and became deprecated", old),
        *note("categories have another parent in another file; the newest counts", moved),
        *note("categories are missing in some of the languages", unlabelled),
    ]


def _read_locale(file: Path, lang: str, line: Line, scheme: str) -> _Locale:
    found = _Locale(file, lang)
    ids: dict[tuple[str, ...], str] = {}
    rows: list[tuple[int, str]] = []
    for number, raw in reading.lines(file):
        text = raw.strip()
        if text.startswith("#"):
            stated = _VERSION.fullmatch(text)
            found.version = found.version or (stated[1] if stated else "")
        elif text:
            rows.append((number, text))
    if not rows:
        raise FileFormatError(str(file), f"no category in the file; lines such as `{line.example}` expected")
    found.made = not any(line.pattern.fullmatch(text) for _, text in rows)
    if found.made and not any(paths.DEFAULT in text for _, text in rows):
        message = f"{shortened(rows[0][1])!r} is not a line like `{line.example}`"
        raise FileFormatError(str(file), message, line=rows[0][0])
    above: dict[str, tuple[str, ...]] = {}
    for number, text in rows:
        matched = line.pattern.fullmatch(text)
        place = f"{file.name}:{number} ({shortened(text)!r})"
        levels = paths.split(text if found.made else matched[2] if matched else "")
        if not levels or not all(levels) or len(levels) > paths.DEEPEST:
            found.faults.add(f"lines are not like `{line.example}` and were left out", place)
            continue
        id = path_id(scheme, levels) if matched is None else matched[1]
        if id in found.names or levels in ids:
            found.faults.add("lines repeat the id or the path of an earlier one and were left out", place)
            continue
        ids[levels] = id
        *_, found.names[id] = levels
        above[id] = levels[:-1]
        found.lines[id] = number
    for id, levels in above.items():
        found.parents[id] = ids.get(levels)
        if levels and levels not in ids:
            found.dangling.append(f"{id!r} under {' > '.join(levels)!r}")
    return found


def read_gpc(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read tab-separated code, name, description, which ends in the kind of row: "(GPC brick)".

    Segments, families, classes and bricks become categories, whose parents follow from the order of rows, which is
    depth first; attribute types become attributes. Attribute values are left out with a note: these files do not link
    them to attributes. So are bad lines, unless there are no others.
    """
    into, tag = scheme or "gpc", lang or "en"
    concepts: list[Concept] = []
    parents: dict[str, str | None] = {}
    places: dict[str, Place] = {}
    values: list[str] = []
    faults, first = Faults(), None
    for file in files:
        above: list[str | None] = []
        rows = 0
        for number, raw in reading.raw_lines(file):
            if not raw.strip():
                continue
            rows += 1
            try:
                code, name, description, level = _gpc_row(reading.decode(raw, file, number), file, number)
            except FileFormatError as error:
                first = first or error
                faults.add("lines can't be read and were left out", str(error))
                # Rows below it must not go below what stands before it.
                if (stated := _STATED.search(raw.rstrip()[-_LONGEST:])) is not None:
                    above[LEVELS.index(stated[1].decode()) :] = [None]
                continue
            shown = f"{file.name}:{number} ({code!r}, {name})"
            if level == "attValue":
                values.append(f"{code!r} ({name})")
                continue
            depth = LEVELS.index(level) if level in LEVELS else 0
            if level in LEVELS:
                above[depth:] = [*(None for _ in range(depth - len(above))), code]
            if code in places:
                faults.add("lines have the code of an earlier one and were left out", shown)
                continue
            places[code] = Place(str(file), number)
            definition = {tag: description} if description else {}
            kind: Kind = "attribute" if level == "attType" else "category"
            concepts.append(Concept(code, into, kind, {tag: name}, definition=definition, notation=code))
            if depth:
                parents[code] = next((one for one in reversed(above[:depth]) if one is not None), None)
                if above[depth - 1] is None:
                    faults.add(f"rows have no {LEVELS[depth - 1]} above them and stand below what comes next", shown)
        if not rows:
            raise FileFormatError(str(file), "the file is empty")
    missing = "attribute values are not linked to an attribute in this file and were left out"
    if not concepts:
        raise first or FileFormatError(str(files[0]), f"nothing to import: {len(values)} {missing}")
    relations = [Relation("broader", code, parent, primary=True) for code, parent in parents.items() if parent]
    found = faults.notes()
    notes = [*note(missing, values), *found]
    return parsed(concepts, relations, notes=notes, places=places, file=str(files[0]), faults=found)


def _gpc_row(line: str, file: Path, number: int) -> tuple[str, str, str, str]:
    """Code, name, description, level."""
    cells = line.rstrip("\r\n").split("\t")
    if len(cells) != 3:
        raise FileFormatError(str(file), f"code, name, description expected, not {len(cells)} columns", line=number)
    code, name, description = (cell.strip() for cell in cells)
    if not code.isascii() or not code.isdigit():
        raise FileFormatError(str(file), f"the code {shortened(code)!r} is not a number", line=number, column=1)
    if not name:
        raise FileFormatError(str(file), f"{code!r} has no name", line=number, column=len(cells[0]) + 2)
    level = _LEVEL.fullmatch(description)
    if level is None:
        column = len(cells[0]) + len(cells[1]) + 3
        message = f"the description of {code!r} must end in its kind, such as (GPC brick)"
        raise FileFormatError(str(file), message, line=number, column=column)
    return code, name, level[1].strip(), level[2]
