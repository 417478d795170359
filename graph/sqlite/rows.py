"""Conversion between rows of the SQLite schema and values of the model, and reading of the taxonomy as columns."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from graph.columns.assemble import RawEdges, RawTexts, assemble
from graph.columns.columns import ALT, DEFINITION, HIDDEN, PREF, TYPES, Columns, Longs
from graph.model import Concept, Feedback, ItemNil, ItemTag, Relation, Retagged, TaggedItem, UnknownEdge

Row = tuple[Any, ...]

COLUMNS = tuple(field.name for field in fields(Concept))
"""Columns of the concept table, in the order of `row_of`."""
_values = attrgetter(*COLUMNS)
_ROWS_PER_PAGE = 50_000
_UNKNOWN_SHOWN = 100
_BEFORE_ALL = -(1 << 63)
_CONCEPTS = """SELECT max(row), json_group_array(id), json_group_array(scheme), json_group_array(kind),
    json_group_array(status), json_group_array(choice), json_group_array(notation), group_concat(pref_label, ','),
    group_concat(alt_label, ','), group_concat(hidden_label, ','), group_concat(definition, ',')
FROM (SELECT rowid AS row, id, scheme, kind, status, choice, notation, pref_label, alt_label,
    hidden_label, definition FROM concept WHERE rowid > ? ORDER BY rowid LIMIT ?)"""
"""A row per page: SQLite returns one long JSON text far faster than many short rows."""
_RELATIONS = """SELECT json_group_array(type), json_group_array(source), json_group_array(target),
    json_group_array(is_primary)
FROM (SELECT type, source, target, is_primary FROM relation WHERE (type, source, target) > (?, ?, ?)
    ORDER BY type, source, target LIMIT ?)"""
_FOREIGN = """SELECT type, source, target FROM relation WHERE type NOT IN (SELECT value FROM json_each(?))
    ORDER BY type, source, target LIMIT ?"""


def row_of(concept: Concept) -> Row:
    return tuple(_json(value) if isinstance(value, Mapping) else value for value in _values(concept))


ITEM_COLUMNS = "id, title, lang, model, revision, at, nil"


def item_row(item: TaggedItem, at: str | None) -> Row:
    """The columns of an item."""
    nil = orjson.dumps([[n.surface, n.attribute, n.probability] for n in item.nil]).decode() if item.nil else None
    return item.id, item.title, item.lang, item.model, item.revision, at, nil


def item_of(row: Sequence[Any], tags: Sequence[Sequence[Any]]) -> TaggedItem:
    id, title, lang, model, revision, at, nil = row
    mentions = tuple(ItemNil(*one) for one in orjson.loads(nil)) if nil else ()
    return TaggedItem(id, title, lang, model, revision, tuple(map(tag_of, tags)), at, mentions)


def tag_of(row: Sequence[Any]) -> ItemTag:
    concept, probability, method, start, end, surface, status, steps = row
    retagged_from = tuple(Retagged(*step) for step in orjson.loads(steps or "[]"))
    return ItemTag(concept, probability, method, start, end, surface, status, retagged_from)


def tag_row(tag: ItemTag) -> Row:
    steps = steps_json(tag.retagged_from)
    return (tag.concept, float(tag.probability), tag.method, tag.start, tag.end, tag.surface, tag.status, steps)


def steps_json(steps: Sequence[Retagged]) -> str | None:
    """JSON `[[source, concept, status, version], …]`, the latest step last."""
    return orjson.dumps([[s.source, s.concept, s.status, s.version] for s in steps]).decode() if steps else None


def _json(labels: Mapping[str, str] | Mapping[str, tuple[str, ...]]) -> str:
    filled = {tag: value for tag, value in labels.items() if value != ()}
    return orjson.dumps(filled, option=orjson.OPT_SORT_KEYS).decode()


def read_columns(db: sqlite3.Connection) -> Columns:
    """Read everything in the caller's transaction.

    External edits may have put anything into the JSON: other values become text, single values lists of one. Relations
    of unknown types are kept apart.
    """
    pages: list[list[pa.Array]] = [[_strings([]) for _ in range(6)]]
    texts = [_texts([], 0, PREF)]
    last, rows = _BEFORE_ALL, 0
    while (page := db.execute(_CONCEPTS, (last, _ROWS_PER_PAGE)).fetchone())[0] is not None:
        last = page[0]
        pages.append([_strings(orjson.loads(column)) for column in page[1:7]])
        for column, kind in zip(page[7:], (PREF, ALT, HIDDEN, DEFINITION), strict=True):
            texts.append(_texts(orjson.loads(f"[{column}]"), rows, kind))
        rows += len(pages[-1][0])
    concepts = [pa.concat_arrays(column) for column in zip(*pages, strict=True)]
    edges, dangling = _edges(db, concepts[0])
    foreign = db.execute(_FOREIGN, (orjson.dumps(TYPES).decode(), _UNKNOWN_SHOWN))
    unknown = [UnknownEdge(*row) for row in foreign]
    return assemble(concepts, RawTexts.joined(texts), edges, dangling=dangling, unknown=unknown)


def _texts(objects: list[dict[str, Any]], first: int, kind: int) -> RawTexts:
    """The texts of a column of objects by language, whose first belongs to the row `first`."""
    tags = list(chain.from_iterable(objects))
    values: list[Any] = list(chain.from_iterable(map(dict.values, objects)))
    owner = np.arange(first, first + len(objects)).repeat(_sizes(objects))
    lang = pa.array(tags, pa.string())
    if kind in (ALT, HIDDEN):
        lists = [value if isinstance(value, list) else [value] for value in values]
        sizes = _sizes(lists)
        values = list(chain.from_iterable(lists))
        owner, lang = owner.repeat(sizes), lang.take(pa.array(np.arange(len(lists)).repeat(sizes)))
    text = _strings([value if isinstance(value, str) else str(value) for value in values])
    return RawTexts(owner, np.full(len(owner), kind, dtype=np.int8), lang, text)


def _edges(db: sqlite3.Connection, ids: pa.LargeStringArray) -> tuple[RawEdges, list[Relation]]:
    pages: list[list[pa.Array]] = [[_strings([]), _strings([]), _strings([]), pa.array([], pa.int64())]]
    last = ("", "", "")
    while True:
        *ends, primary = map(orjson.loads, db.execute(_RELATIONS, (*last, _ROWS_PER_PAGE)).fetchone())
        if not primary:
            break
        last = tuple(column[-1] for column in ends)
        pages.append([*map(_strings, ends), pa.array(primary, pa.int64())])
    type, source, target, primary = (pa.concat_arrays(column) for column in zip(*pages, strict=True))
    codes, sources, targets = (_index(type, pa.array(TYPES, ids.type)), _index(source, ids), _index(target, ids))
    flags = primary.to_numpy() != 0
    known = codes >= 0
    inside = known & (sources >= 0) & (targets >= 0)
    dangling = [
        Relation(TYPES[codes[row]], source[row].as_py(), target[row].as_py(), bool(flags[row]))
        for row in np.flatnonzero(known & ~inside).tolist()
    ]
    return RawEdges(codes[inside].astype(np.int8), sources[inside], targets[inside], flags[inside]), dangling


def _index(values: pa.Array, among: pa.Array) -> Longs:
    """The place of each value, -1 for none."""
    found: Longs = pc.index_in(values, value_set=among).fill_null(-1).to_numpy().astype(np.int64)
    return found


def _sizes(parts: list[Any]) -> Longs:
    return np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))


def _strings(values: list[Any]) -> pa.LargeStringArray:
    return pa.array(values, pa.large_string())


def feedback_row(one: Feedback) -> tuple[Any, ...]:
    """The columns of feedback, in the order of `Feedback`."""
    product = None if one.product is None else orjson.dumps(dict(one.product)).decode()
    span = one.span or (None, None)
    return one.id, one.at, one.reviewer, one.concept, one.verdict, one.item, product, *span, one.reason


def feedback_of(row: tuple[Any, ...]) -> Feedback:
    """The feedback of a row of those columns."""
    id, at, reviewer, concept, verdict, item, product, start, end, reason = row
    span = None if start is None or end is None else (start, end)
    read = None if product is None else orjson.loads(product)
    return Feedback(id, at, reviewer, concept, verdict, item, read, span, reason)
