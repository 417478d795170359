"""What a killed pretraining goes on from: one file beside the output, replaced whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

_NAME = "state.pt"


def fingerprint(settings: Mapping[str, object], texts: Iterable[str]) -> str:
    """Of everything that decides what a run does: another one must not go on from this one's state."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for text in texts:
        digest.update(text.encode("utf-8", "replace") + b"\n")
    return digest.hexdigest()[:16]


class Checkpoint:
    """The state of the run that `mark` identifies, in a hidden directory beside `out`."""

    def __init__(self, out: Path, mark: str) -> None:
        self.directory = out.parent / f".{out.name}.pretraining"
        self._mark = mark

    def load(self) -> dict[str, Any] | None:
        """None when there is none, when it is another run's, or when it doesn't read."""
        path = self.directory / _NAME
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError):
            return None
        return found if isinstance(found, dict) and found.get("mark") == self._mark else None

    def save(self, state: Mapping[str, Any]) -> None:
        """Raises OSError when it can't, a full disk say; what was saved before is still there then."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"{_NAME}.new"
        try:
            with path.open("wb") as file:
                torch.save({**state, "mark": self._mark}, file)
                file.flush()
                os.fsync(file.fileno())
            path.replace(self.directory / _NAME)
        except RuntimeError as error:  # how torch says that the disk is full
            raise OSError(str(error)) from error
        finally:
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
