"""The command line's reference page, generated from the Typer app."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import typer

from api.cli import app

INTRO = """# Command line

Every command takes `--help`. `--json` prints one JSON document on stdout and nothing else there; logs and progress go
to stderr. Exit codes: 0 done, 1 findings or a failed check, 2 wrong use or bad input.

*Generated from the program.*
"""


def render() -> str:
    """The page: a section for each command, in the order of `kgtag --help`."""
    command: Any = typer.main.get_command(app)
    return "\n".join([INTRO, *_sections(command, ("kgtag",))])


def _sections(command: Any, path: tuple[str, ...]) -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children is None:
        yield _section(command, path)
        return
    if len(path) > 1:
        yield f"## `{' '.join(path)}`\n\n{_prose(command.help)}\n"
    for name, child in children.items():
        if not getattr(child, "hidden", False):
            yield from _sections(child, (*path, name))


def _section(command: Any, path: tuple[str, ...]) -> str:
    arguments = [p for p in command.params if not _dashed(p)]
    options = [p for p in command.params if _dashed(p) and not p.hidden and p.name != "help"]
    usage = " ".join([*path, *map(_argument, arguments), *(["[OPTIONS]"] if options else [])])
    parts = [f"{'#' * len(path)} `{' '.join(path)}`", f"```\n{usage}\n```", _prose(command.help)]
    if arguments:
        rows = [f"| `{_argument(p)}` | {_cell(p.help)} |" for p in arguments]
        parts.append("\n".join(["| argument | |", "|---|---|", *rows]))
    if options:
        rows = [f"| {_names(p)} | {_cell(p.help)} | {_default(p)} |" for p in options]
        parts.append("\n".join(["| option | | default |", "|---|---|---|", *rows]))
    if command.epilog:
        parts.append(_prose(command.epilog))
    return "\n\n".join(part for part in parts if part) + "\n"


def _dashed(parameter: Any) -> bool:
    return bool(parameter.opts[0].startswith("-"))


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper() + ("…" if parameter.nargs == -1 else "")
    return str(name) if parameter.required else f"[{name}]"


def _names(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if parameter.is_flag:
        return names
    return f"{names} `{_value(parameter)}`" + (", repeatable" if parameter.multiple else "")


def _value(parameter: Any) -> str:
    """The metavar, the allowed values, or the type in capitals."""
    if parameter.metavar:
        return str(parameter.metavar)
    types = [_element(one) for one in _alternatives(parameter.type_descriptor.annotation)]
    if types and get_origin(types[0]) is Literal:
        return "\\|".join(map(str, get_args(types[0])))
    names = {"str": "TEXT", "int": "N", "float": "NUMBER", "Path": "PATH"}
    return names.get(getattr(types[0], "__name__", ""), "VALUE") if types else "VALUE"


def _alternatives(annotation: Any) -> list[Any]:
    """The members of a union but None."""
    if get_origin(annotation) in (list, Literal) or not get_args(annotation):
        return [annotation]
    return [one for one in get_args(annotation) if one is not type(None)]


def _element(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is list else annotation


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    shown = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
    text = "" if shown in (None, False, (), []) or callable(shown) else f"`{shown}`"
    return ", ".join(filter(None, [text, f"`{parameter.envvar}`" if parameter.envvar else ""]))


def _prose(text: str | None) -> str:
    """Help as Markdown: one example stands as a shell block."""
    return re.sub(r"(?m)^Example: `(.+)`$", r"```sh\n\1\n```", text or "")


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
