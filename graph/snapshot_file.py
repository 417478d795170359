"""Snapshot files: a taxonomy with its indexes, mapped into memory, so that a million concepts are ready at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from graph.columns import blocks
from graph.columns.blocks import Array
from graph.columns.columns import TYPES, Coded, Columns, Edges, Texts
from graph.columns.derived import Adjacency, Derived, LabelIndex
from graph.columns.hierarchy import Csr, Hierarchy
from graph.columns.sequences import SortedTexts, offsets
from graph.errors import FileFormatError
from graph.model import Problem, Relation, UnknownEdge
from graph.model.changes import concept_from_json, concept_to_json
from graph.taxonomy import Taxonomy

_CODED = ("scheme", "kind", "status", "choice")
_LABELS = ("starts", "owner", "lang", "form")


@dataclass(frozen=True, slots=True)
class Saved:
    """A snapshot from a file, the URL of its store, and the store's token before it was read."""

    taxonomy: Taxonomy
    store: str
    token: str


def save(taxonomy: Taxonomy, path: Path, *, store: str = "", token: str = "") -> None:
    """Write a snapshot with all indexes, whole or not at all; `store` and `token` as in `Saved`, without a password.

    Raises InputError when the file can't be written.
    """
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
    blocks.write(path, header, {**_columns_out(columns), **_derived_out(derived)})


def load(path: Path, *, verify: bool = False) -> Saved:
    """Map a file; with `verify`, check every byte of it first.

    Raises FileFormatError for a file that is missing, damaged, or not a snapshot file.
    """
    found = blocks.read(path, verify=verify)
    try:
        columns = _columns_in(found.arrays, found.header["values"])
        derived = _derived_in(columns, found.arrays, found.header["revision"])
        problems = [_problem_from_json(row) for row in found.header["problems"]]
        taxonomy = Taxonomy(columns, version=found.header["version"], problems=problems, derived=derived)
        return Saved(taxonomy, found.header["store"], found.header["token"])
    except (KeyError, ValueError, TypeError, pa.ArrowInvalid) as error:
        raise FileFormatError(
            str(path), f"the parts don't fit together ({error!r}); delete it to have a new one"
        ) from None


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
        "edges.type": edges.type,
        "edges.source": edges.source,
        "edges.target": edges.target,
        "edges.primary": edges.primary,
    }


def _columns_in(arrays: Any, values: Any) -> Columns:
    ids = _texts_in("ids", arrays)
    n = len(ids)
    coded = {name: Coded(_sized(arrays[name], n), tuple(values[name])) for name in _CODED}
    text, kind, lang = _texts_in("texts", arrays), arrays["texts.kind"], arrays["texts.lang"]
    m, k = len(text), len(arrays["edges.type"])
    starts = _sized(arrays["texts.starts"], n + 1)
    if starts[-1] != m:
        raise ValueError("texts")
    return Columns(
        ids=ids,
        scheme=coded["scheme"],
        kind=coded["kind"],
        status=coded["status"],
        choice=coded["choice"],
        notation=_texts_in("notation", arrays, known=arrays["notation.known"]),
        texts=Texts(starts, _sized(kind, m), Coded(_sized(lang, m), tuple(values["lang"])), text),
        edges=Edges(*(_sized(arrays[f"edges.{name}"], k) for name in ("type", "source", "target", "primary"))),
    )


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
    labels = derived.labels
    found |= {f"labels.{name}": getattr(labels, name) for name in _LABELS}
    return {**found, **_texts_out("labels", labels.texts.array)}


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
    data = (
        np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)[first:last] if last > first else np.zeros(0, np.uint8)
    )
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
    return Problem(code, tuple(concepts), message, known, tuple(map(_edge_from_json, edges)))


def _edge_from_json(row: list[Any]) -> Relation | UnknownEdge:
    type, source, target, primary = row
    return UnknownEdge(type, source, target) if primary is None else Relation(type, source, target, primary)
