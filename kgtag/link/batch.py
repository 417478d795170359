"""Linking of mentions, JSONL in and rows out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from graph.errors import FileFormatError, InputError
from graph.formats import reading
from graph.taxonomy import Taxonomy, require_concept
from kgtag.types import Linked, Linker, Query

_BATCH = 64


def link_rows(linker: Linker, taxonomy: Taxonomy, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Link mentions line by line, in order; a line that is not a mention gets `{"id", "error"}`.

    Args:
        linker: The linker.
        taxonomy: Its snapshot.
        lines: JSONL rows with `text` and, if known, `id`, `category`, `attribute`, `lang`.
    """
    numbered = ((n, line) for n, line in enumerate(lines, start=1) if line.strip())
    while batch := list(islice(numbered, _BATCH)):
        asked = [_asked(line, n, taxonomy) for n, line in batch]
        links = iter(linker.link([query for _, query in asked if isinstance(query, Query)]))
        for id, query in asked:
            if isinstance(query, Query):
                yield {"id": id, **_labelled(next(links), taxonomy, query.lang).to_dict()}
            else:
                yield {"id": id, "error": query.to_dict()}


def _asked(line: bytes, number: int, taxonomy: Taxonomy) -> tuple[Any, Query | InputError]:
    id: Any = number
    try:
        row = reading.json_object(reading.decode(line, "<stdin>", number), "<stdin>", line=number)
        id = row.get("id", number)
        return id, _query(row, number, taxonomy)
    except InputError as error:
        return id, error


def _query(row: dict[str, Any], number: int, taxonomy: Taxonomy) -> Query:
    if not isinstance(row.get("text"), str) or not row["text"].strip():
        raise FileFormatError("<stdin>", "'text' must be a string with something in it", line=number)
    named = {field: row.get(field) for field in ("attribute", "category", "lang")}
    for field, value in named.items():
        if value is not None and not isinstance(value, str):
            message = f"{field!r} must be a string, not {reading.kind_of(value)}"
            raise FileFormatError("<stdin>", message, line=number)
    attribute = require_concept(taxonomy, named["attribute"], "attribute") if named["attribute"] else None
    category = require_concept(taxonomy, named["category"], "category") if named["category"] else None
    return Query(row["text"], attribute, category, named["lang"])


def _labelled(linked: Linked, taxonomy: Taxonomy, lang: str | None) -> Linked:
    return linked.labelled(lambda id: taxonomy[id].label(lang))
