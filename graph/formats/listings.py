"""Taxonomies with a category a line: Google's product taxonomy, and GS1's Global Product Classification (GPC)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from graph.errors import FileFormatError
from graph.formats import reading
from graph.formats.parsed import Parsed, Place, note, parsed, shortened, under
from graph.model import Concept, Kind, Relation

_VERSION = re.compile(r"#\s*Google_Product_Taxonomy_Version:\s*(\d{4}-\d{2}-\d{2})\s*")
_LINE = re.compile(r"(\d{1,18}) - (.+)")
_SEPARATOR = " > "
LEVELS = ("segment", "family", "class", "brick")
_LEVEL = re.compile(r"(.*)\(GPC (segment|family|class|brick|attType|attValue)\)")


@dataclass(slots=True)
class _Locale:
    """A file; `version` is its date in ISO 8601 or "", other fields are by id."""

    file: Path
    lang: str
    version: str = ""
    names: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str | None] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    dangling: list[str] = field(default_factory=list)


def read_google(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read files, one per locale, joined on ids; a file's locale is `lang`, else in its name (….zh-CN.txt).

    Where files disagree on parents, the newest one counts (its first line has the date). Ids that only older files have
    become deprecated.
    """
    tagged = reading.languages(files, lang, example="taxonomy-with-ids.zh-CN.txt")
    locales = [_read_locale(file, tag) for file, tag in tagged]
    by_age = sorted(locales, key=lambda one: one.version, reverse=True)
    source = {id: one for one in reversed(by_age) for id in one.names}
    current = {id for one in by_age if one.version == by_age[0].version for id in one.names}
    into = scheme or "google"
    concepts = [
        Concept(
            id,
            into,
            "category",
            {one.lang: one.names[id] for one in sorted(locales, key=lambda one: one.lang) if id in one.names},
            notation=id,
            status="active" if id in current else "deprecated",
        )
        for id in source
    ]
    relations, _ = under({id: one.parents[id] for id, one in source.items()})
    places = {id: Place(str(one.file), one.lines[id]) for id, one in source.items()}
    return parsed(concepts, relations, notes=_notes(by_age, source, current), places=places, file=str(files[0]))


def _notes(by_age: Sequence[_Locale], source: dict[str, _Locale], current: set[str]) -> list[str]:
    moved = [
        f"{id!r} ({one.names[id]}) in {one.file.name}"
        for one in by_age
        for id, parent in one.parents.items()
        if source[id] is not one and source[id].parents[id] != parent
    ]
    unlabelled = [f"{id!r}" for id in source if any(id not in one.names for one in by_age)]
    old = [f"{id!r} ({one.names[id]})" for id, one in source.items() if id not in current]
    return [
        *note("parents are not in their file and were ignored", (d for one in by_age for d in one.dangling)),
        *note(f"categories are only in files older than {by_age[0].version} and became deprecated", old),
        *note("categories have another parent in another file; the newest counts", moved),
        *note("categories are missing in some of the languages", unlabelled),
    ]


def _read_locale(file: Path, lang: str) -> _Locale:
    found = _Locale(file, lang)
    ids: dict[str, str] = {}
    parents: dict[str, str] = {}
    for number, line in reading.lines(file):
        text = line.strip()
        if text.startswith("#"):
            stated = _VERSION.fullmatch(text)
            found.version = found.version or (stated[1] if stated else "")
        elif text:
            id, path = _google_row(text, file, number)
            if id in found.names:
                message = f"a second category {id!r}; the first is in line {found.lines[id]}"
                raise FileFormatError(str(file), message, line=number)
            if path in ids:
                message = f"{shortened(path)!r} is category {ids[path]!r} already, in line {found.lines[ids[path]]}"
                raise FileFormatError(str(file), message, line=number)
            ids[path] = id
            parents[id], _, found.names[id] = path.rpartition(_SEPARATOR)
            found.lines[id] = number
    if not ids:
        raise FileFormatError(str(file), "no category in the file; lines such as `1604 - Apparel > Clothing` expected")
    for id, above in parents.items():
        found.parents[id] = ids.get(above)
        if above and above not in ids:
            found.dangling.append(f"{id!r} under {above!r}")
    return found


def _google_row(text: str, file: Path, number: int) -> tuple[str, str]:
    """Id and path of a line."""
    matched = _LINE.fullmatch(text)
    path = _SEPARATOR.join(part.strip() for part in matched[2].split(_SEPARATOR)) if matched else ""
    if matched is None or not all(path.split(_SEPARATOR)):
        message = f"{shortened(text)!r} is not a line like `1604 - Apparel > Clothing`"
        hint = "; take the file taxonomy-with-ids: names without ids are not stable" if ">" in text else ""
        raise FileFormatError(str(file), message + hint, line=number)
    return matched[1], path


def read_gpc(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read tab-separated code, name, description, which ends in the kind of row: "(GPC brick)".

    Segments, families, classes and bricks become categories, whose parents follow from the order of rows, which is
    depth first; attribute types become attributes. Attribute values are left out with a note: these files do not link
    them to attributes.
    """
    into, tag = scheme or "gpc", lang or "en"
    concepts: list[Concept] = []
    relations: list[Relation] = []
    places: dict[str, Place] = {}
    values: list[str] = []
    for file in files:
        above: list[str] = []
        rows = 0
        for number, line in reading.lines(file):
            if not line.strip():
                continue
            rows += 1
            code, name, description, level = _gpc_row(line, file, number)
            if level == "attValue":
                values.append(f"{code!r} ({name})")
                continue
            if code in places:
                earlier = places[code]
                message = f"a second {code!r}; the first is at {earlier.file}:{earlier.line}"
                raise FileFormatError(str(file), message, line=number, column=1)
            places[code] = Place(str(file), number)
            definition = {tag: description} if description else {}
            kind: Kind = "attribute" if level == "attType" else "category"
            concepts.append(Concept(code, into, kind, {tag: name}, definition=definition, notation=code))
            if level in LEVELS:
                depth = LEVELS.index(level)
                if len(above) < depth:
                    message = f"a {level} without a {LEVELS[depth - 1]} above it; the rows must stand depth first"
                    raise FileFormatError(str(file), message, line=number)
                above[depth:] = [code]
                if depth:
                    relations.append(Relation("broader", code, above[depth - 1], primary=True))
        if not rows:
            raise FileFormatError(str(file), "the file is empty")
    missing = "attribute values are not linked to an attribute in this file and were left out"
    if not concepts:
        raise FileFormatError(str(files[0]), f"nothing to import: {len(values)} {missing}")
    return parsed(concepts, relations, notes=note(missing, values), places=places, file=str(files[0]))


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
