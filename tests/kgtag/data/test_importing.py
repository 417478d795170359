"""Files into stores and out of them, by the name of the format."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.errors import FileFormatError, InputError
from graph.formats.format import ExportOptions
from graph.formats.registry import export_file
from graph.sources import Taxonomy
from graph.stores import load_taxonomy, open_store
from kgtag.data import sample
from kgtag.data.importing import import_files


def test_the_history_names_who_and_what(shop: str) -> None:
    (entry,) = open_store(shop).history()
    assert (entry.author, entry.reason) == ("test", "import jsonl taxonomy.jsonl")


@pytest.mark.parametrize(
    "name",
    [
        "out.jsonl",
        "out.jsonl.gz",
        "out.ttl",
        "out.rdf",
        "out.jsonld",
        "out.csv",
        "out.csv.gz",
        "out.tsv",
        "out.graphml",
    ],
)
def test_a_file_holds_the_taxonomy_whole(shop: str, tmp_path: Path, name: str) -> None:
    taxonomy = load_taxonomy(open_store(shop))
    suffix = name.removesuffix(".gz").rpartition(".")[2]
    format = {"jsonl": "jsonl", "csv": "csv", "tsv": "csv", "graphml": "graphml"}.get(suffix, "skos")
    assert export_file(taxonomy, format, tmp_path / name).concepts == len(taxonomy)
    assert Taxonomy.load(tmp_path / name).revision == taxonomy.revision == Taxonomy.load(shop).revision


def test_a_scheme_alone(shop: str, tmp_path: Path) -> None:
    rows = '{"id": "x", "kind": "category", "pref_label": {"en": "X"}}\n'
    (tmp_path / "other.jsonl").write_text(rows)
    store = open_store(shop)
    import_files(store, "jsonl", [tmp_path / "other.jsonl"], scheme="other", author="test")
    options = ExportOptions(scheme="other")
    assert export_file(load_taxonomy(store), "jsonl", tmp_path / "out.jsonl", options=options).concepts == 1
    assert Taxonomy.load(str(tmp_path / "out.jsonl")).ids == ("x",)


def test_what_cannot_be_imported_leaves_no_version(shop: str, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text(sample.TAXONOMY.read_text(encoding="utf-8").replace("shop", "mall") + "{")
    store = open_store(shop)
    before = store.read()
    with pytest.raises(FileFormatError, match=r"bad\.jsonl:\d+"):
        import_files(store, "jsonl", [tmp_path / "bad.jsonl"], author="test")
    with pytest.raises(InputError, match="no import format 'xml'"):
        import_files(store, "xml", [tmp_path / "bad.jsonl"], author="test")
    assert store.read() == before


def test_an_interrupted_export_leaves_the_old_file(shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left on device"):
        export_file(load_taxonomy(open_store(shop)), "jsonl", out)
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_file_whose_name_does_not_tell_needs_the_format(tmp_path: Path) -> None:
    file = tmp_path / "toys.txt"
    file.write_text("7 - Toys\n")
    with pytest.raises(InputError, match="the name does not tell the format; give --format: shopify, google"):
        Taxonomy.load(str(file))
    with pytest.raises(InputError, match=r"no file format 'gogle'; did you mean google\?"):
        Taxonomy.load(str(file), format="gogle")
    assert Taxonomy.load(str(file), format="google", lang="en").ids == ("7",)


def test_two_schemes_that_count_from_one(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "toys.en.txt"
    file.write_text("7 - Toys\n")
    store = open_store(sqlite_url)
    import_files(store, "google", [file], author="test")
    with pytest.raises(InputError, match=r"belongs to scheme 'google' already; .*--id-prefix keeps the two apart"):
        import_files(store, "google", [file], scheme="mine", author="test")
    import_files(store, "google", [file], scheme="mine", id_prefix="mine:", author="test")
    assert load_taxonomy(store).ids == ("7", "mine:7")


@pytest.mark.parametrize("format", ["skos", "graphml"])
def test_import_export_import_changes_nothing(shop: str, tmp_path: Path, format: str) -> None:
    store = open_store(shop)
    file = tmp_path / {"skos": "out.ttl", "graphml": "out.graphml"}[format]
    export_file(load_taxonomy(store), format, file, options=ExportOptions(xl=True))
    again = import_files(store, format, [file], author="test")
    assert (again.created, again.updated, again.relations, again.notes) == (0, 0, 0, ())
    assert again.taxonomy.version == 1


def test_the_options_of_synonyms_and_what_they_leave_out(shop: str, tmp_path: Path) -> None:
    taxonomy, file = load_taxonomy(open_store(shop)), tmp_path / "synonyms.txt"
    options = ExportOptions(lang="en", expand="oneway")
    exported = export_file(taxonomy, "synonyms", file, options=options)
    lines = file.read_text().splitlines()
    assert lines and all(line.count(" => ") == 1 for line in lines)
    assert exported.notes == ()


def test_a_file_may_be_named_with_its_format(tmp_path: Path) -> None:
    prefixes = "@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> ."
    (tmp_path / "voc.ttl").write_text(prefixes + '<https://gs1.org/voc/A> a owl:Class ; rdfs:label "A" .')
    assert Taxonomy.load(f"gs1:{tmp_path / 'voc.ttl'}").ids == ("https://ref.gs1.org/voc/A",)
