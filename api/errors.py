"""Errors as HTTP: the one table from error codes to statuses, and `application/problem+json`."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from graph.errors import DuplicateProposal, InvariantError, KgtagError, UnknownConcept, error_detail
from kgtag.rows.tagging import ProblemDetails

log = logging.getLogger(__name__)

RETRY_SECONDS = 5
"""The Retry-After of a 503."""

STATUS: Mapping[str, int] = {
    "malformed-body": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not-found": 404,
    "unknown-concept": 404,
    "unknown-version": 404,
    "unknown-proposal": 404,
    "unknown-job": 404,
    "method-not-allowed": 405,
    "request-timeout": 408,
    "conflict": 409,
    "release-taken": 409,
    "duplicate-proposal": 409,
    "precondition-failed": 412,
    "body-too-large": 413,
    "unsupported-media-type": 415,
    "bad-input": 422,
    "invalid-request": 422,
    "broken-invariant": 422,
    "untaggable-text": 422,
    "unreadable-file": 422,
    "precondition-required": 428,
    "too-many-requests": 429,
    "headers-too-large": 431,
    "internal-error": 500,
    "store-error": 500,
    "behind": 503,
    "jobs-off": 503,
    "queue-full": 503,
    "model-mismatch": 503,
    "no-model": 503,
    "not-ready": 503,
    "stopping": 503,
    "store-unavailable": 503,
    "too-many-connections": 503,
    "migration-needed": 503,
}
"""The status of each code. The title is the code in words; one status depends on the request, see `from_error`."""


class Problem(KgtagError):
    """A response that is not a success.

    Args:
        code: One of `STATUS`.
        detail: What is wrong, and the way out.
        status: Instead of that of the table.
        headers: Of the response.
        members: Further fields of the problem document.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.status = status or STATUS[code]
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        if self.status == 503:
            self.headers.setdefault("Retry-After", str(RETRY_SECONDS))

    def to_dict(self) -> ProblemDetails:
        """The problem document."""
        row = {**error_detail(self.code, str(self)), "status": self.status, **self.members}
        return cast(ProblemDetails, row)


def from_error(error: KgtagError, request: Request | None = None) -> Problem:
    """The problem for an error. An unknown concept is 404 when the path names it, 422 when only query or body do."""
    if isinstance(error, Problem):
        return error
    status = STATUS.get(error.code, 500)
    members: dict[str, Any] = {}
    if isinstance(error, UnknownConcept):
        members["near"] = list(error.near)
        if request is None or request.path_params.get("id") != error.value:
            status = 422
    elif isinstance(error, DuplicateProposal):
        members["proposal"] = error.id
    elif isinstance(error, InvariantError):
        rows = [{"code": p.code, "concepts": list(p.concepts), "message": p.message} for p in error.problems]
        members["problems"] = rows
    return Problem(error.code, str(error), status=status, members=members)


def invalid(errors: Sequence[Mapping[str, Any]], *, known: Sequence[str] = ()) -> Problem:
    """422 from pydantic's errors: where, and what is wrong. The input is not echoed: it may be huge, or not text."""
    rows = [{"loc": [_printable(part) for part in e["loc"]], "msg": _message(e, known)} for e in errors[:50]]
    first = rows[0]
    where = ".".join(map(str, first["loc"]))
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Problem("invalid-request", f"{where}: {first['msg']}{more}", members={"errors": rows})


def _message(error: Mapping[str, Any], known: Sequence[str]) -> str:
    if error["type"] == "extra_forbidden":
        return f"no such field; there is {', '.join(known)}" if known else "no such field"
    return str(_printable(str(error["msg"]).removeprefix("Value error, ")))


def _printable(part: Any) -> Any:
    return part if isinstance(part, int) else str(part)[:300].encode("utf-8", "replace").decode()


def response(problem: Problem, request: Request) -> Response:
    """The problem document as the response to a request."""
    service = getattr(request.app.state, "service", None)
    revision = service.revision if service is not None else None
    row = {**problem.to_dict(), "instance": request.url.path, "revision": revision}
    return Response(orjson.dumps(row), problem.status, problem.headers, media_type="application/problem+json")


BODY = (400, 408, 413, 415, 422)
"""Statuses of a request whose body cannot be read."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with problems of these statuses, and with 429 where it takes a key."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {
        status: {
            "description": f"{HTTPStatus(status).phrase} ({', '.join(c for c, s in STATUS.items() if s == status)}).",
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status in sorted({*statuses, *((429,) if 401 in statuses else ())})
    }


def install(app: FastAPI) -> None:
    """From here on every error that leaves the app is a problem document."""

    async def kgtag_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, KgtagError)
        return response(from_error(error, request), request)

    async def validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return response(invalid(error.errors()), request)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status, detail = error.status_code, error.detail
        if status == 404:
            detail = f"there is nothing at {request.url.path}; see /docs"
        elif status == 405:
            detail = f"{request.method} is not for {request.url.path}; {(error.headers or {}).get('Allow', '')} is"
        code = HTTPStatus(status).phrase.lower().replace(" ", "-")
        return response(Problem(code, detail, status=status, headers=error.headers), request)

    async def unexpected(request: Request, error: Exception) -> Response:
        # Starlette raises it on after the response, so that the server logs the traceback.
        return response(Problem("internal-error", "something went wrong here; the server's log says what"), request)

    app.add_exception_handler(KgtagError, kgtag_error)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)
