"""HTTP over connections with limits: of time, bytes and number. What uvicorn has, and what it leaves to a proxy."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.errors import Problem
from api.logs import log_config
from kgtag.serve.limits import Limits
from kgtag.serve.settings import Settings

log = logging.getLogger(__name__)

_FIRST_REQUEST_SECONDS = 0.5
"""How long a new connection of a process that ends waits for its first request."""
Waiting = dict["LimitedProtocol", None]
"""The connections that wait for the head of a request, those that wait longest first."""


class LimitedProtocol(HttpToolsProtocol):
    """A connection: its requests arrive within time, and its answers are read.

    Args:
        limits: Those of time and size.
        waiting: Shared by all connections of the process.
    """

    def __init__(self, *args: Any, limits: Limits, waiting: Waiting, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits, self._waiting = limits, waiting
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= self._limits.max_connections:
            if not self._waiting:
                self.transport = transport
                self._refuse(Problem("too-many-connections", "as many connections are open as may be; try again later"))
                return
            next(iter(self._waiting)).transport.close()
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.pop(self, None)
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._await_head()
        rest = self._discarding()
        super().data_received(data)
        if self._head_timer is not None and not rest:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.max_header and not self.transport.is_closing():
                most = self._limits.max_header
                self._refuse(Problem("headers-too-large", f"the head of the request is larger than {most:,} bytes"))

    def on_headers_complete(self) -> None:
        self._waiting.pop(self, None)
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_headers_complete()
        if self._ending:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """A connection that was just accepted has its first request on the way: it is answered, the last one."""
        if self.cycle is None and not self._ending:
            self._ending = True
            self.loop.call_later(_FIRST_REQUEST_SECONDS, self._end_unused)
        else:
            super().shutdown()

    def _end_unused(self) -> None:
        if self.cycle is None:
            self.transport.close()

    def on_message_complete(self) -> None:
        rest = self._discarding()
        super().on_message_complete()
        if rest:
            self.cycle.more_body = False
            self._stop_timers()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline and not self.transport.is_closing():
            self._waiting[self] = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(self._limits.write_seconds, self._unread)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def send_400_response(self, msg: str) -> None:
        self._refuse(Problem("bad-request", msg, status=400))

    def _discarding(self) -> bool:
        """Whether what arrives is the rest of a body that was answered before it had been read. A client that sends it
        reads the answer only afterwards, so it has as much time as for a head."""
        return self.cycle is not None and self.cycle.response_complete and self.cycle.more_body

    def _await_head(self) -> None:
        self._waiting[self] = None
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self._limits.header_seconds, self._late)

    def _late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            seconds = self._limits.header_seconds
            self._refuse(Problem("request-timeout", f"the head of the request took longer than {seconds:g} seconds"))

    def _unread(self) -> None:
        log.warning("a connection was cut off: its client left the answer unread for %g s", self._limits.write_seconds)
        self.transport.abort()

    def _stop_timers(self) -> None:
        for timer in (self._head_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._write_timer = None

    def _refuse(self, problem: Problem) -> None:
        """Answer before there is a request, and close."""
        body = orjson.dumps(problem.to_dict())
        headers = {
            "content-type": "application/problem+json",
            "content-length": str(len(body)),
            "connection": "close",
            **problem.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[problem.status] + lines.encode() + b"\r\n" + body)
        self.transport.close()
        self._stop_timers()


def server_options(settings: Settings) -> dict[str, Any]:
    """Options of uvicorn that put the limits into force, and its log where ours is."""
    limits = Limits(**settings.model_dump(include=set(Limits.model_fields)))  # goes to workers; has no password
    return {
        "http": partial(LimitedProtocol, limits=limits, waiting={}),
        "ws": "none",
        "access_log": False,  # it has addresses and ids
        "log_config": log_config(settings),
        "timeout_graceful_shutdown": max(1, round(limits.stop_seconds)),
        "timeout_worker_healthcheck": 300,  # a worker that replaces another, after SIGHUP, loads its models first
    }
