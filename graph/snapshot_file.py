"""Snapshot files: a taxonomy with its indexes, mapped into memory, so that a million concepts are ready at once.

A file holds named arrays: a JSON header with a checksum, then aligned raw blocks, each with a checksum of its own.
Bytes 0…7 magic, 8…11 format, 12…19 length of the header, 20…35 its BLAKE2b; all numbers little-endian, blocks at
multiples of 64 from the first one after the header.
"""

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
import pyarrow as pa
from numpy.typing import NDArray

from graph.columns.columns import TYPES, Coded, Columns, Edges, Texts
from graph.columns.derived import Adjacency, Derived, LabelIndex
from graph.columns.hierarchy import Csr, Hierarchy
from graph.columns.sequences import SortedTexts, offsets
from graph.errors import FileFormatError, InputError
from graph.model import Problem, Relation, UnknownEdge
from graph.model.changes import concept_from_json, concept_to_json
from graph.taxonomy import Taxonomy

Array = NDArray[Any]
_MAGIC = b"KGTAGSNP"
_FORMAT = 1
_PREFIX = struct.Struct("<8sIQ16s")
_ALIGNMENT = 64
_DTYPES = ("<i4", "<i8", "|i1", "|b1", "|u1")
_CODED = ("scheme", "kind", "status", "choice")
_EDGES = ("type", "source", "target", "primary")
_LABELS = ("starts", "owner", "lang", "form")


def write_blocks(path: Path, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
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


def read_blocks(path: Path, *, verify: bool = False) -> tuple[dict[str, Any], dict[str, Array]]:
    """The header of a file and its arrays, read-only and mapped; with `verify`, read and check every byte of it.

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
                why = f"this snapshot has format {format}, this kgtag reads {_FORMAT}; delete it to have a new one"
                raise FileFormatError(str(path), why)
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
    return header, {name: _array(path, mapped, start, name, row, verify) for name, row in header["blocks"].items()}


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


@dataclass(frozen=True, slots=True)
class Saved:
    """A snapshot from a file, the URL of its store, and the store's token before it was read."""

    taxonomy: Taxonomy
    store: str
    token: str


def save(taxonomy: Taxonomy, path: Path, *, store: str = "", token: str = "") -> None:
    """Write a snapshot with all indexes, as `write_blocks`; `store` (without a password) and `token` as in `Saved`."""
    taxonomy.warm()
    columns, derived = taxonomy.columns, taxonomy.derived
    header = {
        "version": taxonomy.version,
        "revision": derived.revision,
        "store": store,
        "token": token,
        "problems": [_problem_to_json(problem) for problem in taxonomy.problems],
        "values": {name: getattr(columns, name).values for name in _CODED} | {"lang": columns.texts.lang.values},
    }
    write_blocks(path, header, {**_columns_out(columns), **_derived_out(derived)})


def load(path: Path, *, verify: bool = False) -> Saved:
    """Map a file; with `verify`, check every byte of it first. Raises FileFormatError, as `read_blocks`."""
    header, arrays = read_blocks(path, verify=verify)
    try:
        columns = _columns_in(arrays, header["values"])
        derived = _derived_in(columns, arrays, header["revision"])
        problems = [_problem_from_json(row) for row in header["problems"]]
        taxonomy = Taxonomy(columns, version=header["version"], problems=problems, derived=derived)
        return Saved(taxonomy, header["store"], header["token"])
    except (KeyError, ValueError, TypeError, pa.ArrowInvalid) as error:
        why = f"the parts don't fit together ({error!r}); delete it to have a new one"
        raise FileFormatError(str(path), why) from None


def _columns_out(columns: Columns) -> dict[str, Array]:
    texts, edges = columns.texts, columns.edges
    return {
        **_texts_out("ids", columns.ids),
        **_texts_out("notation", columns.notation),
        "notation.known": np.packbits(columns.notation.is_valid().to_numpy(zero_copy_only=False), bitorder="little"),
        **{name: getattr(columns, name).codes for name in _CODED},
        "texts.starts": texts.starts,
        "texts.kind": texts.kind,
        "texts.lang": texts.lang.codes,
        **_texts_out("texts", texts.text),
        **{f"edges.{name}": getattr(edges, name) for name in _EDGES},
    }


def _columns_in(arrays: Any, values: Any) -> Columns:
    ids = _texts_in("ids", arrays)
    n = len(ids)
    scheme, kinds, status, choice = (Coded(_sized(arrays[name], n), tuple(values[name])) for name in _CODED)
    text, kind, lang = _texts_in("texts", arrays), arrays["texts.kind"], arrays["texts.lang"]
    m, k = len(text), len(arrays["edges.type"])
    starts = _sized(arrays["texts.starts"], n + 1)
    if starts[-1] != m:
        raise ValueError("texts")
    texts = Texts(starts, _sized(kind, m), Coded(_sized(lang, m), tuple(values["lang"])), text)
    edges = Edges(*(_sized(arrays[f"edges.{name}"], k) for name in _EDGES))
    notation = _texts_in("notation", arrays, known=arrays["notation.known"])
    return Columns(ids, scheme, kinds, status, choice, notation, texts, edges)


def _derived_out(derived: Derived) -> dict[str, Array]:
    found: dict[str, Array] = {"primary": derived.primary_parents, "depths": derived.depths}
    for type in TYPES:
        forward, backward = derived.adjacency[type, True], derived.adjacency[type, False]
        if len(forward.targets):
            found |= _csr_out(f"{type}.out", forward)
            if backward is not forward:
                found |= _csr_out(f"{type}.in", backward)
    above, below = derived.hierarchy.ancestors, derived.hierarchy.descendants
    if above is not None and below is not None:
        found |= {**_csr_out("above", above), **_csr_out("below", below)}
    found |= {f"labels.{name}": getattr(derived.labels, name) for name in _LABELS}
    return found | _texts_out("labels", derived.labels.texts.array)


def _derived_in(columns: Columns, arrays: Any, revision: str) -> Derived:
    n = len(columns)
    nothing = Csr.empty(n)
    adjacency: Adjacency = {}
    for type in TYPES:
        forward = _csr_in(f"{type}.out", arrays, n) or nothing
        adjacency[type, True], adjacency[type, False] = forward, _csr_in(f"{type}.in", arrays, n) or forward
    above, below = _csr_in("above", arrays, n), _csr_in("below", arrays, n)
    texts = SortedTexts(_texts_in("labels", arrays))
    derived = Derived(columns)
    derived.adjacency = adjacency
    derived.hierarchy = Hierarchy(adjacency["broader", True], adjacency["broader", False], closures=(above, below))
    derived.primary_parents, derived.depths = _sized(arrays["primary"], n), _sized(arrays["depths"], n)
    starts = _sized(arrays["labels.starts"], len(texts) + 1)
    owner, lang, form = (arrays[f"labels.{name}"] for name in _LABELS[1:])
    derived.labels = LabelIndex(texts, starts, owner=owner, lang=lang, form=_sized(form, len(columns.texts.kind)))
    derived.revision = revision
    return derived


def _texts_out(name: str, texts: pa.LargeStringArray) -> dict[str, Array]:
    starts = offsets(texts)
    first, last = int(starts[0]), int(starts[-1])
    data = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)[first:last]
    return {f"{name}.offsets": starts - first, f"{name}.data": data}


def _texts_in(name: str, arrays: Any, *, known: Array | None = None) -> pa.LargeStringArray:
    starts, data = arrays[f"{name}.offsets"], arrays[f"{name}.data"]
    if not len(starts) or starts[0] != 0 or starts[-1] != len(data):
        raise ValueError(name)
    present = pa.py_buffer(known) if known is not None and len(known) else None
    return pa.LargeStringArray.from_buffers(len(starts) - 1, pa.py_buffer(starts), pa.py_buffer(data), present)


def _csr_out(name: str, rows: Csr) -> dict[str, Array]:
    return {f"{name}.starts": rows.starts, f"{name}.targets": rows.targets}


def _csr_in(name: str, arrays: Any, n: int) -> Csr | None:
    if f"{name}.starts" not in arrays:
        return None
    starts, targets = _sized(arrays[f"{name}.starts"], n + 1), arrays[f"{name}.targets"]
    if starts[-1] != len(targets):
        raise ValueError(name)
    return Csr(starts, targets)


def _sized(array: Array, n: int) -> Array:
    if len(array) != n:
        raise ValueError(f"{len(array)} rows instead of {n}")
    return array


def _problem_to_json(problem: Problem) -> list[Any]:
    subject = concept_to_json(problem.subject) if problem.subject is not None else None
    edges = [[edge.type, edge.source, edge.target, getattr(edge, "primary", None)] for edge in problem.edges]
    return [problem.code, problem.concepts, problem.message, subject, edges]


def _problem_from_json(row: list[Any]) -> Problem:
    code, concepts, message, subject, edges = row
    known = concept_from_json(subject) if subject is not None else None
    found = (UnknownEdge(*edge[:3]) if edge[3] is None else Relation(*edge) for edge in edges)
    return Problem(code, tuple(concepts), message, known, tuple(found))
