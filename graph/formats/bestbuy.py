"""Best Buy's categories: a JSON list of `{id, name, path: [{id, name}], subCategories: [{id, name}]}`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from graph.errors import FileFormatError
from graph.formats import reading
from graph.formats.format import Format
from graph.formats.parsed import CYCLES, Parsed, Place, note, parsed
from graph.model import Concept, Relation


class _Category(NamedTuple):
    """A category; `path` are ids from the top down to itself, `below` ids of its subcategories."""

    id: str
    name: str | None
    path: tuple[str, ...]
    below: tuple[str, ...]


def read(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read files. The last category before it in its path is the primary parent; categories that list it are others.

    Subcategories and ancestors without an entry of their own, and parents that would close a cycle, are left out with a
    note.
    """
    categories: dict[str, _Category] = {}
    places: dict[str, Place] = {}
    for file in files:
        for number, row in enumerate(_rows(file)):
            category = _category(row, file, f"[{number}]")
            if category.id in categories:
                raise FileFormatError(str(file), f"[{number}]: a second category {category.id!r}")
            categories[category.id] = category
            places[category.id] = Place(str(file))
    relations: dict[tuple[str, str], Relation] = {}
    childless: list[str] = []
    skipped: list[str] = []
    for id, category in categories.items():
        above = category.path[:-1] if category.path[-1:] == (id,) else category.path
        known = [one for one in above if one in categories]
        if known:
            relations[id, known[-1]] = Relation("broader", id, known[-1], primary=True)
        if above and above[-1] not in categories:
            skipped.append(f"{id!r} under {above[-1]!r}")
        childless += [f"{child!r} below {id!r}" for child in category.below if child not in categories]
    for id, category in categories.items():
        for child in category.below:
            if child in categories:
                relations.setdefault((child, id), Relation("broader", child, id))
    notes = [
        *note("subcategories have no entry of their own and were left out", childless),
        *note("categories are below one without an entry; the nearest above that has one was taken", skipped),
    ]
    nameless = [f"{id!r}" for id, category in categories.items() if category.name is None]
    notes += note("categories have no name and are called by their id", nameless)
    tag, into = lang or "en", scheme or "bestbuy"
    concepts = [Concept(c.id, into, "category", {tag: c.name or c.id}) for c in categories.values()]
    return parsed(concepts, relations.values(), notes=notes, places=places, file=str(files[0]), tolerate=CYCLES)


def _rows(file: Path) -> list[Any]:
    document = reading.json_value(reading.text(file), file)
    if not isinstance(document, list):
        raise FileFormatError(str(file), f"a list of categories was expected, not {reading.kind_of(document)}")
    if not document:
        raise FileFormatError(str(file), "no category in the file")
    return document


def _category(row: Any, file: Path, at: str) -> _Category:
    id, name = _named(row, file, at)
    path, below = (tuple(_ids(row, field, file, at)) for field in ("path", "subCategories"))
    return _Category(id, name, path, below)


def _ids(row: dict[str, Any], field: str, file: Path, at: str) -> list[str]:
    others = row.get(field, [])
    if not isinstance(others, list):
        raise FileFormatError(str(file), f"{at}: {field!r} must be a list, not {reading.kind_of(others)}")
    return [_named(other, file, f"{at}.{field}[{number}]")[0] for number, other in enumerate(others)]


def _named(row: Any, file: Path, at: str) -> tuple[str, str | None]:
    """Id and name, which may be null."""
    if not isinstance(row, dict):
        raise FileFormatError(str(file), f"{at}: an object was expected, not {reading.kind_of(row)}")
    id, name = row.get("id"), row.get("name")
    if not isinstance(id, str) or not id.strip():
        message = f"{at}: 'id' must be a string that is not blank, not {reading.kind_of(id)}"
        raise FileFormatError(str(file), message)
    if name is not None and not isinstance(name, str):
        raise FileFormatError(str(file), f"{at} ({id!r}): 'name' must be a string, not {reading.kind_of(name)}")
    return id, name if name and name.strip() else None


FORMAT = Format("bestbuy", read=read)
