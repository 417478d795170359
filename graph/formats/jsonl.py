"""kgtag's own format: a JSON object a line with a concept and its outgoing relations. It reads back equal."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from graph.errors import FileFormatError
from graph.formats import reading
from graph.formats.format import DEFAULTS, Exported, ExportOptions, Format
from graph.formats.parsed import Parsed, Place, parsed
from graph.model import CHOICES, KINDS, LANGUAGE_TAG, RELATION_TYPES, STATUSES, Concept, Relation
from graph.model.serial import concept_to_json
from graph.taxonomy import Taxonomy

_LABELS = ("pref_label", "alt_label", "hidden_label", "definition")
_FIELDS = ("id", "scheme", "kind", *_LABELS, "notation", "status", "choice", *RELATION_TYPES)


def read(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read files; `scheme` is for rows without one ("kgtag"), `lang` for labels without a language."""
    concepts: dict[str, Concept] = {}
    relations: list[Relation] = []
    places: dict[str, Place] = {}
    for file in files:
        for number, row in reading.json_rows(file):
            reader = _Row(row, file, number, lang)
            concept = reader.concept(scheme or "kgtag")
            if concept.id in concepts:
                earlier = places[concept.id]
                raise reader.error(f"a second concept {concept.id!r}; the first is at {earlier.file}:{earlier.line}")
            concepts[concept.id] = concept
            places[concept.id] = Place(str(file), number)
            relations.extend(reader.relations(concept.id))
    return parsed(concepts.values(), relations, notes=(), places=places, file=", ".join(map(str, files)))


def write(taxonomy: Taxonomy, path: Path, options: ExportOptions = DEFAULTS) -> Exported:
    """Write every concept (of the scheme) with its outgoing relations."""
    reading.write(path, (orjson.dumps(row) + b"\n" for row in rows(taxonomy, scheme=options.scheme)))
    return Exported.of(taxonomy, options)


def rows(taxonomy: Taxonomy, *, scheme: str | None = None) -> Iterator[dict[str, Any]]:
    """The file's rows, by concept id."""
    for concept in taxonomy:
        if scheme not in (None, concept.scheme):
            continue
        row = concept_to_json(concept)
        if concept.kind == "attribute":
            row["choice"] = concept.choice
        yield row | _targets(taxonomy.relations_from(concept.id))


def _targets(relations: Sequence[Relation]) -> dict[str, list[str]]:
    by_type: dict[str, list[str]] = defaultdict(list)
    for relation in sorted(relations, key=lambda r: (RELATION_TYPES.index(r.type), not r.primary, r.target)):
        by_type[relation.type].append(relation.target)
    return dict(by_type)


class _Row:
    """A line of the file as a concept and relations."""

    def __init__(self, row: Mapping[str, Any], file: Path, line: int, lang: str | None) -> None:
        self.row = row
        self.file = file
        self.line = line
        self.lang = lang

    def error(self, message: str) -> FileFormatError:
        return FileFormatError(str(self.file), message, line=self.line)

    def concept(self, scheme: str) -> Concept:
        for field in self.row:
            if field not in _FIELDS:
                near = difflib.get_close_matches(field[:50], _FIELDS, n=1) or [", ".join(_FIELDS)]
                raise self.error(f"unknown field {field!r}; did you mean {near[0]}?")
        return Concept(
            id=self._text("id"),
            scheme=self._text("scheme", scheme),
            kind=self._one_of("kind", KINDS, None),
            pref_label=self._texts("pref_label"),
            alt_label=self._lists("alt_label"),
            hidden_label=self._lists("hidden_label"),
            definition=self._texts("definition"),
            notation=self._text("notation") if self.row.get("notation") is not None else None,
            status=self._one_of("status", STATUSES, "active"),
            choice=self._one_of("choice", CHOICES, "multiple"),
        )

    def relations(self, id: str) -> Iterator[Relation]:
        for type in RELATION_TYPES:
            targets = self.row.get(type, [])
            if isinstance(targets, str):
                targets = [targets]
            if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
                raise self.error(f"{type!r} must be a list of concept ids, not {reading.kind_of(targets)}")
            for number, target in enumerate(dict.fromkeys(targets)):
                yield Relation(type, id, target, primary=type == "broader" and number == 0)

    def _text(self, field: str, default: str | None = None) -> str:
        value = self.row.get(field, default)
        if not isinstance(value, str) or not value:
            raise self.error(f"{field!r} must be a string that is not empty, not {reading.kind_of(value)}")
        return value

    def _one_of(self, field: str, allowed: Sequence[Any], default: Any) -> Any:
        value = self.row.get(field, default)
        if value not in allowed:
            raise self.error(f"{field!r} is {value!r}; one of {', '.join(allowed)} was expected")
        return value

    def _texts(self, field: str) -> dict[str, str]:
        by_language = self._by_language(field)
        for tag, value in by_language.items():
            if not isinstance(value, str):
                raise self.error(f"{field!r} in {tag!r} must be a string, not {reading.kind_of(value)}")
        return by_language

    def _lists(self, field: str) -> dict[str, tuple[str, ...]]:
        found = {}
        for tag, value in self._by_language(field).items():
            texts = [value] if isinstance(value, str) else value
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise self.error(f"{field!r} in {tag!r} must be a list of strings")
            if texts:
                found[tag] = tuple(texts)
        return found

    def _by_language(self, field: str) -> dict[str, Any]:
        value = self.row.get(field, {})
        if isinstance(value, str | list) and self.lang is not None:
            value = {self.lang: value}
        if not isinstance(value, dict):
            hint = "; give --lang, or write" if isinstance(value, str | list) else ";"
            raise self.error(f'{field!r} must be an object of labels by language{hint} {{"en": …}}')
        for tag in value:
            if not LANGUAGE_TAG.fullmatch(tag):
                raise self.error(f"{field!r}: {tag!r} is not a language tag (like en or zh-CN)")
        return value


FORMAT = Format("jsonl", read=read, write=write, suffixes=(".jsonl",))
