"""Model directories: written whole or not at all, read with every file checked.

`manifest.json` holds the sha256 of each file beside it and is written last. A directory within has a manifest of its
own.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from graph.errors import InputError

MANIFEST = "manifest.json"
_MARKS = (MANIFEST, "entities.txt")
"""A directory with one of these may be replaced; the second marks embeddings from before they had a manifest."""
_AGAIN = "train it again or copy the whole directory again"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model directory.

    Args:
        name: What messages call it.
        files: Required files, in the order in which their digests make up the version.
        config: The JSON file of these that has a `format`.
        format: The format that this version reads.
        way_out: What to do about a directory that is missing or empty.
        manifest: Whether a manifest is required; without one, an older directory's files are taken as they are.
    """

    name: str
    files: tuple[str, ...]
    config: str
    format: int
    way_out: str
    manifest: bool = True


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """A model directory whose required files were verified. `config`: the parsed JSON of its configuration."""

    path: Path
    kind: Kind
    digests: Mapping[str, str]
    config: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path, kind: Kind) -> Self:
        """Verify the files that `kind` requires.

        Raises:
            InputError: A file is missing, damaged, or of another format; the message names it and the way out.
        """
        if not path.is_dir():
            raise InputError(f"no {kind.name} directory {str(path)!r}; {kind.way_out}")
        if not any(path.iterdir()):
            raise InputError(f"{kind.name} directory {str(path)!r} is empty; {kind.way_out}")
        unread = cls(path, kind, {}, {})
        if kind.manifest or (path / MANIFEST).is_file():
            digests = unread.read_json(MANIFEST)
            unread = cls(path, kind, digests if isinstance(digests, dict) else {}, {})
        unread.check(*kind.files)
        config = unread.read_json(kind.config)
        found = config.get("format") if isinstance(config, dict) else None
        if found != kind.format:
            raise InputError(
                f"{kind.name} {str(path)!r} has format {found!r}, this kgtag reads {kind.format}; train it again"
            )
        return cls(path, kind, unread.digests, config)

    @property
    def version(self) -> str:
        """12 hexadecimal digits over everything that is served."""
        return hashlib.sha256("".join(self.digests[name] for name in self.kind.files).encode()).hexdigest()[:12]

    def check(self, *names: str, way_out: str = _AGAIN) -> None:
        """Compare files with the manifest. Raises InputError naming the first that is missing or differs."""
        unlisted = [name for name in names if name not in self.digests] if self.digests or self.kind.manifest else []
        for name in unlisted or [name for name in names if not (self.path / name).is_file()]:
            raise InputError(f"{self.kind.name} directory {str(self.path)!r} lacks {name}; {way_out}")
        for name in names if self.digests else ():
            if _sha256(self.path / name) != self.digests[name]:
                found = f"{str(self.path / name)!r} does not match its manifest (damaged or partly written)"
                raise InputError(f"{found}; {way_out}")

    def read_json(self, name: str) -> Any:
        """Parse a JSON file. Raises InputError when it is missing or isn't JSON."""
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise InputError(f"{self.kind.name} directory {str(self.path)!r} lacks {name}; {_AGAIN}") from error
        except (OSError, ValueError) as error:
            raise self.damaged(name, error) from error

    def read_array(self, name: str, dtype: DTypeLike, shape: Sequence[int | None]) -> Any:
        """Memory-map a .npy file, read-only. `shape`: None fits any length. Raises InputError for another array."""
        if name not in self.kind.files:
            self.check(name)
        try:
            array = np.load(self.path / name, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise self.damaged(name, error) from error
        lengths = [have if want is None else want for want, have in zip(shape, array.shape, strict=False)]
        if array.dtype != dtype or array.shape != tuple(lengths) or array.ndim != len(shape):
            wanted = ", ".join("any" if length is None else str(length) for length in shape)
            raise self.damaged(name, f"{array.dtype} {array.shape}, expected {np.dtype(dtype)} ({wanted})")
        return array

    def damaged(self, name: str, why: object) -> InputError:
        """The error for a file that can't be read, to be raised."""
        return InputError(f"{str(self.path / name)!r} can't be read ({why}); train the {self.kind.name} again")


@contextmanager
def new_directory(out: Path, *, digests: Mapping[str, str] | None = None) -> Iterator[Path]:
    """A temporary directory that replaces `out`, manifest included, when the block ends without an error.

    Args:
        out: The place of the model; an earlier model there stays until the new one is complete.
        digests: sha256 by name of files that are taken over unchanged.

    Raises:
        InputError: Something else than a model stands at `out`.
    """
    check_target(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    fresh, old = scratch / "new", scratch / "old"
    fresh.mkdir()
    try:
        yield fresh
        known, files = digests or {}, [path for path in sorted(fresh.iterdir()) if path.is_file()]
        write_json(fresh / MANIFEST, {path.name: known.get(path.name) or _sha256(path) for path in files})
        if out.exists():
            out.replace(old)
        try:
            fresh.replace(out)
        except OSError:
            if old.exists():
                old.replace(out)
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def check_target(out: Path) -> None:
    """Raise InputError when a model must not be written to `out`."""
    if out.is_dir() and any(out.iterdir()) and not any((out / name).is_file() for name in _MARKS):
        raise InputError(f"{str(out)!r} is a directory with other files in it; give a new or empty directory")
    if out.exists() and not out.is_dir():
        raise InputError(f"{str(out)!r} is a file; give a directory")


def write_json(path: Path, value: object) -> None:
    """Write readable JSON with sorted keys."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{str(path)!r} can't be read ({error})") from error
