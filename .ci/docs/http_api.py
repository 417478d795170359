"""The HTTP reference page, generated from the app's OpenAPI document."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from api.app import create_app
from kgtag.serve.settings import Settings


def render() -> str:
    """A section for each group of calls, then the schemas they name."""
    openapi = create_app(Settings(store="sqlite:///unused.db")).openapi()
    groups: dict[str, list[str]] = defaultdict(list)
    for path, operations in openapi["paths"].items():
        for verb, operation in operations.items():
            groups[operation.get("tags", ["other"])[0]].append(_operation(verb, path, operation))
    parts = ["# HTTP", openapi["info"].get("description", ""), "*Generated from `/openapi.json`.*"]
    for name, calls in groups.items():
        parts += [f"## {name[:1].upper()}{name[1:]}", *calls]
    schemas = openapi.get("components", {}).get("schemas", {})
    if schemas:
        parts += ["## Schemas", *(_schema(name, schema) for name, schema in sorted(schemas.items()))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _operation(verb: str, path: str, operation: dict[str, Any]) -> str:
    parts = [f"### `{verb.upper()} {path}`", operation.get("description") or operation.get("summary", "")]
    rows = [
        (p["name"], f"{p['in']}, {_type(p['schema'])}", p.get("required", False), p.get("description"))
        for p in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {})
    parts += [_fields("parameter", rows), *(_body(media, content) for media, content in body.items())]
    parts.append(_answers(operation.get("responses", {})))
    return "\n\n".join(part for part in parts if part)


def _body(media: str, content: dict[str, Any]) -> str:
    schema = content.get("schema", {})
    if "properties" not in schema:
        return f"Body: `{media}`, {_type(schema)}."
    return f"Body: `{media}`.\n\n" + _fields("field", _rows(schema))


def _rows(schema: dict[str, Any]) -> list[tuple[str, str, bool, str | None]]:
    required = schema.get("required", [])
    return [
        (name, _type(field), name in required, field.get("description"))
        for name, field in schema.get("properties", {}).items()
    ]


def _fields(what: str, rows: list[tuple[str, str, bool, str | None]]) -> str:
    if not rows:
        return ""
    lines = [
        f"| `{name}`{'' if needed else ' (optional)'} | {kind} | {_cell(about)} |" for name, kind, needed, about in rows
    ]
    return "\n".join([f"| {what} | type | |", "|---|---|---|", *lines])


def _answers(responses: dict[str, Any]) -> str:
    rows = []
    for status, response in responses.items():
        kinds = [_type(content.get("schema", {})) for content in response.get("content", {}).values()]
        rows.append(
            f"| {status} | {', '.join(sorted(set(filter(None, kinds))))} | {_cell(response.get('description'))} |"
        )
    return "\n".join(["| status | answer | |", "|---|---|---|", *rows]) if rows else ""


def _schema(name: str, schema: dict[str, Any]) -> str:
    heading = f"### {name} {{#{_anchor(name)}}}"
    values = ", ".join(f"`{one}`" for one in schema.get("enum", []))
    return "\n\n".join(
        part for part in (heading, schema.get("description", ""), values, _fields("field", _rows(schema))) if part
    )


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words, with links to named ones."""
    if "$ref" in schema:
        place, _, name = schema["$ref"].rpartition("/")
        return f"[{name}](#{_anchor(name)})" if place == "#/components/schemas" else f"`{name}`"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[key] if one.get("type") != "null"))
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    extra = schema.get("additionalProperties")
    return f"object of {_type(extra)}" if isinstance(extra, dict) and extra else str(kind)


def _anchor(name: str) -> str:
    return f"schema-{name.lower()}"


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
