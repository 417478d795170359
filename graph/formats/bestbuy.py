"""Best Buy's categories: one JSON list of `{id, name, path: [{id, name}], subCategories: [{id, name}]}`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from graph.errors import FileFormatError, InputError
from graph.formats import reading
from graph.formats.format import Format
from graph.formats.parsed import Parsed, Place, note, parsed
from graph.model import Concept, Relation


class _Category(NamedTuple):
    """`path` from the top down to the category itself, `below` its subcategories: ids, all of them."""

    id: str
    name: str | None
    path: tuple[str, ...]
    below: tuple[str, ...]


def read(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """The category before it in its path is the primary parent, others that list it as a subcategory are parents too.

    Subcategories and ancestors that have no record of their own are left out with a note; so are parents that
    would close a circle.
    """
    if not files:
        raise InputError("no file given")
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
        line = category.path[:-1] if category.path[-1:] == (id,) else category.path
        known = [one for one in line if one in categories]
        if known:
            relations[id, known[-1]] = Relation("broader", id, known[-1], primary=True)
        if line and line[-1] not in categories:
            skipped.append(f"{id!r} under {line[-1]!r}")
        childless += [f"{child!r} below {id!r}" for child in category.below if child not in categories]
    for id, category in categories.items():
        for child in category.below:
            if child in categories:
                relations.setdefault((child, id), Relation("broader", child, id))
    notes = [
        *note("subcategories have no record of their own and were left out", childless),
        *note("categories stand under one without a record; the nearest above that has one was taken", skipped),
    ]
    nameless = [f"{id!r}" for id, category in categories.items() if category.name is None]
    notes += note("categories have no name and are called by their id", nameless)
    tag, into = lang or "en", scheme or "bestbuy"
    concepts = [Concept(c.id, into, "category", {tag: c.name or c.id}) for c in categories.values()]
    return parsed(
        concepts,
        relations.values(),
        notes=notes,
        places=places,
        file=str(files[0]),
        forgive=("cycle", "self_relation"),
    )


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
    """Id and name; the file has categories whose name is null."""
    if not isinstance(row, dict):
        raise FileFormatError(str(file), f"{at}: an object was expected, not {reading.kind_of(row)}")
    id, name = row.get("id"), row.get("name")
    if not isinstance(id, str) or not id.strip():
        message = f"{at}: 'id' must be a string with something in it, not {reading.kind_of(id)}"
        raise FileFormatError(str(file), message)
    if name is not None and not isinstance(name, str):
        raise FileFormatError(str(file), f"{at} ({id!r}): 'name' must be a string, not {reading.kind_of(name)}")
    return id, name if name and name.strip() else None


FORMAT = Format("bestbuy", read=read)
