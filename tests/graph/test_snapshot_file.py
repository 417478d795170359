"""The snapshot file: what comes back is what was saved, and nothing else is taken for it."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import snapshot_file
from graph.columns.assemble import TaxonomyData
from graph.errors import FileFormatError, InputError
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from tests.graph.columns.test_columns import wild
from tests.strategies import taxonomies


def _equal(one: Taxonomy, other: Taxonomy) -> None:
    assert (one.version, one.revision, one.problems) == (other.version, other.revision, other.problems)
    assert (one.ids, one.concepts, one.relations) == (other.ids, other.concepts, other.relations)
    assert one.schemes == other.schemes
    assert one.depths.tolist() == other.depths.tolist()
    assert one.derived.adjacency.keys() == other.derived.adjacency.keys()
    for id in one.ids:
        assert one.ancestors(id) == other.ancestors(id) and one.descendants(id) == other.descendants(id)
        assert (one.path(id), one.depth(id), one.etag(id)) == (other.path(id), other.depth(id), other.etag(id))
        for type in ("broader", "related", "value_of", "excludes", "replaced_by"):
            assert one.out(id, type) == other.out(id, type) and one.into(id, type) == other.into(id, type)
        for label, lang, _ in one[id].labels():
            assert one.lookup(label) == other.lookup(label) and one.lookup(label, lang=lang) == other.lookup(
                label, lang=lang
            )


@settings(max_examples=25)
@given(taxonomies(max_size=5))
def test_what_comes_back_is_what_was_saved(tmp_path_factory: pytest.TempPathFactory, data: TaxonomyData) -> None:
    path, taxonomy = tmp_path_factory.mktemp("snapshot") / "t.snapshot", Taxonomy.of(data)
    snapshot_file.save(taxonomy, path, store="neo4j://host:7687", token="FB:1")
    saved = snapshot_file.load(path, verify=True)
    assert (saved.store, saved.token) == ("neo4j://host:7687", "FB:1")
    _equal(saved.taxonomy, taxonomy)


@settings(max_examples=25)
@given(wild())
def test_quarantined_rows_are_named_again(
    tmp_path_factory: pytest.TempPathFactory, rows: tuple[list[Concept], list[Relation]]
) -> None:
    path, taxonomy = tmp_path_factory.mktemp("snapshot") / "t.snapshot", Taxonomy.of(TaxonomyData.of(7, *rows))
    snapshot_file.save(taxonomy, path)
    _equal(snapshot_file.load(path).taxonomy, taxonomy)


def test_a_hierarchy_that_is_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Concept(f"c{i:02}", "s", "category", {"en": "x"}) for i in range(20)]
    edges = [Relation("broader", f"c{i:02}", f"c{i - 1:02}") for i in range(1, 20)]
    kept = Taxonomy.of(TaxonomyData.of(0, rows, edges))
    assert kept.derived.hierarchy.ancestors is not None
    monkeypatch.setattr("graph.columns.hierarchy._PAIRS", 100)
    monkeypatch.setattr("graph.columns.hierarchy._PAIRS_PER_CONCEPT", 0)
    walked = Taxonomy.of(TaxonomyData.of(0, rows, edges))
    snapshot_file.save(walked, tmp_path / "s")
    loaded = snapshot_file.load(tmp_path / "s").taxonomy
    assert walked.derived.hierarchy.ancestors is None and loaded.derived.hierarchy.ancestors is None
    _equal(walked, kept)
    _equal(loaded, kept)
    assert kept.is_ancestor("c00", "c19") and loaded.is_ancestor("c00", "c19") and not loaded.is_ancestor("c19", "c00")
    assert loaded.ancestor_indices(19).tolist() == list(range(19))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "shop.snapshot"
    rows = [Concept("a", "s", "category", {"en": "Shoes", "zh": "鞋"}), Concept("b", "s", "category", {"en": "Boots"})]
    snapshot_file.save(Taxonomy.of(TaxonomyData.of(1, rows, [Relation("broader", "b", "a")])), path)
    return path


def test_a_file_that_is_missing_or_foreign(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="No such file"):
        snapshot_file.load(tmp_path / "none")
    with pytest.raises(FileFormatError, match="can't be read"):
        snapshot_file.load(tmp_path)
    for content in (b"", b"KGTAG", b"{}" * 100):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(FileFormatError, match="not a snapshot file"):
            snapshot_file.load(tmp_path / "x")


def test_a_file_of_a_later_format(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    struct.pack_into("<I", content, 8, 2)
    saved.write_bytes(content)
    with pytest.raises(FileFormatError, match="has format 2, this kgtag reads 1"):
        snapshot_file.load(saved)


@settings(max_examples=40)
@given(st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, at: float) -> None:
    path = tmp_path_factory.mktemp("cut") / "s"
    snapshot_file.save(Taxonomy.of(TaxonomyData.of(0, [Concept("a", "s", "category", {"en": "x"})], [])), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(at * len(content))])
    with pytest.raises(FileFormatError):
        snapshot_file.load(path)


def test_one_wrong_byte_is_found(saved: Path) -> None:
    content = saved.read_bytes()
    table = json.loads(content[36 : 36 + struct.unpack_from("<Q", content, 12)[0]])["blocks"]
    ids = content.index(b"ab", 36 + struct.unpack_from("<Q", content, 12)[0])
    assert table["ids.data"][1] == 2
    for at in (40, 100, ids):
        broken = bytearray(content)
        broken[at] ^= 1
        saved.write_bytes(broken)
        with pytest.raises(FileFormatError, match="damaged"):
            snapshot_file.load(saved, verify=True)


def test_parts_that_do_not_fit_together(saved: Path) -> None:
    header, arrays = snapshot_file.read_blocks(saved)
    header = {name: value for name, value in header.items() if name not in ("blocks", "bytes")}
    for name in arrays:
        snapshot_file.write_blocks(saved, header, {key: array for key, array in arrays.items() if key != name})
        if name.split(".")[0] not in ("above", "below", "broader", "labels", "edges"):
            with pytest.raises(FileFormatError, match="don't fit together"):
                snapshot_file.load(saved)
    snapshot_file.write_blocks(saved, header, {**arrays, "texts.kind": np.zeros(1, np.int8)})
    with pytest.raises(FileFormatError, match="don't fit together"):
        snapshot_file.load(saved)


def test_a_file_that_can_not_be_written_leaves_the_old_one(saved: Path, tmp_path: Path) -> None:
    taxonomy = snapshot_file.load(saved).taxonomy
    with pytest.raises(InputError, match="can't be written"):
        snapshot_file.save(taxonomy, tmp_path / "no" / "folder")
    snapshot_file.save(taxonomy, saved, token="new")  # Onto the very file it is mapped from.
    assert snapshot_file.load(saved).token == "new" and taxonomy.path("b") == ["a", "b"]
    assert [path.name for path in tmp_path.iterdir()] == ["shop.snapshot"]


def test_a_large_column_is_searched_where_it_lies(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.columns.sequences._SMALL", 0)
    monkeypatch.setattr("graph.taxonomy._SMALL", 0)
    monkeypatch.setattr("graph.columns.sequences._READS", 30)
    taxonomy = snapshot_file.load(saved).taxonomy
    for _ in range(20):  # First in the bytes, then in Python's own containers.
        assert (taxonomy.index("a"), taxonomy.index("b"), "c" in taxonomy, "\ud800" in taxonomy) == (0, 1, False, False)
        assert None not in taxonomy and taxonomy.get("") is None
        assert taxonomy.lookup("鞋") == ["a"] and taxonomy.lookup("boot") == []
        assert taxonomy.path("b") == ["a", "b"] and taxonomy.descendants("a") == ["b"]
    ids, rows = taxonomy.ids, taxonomy.concepts
    assert (len(ids), ids[0], ids[-1], list(ids), ids[0:1]) == (2, "a", "b", ["a", "b"], ("a",))
    assert ids == ("a", "b") and ids != ("a", "c") and "a" in ids
    assert [c.id for c in rows] == ["a", "b"] and rows[-1].id == "b" and rows[1] is rows[1]
    assert rows[0:2] == tuple(rows) and rows == tuple(rows)
    assert taxonomy.relations == (Relation("broader", "b", "a", primary=True),)
    with pytest.raises(IndexError):
        rows[2]
