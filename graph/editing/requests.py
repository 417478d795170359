"""Edits in words: `{"operation": "merge", "concept": "kicks", "into": "sneakers"}`. Read, planned, and told.

What a proposal keeps, a command line builds and a script sends; the same words on a newer taxonomy give the edit anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast, get_args

from graph.editing.concepts import Alteration, Signature, alter, create, move, rename
from graph.editing.redirects import deprecate, merge
from graph.editing.split import Part, split
from graph.errors import InputError, UnknownConcept
from graph.model import (
    CHOICES,
    KINDS,
    RELATION_TYPES,
    STATUSES,
    ChangeSet,
    Concept,
    DeleteRelation,
    Kind,
    PutRelation,
    Relation,
    RelationType,
)
from graph.taxonomy import Taxonomy

Words = Mapping[str, Any]

_LABELS = ("pref_label", "alt_label", "hidden_label", "definition")
_EDITABLE = (*_LABELS, "notation", "status", "choice", *RELATION_TYPES, "primary")
OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "create": ("concept", "kind", "scheme", *_EDITABLE),
    "set": ("concept", *_EDITABLE),
    "rename": ("concept", "pref_label"),
    "move": ("concept", "broader", "primary"),
    "merge": ("concept", "into"),
    "split": ("concept", "parts"),
    "deprecate": ("concept", "replaced_by"),
    "relate": ("type", "source", "target"),
    "unrelate": ("type", "source", "target"),
}
"""The operations and their fields."""

_PART = ("id", *_LABELS, "takes")
_MISSING = object()

T = TypeVar("T")


def plan(words: Words, taxonomy: Taxonomy, by: Signature) -> ChangeSet:
    """The change set that the words come to on this taxonomy.

    Raises InputError for words that are none, UnknownConcept, and what the operation raises.
    """
    operation = _operation(words)
    match operation:
        case "create":
            id, kind = _text(words, "concept"), cast(Kind, _one_of(words, "kind", KINDS))
            made = Concept(id, _scheme(words, taxonomy), kind, {})
            _require(words, "pref_label")
            return create(taxonomy, made, _alteration(words), by)
        case "set":
            return alter(taxonomy, _text(words, "concept"), _alteration(words), by)
        case "rename":
            return rename(taxonomy, _text(words, "concept"), _by_language(words, "pref_label"), by)
        case "move":
            primary = _text(words, "primary") if words.get("primary") is not None else None
            return move(taxonomy, _text(words, "concept"), _texts(words, "broader"), by, primary=primary)
        case "merge":
            return merge(taxonomy, _text(words, "concept"), _text(words, "into"), by)
        case "split":
            return split(taxonomy, _text(words, "concept"), _parts(words), by)
        case "deprecate":
            successor = _text(words, "replaced_by") if words.get("replaced_by") is not None else None
            return deprecate(taxonomy, _text(words, "concept"), successor, by)
    edge = _relation(words, taxonomy)
    return by.sign([PutRelation(edge) if operation == "relate" else DeleteRelation(edge)])


def title(words: Words, taxonomy: Taxonomy) -> str:
    """The operation in one line: "merge 'Kicks' (kicks) into 'Sneakers' (sneakers)"."""

    def named(id: object) -> str:
        concept = taxonomy.get(id) if isinstance(id, str) else None
        return f"{concept.label()!r} ({id})" if concept is not None else repr(id)

    operation = _operation(words)
    what = f"{operation} {named(words.get('concept'))}"
    match operation:
        case "create":
            labels = list(_by_language(words, "pref_label").values())
            return f"create {words.get('kind')} {labels[0]!r} ({words.get('concept')})" if labels else what
        case "set":
            return f"{what}: {', '.join(sorted(set(words) & set(_EDITABLE)))}"
        case "rename":
            return f"{what} to {', '.join(map(repr, _by_language(words, 'pref_label').values()))}"
        case "move":
            return f"{what} below {', '.join(map(named, _texts(words, 'broader'))) or 'nothing, to the top'}"
        case "merge":
            return f"{what} into {named(words.get('into'))}"
        case "split":
            return f"{what} into {', '.join(part.id for part in _parts(words))}"
        case "deprecate":
            return what + (f", replaced by {named(words['replaced_by'])}" if words.get("replaced_by") else "")
    return f"{operation} {named(words.get('source'))} {words.get('type')} {named(words.get('target'))}"


def _operation(words: Words) -> str:
    operation = words.get("operation")
    if not isinstance(operation, str) or operation not in OPERATIONS:
        raise InputError(f"no operation {operation!r}; there is {', '.join(OPERATIONS)}")
    _no_others(words, ("operation", *OPERATIONS[operation]), where=operation)
    return operation


def _no_others(words: Words, known: tuple[str, ...], *, where: str) -> None:
    for name in words:
        if name not in known:
            raise InputError(f"{where} has no field {name!r}; there is {', '.join(known)}")


def _alteration(words: Words) -> Alteration:
    fields: dict[str, Any] = {}
    for name in ("pref_label", "definition"):
        if name in words:
            fields[name] = _by_language(words, name)
    for name in ("alt_label", "hidden_label"):
        if name in words:
            fields[name] = _lists_by_language(words, name)
    if "notation" in words:
        fields["notation"] = _text(words, "notation") if words["notation"] is not None else None
    for name, known in (("status", STATUSES), ("choice", CHOICES)):
        if name in words:
            fields[name] = _one_of(words, name, known)
    relations: dict[RelationType, list[str]] = {type: _texts(words, type) for type in RELATION_TYPES if type in words}
    primary = _text(words, "primary") if words.get("primary") is not None else None
    if not fields and not relations and primary is None:
        raise InputError(f"nothing to change was given; there is {', '.join(_EDITABLE)}")
    return Alteration(fields, relations, primary)


def _parts(words: Words) -> list[Part]:
    rows = _require(words, "parts")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise InputError(f"parts is a list of objects, each with {', '.join(_PART)}")
    parts = []
    for row in rows:
        _no_others(row, _PART, where="a part")
        labels = {name: _by_language(row, name) for name in ("pref_label", "definition") if name in row}
        lists = {name: _lists_by_language(row, name) for name in ("alt_label", "hidden_label") if name in row}
        takes = tuple(_texts(row, "takes")) if "takes" in row else ()
        parts.append(
            Part(
                _text(row, "id"),
                labels.get("pref_label", {}),
                lists.get("alt_label", {}),
                lists.get("hidden_label", {}),
                labels.get("definition", {}),
                takes,
            )
        )
    return parts


def _relation(words: Words, taxonomy: Taxonomy) -> Relation:
    type = cast(RelationType, _one_of(words, "type", get_args(RelationType)))
    source, target = _text(words, "source"), _text(words, "target")
    for end in (source, target):
        if end not in taxonomy:
            raise UnknownConcept(end, near=taxonomy.near(end))
    return Relation(type, source, target).canonical()


def _scheme(words: Words, taxonomy: Taxonomy) -> str:
    if words.get("scheme") is not None:
        return _text(words, "scheme")
    if len(taxonomy.schemes) != 1:
        raise InputError(f"give a scheme; there is {', '.join(taxonomy.schemes) or 'none yet'}")
    return taxonomy.schemes[0]


def _require(words: Words, name: str) -> Any:
    value = words.get(name, _MISSING)
    if value is _MISSING:
        raise InputError(f"{words.get('operation', 'a part')} needs {name!r}")
    return value


def _text(words: Words, name: str) -> str:
    value = _require(words, name)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{name} is {value!r}; a text with something in it was expected")
    return value


def _texts(words: Words, name: str) -> list[str]:
    value = _require(words, name)
    return list(dict.fromkeys(_list_of_texts(value, name)))


def _one_of(words: Words, name: str, known: tuple[str, ...]) -> str:
    value = _text(words, name)
    if value not in known:
        raise InputError(f"{name} is {value!r}; one of {', '.join(known)} was expected")
    return value


def _by_language(words: Words, name: str) -> dict[str, str]:
    value = _require(words, name)
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for pair in value.items() for text in pair):
        raise InputError(f'{name} is {value!r}; a text for each language was expected, like {{"en": "Shoes"}}')
    return dict(value)


def _lists_by_language(words: Words, name: str) -> dict[str, tuple[str, ...]]:
    value = _require(words, name)
    if not isinstance(value, Mapping):
        raise InputError(f'{name} is {value!r}; texts for each language were expected, like {{"en": ["Kicks"]}}')
    found = {tag: tuple(dict.fromkeys(_list_of_texts(texts, name))) for tag, texts in value.items()}
    return {tag: texts for tag, texts in found.items() if texts}


def _list_of_texts(value: object, name: str) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise InputError(f"{name} is {value!r}; a text or a list of texts was expected")
    return list(texts)
