"""The OpenAPI description: what FastAPI derives from the routes, with bodies, security, problems and examples."""

import inspect
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, Literal, NotRequired, get_args, get_origin, get_type_hints

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from typing_extensions import get_original_bases, is_typeddict

from api import schemas
from api.jobs import bodies
from graph import rows as graph_rows
from graph.rows import AuditReport
from kgtag.rows import analytics, ask, challenger, concepts, items, search, service, tagging
from kgtag.rows.items import ItemChanged, TaxonomyChanged
from kgtag.rows.service import ImportResult, JobRow
from kgtag.rows.tagging import ErrorRow, ProblemDetails, TaggingRow

_REF = "#/components/schemas/{model}"
_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key made by `kgtag keys create`, as `Authorization: Bearer KEY`.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key as `X-API-Key: KEY`.",
    },
}
_IN: Literal["validation", "serialization"] = "validation"
_OUT: Literal["validation", "serialization"] = "serialization"
_NAMED: Mapping[str, str] = {"revision": "4f2a91c07d3be685", "etag": "0f1e2d3c4b5a6978"}
_OF_TYPE: Mapping[Any, Any] = {int: 1, float: 0.5, bool: False}


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of the app's routes, made once."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        parts = found["components"]
        parts["securitySchemes"] = _SECURITY_SCHEMES
        parts["schemas"] |= _schemas()
        for name, schema in parts["schemas"].items():
            _add_example(name, schema)
        for operation in (one for path in found["paths"].values() for one in path.values()):
            if "security" in operation:
                (scopes,) = (scopes for one in operation["security"] for scopes in one.values())
                operation["security"] = [{name: [scope]} for scope in scopes for name in _SECURITY_SCHEMES]
        app.openapi_schema = found
    return app.openapi_schema


def example(row: type) -> dict[str, Any]:
    """An example of a row: those in its docstring and its base's, completed with examples of its fields."""
    hints = get_type_hints(row, include_extras=True)
    found = _written(row)
    needed = {name: hint for name, hint in hints.items() if name not in found and get_origin(hint) is not NotRequired}
    found |= {name: _value(name, hint) for name, hint in needed.items()}
    return {name: found[name] for name in hints if name in found}


def _written(row: type) -> dict[str, Any]:
    if not is_typeddict(row):
        return {}
    inherited = {name: value for base in get_original_bases(row) for name, value in _written(base).items()}
    return inherited | (_split(row.__doc__ or "")[1] or {})


def _value(name: str, hint: Any) -> Any:
    if is_typeddict(hint):
        return example(hint)
    if hint in _OF_TYPE:
        return _OF_TYPE[hint]
    if get_origin(hint) is list:
        return [_value(name, get_args(hint)[0])]
    if get_origin(hint) is dict:
        return {}
    if name in _NAMED or hint is str:
        return _NAMED.get(name, name)
    choices = get_args(hint)
    if get_origin(hint) is Literal or not choices:
        return next(iter(choices), None)
    return None if NoneType in choices else _value(name, choices[0])


def _split(doc: str) -> tuple[str, Any]:
    """A docstring without its example, and the example."""
    text, _, written = inspect.cleandoc(doc).partition("\n\nExample:\n")
    return text, orjson.loads(written) if written else None


_ROWS = (analytics, ask, challenger, concepts, items, search, service, tagging)


def _rows() -> Iterator[tuple[str, Any]]:
    for module in (schemas, bodies, graph_rows, *_ROWS):
        yield from ((name, one) for name, one in vars(module).items() if inspect.isclass(one))


def _schemas() -> dict[str, Any]:
    """Schemas of what FastAPI does not see: bodies, lines of a batch, problems."""
    bodies = [
        one for name, one in _rows() if issubclass(one, schemas.Body) and one is not schemas.Body and name[0] != "_"
    ]
    given = [(one, _IN, TypeAdapter(one)) for one in bodies]
    given += [
        (one, _OUT, TypeAdapter(one))
        for one in (
            TaggingRow,
            ErrorRow,
            ProblemDetails,
            AuditReport,
            ImportResult,
            JobRow,
            TaxonomyChanged,
            ItemChanged,
        )
    ]
    found: dict[str, Any] = TypeAdapter.json_schemas(given, ref_template=_REF)[1]["$defs"]
    return found


def _add_example(name: str, schema: dict[str, Any]) -> None:
    row = dict(_rows()).get(name)
    if row is None:
        return
    text, written = _split(row.__doc__ or "")
    schema["description"] = text
    shown = example(row) if is_typeddict(row) else written
    if shown is not None:
        schema["example"] = shown
