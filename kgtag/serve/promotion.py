"""The challenger put in the champion's place, and back: their directories change names in one step.

A running service sees both as replaced, and serves the new champion without a failed request.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import orjson

from graph.errors import InputError
from graph.taxonomy import Taxonomy
from kgtag.tag.models import assemble_tagger, load_models

_HISTORY = "promotions.jsonl"
_AT_FDCWD, _EXCHANGE = -100, 2


@dataclass(frozen=True, slots=True)
class Promotion:
    """An exchange that was made; `champion` and `challenger` are the versions after it."""

    at: str
    action: Literal["promote", "rollback"]
    champion: str
    challenger: str


def promote(model: Path, challenger: Path, decisions: Path, *, taxonomy: Taxonomy) -> Promotion:
    """Exchange the directories, once the challenger was loaded and found to fit the taxonomy. Raises InputError, and
    nothing has changed then."""
    _require_two(model, challenger)
    return _exchange("promote", model, challenger, decisions, (_version(model), _version(challenger, taxonomy)))


def rollback(model: Path, challenger: Path, decisions: Path, *, taxonomy: Taxonomy) -> Promotion:
    """Undo the last promotion. Raises InputError when the champion is not the one that was promoted last."""
    _require_two(model, challenger)
    last, serving = next(reversed(promotions(decisions)), None), _version(model)
    if last is None or last.action != "promote" or last.champion != serving:
        raise InputError(f"nothing to roll back: {str(model)!r} holds {serving}, which was not promoted last")
    found = _version(challenger, taxonomy)
    if found != last.challenger:
        raise InputError(
            f"{str(challenger)!r} holds {found}, not {last.challenger}, the champion before; name its directory"
        )
    return _exchange("rollback", model, challenger, decisions, (serving, found))


def promotions(decisions: Path) -> list[Promotion]:
    """All that were made, the oldest first."""
    file = decisions / _HISTORY
    lines = file.read_bytes().splitlines() if file.is_file() else ()
    return [Promotion(**orjson.loads(line)) for line in lines]


def _require_two(model: Path, challenger: Path) -> None:
    for path in (model, challenger):
        if not path.is_dir():
            raise InputError(f"{str(path)!r} is not a directory; only models in directories can be exchanged")
    if model.resolve() == challenger.resolve():
        raise InputError(f"{str(model)!r} and {str(challenger)!r} are the same model")


def _version(path: Path, taxonomy: Taxonomy | None = None) -> str:
    """The version of a model that loads, and fits the taxonomy. Raises InputError."""
    models = load_models(path)
    if taxonomy is not None:
        assemble_tagger(models, taxonomy)
    return models.version


def _exchange(
    action: Literal["promote", "rollback"], model: Path, challenger: Path, decisions: Path, versions: tuple[str, str]
) -> Promotion:
    done = Promotion(datetime.now(UTC).isoformat(timespec="seconds"), action, versions[1], versions[0])
    try:
        decisions.mkdir(parents=True, exist_ok=True)
        with (decisions / _HISTORY).open("ab") as file:
            exchange(model, challenger)
            file.write(orjson.dumps(asdict(done)) + b"\n")
    except OSError as error:
        raise InputError(f"can't exchange {str(model)!r} and {str(challenger)!r}: {error.strerror or error}") from error
    return done


def exchange(one: Path, other: Path) -> None:
    """Exchange what two paths lead to, links as they are: in one step on Linux; elsewhere there is a moment without
    the first one. Raises OSError."""
    with suppress(AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0:
            return
        number = ctypes.get_errno()
        if number not in (errno.ENOSYS, errno.EINVAL):  # neither the system nor the file system lacks it
            raise OSError(number, os.strerror(number), str(one))
    aside = one.with_name(f".{one.name}.{secrets.token_hex(4)}")
    one.rename(aside)
    try:
        other.rename(one)
    except OSError:
        aside.rename(one)
        raise
    aside.rename(other)
