"""Neighbours as JSON: kept for the snapshot, prepared in the background, and sent without passing the routes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from api.neighbours import NeighbourFilters
from graph.errors import StoreUnavailable
from kgtag.serve.live import Served

PREFIX, SUFFIX = "/v1/concepts/", "/neighbours"
_PLAIN = NeighbourFilters()
_BYTES = 64 << 20
"""Bytes of answers kept for a snapshot; preparing stops at half."""
_SHARE = 0.2
"""Share of a core that preparing answers takes."""
_BATCH = 32
"""Concepts whose embeddings are compared with all others at a time."""
Key = tuple[str, bytes]
"""Path and query."""


class Answers:
    """Answers of one snapshot; those kept first make room for new ones. Any thread may add to them."""

    def __init__(self, limit: int = _BYTES) -> None:
        self._kept: dict[Key, bytes] = {}
        self._limit = limit
        self._lock = threading.Lock()
        self.get = self._kept.get
        self.size = 0

    def put(self, key: Key, answer: bytes) -> None:
        with self._lock:
            self.size += len(answer) - len(self._kept.pop(key, b""))
            self._kept[key] = answer
            while self.size > self._limit:
                self.size -= len(self._kept.pop(next(iter(self._kept))))

    def prepare(self, served: Served, going: Callable[[], bool]) -> None:
        """Find the neighbours of every concept, as far as they fit, while `going` and mostly waiting."""
        ids, recommender = served.taxonomy.ids, served.recommender
        for start in range(0, len(ids), _BATCH):
            batch = [id for id in ids[start : start + _BATCH] if (f"{PREFIX}{id}{SUFFIX}", b"") not in self._kept]
            began = time.perf_counter()
            recommender.prepare(batch)
            for id in batch:
                if not going() or self.size > self._limit / 2:
                    return
                self.put((f"{PREFIX}{id}{SUFFIX}", b""), plain_answer(served, id))
                # Short turns: a request waits for the interpreter until this one ends.
                time.sleep((time.perf_counter() - began) * (1 - _SHARE) / _SHARE)
                began = time.perf_counter()


def plain_answer(served: Served, id: str) -> bytes:
    """The answer to a request without a query. Raises UnknownConcept."""
    return orjson.dumps(_PLAIN.page(served, id))


class _Route:
    """What the metrics call these requests."""

    path = f"{PREFIX}{{id:path}}{SUFFIX}"


class Direct:
    """Answers neighbours that are kept or quick to find; the routes do the rest, wrong requests and keys included.

    Routing and reading parameters cost several times what such an answer does. The key and its scope are checked for
    each request, as the routes check them.

    Args:
        app: What answers the rest.
        answer: The answer for path, query and headers; None where the routes are to answer.
    """

    def __init__(self, app: ASGIApp, *, answer: Callable[[str, bytes, Sequence[tuple[bytes, bytes]]], bytes | None]):
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            path: str = scope["path"]
            if path.startswith(PREFIX) and path.endswith(SUFFIX):
                try:
                    answer = self._answer(path, scope["query_string"], scope["headers"])
                except StoreUnavailable:
                    answer = None
                if answer is not None:
                    scope["route"] = _Route
                    length = str(len(answer)).encode()
                    headers = [(b"content-length", length), (b"content-type", b"application/json")]
                    await send({"type": "http.response.start", "status": 200, "headers": headers})
                    await send({"type": "http.response.body", "body": answer})
                    return
        await self._app(scope, receive, send)
