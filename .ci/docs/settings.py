"""The settings' reference page, generated from `kgtag.serve.settings.Settings` and its `Limits`."""

from __future__ import annotations

import inspect
import re
from typing import Any, Literal, get_args, get_origin

from kgtag.serve.limits import Limits
from kgtag.serve.settings import Settings

INTRO = """# Settings

The command line and the service read these variables once, when they start, and check them; an option of a command
counts more. The Python package reads none of them.

| variable | | values | default |
|---|---|---|---|
"""
_LOG = "| `KGTAG_LOG` | What the command line logs. | `debug`, `info`, `warning`, `error` | `warning` |"


def render() -> str:
    """One row for each field, explained by the class's docstring."""
    about = _descriptions()
    prefix = str(Settings.model_config["env_prefix"])
    rows = [
        f"| `{prefix}{name.upper()}` | {about[name]} | {_values(field)} | {_default(field)} |"
        for name, field in Settings.model_fields.items()
    ]
    return INTRO + "\n".join([*rows, _LOG]) + "\n"


def _descriptions() -> dict[str, str]:
    """Field name to the sentence that follows it in the docstring's Attributes."""
    documented = [inspect.cleandoc(one.__doc__ or "").partition("Attributes:\n")[2] for one in (Settings, Limits)]
    found = re.findall(r"^ {4}(\w+): (.+?)(?=^ {4}\w+:|\Z|^\S)", "\n".join(documented), re.MULTILINE | re.DOTALL)
    return {name: " ".join(text.split()).replace("|", "\\|") for name, text in found}


def _values(field: Any) -> str:
    types = [one for one in (get_args(field.annotation) or (field.annotation,)) if one is not type(None)]
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{one}`" for one in get_args(field.annotation))
    bounds = [f"{sign} {getattr(one, name)}" for one in field.metadata for name, sign in _BOUNDS if hasattr(one, name)]
    return ", ".join([_KINDS.get(types[0].__name__, types[0].__name__), *bounds])


_KINDS = {
    "str": "text",
    "SecretStr": "text, never printed",
    "Path": "path",
    "float": "number",
    "int": "whole number",
    "bool": "`1` or `0`",
}
_BOUNDS = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))


def _default(field: Any) -> str:
    return "" if field.default is None else f"`{field.default}`"
