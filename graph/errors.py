"""Every error kgtag raises on purpose, as one tree.

    KgtagError
    ├── InputError                  wrong use or bad input; the caller can repair it (exit 2, HTTP 4xx)
    │   ├── FileFormatError         an unreadable file: names file, line and column
    │   ├── UnknownConcept          an unknown id or label: names the nearest ones
    │   ├── UnknownVersion          a version or release that does not exist
    │   ├── UnknownProposal         a proposal number that does not exist
    │   ├── InvariantError          an edit that would break the taxonomy: carries the problems
    │   ├── ModelMismatch           a model and a taxonomy that do not fit each other
    │   ├── NotAllowed              an action that is for somebody else (HTTP 403)
    │   └── TextError               a product text that is empty, too long or not text
    ├── ConflictError               a concurrent change came first (HTTP 409/412)
    │   ├── ReleaseTaken            the name or version already has a release
    │   ├── DuplicateProposal       an open proposal makes the same changes
    │   └── LostRace                the ETag or revision that the caller expects is outdated (HTTP 412)
    └── StoreError                  the store cannot answer
        ├── StoreUnavailable        server gone, file locked or unreadable: try again later (HTTP 503)
        └── MigrationError          schema missing, too new, or a migration edited after it was applied

A message names the value that is wrong and the way out. Each class has a `code`, which stays when wordings change.
HTTP statuses and exit codes are decided elsewhere.
"""

from collections.abc import Sequence
from typing import NotRequired, Protocol

from typing_extensions import TypedDict


class BrokenInvariant(Protocol):
    """What an error needs of a broken invariant; `graph.model.Problem` is one."""

    @property
    def code(self) -> str: ...

    @property
    def concepts(self) -> tuple[str, ...]: ...

    @property
    def message(self) -> str: ...


class ErrorDetail(TypedDict):
    """An error as JSON, as RFC 9457 has it. `type` is stable, `detail` is for people; over HTTP it has a `status`.

    Example:
        {"type": "urn:kgtag:problem:untaggable-text", "title": "Untaggable Text", "detail": "the title is empty"}
    """

    type: str
    title: str
    detail: str
    status: NotRequired[int]


def error_detail(code: str, detail: str) -> ErrorDetail:
    """The error of a code; the title is the code in words."""
    return {"type": f"urn:kgtag:problem:{code}", "title": code.replace("-", " ").title(), "detail": detail}


_LONGEST = 2_000


class KgtagError(Exception):
    """Root of the tree. A message that quotes megabytes of a file loses its middle.

    Attributes:
        code: A stable identifier of the kind of error, for programs.

    Example:
        >>> UnknownConcept("sandal", near=["'Sandals' (sandals)"]).to_dict()["type"]
        'urn:kgtag:problem:unknown-concept'
    """

    code: str = "internal-error"

    def __init__(self, message: object = "") -> None:
        text = str(message)
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 4 :]}"
        super().__init__(text)

    def __reduce__(self) -> tuple[object, ...]:
        """Subclasses take other arguments than `args` has; a copy for another process is made without them."""
        return _revived, (type(self), self.args, self.__dict__)

    def to_dict(self) -> ErrorDetail:
        """The error as JSON, as the rows of a batch have it."""
        return error_detail(self.code, str(self))


def _revived(kind: type[KgtagError], args: tuple[object, ...], state: dict[str, object]) -> KgtagError:
    found = kind.__new__(kind)
    found.args = args
    found.__dict__.update(state)
    return found


class InputError(KgtagError):
    """Wrong use or bad input that the caller can repair."""

    code = "bad-input"


class FileFormatError(InputError):
    """An unreadable file."""

    code = "unreadable-file"

    def __init__(self, file: str, message: str, *, line: int | None = None, column: int | None = None) -> None:
        where = ":".join(str(part) for part in (file, line, column) if part is not None)
        super().__init__(f"{where}: {message}")
        self.file = file
        self.line = line
        self.column = column


class UnknownConcept(InputError):
    """No concept has this id or label."""

    code = "unknown-concept"

    def __init__(self, value: str, *, kind: str = "concept", near: Sequence[str] = ()) -> None:
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        super().__init__(f"no {kind} {value!r}{hint}")
        self.value = value
        self.near = tuple(near)


class UnknownVersion(InputError):
    """A version or release that is not in the history."""

    code = "unknown-version"


class UnknownProposal(InputError):
    """No proposal has this number."""

    code = "unknown-proposal"

    def __init__(self, id: int) -> None:
        super().__init__(f"there is no proposal {id}; see: kgtag proposals list")
        self.id = id


class InvariantError(InputError):
    """A change set that would break the taxonomy; nothing of it was written."""

    code = "broken-invariant"

    def __init__(self, problems: Sequence[BrokenInvariant]) -> None:
        shown = "; ".join(problem.message for problem in problems[:5])
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        super().__init__(f"{shown}{more}")
        self.problems = tuple(problems)


class ModelMismatch(InputError):
    """A model and a taxonomy that do not fit each other."""

    code = "model-mismatch"


class NotAllowed(InputError):
    """An action that is for somebody else, like accepting one's own proposal."""

    code = "forbidden"


class TextError(InputError):
    """A product text that cannot be tagged."""

    code = "untaggable-text"


class ConflictError(KgtagError):
    """The store changed since it was read."""

    code = "conflict"


class ReleaseTaken(ConflictError):
    """The name or the version already has a release."""

    code = "release-taken"

    def __init__(self, name: str, version: int) -> None:
        super().__init__(f"there is release {name} of version {version} already")
        self.name = name
        self.version = version


class DuplicateProposal(ConflictError):
    """An open proposal makes the same changes."""

    code = "duplicate-proposal"

    def __init__(self, id: int, author: str) -> None:
        super().__init__(f"proposal {id}, by {author}, is open and makes the same changes; comment on that one")
        self.id = id


class LostRace(ConflictError):
    """The version that the caller expects is no longer there."""

    code = "precondition-failed"


class StoreError(KgtagError):
    """The store cannot answer."""

    code = "store-error"


class StoreUnavailable(StoreError):
    """The store is unavailable for now."""

    code = "store-unavailable"


class MigrationError(StoreError):
    """The schema is missing, too new, or a migration was edited after it was applied."""

    code = "migration-needed"
