"""A call of the HTTP API as a value: what is sent, and how its response is read. Sync and async clients share it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import update_wrapper
from http import HTTPStatus
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

import orjson

from graph.errors import KgtagError
from kgtag.rows.tagging import ProblemDetails

try:
    import httpx
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("kgtag.client needs httpx: pip install 'kgtag[client]'", name="httpx") from error

P = ParamSpec("P")
T = TypeVar("T")

_LONGEST_WAIT = 60.0
"""Seconds of a Retry-After that a call waits for at most."""


_RECONNECTS = 30
RECONNECT_SECONDS = 1.0
"""Between two connections for events."""


class ApiError(KgtagError):
    """A response that is not a success.

    Attributes:
        problem: The problem document.
        type: Its stable identifier, `urn:kgtag:problem:…`; `code` is the last part.
        title, status, detail: For people, the HTTP status, and what is wrong.
    """

    def __init__(self, problem: ProblemDetails, status: int) -> None:
        super().__init__(f"{problem['title']} ({status}): {problem['detail']}")
        self.problem = problem
        self.type, self.title, self.detail = problem["type"], problem["title"], problem["detail"]
        self.status = status
        self.code = self.type.rpartition(":")[2]


@dataclass(slots=True)
class Seen:
    """The version of the taxonomy that a client has seen: no older one is to answer it, whichever process does."""

    version: int = 0

    def headers(self) -> dict[str, str]:
        return {"X-Taxonomy-Version": str(self.version)} if self.version else {}

    def note(self, response: httpx.Response) -> httpx.Response:
        """Remember the version of a response; forget it when the service hasn't got it, as after a restored backup."""
        value = response.headers.get("X-Taxonomy-Version", "")
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and b":problem:behind" in response.content:
            self.version = 0
        elif value.isdecimal():
            self.version = max(self.version, int(value))
        return response


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and the row that its response is read as.

    Attributes:
        method, path: Of the request.
        params: The query; those that are None are left out.
        json: The body, when it is JSON.
        content: The body, when it is NDJSON.
        form: The fields of the body, when it is a form with `files`: their field, name and content.
        headers: Further headers.
        if_match: An ETag that must still be the current one, or "*".
        repeatable: Whether sending it twice does no more than sending it once.
        read: Makes the row of the response's body.
    """

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    form: Mapping[str, Any] | None = None
    files: Sequence[tuple[str, tuple[str, bytes]]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    if_match: str | None = None
    repeatable: bool = False
    read: Callable[[bytes], T] = orjson.loads

    def request(self, http: httpx.Client | httpx.AsyncClient, seen: Seen) -> httpx.Request:
        """The request as a client of httpx sends it."""
        headers = dict(self.headers) | seen.headers()
        content = self.content if self.json is None else orjson.dumps(self.json)
        if content is not None:
            headers["Content-Type"] = "application/x-ndjson" if self.json is None else "application/json"
        if self.if_match is not None:
            headers["If-Match"] = self.if_match if self.if_match == "*" else f'"{self.if_match}"'
        params = {name: value for name, value in self.params.items() if value is not None}
        body: dict[str, Any] = {"content": content} if self.form is None else {"data": self.form, "files": self.files}
        return http.build_request(self.method, self.path, params=params, headers=headers, **body)

    def retry_after(self, response: httpx.Response) -> float | None:
        """Seconds to wait before the call is sent again; None when it is not to be."""
        seconds = response.headers.get("Retry-After", "")
        if response.status_code not in (429, 503) or not self.repeatable or not seconds.isdecimal():
            return None
        return min(float(seconds), _LONGEST_WAIT)

    def result(self, response: httpx.Response) -> T:
        """The row of a response that was read. Raises ApiError."""
        if response.is_success:
            return self.read(response.content)
        raise error_of(response)


def error_of(response: httpx.Response) -> ApiError:
    """The error of a response that was read."""
    return ApiError(_problem(response), response.status_code)


def _problem(response: httpx.Response) -> ProblemDetails:
    if response.headers.get("Content-Type", "").startswith("application/problem+json"):
        problem: ProblemDetails = orjson.loads(response.content)
        return problem
    # From something in between, such as a proxy.
    status = response.status_code
    title = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown Status"
    return {"type": "about:blank", "title": title, "status": status, "detail": response.text[:500]}


class Sends(Protocol):
    """A client that waits for its answers."""

    def send(self, call: Call[Any]) -> Any: ...


class SendsAsync(Protocol):
    """A client whose answers are awaited."""

    async def send(self, call: Call[Any]) -> Any: ...


class operation(Generic[P, T]):  # noqa: N801
    """A decorator: a method that returns a Call becomes one that sends it, waiting or awaited as its client is."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self._describe = describe
        update_wrapper(self, describe)  # type: ignore[arg-type]

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Sends, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: SendsAsync, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        if client is None:
            return self

        def send(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.send(self._describe(client, *args, **kwargs))

        return update_wrapper(send, self._describe.__get__(client, owner))


def read_lines(content: bytes) -> list[Any]:
    """The rows of NDJSON."""
    return [orjson.loads(line) for line in content.split(b"\n") if line]


class Events:
    """Server-sent events, through broken connections. `over`: there are no more.

    Args:
        path: Of the stream.
        ends: Whether an event is the last one.
        with_stream: The end of a stream is the end of the events.
    """

    def __init__(self, path: str, *, ends: Callable[[Any], bool] = lambda _: False, with_stream: bool = False) -> None:
        self.path = path
        self.over = False
        self._ends = ends
        self._with_stream = with_stream
        self._last: str | None = None
        self._failures = 0

    @property
    def options(self) -> dict[str, Any]:
        """Options of the request for what comes after the last event."""
        headers = {} if self._last is None else {"Last-Event-ID": self._last}
        return {"headers": headers, "timeout": httpx.Timeout(10.0, read=60.0)}

    def read(self, line: str) -> Iterator[Any]:
        """Take a line in; the row of an event comes out."""
        name, _, value = line.partition(": ")
        if name == "id":
            self._last, self._failures = value, 0
        elif name == "data":
            row = orjson.loads(value)
            self.over = self._ends(row)
            yield row

    def ended(self) -> None:
        """The stream ended by itself."""
        self.over = self.over or self._with_stream

    def failed(self, error: Exception) -> None:
        """Raises the error unless the service may be starting again."""
        self._failures += 1
        if self._failures > _RECONNECTS or (isinstance(error, ApiError) and error.status != 503):
            raise error


class Chunks:
    """Products as NDJSON in requests of bounded size: the service answers while it reads, so both sides must fit."""

    def __init__(self, *, lines: int = 256, size: int = 256 << 10) -> None:
        self._most = lines, size
        self._lines: list[bytes] = []
        self._size = self._number = 0

    def add(self, product: str | Mapping[str, Any]) -> Iterator[bytes]:
        """Take a product in; a full chunk comes out. Products without an id get their number as the id."""
        self._number += 1
        row = {"id": str(self._number), **({"title": product} if isinstance(product, str) else product)}
        self._lines.append(orjson.dumps(row) + b"\n")
        self._size += len(self._lines[-1])
        if len(self._lines) >= self._most[0] or self._size >= self._most[1]:
            yield from self.rest()

    def rest(self) -> Iterator[bytes]:
        """The chunk that is not full, if there is one."""
        lines: Sequence[bytes] = self._lines
        self._lines, self._size = [], 0
        if lines:
            yield b"".join(lines)
