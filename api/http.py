"""What requests bring, and JSON in return: parameters that several routes take, bodies, responses.

FastAPI would read a body whole before it checks the key, whatever its size, and parse it before it validates it; so
`JsonBody` reads it in a dependency, with a limit, and `BodyRoute` describes it. A response model would validate what
was just built; so `json` encodes rows as they are.
"""

import asyncio
from collections.abc import Collection
from typing import Annotated, Any, Generic, TypeVar

import orjson
from anyio import to_thread
from fastapi import Depends, Header, Path, Query, Security
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.auth import Require
from api.errors import Problem, invalid
from api.limits import HELD
from api.schemas import Body
from api.service import service
from graph.model import ApiKey, Kind
from graph.taxonomy import Taxonomy

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "text/plain", "application/octet-stream")
"""Media types of a batch; the first is documented."""

_SMALL = 16_384
"""Bytes that are parsed in the event loop; more would delay the other requests."""

M = TypeVar("M", bound=Body)

Reader = Security(Require("read"), scopes=["read"])
PageReader = Security(Require("read", basic=True), scopes=["read"])
"""For what a person opens in a browser, which asks for the key as a password."""
ProposerKey = Annotated[ApiKey, Security(Require("propose"), scopes=["propose"])]
ApproverKey = Annotated[ApiKey, Security(Require("approve"), scopes=["approve"])]
EditorKey = Annotated[ApiKey, Security(Require("edit"), scopes=["edit"])]
JobKey = Annotated[ApiKey, Security(Require("read", or_else="tag"), scopes=["read", "tag", "edit", "admin"])]
"""For jobs: any key here; each kind of job has a scope of its own."""
TaggerKey = Annotated[ApiKey, Security(Require("tag"), scopes=["tag"])]
AdminKey = Annotated[ApiKey, Security(Require("admin"), scopes=["admin"])]
ReviewerKey = Annotated[ApiKey, Security(Require("tag", or_else="propose"), scopes=["tag"])]
"""For feedback, which the shop's own software sends as well as people."""

ConceptId = Annotated[str, Path(description="A slash in an id may stand as it is or as %2F.")]
Lang = Annotated[str | None, Query(max_length=35, description="Language of the labels shown; else English.")]
KindFilter = Annotated[Kind | None, Query()]
Limit = Annotated[int, Query(ge=1, le=200)]


def _etags(
    if_match: Annotated[
        str | None, Header(alias="If-Match", description='"ETAG" as it was read, several with commas, or "*" for any.')
    ] = None,
) -> list[str] | None:
    """Weak ones as well: a compressing proxy makes them so, and they still name the version."""
    if if_match is None:
        return None
    return [part.strip().removeprefix("W/").strip('"') for part in if_match.split(",")]


IfMatch = Annotated[list[str] | None, Depends(_etags)]
"""The ETags that If-Match names; None without it."""


async def require_known(taxonomy: Taxonomy, *ids: str) -> None:
    """Raises UnknownConcept, off the event loop: finding what is near takes a while in a large taxonomy."""
    for id in ids:
        if id not in taxonomy:
            await run_in_threadpool(taxonomy.index, id)


class JsonBody(Generic[M]):
    """A dependency: the request's body as the model."""

    def __init__(self, model: type[M]) -> None:
        self.model = model

    async def __call__(self, request: Request) -> M:
        require_media_type(request, ("application/json",))
        raw = await read_body(request)
        if len(raw) > _SMALL:
            return await to_thread.run_sync(parse, self.model, raw, limiter=service(request).parsing)
        return parse(self.model, raw)


class BodyRoute(APIRoute):
    """A route that describes the JsonBody it depends on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for one in self.dependant.dependencies:
            if isinstance(one.call, JsonBody):
                self.openapi_extra = describe_body(one.call.model)


def describe_body(model: type[Body], media: str = "application/json") -> dict[str, Any]:
    """The description of a request with such a body, or with one such object a line."""
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


async def read_body(request: Request, *, way_out: str = "") -> bytes:
    """The body, within the limits of size and time. Raises Problem: 413 with the way out for a larger one, 408 for a
    slow one, 503 while other bodies take the memory there is for them."""
    found = service(request)
    limits = found.settings
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.max_body:
        raise _too_large(limits.max_body, way_out)
    parts, size = list[bytes](), 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                parts.append(chunk)
                size += len(chunk)
                if size > limits.max_body:
                    raise _too_large(limits.max_body, way_out)
                request.scope[HELD] = request.scope.get(HELD, 0) + len(chunk)
                found.body_bytes += len(chunk)
                if found.body_bytes > limits.max_body_memory:
                    detail = f"{limits.max_body_memory:,} bytes of bodies are held, the most there may be"
                    raise Problem("queue-full", detail)
    except ClientDisconnect:
        raise Problem("malformed-body", "the body ended early") from None
    except TimeoutError:
        detail = f"the body took longer than {limits.body_seconds:g} seconds to arrive"
        raise Problem("request-timeout", detail) from None
    return b"".join(parts)


def _too_large(limit: int, way_out: str) -> Problem:
    detail = f"the body is larger than {limit:,} bytes{way_out}"
    return Problem("body-too-large", detail)


def json(row: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The row as a response."""
    return Response(orjson.dumps(row), status, headers, media_type="application/json")
