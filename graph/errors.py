"""Every error kgtag raises on purpose, as one tree.

    KgtagError
    ├── InputError                  wrong use or bad input; the caller can mend it (exit 2, HTTP 4xx)
    │   ├── FileFormatError         a file that doesn't read: names file, line and column
    │   ├── UnknownConcept          an id or label nobody knows: names the nearest ones
    │   ├── UnknownVersion          a version or release that isn't there
    │   ├── UnknownProposal         a number that no proposal has
    │   ├── InvariantError          an edit that would break the taxonomy: carries the problems
    │   ├── ModelMismatch           a model and a taxonomy that don't fit each other
    │   ├── NotAllowed              a deed that is for somebody else to do (HTTP 403)
    │   └── TextError               a product text that is empty, too long or not text
    ├── ConflictError               somebody else was faster (HTTP 409/412)
    │   ├── ReleaseTaken            a release of that name or version is there already
    │   └── LostRace                what the caller says they have seen is no longer there (HTTP 412)
    └── StoreError                  the record can't answer
        ├── StoreUnavailable        server gone, file locked or unreadable: try again later (HTTP 503)
        └── MigrationError          schema missing, too new, or a migration edited after it was applied

A message names the value that is wrong and the way out. Nothing here knows about HTTP or exit codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class BrokenInvariant(Protocol):
    """What an error needs of a broken invariant; `graph.model.Problem` is one."""

    @property
    def code(self) -> str: ...

    @property
    def concepts(self) -> tuple[str, ...]: ...

    @property
    def message(self) -> str: ...


_LONGEST = 2_000


class KgtagError(Exception):
    """Root of the tree. A message that quotes megabytes of somebody's file loses its middle."""

    def __init__(self, message: object = "") -> None:
        said = str(message)
        if len(said) > _LONGEST:
            said = f"{said[: _LONGEST // 2]} … {said[-_LONGEST // 4 :]}"
        super().__init__(said)


class InputError(KgtagError):
    """Wrong use or bad input that the caller can mend."""


class FileFormatError(InputError):
    """A file that doesn't read."""

    def __init__(self, file: str, message: str, *, line: int | None = None, column: int | None = None) -> None:
        where = ":".join(str(part) for part in (file, line, column) if part is not None)
        super().__init__(f"{where}: {message}")
        self.file = file
        self.line = line
        self.column = column


class UnknownConcept(InputError):
    """No concept of this id or label."""

    def __init__(
        self, value: str, *, kind: str = "concept", scheme: str | None = None, near: Sequence[str] = ()
    ) -> None:
        where = f" in scheme {scheme!r}" if scheme else ""
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        super().__init__(f"no {kind} {value!r}{where}{hint}")
        self.value = value
        self.near = tuple(near)


class UnknownVersion(InputError):
    """A version or release that isn't in the history."""


class UnknownProposal(InputError):
    """No proposal of this number."""

    def __init__(self, id: int) -> None:
        super().__init__(f"there is no proposal {id}; see: kgtag proposals list")
        self.id = id


class InvariantError(InputError):
    """A change set that would break the taxonomy; nothing of it was written."""

    def __init__(self, problems: Sequence[BrokenInvariant]) -> None:
        shown = "; ".join(problem.message for problem in problems[:5])
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        super().__init__(f"{shown}{more}")
        self.problems = tuple(problems)


class ModelMismatch(InputError):
    """A model and a taxonomy that don't fit each other."""


class NotAllowed(InputError):
    """A deed that is for somebody else to do, like approving one's own proposal."""


class TextError(InputError):
    """A product text that can't be tagged."""


class ConflictError(KgtagError):
    """The record changed since it was read."""


class ReleaseTaken(ConflictError):
    """A release of that name or of that version is there already."""

    def __init__(self, name: str, version: int) -> None:
        super().__init__(f"there is release {name} of version {version} already")
        self.name = name
        self.version = version


class LostRace(ConflictError):
    """The caller named the version they had seen, and it is no longer there."""


class StoreError(KgtagError):
    """The record can't answer."""


class StoreUnavailable(StoreError):
    """The record is out of reach for now."""


class MigrationError(StoreError):
    """The schema is missing, too new, or was changed behind the migrations' back."""
