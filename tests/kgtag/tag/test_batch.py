"""Batches over files: formats in, whole rows out, bad rows in their place, and going on after a kill."""

from __future__ import annotations

import gzip
import io
import json
import re
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graph.errors import FileFormatError, InputError, StoreUnavailable
from graph.model import TaggedItem
from graph.sqlite.store import SqliteStore
from graph.stores import load_taxonomy, open_store
from graph.taxonomy import Taxonomy
from kgtag.link import TaxonomyLinker
from kgtag.link.linker import link_rows
from kgtag.tag.batch import TagJob
from kgtag.tag.label_map import LabelMap
from kgtag.tag.tagger import Tagger
from kgtag.types import Extraction, Mention, Product, Span

TITLES = ["navy wool scarf", "red cotton socks", "green tea", "blue mug", "black backpack"]


class Colors:
    """An Extractor that knows five words, counts what it read, and stops when told to."""

    version = "colors-1"
    attributes = ("color",)

    def __init__(self, stop_at: int | None = None) -> None:
        self.read = 0
        self.stop_at = stop_at

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        self.read += len(products)
        if self.stop_at is not None and self.read >= self.stop_at:
            raise KeyboardInterrupt
        return [Extraction(tuple(self._mentions(product.title))) for product in products]

    def _mentions(self, title: str) -> list[Mention]:
        found = re.finditer("navy|red|green|blue|black", title)
        return [Mention(Span(*m.span()), m.group(), "color", 0.9) for m in found]


@pytest.fixture
def taxonomy(shop: str) -> Taxonomy:
    return load_taxonomy(open_store(shop))


def _tagger(taxonomy: Taxonomy, extractor: Colors | None = None) -> Tagger:
    binding = LabelMap.of(taxonomy, attributes=["color"], categories=[], recorded={})
    return Tagger(extractor or Colors(), TaxonomyLinker(taxonomy), taxonomy, label_map=binding)


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _products(count: int) -> list[dict[str, Any]]:
    return [{"id": f"p{i:04}", "title": TITLES[i % len(TITLES)]} for i in range(count)]


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", ["p.jsonl", "p.jsonl.gz", "p.csv", "p.tsv", "p.parquet"])
def test_every_format_gives_the_same_rows(taxonomy: Taxonomy, tmp_path: Path, name: str) -> None:
    products = _products(5)
    lines = [[row["id"], row["title"]] for row in products]
    source = tmp_path / name
    if ".jsonl" in name:
        text = "".join(json.dumps(row) + "\n" for row in products).encode()
        source.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    elif name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist(products), source)
    else:
        between = "," if name.endswith("csv") else "\t"
        source.write_text("\n".join(between.join(line) for line in [["id", "title"], *lines]) + "\n")
    report = TagJob(_tagger(taxonomy)).run(source, tmp_path / "out.jsonl")
    assert (report.tagged, report.failed, report.skipped) == (5, 0, 0)
    rows = _rows(tmp_path / "out.jsonl")
    assert [row["id"] for row in rows] == [row["id"] for row in products]
    for row, product in zip(rows, products, strict=True):
        for tag in row["tags"]:
            assert "span" not in tag or product["title"][slice(*tag["span"])] == tag["surface"]
        assert row["revision"] == taxonomy.revision and row["model"] == "colors-1"


def test_a_bad_row_gets_its_error_and_the_others_their_tags(taxonomy: Taxonomy, tmp_path: Path) -> None:
    lines = [
        b'{"id": "a", "title": "red socks"}',
        b'{"id": "b"}',
        b'{"id": "c", "title": 5}',
        b'{"id": "d", "title": "  "}',
        b'{"id": "e", "title"',
        b"[1]",
        b'{"id": "g", "title": "caf\xe9"}',
        b'{"id": "h", "title": "red", "category": "bakcpacks"}',
        b"",
        b'{"id": "i", "title": "blue mug"}',
    ]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    report = TagJob(_tagger(taxonomy)).run(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert (report.tagged, report.failed) == (2, 7)
    rows = _rows(tmp_path / "out.jsonl")
    assert [row["id"] for row in rows] == ["a", "b", "c", "d", None, None, None, "h", "i"]
    assert [row.get("line") for row in rows] == [None, None, None, None, 5, 6, 7, None, None]
    assert ["error" in row for row in rows] == [False] + [True] * 7 + [False]
    said = {row["id"] or row["line"]: row["error"]["detail"] for row in rows if "error" in row}
    assert "in.jsonl:2" in said["b"] and "title" in said["b"]
    assert "not valid" in said[5] or "no valid JSON" in said[5]
    assert "UTF-8" in said[7]
    assert "backpacks" in said["h"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("none.jsonl", None, "there is no such file"),
        ("empty.jsonl", b"\n", "the file is empty"),
        ("p.docx", b"x", "the suffix '.docx' names no product file"),
        ("p.csv", b"id,colour\n1,red\n", "no column 'title'; there is id, colour"),
        ("p.parquet", b"PAR0", "no readable Parquet file"),
        ("p.jsonl.gz", b"plain", "not a whole gzip file"),
    ],
)
def test_a_file_that_does_not_read_leaves_no_output(
    taxonomy: Taxonomy, tmp_path: Path, name: str, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=re.escape(expected)):
        TagJob(_tagger(taxonomy)).run(tmp_path / name, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_going_on_after_a_kill(taxonomy: Taxonomy, tmp_path: Path) -> None:
    source, out = _write(tmp_path / "in.jsonl", _products(300)), tmp_path / "out.jsonl"
    TagJob(_tagger(taxonomy)).run(source, tmp_path / "whole.jsonl")
    with pytest.raises(KeyboardInterrupt):
        TagJob(_tagger(taxonomy, Colors(stop_at=200))).run(source, out)
    done = len(_rows(out))
    assert 0 < done < 300
    with out.open("ab") as file:
        file.write(b'{"id": "p0192", "tags": [{"conc')
    extractor = Colors()
    seen: list[tuple[int, int | None]] = []
    report = TagJob(_tagger(taxonomy, extractor)).run(source, out, resume=True, watch=lambda *at: seen.append(at))
    assert (report.skipped, report.tagged, extractor.read) == (done, 300 - done, 300 - done)
    assert seen[0] == (done, 300) and seen[-1] == (300, 300) and seen == sorted(seen)
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert TagJob(_tagger(taxonomy)).run(source, out, resume=True).tagged == 0


def test_resume_without_an_output_begins(taxonomy: Taxonomy, tmp_path: Path) -> None:
    source = _write(tmp_path / "in.jsonl", _products(3))
    assert TagJob(_tagger(taxonomy)).run(source, tmp_path / "new" / "out.jsonl", resume=True).tagged == 3
    with pytest.raises(InputError, match="name it with --out FILE"):
        TagJob(_tagger(taxonomy)).run(source, None, resume=True)


def test_an_output_is_never_overwritten_or_mixed(taxonomy: Taxonomy, tmp_path: Path) -> None:
    source, out = _write(tmp_path / "in.jsonl", _products(3)), tmp_path / "out.jsonl"
    job = TagJob(_tagger(taxonomy))
    job.run(source, out)
    before = out.read_bytes()
    with pytest.raises(InputError, match=r"already exists; continue it with --resume"):
        job.run(source, out)
    other = _write(tmp_path / "other.jsonl", [{"id": f"q{i}", "title": "red"} for i in range(9)])
    with pytest.raises(InputError, match=r"product 'p0002', that of the input is 'q2'"):
        job.run(other, out, resume=True)
    with pytest.raises(InputError, match="the input has fewer rows"):
        job.run(_write(tmp_path / "short.jsonl", _products(1)), out, resume=True)
    newer = Colors()
    newer.version = "colors-2"
    with pytest.raises(InputError, match="was written by model colors-1, this is colors-2"):
        TagJob(_tagger(taxonomy, newer)).run(source, out, resume=True)
    assert out.read_bytes() == before
    out.write_text("no rows\n")
    with pytest.raises(InputError, match=r"out\.jsonl:1: not a row of tags"):
        job.run(source, out, resume=True)


def test_the_store_keeps_the_tags(shop: str, taxonomy: Taxonomy, tmp_path: Path) -> None:
    store = open_store(shop)
    rows = [*_products(3), {"id": "bad"}]
    TagJob(_tagger(taxonomy), store=store).run(_write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl")
    kept = {item.id: [tag.concept for tag in item.tags] for item in store.items()}
    wrote = {row["id"]: [tag["concept"] for tag in row["tags"]] for row in _rows(tmp_path / "out.jsonl")[:3]}
    assert kept == wrote and any(kept.values())


class Flaky(SqliteStore):
    """A store that is unavailable for the second batch."""

    calls = 0

    def put_items(self, items: Sequence[TaggedItem]) -> None:
        self.calls += 1
        if self.calls == 2:
            raise StoreUnavailable("the disk is away")
        super().put_items(items)


def test_a_store_that_goes_away_stops_the_batch_and_resume_keeps_the_rest(
    shop: str, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    source, out = _write(tmp_path / "in.jsonl", _products(300)), tmp_path / "out.jsonl"
    store = Flaky.open(Path(shop.removeprefix("sqlite:///")))
    with pytest.raises(StoreUnavailable, match="the disk is away"):
        TagJob(_tagger(taxonomy), store=store).run(source, out)
    assert 0 < len(_rows(out)) < 300 and all("error" not in row for row in _rows(out))
    TagJob(_tagger(taxonomy), store=store).run(source, out, resume=True)
    assert len(_rows(out)) == 300 == len(list(store.items()))
    store.close()


def test_from_stdin_to_stdout(
    taxonomy: Taxonomy, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    lines = b"\xef\xbb\xbf" + b"".join(json.dumps(row).encode() + b"\n" for row in _products(2)) + b"{\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    report = TagJob(_tagger(taxonomy), lang="en").run(None, None)
    assert (report.tagged, report.failed) == (2, 1)
    out = capfdbinary.readouterr().out
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["p0000", "p0001", None]


def test_links_of_lines(taxonomy: Taxonomy) -> None:
    lines = [
        b'{"id": "1", "text": "navy", "attribute": "color", "lang": "en"}\n',
        b"\n",
        b'{"text": "zzzzqqq"}\n',
        b'{"id": 3, "text": "navy", "attribute": "colr"}\n',
        b"not json\n",
        b'{"id": 5, "text": ["navy"]}\n',
        b'{"id": 6, "text": "navy", "lang": 1}\n',
    ]
    rows = list(link_rows(TaxonomyLinker(taxonomy), taxonomy, lines))
    assert [(row["id"], row.get("line")) for row in rows] == [
        ("1", None),
        (3, None),
        (3, None),
        (None, 5),
        (5, None),
        (6, None),
    ]
    first = rows[0]
    assert first["links"][0]["concept"] == "color.navy" and first["nil"] is False
    assert set(first["links"][0]) == {"concept", "label", "score", "probability", "method"}
    assert rows[1]["nil"] is True
    assert all("error" in row for row in rows[2:])
    assert "color" in rows[2]["error"]["detail"] and "<stdin>:5" in rows[3]["error"]["detail"]


def test_a_file_error_in_the_middle_names_the_line(taxonomy: Taxonomy, tmp_path: Path) -> None:
    """A torn table is not a bad product: what was tagged stays, and --resume continues once the file is repaired."""
    rows = "".join(f"{i},red\n" for i in range(100))
    (tmp_path / "in.csv").write_text(f"id,title\n{rows}100,\xe9\n", encoding="latin-1")
    with pytest.raises(FileFormatError, match=r"in\.csv:102:5: byte 0xe9 is not UTF-8"):
        TagJob(_tagger(taxonomy)).run(tmp_path / "in.csv", tmp_path / "out.jsonl")
    assert len(_rows(tmp_path / "out.jsonl")) == 64
    (tmp_path / "in.csv").write_text(f"id,title\n{rows}100,red extra\n")
    assert TagJob(_tagger(taxonomy)).run(tmp_path / "in.csv", tmp_path / "out.jsonl", resume=True).tagged == 37


def test_a_bad_row_of_a_table_has_its_line(taxonomy: Taxonomy, tmp_path: Path) -> None:
    content = 'ID;Product title;attributes\n1;red;\n2;red;socks;12\n3;"red" socks;\n4;red;{\n5;;\n6;blue;\n'
    (tmp_path / "in.csv").write_text(content)
    report = TagJob(_tagger(taxonomy)).run(tmp_path / "in.csv", tmp_path / "out.jsonl")
    rows = _rows(tmp_path / "out.jsonl")
    assert (report.tagged, report.failed) == (2, 4)
    assert [(row["id"], row.get("line")) for row in rows] == [
        ("1", None),
        (None, 3),
        (None, 4),
        ("4", None),
        ("5", None),
        ("6", None),
    ]
    assert "in.csv:3: the row has more cells" in rows[1]["error"]["detail"]


def test_no_room_for_the_output(taxonomy: Taxonomy, tmp_path: Path) -> None:
    """Past the system's limit on file sizes; with room again, --resume makes the file it would have been."""
    source, out = _write(tmp_path / "in.jsonl", _products(400)), tmp_path / "out.jsonl"
    TagJob(_tagger(taxonomy)).run(source, tmp_path / "whole.jsonl")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(InputError, match=r"can't write '.*out\.jsonl': File too large; --resume continues it"):
            TagJob(_tagger(taxonomy)).run(source, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 0 < out.stat().st_size <= 20_000
    TagJob(_tagger(taxonomy)).run(source, out, resume=True)
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_device_is_no_output(taxonomy: Taxonomy, tmp_path: Path) -> None:
    """Going on where /dev/zero ends would take for ever."""
    source = _write(tmp_path / "in.jsonl", _products(3))
    for resume in (False, True):
        with pytest.raises(InputError, match="/dev/full is not a file"):
            TagJob(_tagger(taxonomy)).run(source, Path("/dev/full"), resume=resume)
    with pytest.raises(InputError, match="can't write"):
        TagJob(_tagger(taxonomy)).run(source, source / "below" / "a-file.jsonl")
