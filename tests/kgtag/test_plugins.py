"""Extractors, formats and checks of another package, found by its entry points."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import kgtag
from graph.audit import audit, check_names
from graph.errors import FileFormatError, InputError
from graph.formats import registry
from graph.formats.format import ExportOptions
from graph.plugins import load_plugin
from kgtag.data.importing import import_formats

PLUGIN = Path(__file__).parents[1] / "plugin"
TENTS = Path(__file__).parent / "examples" / "tents.jsonl"


def _forget() -> None:
    load_plugin.cache_clear()
    registry.formats.cache_clear()


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The example package, installed in a directory of its own."""
    site = tmp_path / "site"
    shutil.copytree(PLUGIN, site)
    monkeypatch.syspath_prepend(str(site))
    _forget()
    yield site
    _forget()


def test_without_the_package_its_names_are_unknown() -> None:
    assert "outline" not in import_formats() and "shouting" not in check_names()
    with pytest.raises(InputError, match="no extension 'words' in the entry-point group 'kgtag\\.extractors'"):
        load_plugin("kgtag.extractors", "words")


def test_an_extractor(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "words.json").write_text(json.dumps({"Color": ["green", "teal"]}))
    shop = kgtag.load(f"words:{tmp_path / 'words.json'}", store=TENTS)
    tagging = shop("Dome tent, green, teal poles")
    assert tagging.model == "words-2"
    assert [(tag.concept, tag.surface) for tag in tagging.by_attribute()["color"]] == [("green", "green")]
    assert [(nil.surface, nil.attribute) for nil in tagging.nil] == [("teal", "color")]


def test_an_extractor_as_an_object(plugin: Path) -> None:
    from kgtag_example import WordExtractor  # type: ignore[import-not-found]

    shop = kgtag.load(WordExtractor({"Color": ["red"]}), store=TENTS)
    assert [tag.concept for tag in shop("red tent").tags if tag.kind == "value"] == ["red"]


def test_a_format(plugin: Path, tmp_path: Path) -> None:
    file = tmp_path / "camp.outline"
    file.write_text("Camping\n  Tents\n    Dome tents\n  Stoves\n", encoding="utf-8")
    taxonomy = kgtag.Taxonomy.load(file)
    assert taxonomy.ancestors("dome-tents") == ["camping", "tents"]
    assert registry.export_file(taxonomy, "outline", tmp_path / "again.outline", options=ExportOptions()).concepts == 4
    assert kgtag.Taxonomy.load(tmp_path / "again.outline").revision == taxonomy.revision
    file.write_text("Camping\n    Tents\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match=r"camp.outline:2: 'Tents' is indented too far"):
        kgtag.Taxonomy.load(file)


def test_a_check(plugin: Path, tmp_path: Path) -> None:
    file = tmp_path / "camp.outline"
    file.write_text("Camping\n  TENTS\n", encoding="utf-8")
    report = audit(kgtag.Taxonomy.load(file), checks=["shouting"])
    assert [finding.concepts for finding in report.findings] == [("tents",)]


@pytest.mark.parametrize("wrong", ["kgtag_example:missing", "no_such_module:it", "kgtag_example:words"])
def test_a_broken_extension_stops_no_other(plugin: Path, wrong: str, caplog: pytest.LogCaptureFixture) -> None:
    points = next(plugin.glob("*.dist-info")) / "entry_points.txt"
    points.write_text(f"[kgtag.formats]\noutline = {wrong}\n")
    with caplog.at_level("WARNING"):
        assert registry.formats().keys() == registry.BUILT_IN.keys()
    assert "the extension 'outline'" in caplog.text
    with pytest.raises(InputError, match="the extension 'outline'"):
        registry.read("outline", [])
