"""A route that answers the same question again and again, between two edits."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api.auth import Require
from api.service import service

_reader = Require("read")


class CachedRoute(APIRoute):
    """Answers from the snapshot's cache, to the byte; the key is checked each time.

    FastAPI's reading of keys and parameters costs more than most of these answers do, so cached answers, and requests
    without a query, bypass it. For `async` endpoints whose parameters have defaults, scope `read`, and answers that
    depend on the path, the query and the snapshot alone.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        careful = super().get_route_handler()

        async def handle(request: Request) -> Response:
            await _reader(request)
            cache = service(request).derived.answers
            query: bytes = request.scope["query_string"]
            key = (request.scope["path"], query)
            content = cache.get(key)
            if content is not None:
                return Response(content, media_type="application/json")
            response: Response = await (careful(request) if query else self.endpoint(request, **request.path_params))
            if response.status_code == 200:
                cache[key] = bytes(response.body)
            return response

        return handle
