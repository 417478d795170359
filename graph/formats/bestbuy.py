"""Best Buy's categories: a JSON list of `{id, name, path: [{id, name}], subCategories: [{id, name}]}`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from graph.errors import FileFormatError
from graph.formats import reading
from graph.formats.fields import Row
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


def _category(value: Any, file: Path, at: str) -> _Category:
    row = Row.of(value, file, at)
    path, below = (
        tuple(Row.of(one, file, f"{at}.{field}[{n}]").text("id") for n, one in enumerate(row.items(field)))
        for field in ("path", "subCategories")
    )
    name = row.optional("name")
    return _Category(row.text("id"), name if name and name.strip() else None, path, below)


FORMAT = Format("bestbuy", read=read)
