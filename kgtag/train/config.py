"""TOML files of training options, and dataclasses that check what they hold."""

import difflib
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from graph.errors import InputError

STRICT = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)
"""Types as they are, no unknown names, and docstrings of fields as their descriptions."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Checked:
    """Base of options whose types and ranges are checked when they are made."""

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, values: Any, handler: Any) -> Any:
        try:
            return handler(values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            expected = first["msg"].replace("Input should be", "expected", 1)
            raise InputError(f"option {name} is {first['input']!r}; {expected}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return the keys of a TOML file. Raises InputError: the file is missing or not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there is no config file {str(path)!r}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"config file {str(path)!r} does not read as TOML: {error}") from error


def check_names(
    found: Collection[str], known: Collection[str], *, source: str, replaced: Mapping[str, str] | None = None
) -> None:
    """Raise InputError for an unknown option that `source` sets, naming the one that was meant. `replaced`: what to
    write instead, by the option names of earlier versions."""
    for name in found:
        if name in known:
            continue
        if replaced is not None and name in replaced:
            raise InputError(f"{source} sets {name!r}, an option of an earlier version: {replaced[name]}")
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
        raise InputError(f"{source} sets {name!r}, an unknown option; {hint}")
