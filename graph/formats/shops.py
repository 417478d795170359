"""Product taxonomies of shops in JSON: Shopify, Best Buy, Whatnot."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from graph.errors import FileFormatError, InputError
from graph.formats import reading
from graph.formats.format import DEFAULTS, Exported, ExportOptions
from graph.formats.parsed import CYCLES, Parsed, Place, note, parsed, under
from graph.formats.reading import Row
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy

_EXAMPLE = "en.json"


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
    relations, notes = under(parents)
    notes += note("categories take no items themselves (allows_inventory), which is not kept", closed)
    return parsed(concepts.values(), relations, notes=notes, places=places, file=str(files[0]))


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


def read_shopify(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read `{verticals: [{categories: [{id, name, parent_id}]}]}`, a file per language, joined on ids.

    A file's language is `lang`, else in its name (zh-CN.json).
    """
    names: dict[str, dict[str, str]] = {}
    parents: dict[str, str | None] = {}
    moved: list[str] = []
    for file, tag in reading.languages(files, lang, example=_EXAMPLE):
        names[tag], above = _categories(reading.text(file), file)
        moved += [
            f"{id!r} stands under {above[id]!r} in {file.name}"
            for id in above
            if parents.get(id, "") not in ("", above[id])
        ]
        parents = above | parents
    relations, notes = under(parents)
    partial = [f"{id!r}" for id in parents if not all(id in labels for labels in names.values())]
    notes += note("categories are missing in some of the languages", partial)
    notes += note("categories have another parent in a later file; the first file counts", moved)
    tags = sorted(names.items())
    concepts = [
        Concept(id, scheme or "shopify", "category", {tag: labels[id] for tag, labels in tags if id in labels})
        for id in parents
    ]
    return parsed(concepts, relations, notes=notes, places={}, file=str(files[0]))


def _categories(source: str, file: Path) -> tuple[dict[str, str], dict[str, str | None]]:
    """Names and parents by id, in the order of the file."""
    names: dict[str, str] = {}
    parents: dict[str, str | None] = {}
    for row in _verticals(reading.json_value(source, file), file):
        id, name, parent = (row.fields.get(field) for field in ("id", "name", "parent_id"))
        if not isinstance(id, str) or not id:
            raise row.error(f"'id' must be a string, not {reading.kind_of(id)}")
        if not isinstance(name, str) or not name.strip():
            line, column = _place(source, id, 1)
            message = f"{row.at} ({id!r}): 'name' must be a string that is not blank"
            raise FileFormatError(str(file), message, line=line, column=column)
        if parent is not None and not isinstance(parent, str):
            message = f"{row.at} ({id!r}): 'parent_id' must be a string or null, not {reading.kind_of(parent)}"
            raise FileFormatError(str(file), message)
        if id in names:
            line, column = _place(source, id, 2)
            raise FileFormatError(str(file), f"{row.at}: a second category {id!r}", line=line, column=column)
        names[id], parents[id] = name, parent or None
    if not names:
        raise FileFormatError(str(file), "no category in the file")
    return names, parents


def _verticals(document: Any, file: Path) -> Iterator[Row]:
    """The categories of all verticals."""
    shape = "{verticals: [{categories: [{id, name, parent_id}]}]}"
    if not isinstance(document, dict) or not isinstance(document.get("verticals"), list):
        raise FileFormatError(str(file), f"{shape} was expected; there is no list 'verticals'")
    for v, vertical in enumerate(document["verticals"]):
        if not isinstance(vertical, dict) or not isinstance(vertical.get("categories"), list):
            raise FileFormatError(str(file), f"verticals[{v}]: {shape} was expected; there is no list 'categories'")
        rows = enumerate(vertical["categories"])
        yield from (Row.of(row, file, f"verticals[{v}].categories[{c}]") for c, row in rows)


def _place(source: str, id: str, nth: int) -> tuple[int | None, int | None]:
    """Line and column of the nth declaration of an id, not counting uses as a parent."""
    found = list(re.finditer(rf'"id"\s*:\s*("{re.escape(id)}")', source))
    if len(found) < nth:
        return None, None
    at = found[nth - 1].start(1)
    return source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)


def write_shopify(taxonomy: Taxonomy, path: Path, options: ExportOptions = DEFAULTS) -> Exported:
    """Write a file per language into the directory `path`, or one file when it ends in .json or .json.gz.

    Raises InputError, before anything is written, for what the format can't hold, unless `lossy` is set.
    """
    lang = options.lang
    chosen = [concept for concept in taxonomy if options.scheme in (None, concept.scheme)]
    schemes = sorted({concept.scheme for concept in chosen})
    if len(schemes) > 1:
        raise InputError(f"Shopify's format holds one scheme; choose one with --scheme: {', '.join(schemes)}")
    categories = [concept for concept in chosen if concept.kind == "category"]
    if not categories:
        raise InputError("there is no category to export")
    named = {tag for concept in categories for tag in concept.pref_label}
    single = reading.suffixes(path)[0] == ".json"
    tags = [reading.language(path, lang, example=_EXAMPLE)] if single else sorted(named if lang is None else {lang})
    if missing := [tag for tag in tags if tag not in named]:
        raise InputError(f"no category has a name in {missing[0]!r}; there is {', '.join(sorted(named))}")
    lost = losses(taxonomy, chosen)
    if unnamed := sum(not any(tag in concept.pref_label for tag in tags) for concept in categories):
        lost.append(f"{unnamed} categories without a name in {tags[0]!r}")
    if lost and not options.lossy:
        raise InputError(
            f"Shopify's format holds names and one parent of categories, and nothing more: {', '.join(lost)} would be "
            "lost; export to jsonl or csv, or leave them out with --lossy"
        )
    if not single:
        path.mkdir(parents=True, exist_ok=True)
    for tag in tags:
        document = _shopify_document(taxonomy, [concept for concept in categories if tag in concept.pref_label], tag)
        reading.write(path if single else path / f"{tag}.json", [orjson.dumps(document, option=orjson.OPT_INDENT_2)])
    return Exported(len(categories) - unnamed)


def losses(taxonomy: Taxonomy, concepts: Sequence[Concept]) -> list[str]:
    """Counts of what Shopify's format can't hold: ["3 attributes", "12 alternative labels"]."""
    edges = [edge for concept in concepts for edge in taxonomy.relations_from(concept.id)]
    counted = {
        "attributes": sum(concept.kind == "attribute" for concept in concepts),
        "values": sum(concept.kind == "value" for concept in concepts),
        "alternative labels": sum(len(texts) for c in concepts for texts in c.alt_label.values()),
        "hidden labels": sum(len(texts) for c in concepts for texts in c.hidden_label.values()),
        "definitions": sum(len(concept.definition) for concept in concepts),
        "notations": sum(concept.notation is not None for concept in concepts),
        "candidate or deprecated statuses": sum(concept.status != "active" for concept in concepts),
        "choices": sum(concept.kind == "category" and concept.choice != "multiple" for concept in concepts),
        "further parents": sum(edge.type == "broader" and not edge.primary for edge in edges),
        "other relations": sum(edge.type != "broader" for edge in edges),
    }
    return [f"{count} {what}" for what, count in counted.items() if count]


def _shopify_document(taxonomy: Taxonomy, categories: Sequence[Concept], tag: str) -> dict[str, Any]:
    """A vertical for each top concept, with its descendants along primary parents."""
    verticals: dict[str, dict[str, Any]] = {}
    for concept in categories:
        *above, _ = path = taxonomy.path(concept.id)
        top = taxonomy[path[0]]
        vertical = verticals.setdefault(top.id, {"name": top.label(tag), "prefix": top.id, "categories": []})
        row = {"id": concept.id, "name": concept.pref_label[tag], "parent_id": above[-1] if above else None}
        vertical["categories"].append(row)
    return {"version": taxonomy.revision, "verticals": list(verticals.values())}
