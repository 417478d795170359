"""Extensions from other packages, found by entry points."""

import sys
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal, TypeVar

from graph.errors import InputError

Group = Literal["kgtag.extractors", "kgtag.formats", "kgtag.checks"]
T = TypeVar("T")


def plugin_names(group: Group) -> tuple[str, ...]:
    """Names of the extensions of a group that are installed when it is first asked for, sorted."""
    return _names(group, tuple(sys.path))


@cache
def _names(group: Group, _: tuple[str, ...]) -> tuple[str, ...]:
    """Reads the metadata of every package along the search path: a tenth of a second."""
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


def load_as(group: Group, name: str, kind: type[T]) -> T:
    """Like `load_plugin`. Raises InputError for one that is not a `kind`, too."""
    plugin = load_plugin(group, name)
    if not isinstance(plugin, kind):
        raise InputError(f"the extension {name!r} of the group {group!r} is not a {kind.__name__}")
    return plugin


def load_plugins(group: Group, kind: type[T]) -> dict[str, T]:
    """All extensions of a group by name. Raises InputError for one that does not load, or is not a `kind`."""
    return {name: load_as(group, name, kind) for name in plugin_names(group)}
