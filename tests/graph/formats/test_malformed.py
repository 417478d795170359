"""What no reader may choke on: every format, every kind of damage, always a FileFormatError that names the file."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from graph.errors import FileFormatError
from graph.formats import jsonl, listings, openfoodfacts, shopify, shops, tabular
from graph.formats.parsed import Parsed

SHOPIFY = {"verticals": [{"categories": [{"id": "a", "name": "NAME", "parent_id": None}]}]}
BESTBUY = [{"id": "a", "name": "NAME", "path": [], "subCategories": []}]
WHATNOT = {"categories": [{"id": 1, "label": "NAME", "parent_id": None}]}
GOOD: dict[str, tuple[Callable[[Sequence[Path]], Parsed], str, str]] = {
    "shopify": (shopify.read, "en.json", json.dumps(SHOPIFY)),
    "google": (listings.read_google, "t.en.txt", "1 - NAME\n2 - NAME > Kites\n"),
    "gpc": (listings.read_gpc, "h.tsv", "10\tNAME\t (GPC segment)\n"),
    "openfoodfacts": (openfoodfacts.read, "c.txt", "en:NAME\nfr:Nom\n"),
    "bestbuy": (shops.read_bestbuy, "c.json", json.dumps(BESTBUY)),
    "whatnot": (shops.read_whatnot, "t.json", json.dumps(WHATNOT)),
    "csv": (tabular.read, "t.csv", "id,pref_label@en\na,NAME\n"),
    "jsonl": (jsonl.read, "t.jsonl", '{"id": "a", "kind": "category", "pref_label": {"en": "NAME"}}\n'),
}
formats = pytest.mark.parametrize("format", sorted(GOOD))


def _file(folder: Path, format: str, content: bytes, suffix: str = "") -> Path:
    file = folder / f"{GOOD[format][1]}{suffix}"
    file.write_bytes(content)
    return file


def _refused(folder: Path, format: str, content: bytes, suffix: str = "") -> FileFormatError:
    file = _file(folder, format, content, suffix)
    with pytest.raises(FileFormatError) as refused:
        GOOD[format][0]([file])
    assert str(file) in str(refused.value) and len(str(refused.value)) < 2_000
    return refused.value


@formats
def test_the_good_file_is_good(tmp_path: Path, format: str) -> None:
    file = _file(tmp_path, format, gzip.compress(GOOD[format][2].encode()), ".gz")
    assert GOOD[format][0]([file]).concepts


@formats
def test_nothing_at_all(tmp_path: Path, format: str) -> None:
    _refused(tmp_path, format, b"")
    _refused(tmp_path, format, b"\n \n\n")


@formats
def test_bytes_that_are_not_utf8(tmp_path: Path, format: str) -> None:
    error = _refused(tmp_path, format, GOOD[format][2].encode().replace(b"NAME", b"Caf\xe9"))
    assert "byte 0xe9 is not UTF-8" in str(error) and error.line


@formats
def test_a_torn_gzip_file(tmp_path: Path, format: str) -> None:
    whole = gzip.compress(GOOD[format][2].encode())
    assert "not a whole gzip file" in str(_refused(tmp_path, format, whole[:-4], ".gz"))
    assert "not a whole gzip file" in str(_refused(tmp_path, format, b"plain text", ".gz"))


@formats
def test_another_kind_of_file(tmp_path: Path, format: str) -> None:
    _refused(tmp_path, format, b"%PDF-1.4\n%\x01\x02 stream\n")
    _refused(tmp_path, format, b"<html><body>Not found</body></html>\n")


@formats
def test_no_such_file(tmp_path: Path, format: str) -> None:
    with pytest.raises(FileFormatError, match="there is no such file"):
        GOOD[format][0]([tmp_path / "nowhere" / GOOD[format][1]])


@formats
def test_a_label_of_ten_megabytes_takes_seconds_and_no_traceback(tmp_path: Path, format: str) -> None:
    file = _file(tmp_path, format, GOOD[format][2].replace("NAME", "a" * 10_000_000, 1).encode())
    started = time.process_time()
    try:
        assert max(len(c.label("en")) for c in GOOD[format][0]([file]).concepts) == 10_000_000
    except FileFormatError as refused:
        assert len(str(refused)) < 2_000
    assert time.process_time() - started < 20


@pytest.mark.parametrize("format", ["shopify", "bestbuy", "whatnot", "jsonl"])
def test_deep_nesting(tmp_path: Path, format: str) -> None:
    _refused(tmp_path, format, b"[" * 1_000_000)
    _refused(tmp_path, format, b'{"a":' * 1_000_000)


@pytest.mark.parametrize(
    ("format", "content"),
    [
        ("google", "1 - " + " > ".join(["a"] * 1_000_000)),
        ("csv", "path\n" + " > ".join(["a"] * 1_000_000)),
        ("csv", 'label\n"' + "a" * 1_000_000),
        ("gpc", "10\ta\t" + "(" * 1_000_000),
        ("openfoodfacts", "en:" + "," * 1_000_000),
    ],
)
def test_a_line_without_end_takes_seconds(tmp_path: Path, format: str, content: str) -> None:
    file = _file(tmp_path, format, content.encode())
    started = time.process_time()
    try:
        GOOD[format][0]([file])
    except FileFormatError as refused:
        assert len(str(refused)) < 2_000
    assert time.process_time() - started < 20


@pytest.mark.parametrize("size", [1, 2, 10_000])
@pytest.mark.parametrize("format", ["shopify", "whatnot", "csv"])
def test_a_cycle_costs_one_parent(tmp_path: Path, format: str, size: int) -> None:
    pairs = [(str(i + 1), str((i + 1) % size + 1)) for i in range(size)]
    rows = [{"id": a, "name": a, "parent_id": b} for a, b in pairs]
    contents = {
        "shopify": json.dumps({"verticals": [{"categories": rows}]}),
        "whatnot": json.dumps({"categories": [{"id": int(a), "label": a, "parent_id": int(b)} for a, b in pairs]}),
        "csv": "id,label,parent\n" + "".join(f"{a},{a},{b}\n" for a, b in pairs),
    }
    found = GOOD[format][0]([_file(tmp_path, format, contents[format].encode())])
    assert (len(found.concepts), len(found.relations), len(found.faults)) == (size, size - 1, 1)


@pytest.mark.parametrize("size", [1, 2, 10_000])
def test_cycles_of_our_own_rows_are_refused(tmp_path: Path, size: int) -> None:
    rows = [
        {"id": str(n), "kind": "category", "pref_label": {"en": "x"}, "broader": [str((n + 1) % size)]}
        for n in range(size)
    ]
    error = _refused(tmp_path, "jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    assert ("broader than themselves" if size > 1 else "relation to itself") in str(error)
