"""Files of object stores by fsspec: `s3://…`, `gs://…`, `az://…`, whatever has an implementation installed."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

import fsspec

from graph.errors import InputError


def fetched(source: str) -> Path:
    """The local path of a file; one of an object store is copied to a directory that goes with the process. Raises
    InputError."""
    if "://" not in source:
        return Path(source)
    system, path = file_system(source)
    directory = tempfile.mkdtemp(prefix="kgtag-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    local = Path(directory) / path.rsplit("/", 1)[-1]
    try:
        system.get_file(path, str(local))
    except (OSError, ValueError) as error:
        raise InputError(f"{source} can't be read: {error}") from error
    return local


def file_system(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL or local path, and the path in it. Raises InputError."""
    try:
        system, path = fsspec.core.url_to_fs(url)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{url}: {error}") from error
    return system, str(path)
