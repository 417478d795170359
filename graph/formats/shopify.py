"""Shopify's product taxonomy: a JSON file a language, `{verticals: [{categories: [{id, name, parent_id}]}]}`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from graph.errors import FileFormatError, InputError
from graph.formats import reading
from graph.formats.parsed import Parsed, note, parsed
from graph.model import LANGUAGE_TAG, Concept, Relation

_Category = tuple[str, str, str | None]
"""Id, name, parent."""
_NOTHING = (None, None, None)


def read(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Join the files of several languages on their ids. A file's language is `lang`, else its name (zh-CN.json)."""
    if not files:
        raise InputError("no file given")
    if lang is not None and len(files) > 1:
        raise InputError(
            f"{len(files)} files but one language {lang!r}; name the files by language (en.json, zh-CN.json)"
        )
    names: dict[str, dict[str, str]] = {}
    parents: dict[str, str | None] = {}
    languages: list[str] = []
    moved: list[str] = []
    for file in files:
        tag = _language(file, lang)
        if tag in languages:
            raise InputError(f"{file}: a second file for language {tag!r}")
        languages.append(tag)
        for id, name, parent in _categories(reading.text(file), file):
            names.setdefault(id, {})[tag] = name
            if parents.setdefault(id, parent) != parent:
                moved.append(f"{id!r} stands under {parent!r} in {file.name}")
    dangling = [
        f"{id!r} under {parent!r}" for id, parent in parents.items() if parent is not None and parent not in names
    ]
    partial = [f"{id!r}" for id, labels in names.items() if len(labels) < len(languages)]
    notes = [
        *note("parents are nowhere in the file and were ignored", dangling),
        *note("categories are missing in some of the languages", partial),
        *note("categories have another parent in a later file; the first file counts", moved),
    ]
    into = scheme or "shopify"
    tags = sorted(languages)
    concepts = [
        Concept(id, into, "category", {tag: labels[tag] for tag in tags if tag in labels})
        for id, labels in names.items()
    ]
    relations = [
        Relation("broader", id, parent, primary=True)
        for id, parent in parents.items()
        if parent is not None and parent in names
    ]
    return parsed(concepts, relations, notes=notes, places={}, file=str(files[0]))


def _language(file: Path, lang: str | None) -> str:
    tag = lang or reading.stem(file)
    if not LANGUAGE_TAG.fullmatch(tag):
        raise InputError(f"{file}: {tag!r} is no language tag; name the file by its language (en.json) or give --lang")
    return tag


def _categories(source: str, file: Path) -> list[_Category]:
    found: list[_Category] = []
    for at, row in _rows(reading.json_value(source, file), file):
        id, name, parent = (row.get("id"), row.get("name"), row.get("parent_id")) if isinstance(row, dict) else _NOTHING
        named = isinstance(id, str) and id and isinstance(name, str) and name.strip()
        if named and (parent is None or isinstance(parent, str)):
            found.append((id, name, parent or None))
        else:
            _refuse(row, source, file, at)
    if not found:
        raise FileFormatError(str(file), "no category in the file")
    if len({id for id, _, _ in found}) < len(found):
        _refuse_second(found, source, file)
    return found


def _rows(document: Any, file: Path) -> Iterator[tuple[tuple[int, int], Any]]:
    """With the numbers of vertical and category."""
    shape = "{verticals: [{categories: [{id, name, parent_id}]}]}"
    if not isinstance(document, dict) or not isinstance(document.get("verticals"), list):
        raise FileFormatError(str(file), f"{shape} was expected; there is no list 'verticals'")
    for v, vertical in enumerate(document["verticals"]):
        if not isinstance(vertical, dict) or not isinstance(vertical.get("categories"), list):
            raise FileFormatError(str(file), f"verticals[{v}]: {shape} was expected; there is no list 'categories'")
        for c, row in enumerate(vertical["categories"]):
            yield (v, c), row


def _refuse(row: Any, source: str, file: Path, at: tuple[int, int]) -> NoReturn:
    """Say what is wrong with a category, and where."""
    path = f"verticals[{at[0]}].categories[{at[1]}]"
    if not isinstance(row, dict):
        raise FileFormatError(str(file), f"{path}: an object was expected, not {reading.kind_of(row)}")
    id, name = row.get("id"), row.get("name")
    if not isinstance(id, str) or not id:
        raise FileFormatError(str(file), f"{path}: 'id' must be a string, not {reading.kind_of(id)}")
    if not isinstance(name, str) or not name.strip():
        line, column = reading.position(source, f'"{id}"')
        message = f"{path} ({id!r}): 'name' must be a string with something in it"
        raise FileFormatError(str(file), message, line=line, column=column)
    message = f"{path} ({id!r}): 'parent_id' must be a string or null, not {reading.kind_of(row.get('parent_id'))}"
    raise FileFormatError(str(file), message)


def _refuse_second(found: list[_Category], source: str, file: Path) -> NoReturn:
    counts = Counter(id for id, _, _ in found)
    twice = next(id for id, _, _ in found if counts[id] > 1)
    line, column = _second(source, twice)
    raise FileFormatError(str(file), f"a second category {twice!r}", line=line, column=column)


def _second(source: str, id: str) -> tuple[int | None, int | None]:
    """Where the id is declared for the second time; occurrences as somebody's parent don't count."""
    needle = f'"{id}"'
    at, found = -1, 0
    while (at := source.find(needle, at + 1)) >= 0:
        if source[:at].rstrip().removesuffix(":").rstrip().endswith('"id"'):
            found += 1
            if found == 2:
                return source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)
    return None, None
