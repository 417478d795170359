"""Rows of keys, jobs, imports and health."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from graph.errors import ErrorDetail
from graph.rows import ProblemRow
from kgtag.rows.concepts import JobKind, JobState


class KeyRow(TypedDict):
    """The key that asked: its id and name, under which its changes are made, and all scopes that it has or implies.

    Example:
        {"id": "3fa9c2", "name": "ann", "author": "api:ann", "scopes": ["read", "propose"],
         "revision": "4f2a91c07d3be685"}
    """

    id: str
    name: str
    author: str
    scopes: list[str]
    revision: str | None


class JobProgress(TypedDict):
    """How far a job is. `total` is null while it is unknown."""

    done: int
    total: int | None
    unit: str


class JobFile(TypedDict):
    """An uploaded file of a job; `role` is the field it was sent in."""

    role: str
    name: str
    bytes: int


class JobRow(TypedDict):
    """A job. `log` has the last lines of its command, `summary` what it counted, `result` whether there is a file to
    get. `cancelling`: it was cancelled, and still runs.

    Example:
        {"id": "20260801T093000000000-5f2c1a9b", "kind": "tag", "state": "running", "by": "shop",
         "created": "2026-08-01T09:30:00.000000+00:00",
         "progress": {"done": 64, "total": 300, "unit": "products"}, "options": {"store": true},
         "files": [{"role": "file", "name": "shop.csv", "bytes": 20480}], "log": [], "result": false}
    """

    id: str
    kind: JobKind
    state: JobState
    progress: JobProgress
    options: dict[str, Any]
    files: list[JobFile]
    by: str
    created: str
    started: NotRequired[str]
    ended: NotRequired[str]
    cancelling: NotRequired[bool]
    summary: NotRequired[dict[str, Any]]
    error: NotRequired[ErrorDetail]
    log: list[str]
    result: bool
    revision: str | None


class JobPage(TypedDict):
    """A page of jobs, newest first. `next_cursor` is null on the last one."""

    jobs: list[JobRow]
    next_cursor: str | None
    revision: str | None


class ImportResult(TypedDict):
    """What an import did. `words` puts it into a sentence, `notes` names what was left out of the files.

    Example:
        {"created": 11, "updated": 0, "unchanged": 0, "relations": 12, "moved": 0, "back": 0, "deprecated": 0,
         "concepts": 11, "words": "11 concepts created", "notes": []}
    """

    created: int
    updated: int
    unchanged: int
    relations: int
    moved: int
    back: int
    deprecated: int
    concepts: int
    revision: str
    words: str
    notes: list[str]
    labels_removed: NotRequired[int]
    definitions_removed: NotRequired[int]
    notations_removed: NotRequired[int]
    relations_removed: NotRequired[int]
    kept_local: NotRequired[int]
    diff: NotRequired[dict[str, Any]]


class Health(TypedDict):
    """The process answers. `revision` is null as long as there is no snapshot."""

    status: Literal["ok"]
    revision: str | None


class Readiness(TypedDict):
    """The snapshot that is served. `stale`: the store has not confirmed it lately, `error` tells why.

    `quarantined` counts content of the store that is left out because it breaks an invariant, `codes` by the
    invariant; `problems`, the first 100 of them with repairs, are for callers with a key. `model_error`: why models
    that were put in place since are not served.

    Example:
        {"status": "ready", "revision": "4f2a91c07d3be685", "version": 12, "concepts": 11, "stale_for": 0.21,
         "error": null, "model": "words-1", "model_error": null, "quarantined": 0, "codes": {}}
    """

    status: Literal["ready", "stale"]
    revision: str
    version: int
    concepts: int
    stale_for: float
    error: str | None
    model: str | None
    model_error: str | None
    quarantined: int
    codes: dict[str, int]
    problems: NotRequired[list[ProblemRow]]
