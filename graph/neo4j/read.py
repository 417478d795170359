"""Reading of the taxonomy in Neo4j, external edits included, as columns.

Concepts, texts and edges may be fetched in any order, or at the same time in several sessions; Neo4j's numbers of the
nodes join them. Everything here works on records, without the driver.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, LiteralString, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.columns.assemble import RawEdges, RawTexts, assemble
from graph.columns.columns import ALT, DEFINITION, HIDDEN, PREF, TYPES, Columns, Longs
from graph.columns.invariants import near_relation
from graph.model import KINDS, LANGUAGE_TAG, RELATION_TYPES, UnknownEdge
from graph.neo4j import cypher

LOST = " element "
"""Prefix of an element id that stands for a missing id: not a sound id, so that the concept is quarantined."""

_ROWS_PER_RECORD = 50_000
_UNKNOWN_SHOWN = 100
_NOT_FOREIGN = frozenset({*(type.upper() for type in RELATION_TYPES), "TAGGED"})
_CODES = {type.upper(): code for code, type in enumerate(TYPES)}
_TEXT_KINDS = {"prefLabel": PREF, "altLabel": ALT, "hiddenLabel": HIDDEN, "definition": DEFINITION}
_KIND_NAMES = [
    " and ".join(sorted(kind for bit, kind in enumerate(KINDS) if mask >> bit & 1)) for mask in range(1 << len(KINDS))
]
"""Kinds by the set of a node's labels, a bit each in the order of `KINDS`; several are not a valid kind."""


class Run(Protocol):
    """Runs a statement and returns its records, as `neo4j.Transaction.run` does."""

    def __call__(self, query: LiteralString, parameters: dict[str, Any], /) -> Iterable[Mapping[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Found:
    """A property of the nodes that have it: (m,) nodes and (m,) values as text."""

    nodes: Longs
    values: pa.LargeStringArray


@dataclass(frozen=True, slots=True)
class ConceptPart:
    """(n,) concepts: nodes, ascending, and ids; by name, labels of kind and properties that differ from the default."""

    nodes: Longs
    ids: pa.LargeStringArray
    found: Mapping[str, Found]


def read_columns(run: Run) -> Columns:
    """Read everything in one transaction."""
    return join(concept_part(run), text_part(run), edge_part(run), unknown_part(run))


def concept_part(run: Run) -> ConceptPart:
    found = _found(run, cypher.CONCEPTS)
    (count,) = run(cypher.CONCEPT_COUNT, {})
    nodes, ids = found["id"].nodes, found["id"].values
    if count["n"] != len(nodes):
        lost = _found(run, cypher.LOST)["lost"]
        nodes = np.concatenate((nodes, lost.nodes))
        ids = pa.concat_arrays([ids, _strings([LOST + element for element in lost.values.to_pylist()])])
    order = np.argsort(nodes, kind="stable")
    return ConceptPart(nodes[order], ids.take(pa.array(order)), found)


def text_part(run: Run) -> RawTexts:
    """Labels and definitions; their owners are nodes."""
    pages = {what: [_texts(np.zeros(0, dtype=np.int64), [], kind)] for what, kind in _TEXT_KINDS.items()}
    renamed: dict[int, tuple[str, str]] = {}
    bare = False
    for what, nodes, found in _pages(run, cypher.TEXTS):
        if what == "renamed":
            renamed |= zip(nodes.tolist(), found, strict=True)
        else:
            lists = [value if isinstance(value, list) else [value] for value in found]
            sizes = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
            texts = list(chain.from_iterable(lists))
            pages[what].append(_texts(np.repeat(nodes, sizes), texts, _TEXT_KINDS[what]))
            bare |= what == "prefLabel" and bool((sizes == 0).any())
    preferred = _renamed(_first_by_language(RawTexts.joined(pages.pop("prefLabel"))), renamed)
    definition = _first_by_language(RawTexts.joined(pages.pop("definition")))
    if bare:
        preferred = _labelled_by_caption(preferred, run)
    return RawTexts.joined([preferred, definition, *chain.from_iterable(pages.values())])


def edge_part(run: Run) -> RawEdges:
    """Relationships of the taxonomy's types; their ends are nodes, of concepts or others."""
    none = np.zeros(0, dtype=np.int64)
    parts = [(none.astype(np.int8), none, none, none.astype(np.bool_))]
    for record in run(cypher.RELATIONS, {"size": _ROWS_PER_RECORD}):
        source, target = (np.array(record[end], dtype=np.int64) for end in ("sources", "targets"))
        type = np.full(len(source), _CODES[record["type"]], dtype=np.int8)
        parts.append((type, source, target, np.array(record["primary"], dtype=np.bool_)))
    return RawEdges(*map(np.concatenate, zip(*parts, strict=True)))


def unknown_part(run: Run) -> list[UnknownEdge]:
    """Relationships between concepts with a misspelt type, the first hundred; other people's types are ignored."""
    foreign = (row["type"] for row in run(cypher.TYPES, {}) if row["type"] not in _NOT_FOREIGN)
    types = [type for type in foreign if near_relation(type) is not None]
    rows = run(cypher.FOREIGN, {"types": types, "limit": _UNKNOWN_SHOWN}) if types else ()
    return [UnknownEdge(row["type"], row["source"], row["target"]) for row in rows]


def _pages(run: Run, statement: LiteralString) -> Iterator[tuple[str, Longs, list[Any]]]:
    for record in run(statement, {"size": _ROWS_PER_RECORD}):
        yield record["what"], np.array(record["nodes"], dtype=np.int64), record["found"]


def _found(run: Run, statement: LiteralString) -> defaultdict[str, Found]:
    pages: dict[str, list[Found]] = {}
    for what, nodes, found in _pages(run, statement):
        values = _strings([]) if what in KINDS else _strings(found)
        pages.setdefault(what, []).append(Found(nodes, values))
    columns = {
        what: Found(np.concatenate([page.nodes for page in found]), pa.concat_arrays([page.values for page in found]))
        for what, found in pages.items()
    }
    return defaultdict(lambda: Found(np.zeros(0, dtype=np.int64), _strings([])), columns)


def _texts(nodes: Longs, tagged: list[Any], kind: int) -> RawTexts:
    """Texts of one kind from `text@lang`."""
    text, lang = split_tags(_strings(tagged))
    return RawTexts(nodes, np.full(len(nodes), kind, dtype=np.int8), lang, text)


def split_tags(tagged: pa.LargeStringArray) -> tuple[pa.LargeStringArray, pa.StringArray]:
    """Texts and language tags of `text@lang`, "und" for texts without a tag."""
    parts = pc.split_pattern(tagged, "@", max_splits=1, reverse=True)
    starts, ends = parts.offsets.to_numpy()[:-1], parts.offsets.to_numpy()[1:]
    last = parts.values.take(pa.array(ends - 1)).dictionary_encode()
    tags = last.dictionary.to_pylist()
    sound = np.array([LANGUAGE_TAG.fullmatch(tag) is not None for tag in tags], dtype=bool)
    codes = last.indices.to_numpy()
    is_tagged = (ends - starts == 2) & sound[codes]
    text = parts.values.take(pa.array(starts))
    if not is_tagged.all():
        text = pc.if_else(pa.array(is_tagged), text, tagged)
    known = pa.array([*(tag if good else "und" for tag, good in zip(tags, sound, strict=True)), "und"], pa.string())
    return text, known.take(pa.array(np.where(is_tagged, codes, len(tags))))


def _first_by_language(part: RawTexts) -> RawTexts:
    """The first text of each node and language."""
    lang = part.lang.dictionary_encode()
    key = part.owner * max(len(lang.dictionary), 1) + lang.indices.to_numpy()
    if (np.diff(key) > 0).all():
        return part
    _, first = np.unique(key, return_index=True)
    return part if len(first) == len(key) else part.take(np.sort(first))


def _renamed(preferred: RawTexts, captions: Mapping[int, tuple[str, object]]) -> RawTexts:
    """Preferred labels with the captions that were edited in their place.

    `name` repeats the preferred label `nameOf`. Where that label exists and `name` differs, the caption was edited, and
    counts; where it does not, the labels were edited, and count.
    """
    renamed = {
        node: (name, *_split(name_of))
        for node, (name, name_of) in captions.items()
        if isinstance(name_of, str) and name.strip() and _split(name_of)[0] != name
    }
    if not renamed:
        return preferred
    texts: dict[int, str] = {}
    for row in np.flatnonzero(np.isin(preferred.owner, list(renamed))).tolist():
        name, text, tag = renamed[int(preferred.owner[row])]
        if preferred.lang[row].as_py() == tag and preferred.text[row].as_py() == text:
            texts[row] = name
    mask = np.zeros(len(preferred.owner), dtype=bool)
    mask[list(texts)] = True
    text = pc.replace_with_mask(preferred.text, pa.array(mask), _strings(list(texts.values())))
    return replace(preferred, text=text)


def _labelled_by_caption(preferred: RawTexts, run: Run) -> RawTexts:
    """Preferred labels, with captions, in no particular language, for concepts without any."""
    captions = {
        node: name
        for _, nodes, found in _pages(run, cypher.UNLABELLED)
        for node, name in zip(nodes.tolist(), found, strict=True)
        if isinstance(name, str) and name.strip()
    }
    und = pa.array(["und"] * len(captions), pa.string())
    kind = np.full(len(captions), PREF, dtype=np.int8)
    added = RawTexts(np.array(list(captions), dtype=np.int64), kind, und, _strings(list(captions.values())))
    return RawTexts.joined([preferred, added])


def _split(text: str) -> tuple[str, str]:
    label, at, tag = text.rpartition("@")
    return (label, tag) if at and LANGUAGE_TAG.fullmatch(tag) else (text, "und")


def join(concepts: ConceptPart, texts: RawTexts, edges: RawEdges, unknown: Sequence[UnknownEdge] = ()) -> Columns:
    """Columns of concepts alone, with defaults for missing properties."""
    row_of = _rows_by_node(concepts.nodes)
    texts = replace(texts, owner=row_of(texts.owner))
    source, target = row_of(edges.source), row_of(edges.target)
    inside = (source >= 0) & (target >= 0)
    if (texts.owner < 0).any():
        texts = texts.take(np.flatnonzero(texts.owner >= 0))
    n = len(concepts.nodes)

    def filled(name: str, default: str | None) -> pa.LargeStringArray:
        found = concepts.found[name]
        rows = row_of(found.nodes)
        at = np.zeros(n, dtype=np.int64)
        at[rows[rows >= 0]] = np.flatnonzero(rows >= 0) + 1
        return pa.concat_arrays([pa.array([default], pa.large_string()), found.values]).take(pa.array(at))

    kinds = np.zeros(n, dtype=np.int8)
    for bit, kind in enumerate(KINDS):
        rows = row_of(concepts.found[kind].nodes)
        kinds[rows[rows >= 0]] |= 1 << bit
    kind = pa.array(_KIND_NAMES, pa.string()).take(pa.array(kinds))
    defaults = {"scheme": "", "status": "active", "choice": "multiple", "notation": None}
    scheme, status, choice, notation = (filled(name, default) for name, default in defaults.items())
    inner = RawEdges(edges.type[inside], source[inside], target[inside], edges.primary[inside])
    return assemble([concepts.ids, scheme, kind, status, choice, notation], texts, inner, unknown=unknown)


def _rows_by_node(nodes: Longs) -> Callable[[Longs], Longs]:
    """A function from nodes to rows, -1 for others; `nodes` are ascending, mostly without large gaps."""
    top = int(nodes[-1]) + 1 if len(nodes) else 0
    if top <= 8 * len(nodes) + 1024:
        table = np.full(top + 1, -1, dtype=np.int32)
        table[nodes] = np.arange(len(nodes), dtype=np.int32)
        return lambda wanted: table[np.minimum(wanted, top)].astype(np.int64)

    def search(wanted: Longs) -> Longs:
        at = np.minimum(np.searchsorted(nodes, wanted), len(nodes) - 1)
        return np.where(nodes[at] == wanted, at, -1)

    return search


def _strings(values: list[Any]) -> pa.LargeStringArray:
    """An Arrow array of the values as text."""
    try:
        return pa.array(values, pa.large_string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([value if isinstance(value, str) else str(value) for value in values], pa.large_string())
