"""Request bodies: read with a limit, checked in one pass, refused in words."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from api.errors import Problem, invalid
from api.schemas import Body

MAX_BODY = 1 << 20
"""Bytes of a JSON body, and of one line of a batch."""

M = TypeVar("M", bound=Body)


class JsonBody(Generic[M]):
    """A dependency: the request's body as the model."""

    def __init__(self, model: type[M]) -> None:
        self._model = model

    async def __call__(self, request: Request) -> M:
        require_media_type(request, ("application/json",))
        return parse(self._model, await _read(request))


def schema(model: type[Body]) -> dict[str, Any]:
    """`openapi_extra` for a route with such a body: FastAPI doesn't see it, since it doesn't read it."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": model.model_json_schema()}},
        }
    }


def parse(model: type[M], raw: bytes, *, name: str = "the body") -> M:
    """Raises Problem: 400 for what is no JSON, 422 for JSON that isn't the model."""
    if not raw.strip():
        raise Problem(400, f"{name} is empty; a JSON object was expected", title="no JSON")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise Problem(400, f"{name} is no UTF-8: byte {error.start} ({error.reason})", title="no JSON") from None
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        if errors[0]["type"] == "json_invalid":
            said = errors[0]["msg"].removeprefix("Invalid JSON: ")
            raise Problem(400, f"{name} is no JSON: {said}", title="no JSON") from None
        rows = [{**e, "loc": ("body", *e["loc"])} for e in errors]
        raise invalid(rows, known=tuple(model.model_fields)) from None


def require_media_type(request: Request, accepted: Collection[str]) -> None:
    """Raises Problem 415 for a declared type that is none of these. A body that declares none is taken at its word."""
    declared = request.headers.get("content-type")
    if declared is None:
        return
    media, *parameters = (part.strip().lower() for part in declared.split(";"))
    charset = next((p.removeprefix("charset=").strip('"') for p in parameters if p.startswith("charset=")), "utf-8")
    if (media not in accepted and not media.endswith("+json")) or charset not in ("utf-8", "utf8", "us-ascii"):
        wanted = ", ".join(accepted)
        raise Problem(415, f"the body is declared as {declared[:100]!r}; send Content-Type: {wanted}, in UTF-8")


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
        raise Problem(400, "the body ended early") from None
    return b"".join(chunks)


def _too_large() -> Problem:
    return Problem(413, f"the body is larger than {MAX_BODY:,} bytes", headers={"Connection": "close"})
