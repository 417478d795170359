"""Files of named arrays for memory mapping: a JSON header with a checksum, then aligned raw blocks.

Bytes 0…7 magic, 8…11 format, 12…19 length of the header, 20…35 its BLAKE2b; all numbers little-endian, blocks at
multiples of 64 from the first one after the header. Each block has a checksum of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import FileFormatError, InputError

Array = NDArray[Any]
_MAGIC = b"KGTAGSNP"
_FORMAT = 1
_PREFIX = struct.Struct("<8sIQ16s")
_ALIGNMENT = 64
_DTYPES = ("<i4", "<i8", "|i1", "|b1", "|u1")


@dataclass(frozen=True, slots=True)
class Blocks:
    """The header of a file and its arrays: read-only, backed by the file."""

    header: Mapping[str, Any]
    arrays: Mapping[str, Array]


def write(path: Path, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write the file whole or not at all; an older file stays until the new one is on the disk.

    Raises InputError when it can't be written.
    """
    _require_little_endian(path)
    table: dict[str, list[Any]] = {}
    end = 0
    for name, array in arrays.items():
        data = _bytes(array)
        table[name] = [end, len(data), array.dtype.str, hashlib.blake2b(data, digest_size=16).hexdigest()]
        end = _aligned(end + len(data))
    text = json.dumps({**header, "blocks": table, "bytes": end}, ensure_ascii=False).encode()
    prefix = _PREFIX.pack(_MAGIC, _FORMAT, len(text), hashlib.blake2b(text, digest_size=16).digest())
    partial = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with partial.open("wb") as file:
            file.write(prefix + text)
            file.write(bytes(_aligned(file.tell()) - file.tell()))
            for array in arrays.values():
                data = _bytes(array)
                file.write(data)
                file.write(bytes(_aligned(len(data)) - len(data)))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        with contextlib.suppress(OSError):  # Where folders can be synced, the new name survives a power cut.
            handle = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise InputError(f"{path} can't be written: {error.strerror or error}") from None


def read(path: Path, *, verify: bool = False) -> Blocks:
    """Map the file; with `verify`, read and check every byte of it.

    Raises FileFormatError for a file that is missing, foreign, newer, truncated or damaged.
    """
    _require_little_endian(path)
    try:
        with path.open("rb") as file:
            prefix = file.read(_PREFIX.size)
            if len(prefix) < _PREFIX.size or prefix[:8] != _MAGIC:
                raise FileFormatError(str(path), "not a snapshot file")
            _, format, size, digest = _PREFIX.unpack(prefix)
            if format != _FORMAT:
                raise FileFormatError(
                    str(path),
                    f"this snapshot has format {format}, this kgtag reads {_FORMAT}; delete it to have a new one",
                )
            text = file.read(min(size, os.fstat(file.fileno()).st_size))
            if len(text) < size or hashlib.blake2b(text, digest_size=16).digest() != digest:
                raise FileFormatError(str(path), "the header is damaged; delete the file to have a new one")
            header = json.loads(text)
            start = _aligned(_PREFIX.size + size)
            if os.fstat(file.fileno()).st_size != start + header["bytes"]:
                raise FileFormatError(str(path), "the file is truncated or too long; delete it to have a new one")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise FileFormatError(str(path), f"can't be read: {error.strerror or error}") from None
    return Blocks(
        header, {name: _array(path, mapped, start, name, row, verify) for name, row in header["blocks"].items()}
    )


def _array(path: Path, mapped: mmap.mmap, start: int, name: str, row: list[Any], verify: bool) -> Array:
    offset, length, dtype, digest = row
    if verify:
        data = memoryview(mapped)[start + offset : start + offset + length]
        if hashlib.blake2b(data, digest_size=16).hexdigest() != digest:
            raise FileFormatError(str(path), f"the block {name!r} is damaged; delete the file to have a new one")
    if dtype not in _DTYPES:
        raise FileFormatError(str(path), f"the block {name!r} is of an unknown type {dtype!r}")
    kind = np.dtype(dtype)
    return np.frombuffer(mapped, kind, length // kind.itemsize, start + offset) if length else np.zeros(0, kind)


def _bytes(array: Array) -> memoryview | bytes:
    return np.ascontiguousarray(array).data.cast("B") if array.size else b""


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


def _require_little_endian(path: Path) -> None:
    if sys.byteorder != "little":
        raise FileFormatError(str(path), "snapshot files are for little-endian machines; serve from the store alone")
