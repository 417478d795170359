"""Whatnot's product taxonomy: `{version, categories: [{id, type, label, parent_id, allows_inventory}]}`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graph.errors import FileFormatError
from graph.formats import reading
from graph.formats.fields import Row
from graph.formats.format import Format
from graph.formats.parsed import Parsed, Place, note, parsed
from graph.model import Concept, Relation


def read(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read files; a category's `type` (funko_pop) becomes its notation, `allows_inventory` is dropped with a note."""
    into = scheme or "whatnot"
    concepts: dict[str, Concept] = {}
    parents: dict[str, str] = {}
    places: dict[str, Place] = {}
    closed: list[str] = []
    for file in files:
        for number, value in enumerate(_rows(file)):
            row = Row.of(value, file, f"categories[{number}]")
            id, label = row.id(), row.text("label")
            if id in concepts:
                raise row.error(f"a second category {id!r}")
            concepts[id] = Concept(id, into, "category", {lang or "en": label}, notation=row.optional("type"))
            places[id] = Place(str(file))
            if row.fields.get("parent_id") is not None:
                parents[id] = row.id("parent_id")
            if row.fields.get("allows_inventory") is False:
                closed.append(f"{id!r} ({label})")
    dangling = [f"{id!r} under {parent!r}" for id, parent in parents.items() if parent not in concepts]
    notes = [
        *note("parents are not in the file and were ignored", dangling),
        *note("categories take no items themselves (allows_inventory), which is not kept", closed),
    ]
    relations = [Relation("broader", id, up, primary=True) for id, up in parents.items() if up in concepts]
    return parsed(concepts.values(), relations, notes=notes, places=places, file=str(files[0]))


def _rows(file: Path) -> list[Any]:
    document = reading.json_value(reading.text(file), file)
    if not isinstance(document, dict) or not isinstance(document.get("categories"), list):
        raise FileFormatError(str(file), "{categories: [{id, type, label, parent_id}]} was expected")
    if not document["categories"]:
        raise FileFormatError(str(file), "no category in the file")
    return list(document["categories"])


FORMAT = Format("whatnot", read=read)
