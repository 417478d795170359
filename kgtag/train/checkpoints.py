"""Atomic checkpoints of a training in a directory beside the model's, from which a killed training is resumed.

run.json         what is trained on what, to tell whether a run is this one
checkpoint.pt    the last good checkpoint: weights, optimiser, schedule, random state, position, history
best-N.pt        the weights of the best epoch so far
curves.csv       the curves so far
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from graph.errors import InputError

Resume = Literal["auto", "must", "never"]
_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
_RUN, _LAST, _LOCK = "run.json", "checkpoint.pt", "lock"
_OURS = (_RUN, _LAST, "curves.csv", "best-*.pt", ".*.part")


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where and how often a run writes checkpoints. `resume` "auto" resumes a run of the same data and options and
    refuses another's, "must" refuses to start a new run, "never" discards an earlier one; `minutes` are between
    checkpoints within an epoch; with `clear`, they are removed once the model is written."""

    directory: Path
    resume: Resume = "auto"
    minutes: float = 10.0
    clear: bool = True

    @classmethod
    def beside(cls, out: Path, *, resume: Resume = "auto", minutes: float = 10.0) -> RunPlace:
        """Use the directory OUT.run beside OUT."""
        return cls(out.with_name(f"{out.name}.run"), resume, minutes)

    def remove(self) -> None:
        """Remove the files of a run, and no others."""
        _clear(self.directory)
        with suppress(OSError):
            (self.directory / _LOCK).unlink()
            self.directory.rmdir()


class Keeper:
    """Writes and reads the checkpoints of one run. Made by `keeping`."""

    def __init__(self, place: RunPlace) -> None:
        self._place = place
        self._written = time.monotonic()

    @property
    def directory(self) -> Path:
        return self._place.directory

    def due(self) -> bool:
        """Whether it is time for a checkpoint within an epoch."""
        return time.monotonic() - self._written >= 60 * self._place.minutes

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the last checkpoint. Save the weights of `state["best_epoch"]` before."""
        self._write(_LAST, _packed(state))
        for old in self.directory.glob("best-*.pt"):
            if old.name != f"best-{state['best_epoch']}.pt":
                old.unlink(missing_ok=True)
        self._written = time.monotonic()

    def save_best(self, epoch: int, weights: Mapping[str, Any]) -> None:
        """Write an epoch's weights unless the file exists; rerunning an epoch gives the same weights."""
        if not (self.directory / f"best-{epoch}.pt").is_file():
            self._write(f"best-{epoch}.pt", _packed(weights))

    def load(self) -> dict[str, Any] | None:
        """Read the last checkpoint; None before the first."""
        path = self.directory / _LAST
        return _unpacked(path) if path.is_file() else None

    def load_best(self, epoch: int) -> dict[str, Any]:
        return _unpacked(self.directory / f"best-{epoch}.pt")

    def write_curves(self, text: str) -> None:
        self._write("curves.csv", text.encode())

    def _write(self, name: str, data: bytes | memoryview) -> None:
        stands = (self.directory / _LAST).is_file()
        kept = "the last good checkpoint stands" if stands else "no checkpoint was written yet"
        write_atomically(self.directory / name, data, way_out=f"{kept}: make room and give the same command again")

    def done(self) -> None:
        """Remove the checkpoints once the model is written."""
        if self._place.clear:
            self._place.remove()


def copied(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return a copy of the weights, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def digest(rows: Iterable[object]) -> str:
    """Return the sha256 of the rows' representations, for a fingerprint."""
    found = hashlib.sha256()
    for row in rows:
        found.update(repr(row).encode("utf-8", "backslashreplace"))
    return found.hexdigest()


@contextmanager
def keeping(place: RunPlace, fingerprint: Mapping[str, Any]) -> Iterator[Keeper]:
    """Lock a run's directory and give its keeper; `fingerprint` is what the run depends on, as JSON values by name.
    Raises InputError: the directory holds a run with another fingerprint (the message names the difference), another
    process uses it, or there is no run and there must be one."""
    place.directory.mkdir(parents=True, exist_ok=True)
    with (place.directory / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"another training is at {str(place.directory)!r}; wait for it, or give another --out"
            ) from error
        _check(place, fingerprint)
        yield Keeper(place)


def _check(place: RunPlace, fingerprint: Mapping[str, Any]) -> None:
    path = place.directory / _RUN
    if place.resume == "never":
        _clear(place.directory)
    if not path.is_file():
        if place.resume == "must":
            raise InputError(f"there is no run to resume in {str(place.directory)!r}; leave out --resume to start one")
        text = json.dumps(fingerprint, ensure_ascii=False, indent=1, sort_keys=True)
        write_atomically(path, text.encode(), way_out="make room and give the same command again")
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)!r} does not read ({error}); start anew with --fresh") from error
    if changed := list(_changes(before, json.loads(json.dumps(fingerprint)))):
        raise InputError(
            f"{str(place.directory)!r} holds an unfinished run of another kind: {'; '.join(changed)}. Finish that run"
            " by its own command, throw it away with --fresh, or give another --out"
        )


def _clear(directory: Path) -> None:
    for pattern in _OURS:
        for old in directory.glob(pattern):
            old.unlink(missing_ok=True)


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _changes(old, new)
        elif old != new:
            digest = isinstance(old, str) and len(old) == 64
            yield f"the {name} differs" if digest else f"{name} was {old!r} and is {new!r} now"


def write_atomically(path: Path, data: bytes | memoryview, *, way_out: str) -> None:
    """Write under a temporary name, sync, and rename: `path` is the whole old or the whole new file. Raises InputError
    on a full disk (or a limit on files), naming the space needed and free, and the way out."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if is_full(error):
            raise InputError(no_room(path, len(data), way_out)) from error
        raise


def no_room(path: Path, needed: int, way_out: str) -> str:
    free = shutil.disk_usage(path.parent if path.parent.is_dir() else Path()).free
    wanted, there = (f"{max(count / 1e6, 0.1):,.1f} MB" for count in (needed, free))
    return (
        f"{str(path)!r} can't be written: it needs {wanted}, and {there} are free there (or a limit on file sizes is in"
        f" force); {way_out}"
    )


def is_full(error: Exception) -> bool:
    """Whether the disk, or a limit, had no room. Errors of libraries in Rust have it only in their text."""
    code = error.errno if isinstance(error, OSError) else None
    if code is None and (found := re.search(r"\(os error (\d+)\)", str(error))):
        code = int(found.group(1))
    return code in _FULL


def _packed(state: Mapping[str, Any]) -> memoryview:
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getbuffer()


def _unpacked(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises several kinds for a damaged file
        raise InputError(f"checkpoint {str(path)!r} does not read ({error}); start anew with --fresh") from error
    return found
