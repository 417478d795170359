"""/docs: the OpenAPI description as one plain page. Swagger UI would load its scripts from elsewhere."""

from __future__ import annotations

from collections import defaultdict
from html import escape
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 52rem; margin: 3rem auto; padding: 0 1.25rem; }
h2 { margin-top: 3rem; text-transform: capitalize; } p { margin: .4rem 0; }
section { border-top: 1px solid var(--line); padding: 1rem 0; }
code, pre { font: .875em/1.5 ui-monospace, monospace; } b { font-weight: 600; }
.verb { display: inline-block; min-width: 3.6rem; font-weight: 700; color: #2f6f4f; }
table { border-collapse: collapse; font-size: .9rem; margin-top: .5rem; }
td { padding: .15rem 1rem .15rem 0; vertical-align: top; }
.muted { opacity: .7; }
"""


def render(openapi: dict[str, Any]) -> str:
    """Self-contained HTML: no script, nothing loaded."""
    by_tag: dict[str, list[str]] = defaultdict(list)
    for path, operations in openapi["paths"].items():
        for verb, operation in operations.items():
            by_tag[operation.get("tags", ["other"])[0]].append(_operation(verb, path, operation))
    info = openapi["info"]
    intro = "".join(f"<p>{_prose(part)}</p>" for part in info["description"].split("\n\n"))
    parts = "".join(f"<h2>{escape(tag)}</h2>{''.join(rows)}" for tag, rows in by_tag.items())
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(info['title'])} HTTP API</title><style>{_STYLE}</style>"
        f"<h1>{escape(info['title'])} HTTP API</h1>{intro}"
        f"<p class=muted>For machines: <a href='openapi.json'>openapi.json</a></p>{parts}</html>"
    )


def _operation(verb: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        _row(
            f"{p['name']}{' *' if p.get('required') else ''}", f"in {p['in']}", _type(p["schema"]), p.get("description")
        )
        for p in operation.get("parameters", [])
    ]
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        required = schema.get("required", [])
        rows += [
            _row(f"{name}{' *' if name in required else ''}", media, _type(field), field.get("description"))
            for name, field in schema.get("properties", {}).items()
        ]
    table = f"<table>{''.join(rows)}</table>" if rows else ""
    prose = "".join(f"<p>{_prose(part)}</p>" for part in operation.get("description", "").split("\n\n") if part)
    return f"<section><code><span class=verb>{verb.upper()}</span> {escape(path)}</code>{prose}{table}</section>"


def _row(name: str, where: str, type: str, description: str | None) -> str:
    return (
        f"<tr><td><code>{escape(name)}</code><td class=muted>{escape(where)}<td><code>{escape(type)}</code>"
        f"<td>{_prose(description or '')}"
    )


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(part) for part in schema["anyOf"] if part.get("type") != "null"))
    if schema.get("type") == "array":
        return f"[{_type(schema.get('items', {}))}]"
    return str(schema.get("type", ""))


def _prose(text: str) -> str:
    """Escaped, with `code` between backquotes."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
