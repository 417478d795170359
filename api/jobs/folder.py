"""The directory of jobs: a directory each, with `job.json`, the uploaded files, the log and what the command wrote.

Every process that serves reads it, so that any of them answers for any job. `job.json` is replaced as a whole, under a
lock; a new job appears with all its files at once.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import orjson

from graph.errors import ConflictError, ErrorDetail
from graph.formats import reading
from graph.model.changes import now
from kgtag.rows.concepts import JobKind, JobState
from kgtag.rows.service import JobFile, JobProgress

if sys.platform != "win32":  # Where no jobs are: Settings.jobs_directory.
    import fcntl

log = logging.getLogger(__name__)

_ID = re.compile(r"\d{8}T\d{12}-[0-9a-f]{8}")
FILES = "files"
_LOG_BYTES = 8 << 10
_LOG_LINES = 20
_RULES = " ─━┌┬┐├┼┤└┴┘┏┳┓┡╇┩"
"""Lines between the rows of tables."""
_LEFT_SECONDS = 86_400
ENDED: tuple[JobState, ...] = ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is kept.

    Attributes:
        author: The author of what it writes; `by` is the key's name.
        seq: Counts what happened to it, for those who follow.
        attempts: Interrupted runs since it last made progress.
        resumed_at: Its progress when it was started last.
        cancel: Whether it is to end.
        pid, pid_started: Its process while it runs, and when that began, which tells it from a later one.
    """

    id: str
    kind: JobKind
    options: dict[str, Any]
    files: list[JobFile]
    by: str
    author: str
    created: str
    progress: JobProgress
    state: JobState = "queued"
    started: str | None = None
    ended: str | None = None
    seq: int = 1
    attempts: int = 0
    resumed_at: int = 0
    cancel: bool = False
    pid: int | None = None
    pid_started: float | None = None
    summary: dict[str, Any] | None = None
    error: ErrorDetail | None = None

    @property
    def over(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a new job, and where its bytes come from."""

    role: str
    name: str
    source: IO[bytes]


@dataclass(slots=True)
class JobFolder:
    """The jobs in a directory, which is made with the first one."""

    path: Path
    _known: dict[str, tuple[tuple[int, int], Job | None]] = field(default_factory=dict)

    def directory(self, id: str) -> Path:
        return self.path / id

    def files(self, id: str) -> Path:
        """The directory of a job's uploaded files."""
        return self.directory(id) / FILES

    def create(
        self,
        kind: JobKind,
        options: Mapping[str, Any],
        uploads: list[Upload],
        *,
        by: str,
        author: str,
        progress: Callable[[list[JobFile]], JobProgress],
        check: Callable[[Path], None] = lambda _: None,
        once: str | None = None,
    ) -> Job:
        """Write a new job, which waits from then on; for a second time `once`, return the first one's. Raises what
        `check` of its files raises; nothing is left then."""
        self.path.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=self.path))
        try:
            files: list[JobFile] = []
            (fresh / FILES).mkdir()
            for one in uploads:
                target = fresh / FILES / one.name
                with target.open("wb") as sink:
                    shutil.copyfileobj(one.source, sink)
                    _sync(sink)
                files.append({"role": one.role, "name": one.name, "bytes": target.stat().st_size})
            check(fresh / FILES)
            id = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
            job = Job(id, kind, dict(options), files, by, author, now(), progress(files))
            with (fresh / "job.json").open("wb") as sink:
                sink.write(orjson.dumps(asdict(job)))
                _sync(sink)
            with self._locked():
                if once is not None:
                    known = self.path / f".once-{hashlib.sha256(once.encode()).hexdigest()}"
                    if known.exists() and (earlier := self.find(known.read_text())) is not None:
                        return earlier
                    known.write_text(id)
                fresh.replace(self.directory(id))
            return job
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def find(self, id: str) -> Job | None:
        """The job as it stands, None when there is none."""
        if not _ID.fullmatch(id):
            return None
        path = self.directory(id) / "job.json"
        try:
            stat = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            self._known.pop(id, None)
            return None
        version = stat.st_mtime_ns, stat.st_ino
        known = self._known.get(id)
        if known is None or known[0] != version:
            known = self._known[id] = version, _read(path)
        return known[1]

    def jobs(self) -> list[Job]:
        """All jobs, oldest first."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.path))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [job for name in names if (job := self.find(name)) is not None]

    def change(self, id: str, **fields: Any) -> Job | None:
        """Replace fields of the job; None when it is gone."""
        return self.decide(id, lambda job: replace(job, **fields))

    def decide(self, id: str, decision: Callable[[Job], Job | None]) -> Job | None:
        """Replace the job by what the decision makes of it; one that makes None of it removes it."""
        with self._locked():
            job = self.find(id)
            if job is None:
                return None
            after = decision(job)
            if after is None:
                gone = self.path / f".gone-{id}"
                self.directory(id).replace(gone)
                shutil.rmtree(gone, ignore_errors=True)
                return None
            if after is not job:
                after = replace(after, seq=job.seq + 1)
                reading.write(self.directory(id) / "job.json", [orjson.dumps(asdict(after))])
            return after

    def resume(self, id: str) -> Job | None:
        """Queue a failed or cancelled job again. Raises ConflictError for another one."""

        def again(job: Job) -> Job:
            if job.state not in ("failed", "cancelled"):
                raise ConflictError(f"job {id} is {job.state}; only a failed or cancelled job can be resumed")
            return replace(job, state="queued", cancel=False, attempts=0, ended=None, error=None)

        return self.decide(id, again)

    def cancel(self, id: str) -> Job | None:
        """End a waiting job, or ask a running one to end; one that has ended stays as it is."""

        def ended(job: Job) -> Job:
            if job.over:
                return job
            if job.state == "queued":
                return replace(job, state="cancelled", cancel=True, ended=now())
            return replace(job, cancel=True)

        return self.decide(id, ended)

    def remove(self, id: str) -> None:
        """Remove a job that has ended, with its files; another one stays."""
        self.decide(id, lambda job: None if job.over else job)

    def log_of(self, id: str) -> list[str]:
        """The last lines of the command's log, without the directory's name and the rules of tables."""
        path = self.directory(id) / "log"
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _LOG_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        return [line for line in self.public(id, text).splitlines() if line.strip(_RULES)][-_LOG_LINES:]

    def public(self, id: str, text: str) -> str:
        """The text without the name of the job's directory."""
        return text.replace(f"{self.directory(id)}/", "")

    def bell(self) -> int:
        """A number that changes with every change of a job."""
        try:
            return (self.path / ".lock").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def tidy(self, *, days: float) -> None:
        """Remove jobs that ended more than so many days ago, and what broken uploads left."""
        oldest = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        for job in self.jobs():
            if job.over and (job.ended or "") < oldest:
                self.remove(job.id)
        for left in (*self.path.glob(".new-*"), *self.path.glob(".gone-*")):
            if time.time() - left.stat().st_mtime > _LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        for named in self.path.glob(".once-*"):
            if not (self.directory(named.read_text()) / "job.json").exists():
                named.unlink(missing_ok=True)

    def lease(self) -> IO[bytes] | None:
        """The open file that makes its holder the one who runs the jobs; None while another holds it."""
        return locked(self.path / ".runner")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.path / ".lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                os.utime(file.fileno(), ns=(at := time.time_ns(), at))


def locked(path: Path) -> IO[bytes] | None:
    """The file, open and locked until all its copies are closed; None while it is locked elsewhere."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _read(path: Path) -> Job | None:
    try:
        return Job(**orjson.loads(path.read_bytes()))
    except (OSError, orjson.JSONDecodeError, TypeError) as error:
        log.error("%s can't be read, and the job is left out: %s", path, error)
        return None


def _sync(sink: IO[bytes]) -> None:
    sink.flush()
    os.fsync(sink.fileno())
