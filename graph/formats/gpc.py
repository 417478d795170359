"""GS1 Global Product Classification as tab-separated code, name, description: hierarchy, attribute types, values.

The description ends in the kind of row, "(GPC brick)". Parents follow from the order of rows, which is depth first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from graph.errors import FileFormatError
from graph.formats import reading
from graph.formats.parsed import Parsed, Place, note, parsed, shortened
from graph.model import Concept, Kind, Relation

LEVELS = ("segment", "family", "class", "brick")
_LEVEL = re.compile(r"(.*)\(GPC (segment|family|class|brick|attType|attValue)\)")


def read(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read files; segments, families, classes and bricks become categories, attribute types attributes.

    Attribute values are left out with a note: these files do not link them to attributes.
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
            code, name, description, level = _row(line, file, number)
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
                parent = _place(level, above, file, number)
                above.append(code)
                if parent is not None:
                    relations.append(Relation("broader", code, parent, primary=True))
        if not rows:
            raise FileFormatError(str(file), "the file is empty")
    missing = "attribute values are not linked to an attribute in this file and were left out"
    if not concepts:
        raise FileFormatError(str(files[0]), f"nothing to import: {len(values)} {missing}")
    return parsed(concepts, relations, notes=note(missing, values), places=places, file=str(files[0]))


def _row(line: str, file: Path, number: int) -> tuple[str, str, str, str]:
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


def _place(level: str, above: list[str], file: Path, number: int) -> str | None:
    """The parent of the next row of this level; `above`, the path to the last row, is cut back to it."""
    depth = LEVELS.index(level)
    if len(above) < depth:
        message = f"a {level} without a {LEVELS[depth - 1]} above it; the rows must stand depth first"
        raise FileFormatError(str(file), message, line=number)
    del above[depth:]
    return above[-1] if above else None
