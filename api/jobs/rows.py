"""Jobs as JSON."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from math import inf
from typing import Any, cast

from api.errors import Problem
from api.jobs.bodies import BODIES, output
from api.jobs.folder import Job, JobFolder
from api.service import Service
from graph.errors import KgtagError
from kgtag.rows.service import JobRow

_OTHER_OUT = "give another --out"
_FRESH_SECONDS = 10.0
"""After so long the service has followed the store by itself."""


def folder_of(found: Service) -> JobFolder:
    if found.jobs is None:
        raise Problem("jobs-off", "there is no place for jobs here; serve with --jobs DIR (KGTAG_JOBS)")
    return found.jobs


def job_row(found: Service, job: Job, *, log: bool = True) -> JobRow:
    """The job as JSON. A new import is served here as soon as it is seen to be done."""
    folder = folder_of(found)
    if job.kind == "import" and job.summary is not None and _seconds_ago(job.ended) < _FRESH_SECONDS:
        with suppress(KgtagError):
            found.live.refresh()
    row: dict[str, Any] = {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "cancelling": True if job.cancel and not job.over else None,
        "progress": job.progress,
        "options": job.options,
        "files": job.files,
        "by": job.by,
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
        "error": job.error and {**job.error, "detail": _in_fields(job, folder.public(job.id, job.error["detail"]))},
        "summary": job.summary,
        "result": has_result(folder, job),
        "log": folder.log_of(job.id) if log else [],
    }
    present = {name: value for name, value in row.items() if value is not None}
    return cast(JobRow, {**present, "revision": found.revision})


def _seconds_ago(at: str | None) -> float:
    return inf if at is None else (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()


def _in_fields(job: Job, detail: str) -> str:
    """An error of the command line, its options named as the fields of the body."""
    fields = {f"--{name.replace('_', '-')}": name for name in BODIES[job.kind].model_fields}
    return re.sub(
        r"--[a-z-]+", lambda found: fields.get(found[0], found[0]), detail.replace(_OTHER_OUT, "start a new job")
    )


def has_result(folder: JobFolder, job: Job) -> bool:
    """Whether there is a file to get: of a job that is done, and what a tagging that ended early had written."""
    if job.kind == "tag" and job.over:
        return (folder.directory(job.id) / output("tag")[0]).is_file()
    return job.state == "done"
