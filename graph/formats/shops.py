"""Product taxonomies of shops in JSON: Best Buy, Whatnot."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from graph.errors import FileFormatError
from graph.formats import reading
from graph.formats.parsed import CYCLES, Parsed, Place, note, parsed, under
from graph.formats.reading import Row
from graph.model import Concept, Relation


def read_whatnot(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read `{version, categories: [{id, type, label, parent_id, allows_inventory}]}`.

    A category's `type` (funko_pop) becomes its notation, `allows_inventory` is dropped with a note.
    """
    concepts: dict[str, Concept] = {}
    parents: dict[str, str | None] = {}
    places: dict[str, Place] = {}
    closed: list[str] = []
    for row in _rows(files, within="categories", shape="{categories: [{id, type, label, parent_id}]}"):
        id, label = row.id(), row.text("label")
        if id in concepts:
            raise row.error(f"a second category {id!r}")
        notation = row.optional("type")
        concepts[id] = Concept(id, scheme or "whatnot", "category", {lang or "en": label}, notation=notation)
        places[id] = Place(row.file)
        parents[id] = row.id("parent_id") if row.fields.get("parent_id") is not None else None
        if row.fields.get("allows_inventory") is False:
            closed.append(f"{id!r} ({label})")
    relations, faults = under(parents)
    notes = faults + note("categories take no items themselves (allows_inventory), which is not kept", closed)
    return parsed(concepts.values(), relations, notes=notes, places=places, file=str(files[0]), faults=faults)


def read_bestbuy(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read a list of `{id, name, path: [{id, name}], subCategories: [{id, name}]}`.

    The last category before it in its path is the primary parent; categories that list it are others. Subcategories and
    ancestors without an entry of their own, and parents that would close a cycle, are left out with a note.
    """
    names: dict[str, str | None] = {}
    paths: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    places: dict[str, Place] = {}
    for row in _rows(files, within=None, shape="a list of categories"):
        id = row.text("id")
        if id in names:
            raise row.error(f"a second category {id!r}")
        name = row.optional("name")
        names[id] = name if name and name.strip() else None
        paths[id], below[id] = (
            [Row.of(one, row.file, f"{row.at}.{field}[{n}]").text("id") for n, one in enumerate(row.items(field))]
            for field in ("path", "subCategories")
        )
        places[id] = Place(row.file)
    relations: dict[tuple[str, str], Relation] = {}
    childless: list[str] = []
    skipped: list[str] = []
    for id, path in paths.items():
        above = path[:-1] if path[-1:] == [id] else path
        known = [one for one in above if one in names]
        if known:
            relations[id, known[-1]] = Relation("broader", id, known[-1], primary=True)
        if above and above[-1] not in names:
            skipped.append(f"{id!r} under {above[-1]!r}")
    for id, children in below.items():
        for child in children:
            if child in names:
                relations.setdefault((child, id), Relation("broader", child, id))
            else:
                childless.append(f"{child!r} below {id!r}")
    nameless = [f"{id!r}" for id, name in names.items() if name is None]
    notes = [
        *note("subcategories have no entry of their own and were left out", childless),
        *note("categories are below one without an entry; the nearest above that has one was taken", skipped),
        *note("categories have no name and are called by their id", nameless),
    ]
    concepts = [Concept(id, scheme or "bestbuy", "category", {lang or "en": name or id}) for id, name in names.items()]
    return parsed(concepts, relations.values(), notes=notes, places=places, file=str(files[0]), tolerate=CYCLES)


def _rows(files: Sequence[Path], *, within: str | None, shape: str) -> Iterator[Row]:
    """The objects of a JSON list, that of the field `within` or the whole file."""
    for file in files:
        document = reading.json_value(reading.text(file), file)
        rows = document
        if within is not None:
            rows = document.get(within) if isinstance(document, dict) else None
        if not isinstance(rows, list):
            why = f", not {reading.kind_of(document)}" if within is None else f"; there is no list {within!r}"
            raise FileFormatError(str(file), f"{shape} was expected{why}")
        if not rows:
            raise FileFormatError(str(file), "no category in the file")
        yield from (Row.of(row, file, f"{within or ''}[{number}]") for number, row in enumerate(rows))
