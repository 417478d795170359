"""Neighbours as JSON: kept for the snapshot, prepared in the background, and sent without passing the routes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from api.neighbours import NeighbourFilters
from kgtag.serve.live import Served

PREFIX, SUFFIX = "/v1/concepts/", "/neighbours"
_PLAIN = NeighbourFilters()
_BYTES = 64 << 20
"""Bytes of answers kept for a snapshot; preparing stops at half."""
_SHARE = 0.5
"""Share of a core that preparing answers takes."""
_BATCH = 32
"""Concepts whose embeddings are compared with all others at a time."""
_ROUTE = SimpleNamespace(path=f"{PREFIX}{{id:path}}{SUFFIX}")
"""The route that would have answered."""


class Answers:
    """Answers of one snapshot, by `key_of`; those kept first make room for new ones. Any thread may add to them."""

    def __init__(self, limit: int = _BYTES) -> None:
        self._kept: dict[str, bytes] = {}
        self._limit = limit
        self._lock = threading.Lock()
        self.get = self._kept.get
        self.size = 0

    def put(self, key: str, answer: bytes) -> None:
        with self._lock:
            self.size += len(answer) - len(self._kept.pop(key, b""))
            self._kept[key] = answer
            while self.size > self._limit:
                self.size -= len(self._kept.pop(next(iter(self._kept))))

    def prepare(self, served: Served, going: Callable[[], bool]) -> None:
        """Find the neighbours of every concept, as far as they fit, while `going` and mostly waiting."""
        ids, recommender = served.taxonomy.ids, served.recommender
        for start in range(0, len(ids), _BATCH):
            batch = [id for id in ids[start : start + _BATCH] if f"{PREFIX}{id}{SUFFIX}" not in self._kept]
            began = time.perf_counter()
            recommender.prepare(batch)
            for id in batch:
                if not going() or self.size > self._limit / 2:
                    return
                self.put(f"{PREFIX}{id}{SUFFIX}", plain_answer(served, id))
                # Short turns: a request waits for the interpreter until this one ends.
                time.sleep((time.perf_counter() - began) * (1 - _SHARE) / _SHARE)
                began = time.perf_counter()


def key_of(path: str, query: bytes) -> str:
    """The key of a request's answer; no two requests share one, since a raw query has no spaces."""
    return f"?{query.decode('latin-1')} {path}" if query else path


def plain_answer(served: Served, id: str) -> bytes:
    """The answer to a request without a query. Raises UnknownConcept."""
    return orjson.dumps(_PLAIN.page(served, id))


class Direct:
    """Answers neighbours that are kept or quick to find, before the app; it does the rest, wrong requests and keys
    included.

    Routing and reading parameters cost several times what such an answer does. The key and its scope are checked for
    each request, as the routes check them.

    Args:
        app: What answers the rest.
        answer: The answer to a request; None where the app is to answer.
    """

    def __init__(self, app: ASGIApp, *, answer: Callable[[Scope], bytes | None]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and (path := scope["path"]).startswith(PREFIX):
            answer = None
            if path.endswith(SUFFIX):
                # Whatever is wrong, the app finds it again and says so.
                with suppress(Exception):
                    answer = self._answer(scope)
            if answer is not None:
                scope["route"] = _ROUTE
                headers = [(b"content-length", b"%d" % len(answer)), (b"content-type", b"application/json")]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": answer})
                return
        await self._app(scope, receive, send)
