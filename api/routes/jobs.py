"""Jobs: imports, taggings, trainings and audits that outlive a request, and the process that serves."""

import asyncio
import tarfile
import time
from collections.abc import AsyncIterator
from pathlib import Path as FilePath
from typing import Annotated, Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Header, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response, StreamingResponse

from api.auth import require_scope
from api.errors import BODY, Problem, problems
from api.http import JobKey, json
from api.jobs.bodies import BODIES, ROLES, SCOPES, AnyJob, amount, output
from api.jobs.folder import Job, JobFolder, Upload
from api.jobs.rows import folder_of, has_result, job_row
from api.jobs.uploads import FORM, check_files, read_job
from api.routes.tag import lines_of
from api.service import Service, service
from graph.api_keys import allows
from graph.errors import ConflictError
from graph.model import ApiKey
from kgtag.rows.concepts import JobKind, JobState
from kgtag.rows.service import JobFile, JobPage, JobProgress, JobRow
from kgtag.rows.tagging import ErrorRow, TaggingRow

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=problems(401, 403, 503))

_LOOK_SECONDS = 0.2
_HEARTBEAT_SECONDS = 15.0
_CANCEL_SECONDS = 8.0
"""How long a cancellation waits for the process to end."""

JobId = Annotated[str, Path(max_length=100)]


def _job(request: Request, key: ApiKey, id: str) -> Job:
    """Raises Problem: 404 without such a job, 403 for a key that could not have started it."""
    job = folder_of(service(request)).find(id)
    if job is None:
        raise Problem("unknown-job", f"no job {id!r}; it may have been removed, see GET /v1/jobs")
    require_scope(key, SCOPES[job.kind])
    return job


def _form() -> dict[str, Any]:
    """The description of a job as a form."""
    fields: dict[str, dict[str, Any]] = {}
    for kind, body in BODIES.items():
        for name, field in body.model_fields.items():
            about = f"{kind}: {field.description}" if field.description else kind
            earlier = [fields[name]["description"]] if name in fields else []
            fields[name] = {"type": "string", "description": "; ".join([*earlier, about])}
    del fields["products"]
    for name in ROLES:
        fields[name] |= {"type": "array", "items": {"type": "string", "format": "binary"}}
    fields["kind"] = {"type": "string", "enum": list(BODIES)}
    about = "The fields of the job's JSON body, with files in place of their content."
    return {"type": "object", "properties": fields, "required": ["kind"], "description": about}


def _any_of(*names: str) -> dict[str, Any]:
    return {"schema": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}}


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": _any_of(*(one.__name__ for one in BODIES.values())), FORM: {"schema": _form()}},
    }
}


@router.post("", status_code=202, response_model=JobRow, responses=problems(*BODY), openapi_extra=_BODY)
async def create_job(
    request: Request,
    key: JobKey,
    idempotency_key: Annotated[
        str | None,
        Header(alias="Idempotency-Key", max_length=200, description="A second request with it gets the first's job."),
    ] = None,
) -> Response:
    """Start a job: `import` (scope `edit`), `tag` (`tag`), `train` (`admin`) or `audit` (`read`).

    Send JSON, with small files as text, or `multipart/form-data` with the same fields:
    `curl -F kind=tag -F file=@products.csv`. Once answered, the job survives a restart of the service.
    """
    found = service(request)
    folder = folder_of(found)
    job, uploads = await read_job(request, key)
    try:
        made = await run_in_threadpool(_create, found, folder, key, job, uploads, idempotency_key)
    finally:
        for one in uploads:
            one.source.close()
    return json(job_row(found, made), status=202, headers={"Location": f"/v1/jobs/{quote(made.id)}"})


def _create(
    found: Service, folder: JobFolder, key: ApiKey, body: AnyJob, uploads: list[Upload], once: str | None
) -> Job:
    waiting = sum(job.state == "queued" for job in folder.jobs())
    if waiting >= found.settings.job_queue:
        raise Problem("queue-full", f"{waiting} jobs are waiting, the most there may be; try again later")
    options = body.options()

    def progress(files: list[JobFile]) -> JobProgress:
        total, unit = amount(body.kind, options, files)
        return {"done": 0, "total": total, "unit": unit}

    try:
        return folder.create(
            body.kind,
            options,
            uploads,
            by=key.name or key.id,
            author=f"api:{key.name or key.id}",
            progress=progress,
            check=lambda directory: check_files(body, directory),
            once=None if once is None else f"{key.id} {once}",
        )
    except OSError as error:
        raise Problem("jobs-off", f"no job can be kept: {error.strerror or error}; see --jobs DIR") from error


@router.get("", response_model=JobPage, responses=problems(422))
def jobs(
    request: Request,
    key: JobKey,
    kind: Annotated[JobKind | None, Query()] = None,
    state: Annotated[JobState | None, Query()] = None,
    cursor: Annotated[str | None, Query(max_length=100, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """The jobs that the key could have started, newest first, without their logs."""
    found = service(request)
    rows = [
        job
        for job in reversed(folder_of(found).jobs())
        if allows(key, SCOPES[job.kind])
        and (kind is None or job.kind == kind)
        and (state is None or job.state == state)
        and (cursor is None or job.id < cursor)
    ]
    page: JobPage = {
        "jobs": [job_row(found, job, log=False) for job in rows[:limit]],
        "next_cursor": rows[limit - 1].id if len(rows) > limit else None,
        "revision": found.revision,
    }
    return json(page)


@router.get("/{id}", response_model=JobRow, responses=problems(404, 422))
def job(request: Request, key: JobKey, id: JobId) -> Response:
    """A job: its state, how far it is, the end of its log, and its error when it failed."""
    return json(job_row(service(request), _job(request, key, id)))


_STREAM: dict[str, Any] = {
    "description": "Events whose data is a JobRow.",
    "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/JobRow"}}},
}


@router.get(
    "/{id}/events",
    response_class=StreamingResponse,
    responses=problems(404, 422) | {200: _STREAM, 204: {"description": "The job has ended, and you have seen it."}},
)
async def job_events(
    request: Request,
    key: JobKey,
    id: JobId,
    last: Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)] = None,
) -> Response:
    """Server-sent events: the job as it is now, then whenever something has changed, until it has ended.

    Each event supersedes those before. `Last-Event-ID` continues after the event seen last.
    """
    found = service(request)
    job = await run_in_threadpool(_job, request, key, id)
    seen = int(last) if last is not None and last.isascii() and last.isdigit() else 0
    if job.over and seen >= job.seq:
        return Response(status_code=204)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(found, id, seen), headers=headers, media_type="text/event-stream")


async def _events(found: Service, id: str, seen: int) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    beat = time.monotonic()
    while not found.stopping.is_set():
        job = await run_in_threadpool(folder_of(found).find, id)
        if job is None:
            return
        if job.seq > seen:
            seen, beat = job.seq, time.monotonic()
            row = await run_in_threadpool(job_row, found, job)
            yield b"id: %d\ndata: %b\n\n" % (seen, orjson.dumps(row))
        if job.over:
            return
        if time.monotonic() - beat > _HEARTBEAT_SECONDS:
            beat = time.monotonic()
            yield b": still here\n\n"
        await asyncio.sleep(_LOOK_SECONDS)


_RESULT: dict[str, Any] = lines_of(TaggingRow, ErrorRow)
_RESULT["content"] |= {
    "application/json": _any_of("AuditReport", "ImportResult"),
    "application/x-tar": {"schema": {"type": "string", "format": "binary"}},
}


@router.get("/{id}/result", response_class=FileResponse, responses=problems(404, 409, 422) | {200: _RESULT})
def job_result(request: Request, key: JobKey, id: JobId) -> Response:
    """What a job made: tags as NDJSON, the report of an audit or an import, a trained model as a tar file.

    A tagging that was cancelled or failed has the rows written until then. 409 before the end, and without a result.
    """
    job = _job(request, key, id)
    folder = folder_of(service(request))
    if not has_result(folder, job):
        row = job_row(service(request), job, log=False)
        if "error" in row:
            raise ConflictError(f"job {id} failed and has no result: {row['error']['detail']}")
        way_out = "resume it first" if job.over else f"follow it at /v1/jobs/{id}/events"
        raise ConflictError(f"job {id} is {job.state} and has no result; {way_out}")
    name, media = output(job.kind)
    path = folder.directory(id) / name
    if path.is_dir():
        path = _packed(path)
    suffix = path.suffix or ".json"
    return FileResponse(path, media_type=media, filename=f"{job.kind}-{id}{suffix}")


def _packed(directory: FilePath) -> FilePath:
    """The directory as a tar file beside it, made once."""
    path = directory.with_suffix(".tar")
    if not path.exists():
        partial = path.with_suffix(f".{time.time_ns()}")
        with tarfile.open(partial, "w") as tar:
            tar.add(directory, arcname=directory.name)
        partial.replace(path)
    return path


@router.post("/{id}/resume", status_code=202, response_model=JobRow, responses=problems(404, 409, 422))
def resume_job(request: Request, key: JobKey, id: JobId) -> Response:
    """Queue a failed or cancelled job again. A tagging and an extractor's training continue where they stopped."""
    _job(request, key, id)
    found = service(request)
    resumed = folder_of(found).resume(id)
    if resumed is None:
        raise Problem("unknown-job", f"no job {id!r}; it was removed just now")
    return json(job_row(found, resumed), status=202)


@router.delete(
    "/{id}",
    response_model=JobRow,
    responses=problems(404, 422)
    | {202: {"model": JobRow, "description": "It still has to end."}, 204: {"description": "Removed."}},
)
async def delete_job(request: Request, key: JobKey, id: JobId) -> Response:
    """Cancel a job, keeping what it has written; a job that has ended is removed, with its files (204)."""
    job = await run_in_threadpool(_job, request, key, id)
    found = service(request)
    folder = folder_of(found)
    if job.over:
        await run_in_threadpool(folder.remove, id)
        return Response(status_code=204)
    changed = await run_in_threadpool(folder.cancel, id)
    deadline = time.monotonic() + _CANCEL_SECONDS
    while changed is not None and not changed.over and time.monotonic() < deadline:
        await asyncio.sleep(_LOOK_SECONDS)
        changed = await run_in_threadpool(folder.find, id)
    job = changed or job
    return json(await run_in_threadpool(job_row, found, job), status=200 if job.over else 202)
