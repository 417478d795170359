"""Edit requests such as `{"operation": "merge", "concept": "kicks", "into": "sneakers"}`, and the changes they mean.

Command lines, scripts and proposals make them; planned on a newer taxonomy, a request gives up-to-date changes.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from graph.editing.concepts import Alteration, Signature, alter, create, move, rename
from graph.editing.redirects import Part, deprecate, merge, split
from graph.errors import InputError, UnknownConcept
from graph.labels import CONTROL
from graph.model import CHOICES, KINDS, RELATION_TYPES, STATUSES, Concept, Kind, Relation, RelationType
from graph.model.changes import Change, ChangeSet, DeleteRelation, PutConcept, PutRelation, Retag, change_from_json
from graph.taxonomy import Taxonomy

EditRequest = Mapping[str, Any]

_SINGLE, _LISTS = ("pref_label", "definition"), ("alt_label", "hidden_label")
_EDITABLE = ("pref_label", *_LISTS, "definition", "notation", "status", "choice", *RELATION_TYPES, "primary")
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
"""Fields by operation."""

_PART = ("id", "pref_label", *_LISTS, "definition", "takes")


def plan(request: EditRequest, taxonomy: Taxonomy, by: Signature) -> ChangeSet:
    """Plan the changes of an edit request.

    Args:
        request: An operation of `OPERATIONS` with its fields.
        taxonomy: The present snapshot.
        by: Author and reason.

    Raises:
        InputError: An unknown operation, or a field that is missing, unknown or invalid.
        UnknownConcept: No such concept.
        ConflictError: A new concept's id is taken.

    Example:
        >>> plan({"operation": "move", "concept": "clogs", "broader": ["shoes"]}, taxonomy, Signature("ann")).author
        'ann'
    """
    operation = _operation(request)
    if operation in ("relate", "unrelate"):
        type = cast(RelationType, _one_of(request, "type", RELATION_TYPES))
        ends = (_text(request, "source"), _text(request, "target"))
        for end in ends:
            if end not in taxonomy:
                raise UnknownConcept(end, near=taxonomy.near(end))
        edge = Relation(type, *ends).canonical()
        return by.sign([PutRelation(edge) if operation == "relate" else DeleteRelation(edge)])
    id = _text(request, "concept")
    match operation:
        case "create":
            scheme = _optional(request, "scheme") or (taxonomy.schemes[0] if len(taxonomy.schemes) == 1 else None)
            if scheme is None:
                raise InputError(f"give a scheme; there is {', '.join(taxonomy.schemes) or 'none yet'}")
            made = Concept(id, scheme, cast(Kind, _one_of(request, "kind", KINDS)), {})
            _require(request, "pref_label")
            return create(taxonomy, made, _alteration(request), by)
        case "rename":
            return rename(taxonomy, id, _by_language(request, "pref_label"), by)
        case "move":
            return move(taxonomy, id, _texts(request, "broader"), by, primary=_optional(request, "primary"))
        case "merge":
            return merge(taxonomy, id, _text(request, "into"), by)
        case "split":
            return split(taxonomy, id, _parts(request), by)
        case "deprecate":
            return deprecate(taxonomy, id, _optional(request, "replaced_by"), by)
    return alter(taxonomy, id, _alteration(request), by)


def title(request: EditRequest, taxonomy: Taxonomy) -> str:
    """A one-line title: "merge 'Kicks' (kicks) into 'Sneakers' (sneakers)"."""

    def named(id: object) -> str:
        concept = taxonomy.get(id) if isinstance(id, str) else None
        return f"{concept.label()!r} ({id})" if concept is not None else repr(id)

    operation = _operation(request)
    what = f"{operation} {named(request.get('concept'))}"
    match operation:
        case "create":
            labels = list(_by_language(request, "pref_label").values())
            return f"create {request.get('kind')} {labels[0]!r} ({request.get('concept')})" if labels else what
        case "set":
            return f"{what}: {', '.join(sorted(set(request) & set(_EDITABLE)))}"
        case "rename":
            return f"{what} to {', '.join(map(repr, _by_language(request, 'pref_label').values()))}"
        case "move":
            return f"{what} below {', '.join(map(named, _texts(request, 'broader'))) or 'nothing, to the top'}"
        case "merge":
            return f"{what} into {named(request.get('into'))}"
        case "split":
            return f"{what} into {', '.join(part.id for part in _parts(request))}"
        case "deprecate":
            return what + (f", replaced by {named(request['replaced_by'])}" if request.get("replaced_by") else "")
    return f"{operation} {named(request.get('source'))} {request.get('type')} {named(request.get('target'))}"


def _operation(request: EditRequest) -> str:
    operation = request.get("operation")
    if not isinstance(operation, str) or operation not in OPERATIONS:
        raise InputError(f"no operation {operation!r}; there is {', '.join(OPERATIONS)}")
    _no_others(request, ("operation", *OPERATIONS[operation]), where=operation)
    return operation


def _no_others(request: EditRequest, known: tuple[str, ...], *, where: str) -> None:
    for name in request:
        if name not in known:
            raise InputError(f"{where} has no field {name!r}; there is {', '.join(known)}")


def _labels(request: EditRequest) -> dict[str, Any]:
    """Labels and definitions by field."""
    fields: dict[str, Any] = {name: _by_language(request, name) for name in _SINGLE if name in request}
    return fields | {name: _lists_by_language(request, name) for name in _LISTS if name in request}


def _alteration(request: EditRequest) -> Alteration:
    fields = _labels(request)
    if "notation" in request:
        fields["notation"] = _optional(request, "notation")
    for name, known in (("status", STATUSES), ("choice", CHOICES)):
        if name in request:
            fields[name] = _one_of(request, name, known)
    relations = {type: _texts(request, type) for type in RELATION_TYPES if type in request}
    primary = _optional(request, "primary")
    if not fields and not relations and primary is None:
        raise InputError(f"nothing to change was given; there is {', '.join(_EDITABLE)}")
    return Alteration(fields, relations, primary)


def _parts(request: EditRequest) -> list[Part]:
    rows = _require(request, "parts")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise InputError(f"parts is a list of objects, each with {', '.join(_PART)}")
    parts = []
    for row in rows:
        _no_others(row, _PART, where="a part")
        takes = tuple(_texts(row, "takes")) if "takes" in row else ()
        parts.append(Part(_text(row, "id"), **_labels(row), takes=takes))
    return parts


def _require(request: EditRequest, name: str) -> Any:
    if name not in request:
        raise InputError(f"{request.get('operation', 'a part')} needs {name!r}")
    return request[name]


def _text(request: EditRequest, name: str) -> str:
    value = _require(request, name)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{name} is {value!r}; a text with something in it was expected")
    return value


def _optional(request: EditRequest, name: str) -> str | None:
    return _text(request, name) if request.get(name) is not None else None


def _texts(request: EditRequest, name: str) -> list[str]:
    return list(dict.fromkeys(_list_of_texts(_require(request, name), name)))


def _one_of(request: EditRequest, name: str, known: tuple[str, ...]) -> str:
    value = _text(request, name)
    if value not in known:
        raise InputError(f"{name} is {value!r}; one of {', '.join(known)} was expected")
    return value


def _by_language(request: EditRequest, name: str) -> dict[str, str]:
    value = _require(request, name)
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for pair in value.items() for text in pair):
        raise InputError(f'{name} is {value!r}; a text for each language was expected, like {{"en": "Shoes"}}')
    if name != "definition":
        _require_plain(value.values(), name)
    return dict(value)


def _lists_by_language(request: EditRequest, name: str) -> dict[str, tuple[str, ...]]:
    value = _require(request, name)
    if not isinstance(value, Mapping):
        raise InputError(f'{name} is {value!r}; texts for each language were expected, like {{"en": ["Kicks"]}}')
    found = {tag: tuple(dict.fromkeys(_list_of_texts(texts, name))) for tag, texts in value.items()}
    return {tag: texts for tag, texts in found.items() if texts}


def _list_of_texts(value: object, name: str) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise InputError(f"{name} is {value!r}; a text or a list of texts was expected")
    _require_plain(texts, name)
    return list(texts)


def _require_plain(texts: Iterable[str], name: str) -> None:
    for text in texts:
        if found := CONTROL.search(text):
            raise InputError(f"{name} {text!r} has the control character U+{ord(found.group()):04X}; leave it out")


def read_change(row: Mapping[str, Any]) -> Change:
    """The change of untrusted JSON in the history's notation: `{"delete_concept": "boots"}`. Raises InputError."""
    try:
        return _checked(change_from_json(row))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{str(dict(row))[:200]} is not a change: {why}") from None


def _checked(change: Change) -> Change:
    """The change itself. Raises TypeError for fields of other types."""
    match change:
        case PutConcept(concept):
            for name in ("id", "scheme", "kind", "status", "choice"):
                _require_text(getattr(concept, name), name)
            if concept.notation is not None:
                _require_text(concept.notation, "notation")
            for text, tag, _ in concept.labels():
                _require_text(text, "a label")
                _require_text(tag, "a language")
            for text in concept.definition.values():
                _require_text(text, "a definition")
        case PutRelation(edge) | DeleteRelation(edge):
            for end in (edge.source, edge.target):
                _require_text(end, "an end of a relation")
            if edge.type not in RELATION_TYPES or not isinstance(edge.primary, bool):
                raise TypeError(f"no relation {edge.type!r}; there is {', '.join(RELATION_TYPES)}")
        case Retag(source, target, surfaces, back, version):
            for text in (source, target, *(surfaces or ())):
                _require_text(text, "a text of a retag")
            if not isinstance(back, bool) or not (version is None or isinstance(version, int)):
                raise TypeError("`back` is true or false, `version` a number")
    return change


def _require_text(value: object, name: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, not {value!r}")
