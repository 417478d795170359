"""kgtag's own format: a JSON object a line with a concept and its outgoing relations. It reads back equal."""

import difflib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from graph.formats import reading
from graph.formats.format import DEFAULTS, Exported, ExportOptions
from graph.formats.parsed import Lines, Parsed, parsed
from graph.formats.reading import Row
from graph.model import CHOICES, KINDS, LANGUAGE_TAG, RELATION_TYPES, STATUSES, Concept, Relation
from graph.model.changes import concept_to_json
from graph.taxonomy import Taxonomy

_LABELS = ("pref_label", "alt_label", "hidden_label", "definition")
_FIELDS = ("id", "scheme", "kind", *_LABELS, "notation", "status", "choice", *RELATION_TYPES)


def read(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read files; `scheme` is for rows without one ("kgtag"), `lang` for labels without a language."""
    concepts: dict[str, Concept] = {}
    relations: list[Relation] = []
    places = Lines()
    for file in files:
        for number, fields in reading.json_rows(file):
            row = Row(str(file), number, fields)
            concept = _concept(row, scheme=scheme or "kgtag", lang=lang)
            if concept.id in concepts:
                earlier = places[concept.id]
                raise row.error(f"a second concept {concept.id!r}; the first is at {earlier.file}:{earlier.line}")
            concepts[concept.id] = concept
            places.put(concept.id, str(file), number)
            relations.extend(_relations(row, concept.id))
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
        targets: dict[str, list[str]] = defaultdict(list)
        relations = taxonomy.relations_from(concept.id)
        for relation in sorted(relations, key=lambda r: (RELATION_TYPES.index(r.type), not r.primary, r.target)):
            targets[relation.type].append(relation.target)
        yield row | targets


def _concept(row: Row, *, scheme: str, lang: str | None) -> Concept:
    for field in row.fields:
        if field not in _FIELDS:
            near = difflib.get_close_matches(field[:50], _FIELDS, n=1) or [", ".join(_FIELDS)]
            raise row.error(f"unknown field {field!r}; did you mean {near[0]}?")
    return Concept(
        id=row.text("id"),
        scheme=row.text("scheme") if "scheme" in row.fields else scheme,
        kind=_one_of(row, "kind", KINDS, None),
        pref_label=_texts(row, "pref_label", lang),
        alt_label=_lists(row, "alt_label", lang),
        hidden_label=_lists(row, "hidden_label", lang),
        definition=_texts(row, "definition", lang),
        notation=row.optional("notation"),
        status=_one_of(row, "status", STATUSES, "active"),
        choice=_one_of(row, "choice", CHOICES, "multiple"),
    )


def _relations(row: Row, id: str) -> Iterator[Relation]:
    for type in RELATION_TYPES:
        targets = row.fields.get(type, [])
        if isinstance(targets, str):
            targets = [targets]
        if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
            raise row.error(f"{type!r} must be a list of concept ids, not {reading.kind_of(targets)}")
        for number, target in enumerate(dict.fromkeys(targets)):
            yield Relation(type, id, target, primary=type == "broader" and number == 0)


def _one_of(row: Row, field: str, allowed: Sequence[Any], default: Any) -> Any:
    value = row.fields.get(field, default)
    if value not in allowed:
        raise row.error(f"{field!r} is {value!r}; one of {', '.join(allowed)} was expected")
    return value


def _texts(row: Row, field: str, lang: str | None) -> dict[str, str]:
    by_language = _by_language(row, field, lang)
    for tag, value in by_language.items():
        if not isinstance(value, str):
            raise row.error(f"{field!r} in {tag!r} must be a string, not {reading.kind_of(value)}")
    return by_language


def _lists(row: Row, field: str, lang: str | None) -> dict[str, tuple[str, ...]]:
    found = {}
    for tag, value in _by_language(row, field, lang).items():
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise row.error(f"{field!r} in {tag!r} must be a list of strings")
        if texts:
            found[tag] = tuple(texts)
    return found


def _by_language(row: Row, field: str, lang: str | None) -> dict[str, Any]:
    value = row.fields.get(field, {})
    if isinstance(value, str | list) and lang is not None:
        value = {lang: value}
    if not isinstance(value, dict):
        hint = "; give --lang, or write" if isinstance(value, str | list) else ";"
        raise row.error(f'{field!r} must be an object of labels by language{hint} {{"en": …}}')
    for tag in value:
        if not LANGUAGE_TAG.fullmatch(tag):
            raise row.error(f"{field!r}: {tag!r} is not a language tag (like en or zh-CN)")
    return value
