"""Decisions of two models on the same stream of products: a line each, in files of bounded size, without any text.

A product is known by a keyed hash of its id, else of its title; the key stands beside the files and nowhere else.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, Literal, get_args

import orjson

from graph.errors import InputError
from kgtag.types import Tagging

Arm = Literal["champion", "challenger"]
ARMS: tuple[Arm, ...] = get_args(Arm)
TrialMode = Literal["split", "shadow"]
TRIAL_MODES: tuple[TrialMode, ...] = get_args(TrialMode)

_SALT = "salt"
_SEGMENTS = 8
"""Files that the most bytes are divided into: the oldest goes when there are more."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for a product.

    Attributes:
        at: When, in UTC.
        unit: A hash of the product.
        mode: "split": one model tagged it; "shadow": both did, and the champion's answer was given.
        share: Of products that the challenger gets to see.
        served: Whose tags were the answer.
        models: The version of each.
        tags: By model that tagged it and by attribute ("" for categories), the concepts.
        ms: By model, milliseconds.
        alone: Whether the product came by itself, so that times compare; not in a batch.
    """

    at: str
    unit: str
    mode: TrialMode
    share: float
    served: Arm
    models: Mapping[Arm, str]
    tags: Mapping[Arm, Mapping[str, Sequence[str]]]
    ms: Mapping[Arm, float]
    alone: bool

    def concepts(self, arm: Arm) -> set[str]:
        """The tags that a model gave."""
        return {id for ids in self.tags.get(arm, {}).values() for id in ids}


def choose(key: str, challenger: str, share: float) -> bool:
    """Whether the challenger of this version gets the product with this key: the same on every machine, and drawn anew
    for each challenger.

    Example:
        >>> sum(choose(f"sku-{n}", "3f2a", 0.1) for n in range(10_000))
        1024
    """
    digest = sha256(f"{challenger}\n{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def tags_by_attribute(tagging: Tagging) -> dict[str, list[str]]:
    """The concepts of a tagging by attribute, "" for categories."""
    found: dict[str, list[str]] = {}
    for tag in tagging.tags:
        found.setdefault(tag.attribute or "", []).append(tag.concept)
    return found


def unit_hash(directory: Path) -> UnitHash:
    """The hash of products in a directory of decisions, which is made if it is missing. Raises InputError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / _SALT
        if not file.exists():
            fresh = directory / f".{_SALT}.{secrets.token_hex(4)}"
            fresh.write_bytes(secrets.token_bytes(16))
            try:
                os.link(fresh, file)  # of several processes, the first one's
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return UnitHash(file.read_bytes())
    except OSError as error:
        raise InputError(f"can't keep decisions in {str(directory)!r}: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class UnitHash:
    """Hashes of products."""

    salt: bytes

    def __call__(self, key: str) -> str:
        return blake2b(key.encode("utf-8", "surrogatepass"), key=self.salt, digest_size=8).hexdigest()


class DecisionLog:
    """Appends decisions to a file of this process in a directory that several may share.

    Args:
        directory: Where they are kept.
        most: Bytes of all files there, of any process; the oldest are removed.
    """

    def __init__(self, directory: Path, *, most: int) -> None:
        self.unit = unit_hash(directory)
        self._directory, self._most = directory, most
        self._lock = threading.Lock()
        self._file: Any = None

    def write(self, decisions: Sequence[Decision]) -> None:
        """Append lines. Raises OSError where the disk is full."""
        lines = b"".join(orjson.dumps(asdict(one)) + b"\n" for one in decisions)
        with self._lock:
            if self._file is None or self._file.tell() > self._most // _SEGMENTS:
                self._begin()
            self._file.write(lines)
            self._file.flush()

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _begin(self) -> None:
        if self._file is not None:
            self._file.close()
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{socket.gethostname()[:40]}-{os.getpid()}.jsonl"
        self._file = (self._directory / name).open("ab")
        sizes = [(path, path.stat().st_size) for path in _files(self._directory)]
        over = sum(size for _, size in sizes) + self._most // _SEGMENTS - self._most
        for path, size in sizes:
            if over <= 0 or path.name == name:
                break
            path.unlink(missing_ok=True)
            over -= size


def read_decisions(directory: Path) -> Iterator[Decision]:
    """All decisions in a directory, by file; a line that was torn by a kill is skipped."""
    for path in _files(directory):
        for line in path.read_bytes().splitlines():
            try:
                yield Decision(**orjson.loads(line))
            except (orjson.JSONDecodeError, TypeError):
                continue


def _files(directory: Path) -> list[Path]:
    """The oldest first."""
    return sorted(path for path in directory.glob("2*.jsonl"))
