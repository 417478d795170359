"""Shopify's product taxonomy: a JSON file per language, `{verticals: [{categories: [{id, name, parent_id}]}]}`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import orjson

from graph.errors import FileFormatError, InputError
from graph.formats import reading
from graph.formats.format import DEFAULTS, Exported, ExportOptions, Format
from graph.formats.parsed import Parsed, note, parsed
from graph.model import LANGUAGE_TAG, Concept, Relation
from graph.taxonomy import Taxonomy


def read(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read files, one per language, joined on ids; a file's language is `lang`, else its name (zh-CN.json)."""
    if lang is not None and len(files) > 1:
        raise InputError(
            f"{len(files)} files but one language {lang!r}; name the files by language (en.json, zh-CN.json)"
        )
    names: dict[str, dict[str, str]] = {}
    parents: dict[str, str | None] = {}
    moved: list[str] = []
    for file in files:
        tag = _language(file, lang)
        if tag in names:
            raise InputError(f"{file}: a second file for language {tag!r}")
        names[tag], under = _categories(reading.text(file), file)
        moved += [
            f"{id!r} stands under {under[id]!r} in {file.name}"
            for id in under
            if parents.get(id, "") not in ("", under[id])
        ]
        parents = under | parents
    dangling = [f"{id!r} under {parent!r}" for id, parent in parents.items() if parent and parent not in parents]
    whole = all(len(labels) == len(parents) for labels in names.values())
    partial = [] if whole else [f"{id!r}" for id in parents if not all(id in labels for labels in names.values())]
    notes = [
        *note("parents are not in the file and were ignored", dangling),
        *note("categories are missing in some of the languages", partial),
        *note("categories have another parent in a later file; the first file counts", moved),
    ]
    into = scheme or "shopify"
    tags = sorted(names.items())
    concepts = [
        Concept(id, into, "category", {tag: labels[id] for tag, labels in tags if id in labels}) for id in parents
    ]
    relations = [
        Relation("broader", id, parent, primary=True)
        for id, parent in parents.items()
        if parent is not None and parent in parents
    ]
    return parsed(concepts, relations, notes=notes, places={}, file=str(files[0]))


def _language(file: Path, lang: str | None) -> str:
    tag = lang or reading.stem(file)
    if not LANGUAGE_TAG.fullmatch(tag):
        raise InputError(
            f"{file}: {tag!r} is not a language tag; name the file by its language (en.json) or give --lang"
        )
    return tag


def _categories(source: str, file: Path) -> tuple[dict[str, str], dict[str, str | None]]:
    """Names and parents by id, in the order of the file."""
    rows = list(chain.from_iterable(_verticals(reading.json_value(source, file), file)))
    try:
        ids = [row["id"] for row in rows]
        names = {row["id"]: row["name"] for row in rows}
        parents = {row["id"]: row.get("parent_id") for row in rows}
        sound = (
            {*map(type, ids), *map(type, names.values())} == {str} and all(ids) and all(map(str.strip, names.values()))
        )
    except (TypeError, KeyError, AttributeError):
        sound = False
    if not rows:
        raise FileFormatError(str(file), "no category in the file")
    if not sound or len(names) < len(ids) or not {*map(type, parents.values())} <= {str, type(None)}:
        _refuse(source, file)
    return names, {id: parent or None for id, parent in parents.items()}


def _verticals(document: Any, file: Path) -> Iterator[list[Any]]:
    shape = "{verticals: [{categories: [{id, name, parent_id}]}]}"
    if not isinstance(document, dict) or not isinstance(document.get("verticals"), list):
        raise FileFormatError(str(file), f"{shape} was expected; there is no list 'verticals'")
    for v, vertical in enumerate(document["verticals"]):
        if not isinstance(vertical, dict) or not isinstance(vertical.get("categories"), list):
            raise FileFormatError(str(file), f"verticals[{v}]: {shape} was expected; there is no list 'categories'")
        yield vertical["categories"]


def _refuse(source: str, file: Path) -> NoReturn:
    """Raise FileFormatError for the first bad category, with its place."""
    seen: set[str] = set()
    for v, rows in enumerate(_verticals(reading.json_value(source, file), file)):
        for c, row in enumerate(rows):
            path = f"verticals[{v}].categories[{c}]"
            _check(row, source, file, path)
            if row["id"] in seen:
                line, column = _second(source, row["id"])
                raise FileFormatError(str(file), f"{path}: a second category {row['id']!r}", line=line, column=column)
            seen.add(row["id"])
    raise AssertionError(f"{file}: refused, but nothing is wrong with it")


def _check(row: Any, source: str, file: Path, path: str) -> None:
    if not isinstance(row, dict):
        raise FileFormatError(str(file), f"{path}: an object was expected, not {reading.kind_of(row)}")
    id, name, parent = row.get("id"), row.get("name"), row.get("parent_id")
    if not isinstance(id, str) or not id:
        raise FileFormatError(str(file), f"{path}: 'id' must be a string, not {reading.kind_of(id)}")
    if not isinstance(name, str) or not name.strip():
        line, column = reading.position(source, f'"{id}"')
        message = f"{path} ({id!r}): 'name' must be a string that is not blank"
        raise FileFormatError(str(file), message, line=line, column=column)
    if parent is not None and not isinstance(parent, str):
        message = f"{path} ({id!r}): 'parent_id' must be a string or null, not {reading.kind_of(parent)}"
        raise FileFormatError(str(file), message)


def _second(source: str, id: str) -> tuple[int | None, int | None]:
    """Line and column of the second declaration of an id, not counting uses as a parent."""
    needle = f'"{id}"'
    at, found = -1, 0
    while (at := source.find(needle, at + 1)) >= 0:
        if source[:at].rstrip().removesuffix(":").rstrip().endswith('"id"'):
            found += 1
            if found == 2:
                return source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)
    return None, None


def write(taxonomy: Taxonomy, path: Path, options: ExportOptions = DEFAULTS) -> Exported:
    """Write a file per language into the directory `path`, or one file when it ends in .json or .json.gz.

    Raises InputError, before anything is written, for what the format can't hold, unless `lossy` is set.
    """
    lang = options.lang
    chosen = _of_one_scheme(taxonomy, options.scheme)
    categories = [concept for concept in chosen if concept.kind == "category"]
    named = {tag for concept in categories for tag in concept.pref_label}
    single = reading.suffixes(path)[0] == ".json"
    tags = [_language(path, lang)] if single else sorted(named if lang is None else {lang})
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
        document = _document(taxonomy, [concept for concept in categories if tag in concept.pref_label], tag)
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


def _of_one_scheme(taxonomy: Taxonomy, scheme: str | None) -> list[Concept]:
    chosen = [concept for concept in taxonomy if scheme in (None, concept.scheme)]
    schemes = sorted({concept.scheme for concept in chosen})
    if len(schemes) > 1:
        raise InputError(f"Shopify's format holds one scheme; choose one with --scheme: {', '.join(schemes)}")
    if not any(concept.kind == "category" for concept in chosen):
        raise InputError("there is no category to export")
    return chosen


def _document(taxonomy: Taxonomy, categories: Sequence[Concept], tag: str) -> dict[str, Any]:
    """A vertical for each top concept, with its descendants along primary parents."""
    verticals: dict[str, dict[str, Any]] = {}
    for concept in categories:
        *above, _ = path = taxonomy.path(concept.id)
        top = taxonomy[path[0]]
        vertical = verticals.setdefault(top.id, {"name": top.label(tag), "prefix": top.id, "categories": []})
        row = {"id": concept.id, "name": concept.pref_label[tag], "parent_id": above[-1] if above else None}
        vertical["categories"].append(row)
    return {"version": taxonomy.revision, "verticals": list(verticals.values())}


FORMAT = Format("shopify", read=read, write=write)
