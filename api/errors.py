"""Errors as HTTP: the one table from the error tree to statuses, and `application/problem+json`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from graph.errors import (
    ConflictError,
    InputError,
    InvariantError,
    KgtagError,
    LostRace,
    MigrationError,
    ModelMismatch,
    NotAllowed,
    StoreUnavailable,
    TextError,
    UnknownConcept,
    UnknownProposal,
    UnknownVersion,
)

log = logging.getLogger(__name__)

RETRY_SECONDS = 5
"""What Retry-After says when the record is out of reach."""

_TABLE: tuple[tuple[type[KgtagError], int, str], ...] = (
    (UnknownConcept, 404, "unknown concept"),
    (UnknownVersion, 404, "unknown version"),
    (UnknownProposal, 404, "unknown proposal"),
    (InvariantError, 422, "the edit would break the taxonomy"),
    (TextError, 422, "text not taggable"),
    (ModelMismatch, 503, "model and taxonomy don't fit"),
    (NotAllowed, 403, "not yours to do"),
    (InputError, 422, "bad input"),
    (LostRace, 412, "lost race"),
    (ConflictError, 409, "conflict"),
    (StoreUnavailable, 503, "record out of reach"),
    (MigrationError, 503, "record not migrated"),
)
"""From the top, the first that fits. One status depends on the request, see `from_error`."""


class Problem(Exception):
    """An answer that is no success. `members` are further fields of the problem document."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.title = title or HTTPStatus(status).phrase.lower()
        self.headers = dict(headers or {})
        self.members = dict(members or {})

    def document(self, instance: str | None = None) -> dict[str, Any]:
        row: dict[str, Any] = {
            "type": f"urn:kgtag:problem:{self.title.replace(' ', '-')}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if instance is not None:
            row["instance"] = instance
        return row | self.members


class Unavailable(Problem):
    """The record is out of reach for now."""

    def __init__(self, detail: str) -> None:
        super().__init__(503, detail, title="record out of reach", headers={"Retry-After": str(RETRY_SECONDS)})


def from_error(error: KgtagError, request: Request | None = None) -> Problem:
    """The problem for an error of the tree.

    An unknown concept is 404 when the path names it, 422 when it is only mentioned in the query or the body.
    """
    status, title = next(((s, t) for kind, s, t in _TABLE if isinstance(error, kind)), (500, "internal error"))
    members: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, UnknownConcept):
        members["near"] = list(error.near)
        if request is None or request.path_params.get("id") != error.value:
            status = 422
    elif isinstance(error, InvariantError):
        rows = [{"code": p.code, "concepts": list(p.concepts), "message": p.message} for p in error.problems]
        members["problems"] = rows
    if status == 503:
        headers["Retry-After"] = str(RETRY_SECONDS)
    return Problem(status, str(error), title=title, headers=headers, members=members)


def invalid(errors: Sequence[Mapping[str, Any]], *, known: Sequence[str] = ()) -> Problem:
    """422 from pydantic's errors: where, and what is wrong. The input isn't echoed: it may be huge, or no text."""
    rows = [{"loc": [_printable(part) for part in e["loc"]], "msg": _message(e, known)} for e in errors[:50]]
    first = rows[0]
    where = ".".join(map(str, first["loc"]))
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Problem(422, f"{where}: {first['msg']}{more}", title="invalid request", members={"errors": rows})


def _message(error: Mapping[str, Any], known: Sequence[str]) -> str:
    if error["type"] == "extra_forbidden":
        return f"no such field; there is {', '.join(known)}" if known else "no such field"
    return str(_printable(str(error["msg"]).removeprefix("Value error, ")))


def _printable(part: Any) -> Any:
    return part if isinstance(part, int) else str(part)[:300].encode("utf-8", "replace").decode()


def response(problem: Problem, request: Request) -> Response:
    document = problem.document(request.url.path)
    service = getattr(request.app.state, "service", None)
    document["revision"] = service.revision if service is not None else None
    content = orjson.dumps(document)
    return Response(content, problem.status, problem.headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """From here on every error that leaves the app is a problem document."""

    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return response(error, request)

    async def kgtag_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, KgtagError)
        return response(from_error(error, request), request)

    async def validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return response(invalid(error.errors()), request)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = error.detail
        if error.status_code == 404:
            detail = f"there is nothing at {request.url.path}; see /docs"
        elif error.status_code == 405:
            detail = f"{request.method} is not for {request.url.path}; {(error.headers or {}).get('Allow', '')} is"
        return response(Problem(error.status_code, detail, headers=error.headers), request)

    async def unexpected(request: Request, error: Exception) -> Response:
        # Starlette raises it on after the answer, so that the server logs the traceback.
        return response(Problem(500, "something went wrong here; the server's log says what"), request)

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(KgtagError, kgtag_error)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)
