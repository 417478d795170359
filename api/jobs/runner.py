"""The thread that runs jobs: one process of kgtag for each, started, followed, ended and, after a restart, resumed.

Of all processes that serve from a directory, the one with its lease runs the jobs. A job's process holds a lock on the
job's directory, so that no other begins while it lives, whoever started it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, cast

import orjson
import psutil

import api
from api.jobs.bodies import arguments, output
from api.jobs.folder import Job, JobFolder, locked
from api.jobs.outputs import cut, error_in, summary_in
from graph.errors import KgtagError, error_detail
from graph.model.changes import now
from kgtag.cli.console import PROGRESS_FILE
from kgtag.rows.service import JobProgress

log = logging.getLogger(__name__)

_TICK = 0.1
_LEASE_SECONDS = 1.0
_REPORT_SECONDS = 0.3
_TIDY_SECONDS = 60.0
_RESCAN_SECONDS = 5.0
_GRACE_SECONDS = 5.0
"""Between asking a process to end and killing it."""
_ATTEMPTS = 3
"""Interrupted runs without progress after which a job has failed."""
_NICE = 10
"""A job leaves the cores to requests."""


@dataclass(slots=True)
class _Run:
    """A process of a job. `ending`: when it was asked to end; `seen`: what of its files was reported last."""

    id: str
    process: subprocess.Popen[bytes]
    ending: float | None = None
    seen: tuple[int, int] = (0, 0)
    reported: float = 0.0


class Runner:
    """Runs the jobs of a directory.

    Args:
        folder: The directory.
        environment: Settings for the commands.
        slots: Jobs that run at a time; with 0 it only reads the directory.
        days: Jobs that ended so many days ago are removed.
    """

    def __init__(self, folder: JobFolder, environment: Mapping[str, str], *, slots: int, days: float) -> None:
        self.folder = folder
        # A command runs among uploaded files, none of which may be imported as a module.
        roots = [str(Path(api.__file__).parents[1]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        path = os.pathsep.join(os.path.abspath(root) for root in roots if root)  # noqa: PTH100
        safe = {"PYTHONPATH": path, "PYTHONSAFEPATH": "1", "COLUMNS": "160"}
        self._environment = {**os.environ, **environment, **safe}
        self._slots = slots
        self._days = days
        self._runs: dict[str, _Run] = {}
        self._lease: IO[bytes] | None = None
        self._bell = 0
        self._due = {"lease": 0.0, "rescan": 0.0, "tidy": 0.0}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="kgtag-jobs", daemon=True)

    def start(self) -> None:
        """Begin, in a thread."""
        if self._slots:
            self._thread.start()

    def stop(self) -> None:
        """End the processes; their jobs wait for the next start, and are resumed there."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._stopping.wait(_TICK):
            try:
                self._step()
            except Exception:  # A full disk, say: the next step may find it repaired.
                log.exception("running the jobs in %s failed", self.folder.path)
                self._stopping.wait(1.0)
        with contextlib.suppress(OSError, KgtagError):
            self._halt()
        if self._lease is not None:
            self._lease.close()

    def _step(self) -> None:
        if self._lease is None:
            if self._every("lease", _LEASE_SECONDS) and self.folder.path.is_dir():
                self._lease = self.folder.lease()
            return
        for run in list(self._runs.values()):
            self._follow(run)
        bell = self.folder.bell()
        if self._every("rescan", _RESCAN_SECONDS) or bell != self._bell:
            self._bell = bell
            self._attend(self.folder.jobs())
        if self._every("tidy", _TIDY_SECONDS):
            self.folder.tidy(days=self._days)

    def _every(self, what: str, seconds: float) -> bool:
        at = time.monotonic()
        if at < self._due[what]:
            return False
        self._due[what] = at + seconds
        return True

    def _attend(self, jobs: list[Job]) -> None:
        """Take over what another service left, before anything is started; end what is cancelled; start the oldest."""
        left = [job for job in jobs if job.state == "running" and job.id not in self._runs]
        for job in left:
            self._take_over(job)
        for job in jobs:
            run = self._runs.get(job.id)
            if run is not None and job.cancel and run.ending is None:
                run.ending = time.monotonic()
                _signal(run.process.pid, signal.SIGTERM)
            elif job.state == "queued" and not left and len(self._runs) < self._slots:
                self._begin(job)

    def _begin(self, job: Job) -> None:
        directory = self.folder.directory(job.id)
        lock = locked(directory / "lock")
        if lock is None:  # An orphan of a killed service is still there: it is at work, and ends by itself.
            return
        command = arguments(job.kind, job.options, job.files, directory, job.author)
        with lock, (directory / "stdout").open("wb") as out, (directory / "log").open("ab") as err:
            begun = self.folder.decide(job.id, _running)
            if begun is None or begun.state != "running":  # It was cancelled meanwhile.
                return
            try:
                process = self._process(command, job.id, lock, out, err)
            except OSError as error:
                self._fail(begun, f"no process could be started: {error.strerror or error}")
                return
        self._runs[job.id] = _Run(job.id, process)
        with contextlib.suppress(psutil.Error):
            child = psutil.Process(process.pid)
            child.nice(_NICE)
            self.folder.change(job.id, pid=process.pid, pid_started=child.create_time())

    def _process(
        self, command: list[str], id: str, lock: IO[bytes], out: IO[bytes], err: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "kgtag", *command],
            cwd=self.folder.files(id),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**self._environment, PROGRESS_FILE: str(self.folder.directory(id) / "progress.json")},
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )

    def _take_over(self, job: Job) -> None:
        """A job whose service died: end what is left of its process, and queue it again."""
        lock = locked(self.folder.directory(job.id) / "lock")
        if lock is None:
            if job.pid is not None and _is(job.pid, job.pid_started):
                _signal(job.pid, signal.SIGKILL)
            self._due["rescan"] = 0.0
            return
        lock.close()
        if summary_in(self.folder.directory(job.id) / "stdout") is not None:  # It came to its end by itself.
            self._conclude(job, 0)
            return
        if job.cancel:
            self._end(job.id, "cancelled")
            return
        progress = self._progress(job)
        attempts = 0 if progress["done"] > job.resumed_at else job.attempts + 1
        if attempts >= _ATTEMPTS:
            self._fail(job, f"its service was stopped {attempts} times while it ran, without progress in between")
            return
        log.warning("job %s was interrupted; it is resumed", job.id)
        self.folder.change(job.id, state="queued", attempts=attempts, progress=progress, pid=None)

    def _follow(self, run: _Run) -> None:
        code = run.process.poll()
        job = self.folder.find(run.id)
        if code is None:
            if run.ending is not None and time.monotonic() - run.ending > _GRACE_SECONDS:
                _signal(run.process.pid, signal.SIGKILL)
            if job is not None:
                self._report(run, job)
            return
        _signal(run.process.pid, signal.SIGKILL)  # What it has started itself.
        del self._runs[run.id]
        if job is not None:
            self._conclude(job, code)

    def _report(self, run: _Run, job: Job) -> None:
        directory = self.folder.directory(run.id)
        if time.monotonic() - run.reported < _REPORT_SECONDS:
            return
        seen = _stat(directory / "progress.json")[0], _stat(directory / "log")[1]
        if seen != run.seen:
            run.seen, run.reported = seen, time.monotonic()
            self.folder.change(run.id, progress=self._progress(job))

    def _progress(self, job: Job) -> JobProgress:
        try:
            return cast(JobProgress, orjson.loads((self.folder.directory(job.id) / "progress.json").read_bytes()))
        except (FileNotFoundError, orjson.JSONDecodeError):
            return job.progress

    def _conclude(self, job: Job, code: int) -> None:
        """The state that a process leaves: a command that came to its end printed a JSON document."""
        directory = self.folder.directory(job.id)
        summary = summary_in(directory / "stdout") if code in (0, 1) else None
        progress = self._progress(job)
        if job.kind == "tag":
            cut(directory / output("tag")[0])
        if summary is not None:
            total = progress["total"] or progress["done"] or 1
            self._end(job.id, "done", summary=summary, progress={**progress, "done": total, "total": total})
        elif job.cancel:
            self._end(job.id, "cancelled", progress=progress)
        elif code < 0:
            short = ", as one that is short of memory is" if -code == signal.SIGKILL else ""
            self._fail(replace(job, progress=progress), f"its process was ended by {signal.Signals(-code).name}{short}")
        elif code == 2 and (error := error_in(self.folder.log_of(job.id))):
            self._end(job.id, "failed", error=error_detail("job-failed", error), progress=progress)
        else:
            self._fail(replace(job, progress=progress), f"its process ended with code {code}")

    def _fail(self, job: Job, why: str) -> None:
        """End it with a reason and the last line of its log."""
        lines = self.folder.log_of(job.id)
        self._end(
            job.id, "failed", error=error_detail("job-failed", "; ".join([why, *lines[-1:]])), progress=job.progress
        )

    def _end(self, id: str, state: str, **fields: Any) -> None:
        self.folder.change(id, state=state, ended=now(), pid=None, **fields)

    def _halt(self) -> None:
        for run in self._runs.values():
            _signal(run.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        for run in list(self._runs.values()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.process.wait(max(0.0, deadline - time.monotonic()))
            _signal(run.process.pid, signal.SIGKILL)
            code = run.process.wait()
            job = self.folder.find(run.id)
            if job is not None and (job.cancel or code >= 0):
                self._conclude(job, code)
            elif job is not None:
                self.folder.change(run.id, state="queued", progress=self._progress(job), pid=None)


def _running(job: Job) -> Job:
    if job.state != "queued":
        return job
    return replace(job, state="running", started=job.started or now(), resumed_at=job.progress["done"])


def _signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and all that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _is(pid: int, started: float | None) -> bool:
    """Whether the process of that number is still the one that began then."""
    try:
        return started is not None and abs(psutil.Process(pid).create_time() - started) < 0.5
    except psutil.Error:
        return False


def _stat(path: Path) -> tuple[int, int]:
    """When it was written last, and its bytes; zeros for a file that is not there."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
