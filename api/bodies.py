"""Request bodies: read with a limit, checked in one pass, refused in words.

FastAPI would read a body whole before it checks the key, whatever its size, and parse it before it validates it; so
this reads bodies in a dependency, and `schema` tells FastAPI what they are.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from api.errors import Problem, invalid
from api.schemas import Body

MAX_BODY = 1 << 20
"""Bytes of a JSON body, and of one line of a batch."""
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "text/plain", "application/octet-stream")
"""Media types of a batch; the first is documented."""

M = TypeVar("M", bound=Body)


class JsonBody(Generic[M]):
    """A dependency: the request's body as the model."""

    def __init__(self, model: type[M]) -> None:
        self._model = model

    async def __call__(self, request: Request) -> M:
        require_media_type(request, ("application/json",))
        return parse(self._model, await _read(request))


def schema(model: type[Body], media: str = "application/json") -> dict[str, Any]:
    """The `openapi_extra` of a route with such a body, or with one such object a line."""
    content = {media: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}
    return {"requestBody": {"required": True, "content": content}}


def parse(model: type[M], raw: bytes, *, name: str = "the body") -> M:
    """Raises Problem: 400 for what is not JSON, 422 for JSON that does not fit the model."""
    if not raw.strip():
        raise Problem("malformed-body", f"{name} is empty; a JSON object was expected")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise Problem("malformed-body", f"{name} is not UTF-8: byte {error.start} ({error.reason})") from None
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        if errors[0]["type"] == "json_invalid":
            reason = errors[0]["msg"].removeprefix("Invalid JSON: ")
            raise Problem("malformed-body", f"{name} is not JSON: {reason}") from None
        rows = [{**e, "loc": ("body", *e["loc"])} for e in errors]
        raise invalid(rows, known=tuple(model.model_fields)) from None


def require_media_type(request: Request, accepted: Collection[str]) -> None:
    """Raises Problem 415 for a declared type that is not accepted. A body that declares none passes."""
    declared = request.headers.get("content-type")
    if declared is None:
        return
    media, *parameters = (part.strip().lower() for part in declared.split(";"))
    charset = next((p.removeprefix("charset=").strip('"') for p in parameters if p.startswith("charset=")), "utf-8")
    if (media not in accepted and not media.endswith("+json")) or charset not in ("utf-8", "utf8", "us-ascii"):
        detail = f"the body is declared as {declared[:100]!r}; send Content-Type: {', '.join(accepted)}, in UTF-8"
        raise Problem("unsupported-media-type", detail)


async def _read(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BODY:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BODY:
                raise _too_large()
            chunks.append(chunk)
    except ClientDisconnect:
        raise Problem("malformed-body", "the body ended early") from None
    return b"".join(chunks)


def _too_large() -> Problem:
    detail = f"the body is larger than {MAX_BODY:,} bytes"
    return Problem("body-too-large", detail, headers={"Connection": "close"})
