"""Extensions from other packages, found by entry points."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal

from graph.errors import InputError

Group = Literal["kgtag.extractors", "kgtag.formats", "kgtag.checks"]


def plugin_names(group: Group) -> tuple[str, ...]:
    """Names of the installed extensions of a group, sorted."""
    return tuple(sorted({entry.name for entry in entry_points(group=group)}))


@cache
def load_plugin(group: Group, name: str) -> Any:
    """The object behind an extension's entry point.

    Args:
        group: The entry-point group.
        name: The name that the package declares in its `pyproject.toml`.

    Raises:
        InputError: No package declares the name, or its module does not import.
    """
    for entry in entry_points(group=group, name=name):
        try:
            return entry.load()
        except Exception as error:  # whatever another package's module raises while it is imported
            raise InputError(
                f"the extension {name!r} ({group}, {entry.value}) does not load: {type(error).__name__}: {error}"
            ) from error
    there = ", ".join(plugin_names(group)) or "none"
    raise InputError(f"no extension {name!r} in the entry-point group {group!r}; installed: {there}")
