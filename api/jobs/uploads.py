"""The request that starts a job: JSON, or a form with files, read with a limit and checked as far as that is quick."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin

import orjson
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from api.auth import require_scope
from api.errors import Problem, invalid
from api.http import parse, read_body, require_media_type
from api.jobs.bodies import BODIES, ROLES, SCOPES, AnyJob, TagJob
from api.jobs.folder import Upload
from api.service import service
from graph.errors import InputError
from graph.formats.reading import largest
from graph.model import ApiKey
from kgtag.data import BadRow, attempt_products, read_annotated
from kgtag.rows.concepts import JobKind

FORM = "multipart/form-data"


async def read_job(request: Request, key: ApiKey) -> tuple[AnyJob, list[Upload]]:
    """The job that a request asks for, and its files. Raises Problem, 403 when the key may not start it."""
    require_media_type(request, ("application/json", FORM))
    if request.headers.get("content-type", "").lower().startswith(FORM):
        form = await _form(request)
        try:
            return _from_form(form, key)
        except Problem:
            await form.close()
            raise
    raw = await read_body(request, way_out="; send files as multipart/form-data")
    job = parse(_body(_kind_in(raw), key), raw)
    uploads = [
        Upload(role, file.name, io.BytesIO(file.content.encode()))
        for role, files in job.files().items()
        for file in files
    ]
    if isinstance(job, TagJob) and job.products is not None:
        rows = (orjson.dumps(one.model_dump(exclude_unset=True)) + b"\n" for one in job.products)
        uploads.append(Upload("file", "products.jsonl", io.BytesIO(b"".join(rows))))
    return job, uploads


def check_files(job: AnyJob, directory: Path) -> None:
    """Read the first row of products. Raises Problem for a file that does not read."""
    given = job.files()
    names = [file.name for role in ("data", "dev") for file in given.get(role, ())]
    try:
        if isinstance(job, TagJob):
            (path,) = directory.iterdir()
            first = next(attempt_products(path, lang=job.lang), None)
            if isinstance(first, BadRow):
                raise first.error
        for name in names:
            next(read_annotated(directory / name, format=getattr(job, "format", None) or "annotated"), None)
    except InputError as error:
        raise Problem(error.code, str(error).replace(f"{directory}/", "")) from None


def _kind_in(raw: bytes) -> Any:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Problem("malformed-body", f"the body is not JSON: {error}") from None
    return found.get("kind") if isinstance(found, dict) else None


def _body(kind: Any, key: ApiKey) -> type[AnyJob]:
    """The body of a kind. Raises Problem for an unknown one, or when the key has not its scope."""
    body = BODIES.get(kind) if isinstance(kind, str) else None
    if body is None:
        what = "is missing" if kind is None else f"{str(kind)[:100]!r} is unknown"
        row = {"type": "kind", "loc": ("body", "kind"), "msg": f"the kind {what}; there is {', '.join(BODIES)}"}
        raise invalid([row])
    require_scope(key, SCOPES[cast(JobKind, kind)])
    return body


def _from_form(form: FormData, key: ApiKey) -> tuple[AnyJob, list[Upload]]:
    """The job in a form: text in its fields, files in those with files; a field may be repeated where it is a list."""
    model = _body(form.get("kind"), key)
    fields: dict[str, Any] = {}
    uploads: list[Upload] = []
    for name in form:
        values = form.getlist(name)
        files = [one for one in values if isinstance(one, UploadFile)]
        if name in ROLES and len(files) == len(values):
            fields[name] = [{"name": Path(one.filename or name).name, "content": ""} for one in files]
            uploads += [Upload(name, Path(one.filename or name).name, one.file) for one in files]
        elif files:
            raise invalid([{"type": "file", "loc": ("body", name), "msg": f"no file was expected here; {_roles()}"}])
        elif name in ROLES:
            raise invalid([{"type": "file", "loc": ("body", name), "msg": "a file was expected, as in -F file=@NAME"}])
        else:
            fields[name] = values if name in model.model_fields and _is_list(model, name) else values[-1]
    try:
        return model.model_validate(fields, strict=False), uploads
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        rows: list[Mapping[str, Any]] = [{**one, "loc": ("body", *one["loc"])} for one in errors]
        raise invalid(rows, known=tuple(model.model_fields)) from None


def _is_list(model: type[AnyJob], name: str) -> bool:
    annotation = model.model_fields[name].annotation
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return any(get_origin(one) is list for one in options)


def _roles() -> str:
    return f"files are sent as {', '.join(ROLES)}"


async def _form(request: Request) -> FormData:
    """The form, its files on disk. Raises Problem 413 above the limit of files, and 400 for what is not a form."""
    limit, most = largest(), service(request).settings.max_body
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)

    async def bounded() -> AsyncGenerator[bytes, None]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            yield chunk

    try:
        parser = MultiPartParser(request.headers, bounded(), max_files=40, max_fields=200, max_part_size=most)
        return await parser.parse()
    except ClientDisconnect:
        raise Problem("malformed-body", "the body ended early") from None
    except (MultiPartException, KeyError) as error:
        reason = "the boundary is missing" if isinstance(error, KeyError) else str(error)
        raise Problem("malformed-body", f"the body is not a form: {reason}") from None


def _too_large(limit: int) -> Problem:
    detail = f"the body is larger than {limit >> 20} MB, the limit of files (KGTAG_MAX_FILE_MB)"
    return Problem("body-too-large", detail)
