"""Whatnot's product taxonomy: `{version, categories: [{id, type, label, parent_id, allows_inventory}]}`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graph.errors import FileFormatError
from graph.formats import reading
from graph.formats.format import Format
from graph.formats.parsed import Parsed, Place, note, parsed
from graph.model import Concept, Relation


def read(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read files; a category's `type` (funko_pop) becomes its notation, `allows_inventory` is dropped with a note."""
    concepts: dict[str, Concept] = {}
    parents: dict[str, str] = {}
    places: dict[str, Place] = {}
    closed: list[str] = []
    for file in files:
        for number, row in enumerate(_rows(file)):
            at = f"categories[{number}]"
            concept, parent = _category(row, file, at, into=(scheme or "whatnot", lang or "en"))
            if concept.id in concepts:
                raise FileFormatError(str(file), f"{at}: a second category {concept.id!r}")
            concepts[concept.id] = concept
            places[concept.id] = Place(str(file))
            if parent is not None:
                parents[concept.id] = parent
            if row.get("allows_inventory") is False:
                closed.append(f"{concept.id!r} ({concept.label()})")
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


def _category(row: Any, file: Path, at: str, *, into: tuple[str, str]) -> tuple[Concept, str | None]:
    """The concept, in the scheme and language `into`, and its parent's id."""
    if not isinstance(row, dict):
        raise FileFormatError(str(file), f"{at}: an object was expected, not {reading.kind_of(row)}")
    id = _id(row.get("id"), file, f"{at}: 'id'")
    parent = None if row.get("parent_id") is None else _id(row["parent_id"], file, f"{at} ({id}): 'parent_id'")
    label, type = row.get("label"), row.get("type")
    if not isinstance(label, str) or not label.strip():
        raise FileFormatError(str(file), f"{at} ({id}): 'label' must be a string that is not blank")
    if type is not None and not isinstance(type, str):
        raise FileFormatError(str(file), f"{at} ({id}): 'type' must be a string, not {reading.kind_of(type)}")
    scheme, lang = into
    return Concept(id, scheme, "category", {lang: label}, notation=type or None), parent


def _id(value: Any, file: Path, what: str) -> str:
    """An id of the file, which is a number, as text."""
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise FileFormatError(str(file), f"{what} must be a number or a string, not {reading.kind_of(value)}")
    return str(value)


FORMAT = Format("whatnot", read=read)
