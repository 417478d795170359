"""The taxonomy in Neo4j → columns, whatever hands have edited the graph.

Three parts that may be fetched in any order, or at the same time by several sessions; Neo4j's own numbers of the nodes
join them. Functions of what a transaction answers: no driver is needed here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, LiteralString, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.columns.assemble import RawEdges, RawTexts, assemble
from graph.columns.columns import ALT, DEFINITION, HIDDEN, PREF, TYPES, Bytes, Columns, Flags, Longs
from graph.columns.near_types import near_relation
from graph.model import KINDS, LANGUAGE_TAG, RELATION_TYPES, Stray
from graph.neo4j import cypher

LOST = " element "
"""What the id of a concept that has lost its own begins with, its element id behind it: no sound id, so the snapshot
quarantines the concept and names the element."""

_ROWS_PER_RECORD = 50_000
_UNKNOWN_SHOWN = 100
_NOT_FOREIGN = frozenset({*(type.upper() for type in RELATION_TYPES), "TAGGED"})
_CODES = {type.upper(): code for code, type in enumerate(TYPES)}
_TEXT_KINDS = {"prefLabel": PREF, "altLabel": ALT, "hiddenLabel": HIDDEN, "definition": DEFINITION}
_KIND_NAMES = [
    " and ".join(sorted(kind for bit, kind in enumerate(KINDS) if mask >> bit & 1)) for mask in range(1 << len(KINDS))
]
"""By the set of kinds that a node is labelled with, a bit each in the order of `KINDS`; several make no kind."""


class Run(Protocol):
    """Sends a statement and gives its records, as `neo4j.Transaction.run` does."""

    def __call__(self, query: LiteralString, parameters: dict[str, Any], /) -> Iterable[Mapping[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Found:
    """One property of the nodes that have it: (m,) nodes, and the (m,) values as text."""

    nodes: Longs
    values: pa.LargeStringArray


@dataclass(frozen=True, slots=True)
class ConceptPart:
    """(n,) concepts: their nodes, ascending, and ids; by kind the nodes so labelled; properties of those that differ
    from the default."""

    nodes: Longs
    ids: pa.LargeStringArray
    of_kind: tuple[Longs, ...]
    scheme: Found
    notation: Found
    status: Found
    choice: Found


@dataclass(frozen=True, slots=True)
class TextPart:
    """(m,) labels and definitions in any order; `kind` as in `Texts`."""

    nodes: Longs
    kind: Bytes
    lang: pa.Array
    text: pa.LargeStringArray

    @classmethod
    def of(cls, nodes: Longs, tagged: list[Any], kind: int) -> TextPart:
        """From texts with the language tag at their end."""
        text, lang = split_tags(_strings(tagged))
        return cls(nodes, np.full(len(nodes), kind, dtype=np.int8), lang, text)


@dataclass(frozen=True, slots=True)
class EdgePart:
    """(k,) relationships of the taxonomy's types between nodes of any sort; `type` is a code of `TYPES`."""

    type: Bytes
    source: Longs
    target: Longs
    primary: Flags


def read_columns(run: Run) -> Columns:
    """All in one transaction."""
    return join(concept_part(run), text_part(run), edge_part(run), unknown_part(run))


# -- fetching ---------------------------------------------------------------------------------------------------------


def concept_part(run: Run) -> ConceptPart:
    found = _found(run, cypher.CONCEPTS)
    (count,) = run(cypher.CONCEPT_COUNT, {})
    nodes, ids = found["id"].nodes, found["id"].values
    if count["n"] != len(nodes):
        lost = _found(run, cypher.LOST)["lost"]
        nodes = np.concatenate((nodes, lost.nodes))
        ids = pa.concat_arrays([ids, _strings([LOST + element for element in lost.values.to_pylist()])])
    order = np.argsort(nodes, kind="stable")
    return ConceptPart(
        nodes=nodes[order],
        ids=ids.take(pa.array(order)),
        of_kind=tuple(found[kind].nodes for kind in KINDS),
        scheme=found["scheme"],
        notation=found["notation"],
        status=found["status"],
        choice=found["choice"],
    )


def text_part(run: Run) -> TextPart:
    pages: dict[str, list[TextPart]] = {
        what: [TextPart.of(np.zeros(0, dtype=np.int64), [], kind)] for what, kind in _TEXT_KINDS.items()
    }
    renamed: dict[int, tuple[str, str]] = {}
    bare = False
    for what, nodes, found in _pages(run, cypher.TEXTS):
        if what == "renamed":
            renamed |= zip(nodes.tolist(), found, strict=True)
        else:
            lists = [value if isinstance(value, list) else [value] for value in found]
            sizes = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
            texts = list(chain.from_iterable(lists))
            pages[what].append(TextPart.of(np.repeat(nodes, sizes), texts, _TEXT_KINDS[what]))
            bare |= what == "prefLabel" and bool((sizes == 0).any())
    preferred = _renamed(_first_by_language(_together(pages.pop("prefLabel"))), renamed)
    definition = _first_by_language(_together(pages.pop("definition")))
    if bare:
        preferred = _called_by_caption(preferred, run)
    return _together([preferred, definition, *chain.from_iterable(pages.values())])


def edge_part(run: Run) -> EdgePart:
    none = np.zeros(0, dtype=np.int64)
    parts = [EdgePart(none.astype(np.int8), none, none, none.astype(np.bool_))]
    for record in run(cypher.RELATIONS, {"size": _ROWS_PER_RECORD}):
        source, target = (np.array(record[end], dtype=np.int64) for end in ("sources", "targets"))
        type = np.full(len(source), _CODES[record["type"]], dtype=np.int8)
        parts.append(EdgePart(type, source, target, np.array(record["primary"], dtype=np.bool_)))
    return EdgePart(
        np.concatenate([part.type for part in parts]),
        np.concatenate([part.source for part in parts]),
        np.concatenate([part.target for part in parts]),
        np.concatenate([part.primary for part in parts]),
    )


def unknown_part(run: Run) -> list[Stray]:
    """Relationships between concepts whose type is nearly one of the taxonomy's; the first hundred say enough.

    Types that aren't are other people's business. Cheap: the server keeps a list of the types in use.
    """
    foreign = (row["type"] for row in run(cypher.TYPES, {}) if row["type"] not in _NOT_FOREIGN)
    types = [type for type in foreign if near_relation(type) is not None]
    rows = run(cypher.FOREIGN, {"types": types, "limit": _UNKNOWN_SHOWN}) if types else ()
    return [Stray(row["type"], row["source"], row["target"]) for row in rows]


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


# -- texts ------------------------------------------------------------------------------------------------------------


def split_tags(tagged: pa.LargeStringArray) -> tuple[pa.LargeStringArray, pa.StringArray]:
    """Texts and language tags of `text@lang`; what has no tag at its end is in no particular language ("und")."""
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


def _first_by_language(part: TextPart) -> TextPart:
    """The first text of each node and language."""
    lang = part.lang.dictionary_encode()
    key = part.nodes * max(len(lang.dictionary), 1) + lang.indices.to_numpy()
    if (np.diff(key) > 0).all():
        return part
    _, first = np.unique(key, return_index=True)
    return part if len(first) == len(key) else _chosen(part, np.sort(first))


def _chosen(part: TextPart, rows: Longs) -> TextPart:
    return TextPart(part.nodes[rows], part.kind[rows], part.lang.take(pa.array(rows)), part.text.take(pa.array(rows)))


def _renamed(preferred: TextPart, captions: Mapping[int, tuple[str, object]]) -> TextPart:
    """`name` repeats the preferred label `nameOf`. Where that label still stands and `name` differs, the caption was
    edited by hand, and counts; where it doesn't, the labels were edited, and count."""
    renamed = {
        node: (name, *_split(name_of))
        for node, (name, name_of) in captions.items()
        if isinstance(name_of, str) and name.strip() and _split(name_of)[0] != name
    }
    if not renamed:
        return preferred
    texts: dict[int, str] = {}
    for row in np.flatnonzero(np.isin(preferred.nodes, list(renamed))).tolist():
        name, text, tag = renamed[int(preferred.nodes[row])]
        if preferred.lang[row].as_py() == tag and preferred.text[row].as_py() == text:
            texts[row] = name
    mask = np.zeros(len(preferred.nodes), dtype=bool)
    mask[list(texts)] = True
    text = pc.replace_with_mask(preferred.text, pa.array(mask), _strings(list(texts.values())))
    return replace(preferred, text=text)


def _called_by_caption(preferred: TextPart, run: Run) -> TextPart:
    """A concept without any preferred label is called by its caption, in no particular language."""
    captions = {
        node: name
        for _, nodes, found in _pages(run, cypher.UNLABELLED)
        for node, name in zip(nodes.tolist(), found, strict=True)
        if isinstance(name, str) and name.strip()
    }
    und = pa.array(["und"] * len(captions), pa.string())
    kind = np.full(len(captions), PREF, dtype=np.int8)
    added = TextPart(np.array(list(captions), dtype=np.int64), kind, und, _strings(list(captions.values())))
    return _together([preferred, added])


def _together(parts: Sequence[TextPart]) -> TextPart:
    return TextPart(
        np.concatenate([part.nodes for part in parts]),
        np.concatenate([part.kind for part in parts]),
        pa.concat_arrays([part.lang for part in parts]),
        pa.concat_arrays([part.text for part in parts]),
    )


def _split(text: str) -> tuple[str, str]:
    label, at, tag = text.rpartition("@")
    return (label, tag) if at and LANGUAGE_TAG.fullmatch(tag) else (text, "und")


# -- joining ----------------------------------------------------------------------------------------------------------


def join(concepts: ConceptPart, texts: TextPart, edges: EdgePart, unknown: Sequence[Stray] = ()) -> Columns:
    """Missing properties get their defaults; what isn't a concept's is left out."""
    row_of = _rows_by_node(concepts.nodes)
    owner = row_of(texts.nodes)
    source, target = row_of(edges.source), row_of(edges.target)
    inside = (source >= 0) & (target >= 0)
    if (owner < 0).any():
        kept = np.flatnonzero(owner >= 0)
        texts, owner = _chosen(texts, kept), owner[kept]
    n = len(concepts.nodes)

    def filled(found: Found, default: str | None) -> pa.LargeStringArray:
        rows = row_of(found.nodes)
        at = np.zeros(n, dtype=np.int64)
        at[rows[rows >= 0]] = np.flatnonzero(rows >= 0) + 1
        return pa.concat_arrays([pa.array([default], pa.large_string()), found.values]).take(pa.array(at))

    kinds = np.zeros(n, dtype=np.int8)
    for bit, nodes in enumerate(concepts.of_kind):
        rows = row_of(nodes)
        kinds[rows[rows >= 0]] |= 1 << bit
    return assemble(
        ids=concepts.ids,
        scheme=filled(concepts.scheme, ""),
        kind=pa.array(_KIND_NAMES, pa.string()).take(pa.array(kinds)),
        status=filled(concepts.status, "active"),
        choice=filled(concepts.choice, "multiple"),
        notation=filled(concepts.notation, None),
        texts=RawTexts(owner, texts.kind, texts.lang, texts.text),
        edges=RawEdges(edges.type[inside], source[inside], target[inside], edges.primary[inside]),
        unknown=unknown,
    )


def _rows_by_node(nodes: Longs) -> Callable[[Longs], Longs]:
    """From nodes to rows, -1 for others. `nodes` ascending, and mostly without great gaps."""
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
    """What isn't text becomes text."""
    try:
        return pa.array(values, pa.large_string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([value if isinstance(value, str) else str(value) for value in values], pa.large_string())
