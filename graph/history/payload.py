"""Changes and undo of a history entry as one compressed blob, and paging through such blobs."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

import orjson

from graph.errors import StoreError
from graph.model import Change
from graph.model.serial import change_from_json, change_to_json, dump_change

_LEVEL = 3
_AT_ONCE = 1000
_PAGE = 20_000
"""Changes decoded at a time, unless a single entry has more."""


def pack(changes: Sequence[Change], undo: Sequence[Change]) -> bytes:
    """Compress JSON `{"changes": […], "undo": […]}` piece by piece: an import may be hundreds of megabytes.

    Raises InputError for text that no store can hold.
    """
    compressor = zlib.compressobj(_LEVEL)
    pieces = chain((b'{"changes":[',), _pieces(changes), (b'],"undo":[',), _pieces(undo), (b"]}",))
    return b"".join([*map(compressor.compress, pieces), compressor.flush()])


def unpack(payload: bytes, *, version: int) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Changes and undo of a payload. Raises StoreError, naming the version, when it is damaged."""
    try:
        row = orjson.loads(zlib.decompress(payload))
        return tuple(map(change_from_json, row["changes"])), tuple(map(change_from_json, row["undo"]))
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"history entry {version} doesn't read ({error}); restore it from a backup") from error


def page_end(sizes: Iterable[tuple[int, int]]) -> int | None:
    """The last version of the next page of (version, number of changes), None when there is none."""
    end, total = None, 0
    for version, size in sizes:
        total += size
        if end is not None and total > _PAGE:
            break
        end = version
    return end


def _pieces(changes: Sequence[Change]) -> Iterator[bytes]:
    rows = iter(changes)
    comma = b""
    while batch := list(islice(rows, _AT_ONCE)):
        try:
            # Without the brackets of the list that the batch is.
            yield comma + orjson.dumps([change_to_json(change) for change in batch])[1:-1]
        except orjson.JSONEncodeError:
            for change in batch:
                dump_change(change)  # Its error names the text.
            raise
        comma = b","
