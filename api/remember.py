"""A route that is asked the same thing again and again, between two edits."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api.auth import Require
from api.service import service

_reader = Require("read")


class RememberingRoute(APIRoute):
    """Gives the answer it gave before, to the byte, as long as the snapshot is the same; the key is checked each time.

    FastAPI's reading of keys and parameters costs more than most of these answers do, so what was answered before, and
    what asks for nothing beside the path, passes it by. For `async` endpoints whose parameters have defaults, scope
    `read`, and answers that depend on the path, the query and the snapshot alone.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        careful = super().get_route_handler()

        async def handle(request: Request) -> Response:
            await _reader(request)
            derived = service(request).derived
            query: bytes = request.scope["query_string"]
            asked = (request.scope["path"], query)
            content = derived.recall(asked)
            if content is not None:
                return Response(content, media_type="application/json")
            response = await (careful(request) if query else self.endpoint(request, **request.path_params))
            if response.status_code == 200:
                derived.remember(asked, bytes(response.body))
            found: Response = response
            return found

        return handle
