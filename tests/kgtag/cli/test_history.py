"""The history's commands on a real SQLite file: versions, show, diff, undo, release."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graph.editing import edit
from graph.model import (
    ChangeSet,
    Concept,
    DeleteConcept,
    DeleteRelation,
    ItemTag,
    PutConcept,
    PutRelation,
    Relation,
    TaggedItem,
)
from graph.sqlite.file import SqliteFile
from graph.sqlite.store import SqliteStore
from graph.stores import load_taxonomy, open_store
from tests.graph.external_edits import SqlEdits
from tests.kgtag.running import main as run

SHOES, BOOTS = (Concept(id, "test", "category", {"en": id.title()}) for id in ("shoes", "boots"))
BELOW = Relation("broader", "boots", "shoes", primary=True)
BOOTIES = Concept("boots", "test", "category", {"en": "Booties"}, notation="B-1")


@pytest.fixture
def store(sqlite_store: SqliteStore) -> str:
    """Three versions: two by kgtag, and one by hand that nobody has noticed yet."""
    edit.apply(sqlite_store, ChangeSet((PutConcept(SHOES), PutConcept(BOOTS), PutRelation(BELOW)), "ann", "first"))
    edit.apply(sqlite_store, ChangeSet((PutConcept(BOOTIES), DeleteRelation(BELOW)), "bob", "second [draft]"))
    SqlEdits(sqlite_store.url.removeprefix("sqlite:///")).rename("shoes", "Footwear")
    return sqlite_store.url


def test_versions(store: str) -> None:
    rows = run("versions", "--store", store, "--json").json
    assert [(row["version"], row["author"], row["origin"], row["changes"], row["release"]) for row in rows] == [
        (1, "ann", "kgtag", 3, None),
        (2, "bob", "kgtag", 2, None),
        (3, "by hand", "outside", 1, None),
    ]
    assert rows[0]["summary"] == "2 concepts added, 1 relation added: Boots, Shoes"
    assert rows[2]["revision"] == load_taxonomy(open_store(store)).revision
    assert [row["version"] for row in run("versions", "--store", store, "--limit", "2", "--json").json] == [2, 3]
    table = run("versions", "--store", store)
    assert table.code == 0 and "1 concept changed: Footwear" in table.stdout and "outside" in table.stdout


def test_show(store: str) -> None:
    row = run("show", "2", "--store", store, "--json").json
    assert (row["version"], row["author"], row["reason"], row["origin"]) == (2, "bob", "second [draft]", "kgtag")
    concept, relation = row["changes"]
    assert concept["before"]["pref_label"] == {"en": "Boots"} and concept["after"]["notation"] == "B-1"
    assert relation["relation"]["source"] == "boots" and relation["after"] is None and relation["before"]["primary"]
    shown = run("show", "2", "--store", store)
    assert shown.code == 0 and "by bob" in shown.stdout and "second [draft]" in shown.stdout
    assert "en: Boots" in shown.stdout and "en: Booties" in shown.stdout and "pref_label" in shown.stdout
    assert "boots broader shoes" in shown.stdout
    assert "an external edit found" in run("show", "3", "--store", store).stdout
    gone = run("show", "4", "--store", store)
    assert (gone.code, gone.stdout) == (2, "") and "no version 4; there is 1 to 3" in gone.stderr


def test_diff_by_version_release_file_and_store(store: str, tmp_path: Path) -> None:
    file = tmp_path / "now.jsonl"
    run("export", "jsonl", file, "--store", store)
    named = run("release", "--store", store, "--notes", "first one", "--json").json
    assert named["version"] == 3 and re.fullmatch(rf"{datetime.now(UTC).year}\.\d\d\.0", named["name"])
    found = run("diff", "1", named["name"], "--store", store, "--json")
    assert found.code == 1
    assert [row["concept"] for row in found.json["changed"]] == ["boots", "shoes"]
    assert found.json["changed"][1]["fields"]["pref_label"] == {"before": {"en": "Shoes"}, "after": {"en": "Footwear"}}
    (gone,) = found.json["relations_removed"]
    assert gone == {"type": "broader", "source": "boots", "target": "shoes", "primary": True}
    for a, b in ((named["name"], "3"), ("3", file), (store, named["name"]), (file, store)):
        same = run("diff", a, b, "--store", store, "--json")
        assert same.code == 0 and not any(same.json.values())
    backwards = run("diff", "3", "0", "--store", store)
    assert backwards.code == 1 and "concept removed" in backwards.stdout
    shown = run("diff", "1", "2", "--store", store)
    assert "en: Boots" in shown.stdout and "en: Booties" in shown.stdout and "relation removed" in shown.stdout


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        ("9", "no version 9; there is 0 to 3"),
        ("1999.01.0", "no release '1999.01.0'; there is none"),
        ("bogus", "'bogus' is not a version (5), release (2026.08.0), file (.ttl, "),
        ("none.jsonl", "none.jsonl: there is no such file"),
        ("gone://x", "unsupported kind of store 'gone'"),
    ],
)
def test_a_side_that_is_none(store: str, side: str, expected: str) -> None:
    ran = run("diff", "1", side, "--store", store)
    assert ran.code == 2 and expected in ran.stderr and "Traceback" not in ran.stderr


def test_files_are_compared_without_a_store(tmp_path: Path) -> None:
    row = {"id": "a", "kind": "category", "pref_label": {"en": "A"}}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    env = {"KGTAG_STORE": "sqlite:////no/such/folder/x.db"}
    assert run("diff", "a.jsonl", "a.jsonl", cwd=tmp_path, env=env).code == 0


def test_undo(store: str) -> None:
    done = run("undo", "2", "--store", store, "--author", "eve", "--reason", "no", "--json")
    assert done.code == 0 and (done.json["undone"], done.json["version"]) == (2, 4)
    taxonomy = load_taxonomy(open_store(store))
    assert taxonomy["boots"] == BOOTS and taxonomy.relations == (BELOW,)
    last = run("versions", "--store", store, "--json").json[-1]
    assert (last["author"], last["reason"]) == ("eve", "undo of version 2: no")
    again = run("undo", "2", "--store", store)
    assert again.code == 2 and "version 2 can't be undone: 'boots', 'shoes' changed since by version" in again.stderr


def test_release_names_a_version_once(store: str) -> None:
    first = run("release", "--store", store)
    assert first.code == 0 and "version 3 is release " in first.stderr
    again = run("release", "--store", store)
    assert again.code == 2 and "of version 3 already" in again.stderr
    edit.apply(open_store(store), ChangeSet((DeleteConcept("boots"),), "ann"))
    second = run("release", "--store", store, "--json").json
    assert second["name"].endswith(".1") and second["version"] == 4
    assert [row["release"] for row in run("versions", "--store", store, "--json").json][2:] == [
        second["name"].removesuffix(".1") + ".0",
        second["name"],
    ]
    assert second["name"] in run("versions", "--store", store).stdout


def test_a_store_that_can_not_be_written_is_shown_with_a_note(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(store.removeprefix("sqlite:///"))
    impatient = SqliteStore(SqliteFile(path, busy_seconds=0.1))
    monkeypatch.setattr("kgtag.cli.history.open_store", lambda url: impatient)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = run("versions", "--store", store, "--json")
        compared = run("diff", "1", "2", "--store", store, "--json")
    impatient.close()
    assert ran.code == 0 and [row["version"] for row in ran.json] == [1, 2]
    assert "could not be recorded" in ran.stderr and "locked" in ran.stderr
    assert compared.code == 1 and [row["concept"] for row in compared.json["changed"]] == ["boots"]


def test_the_impact_of_a_version(store: str) -> None:
    opened = open_store(store)
    opened.put_items([TaggedItem("i1", "a title", "en", "m", "r", (ItemTag("boots", 0.9, "exact"),))])
    told = run("diff", "1", "2", "--impact", "--json", "--store", store)
    assert told.code == 1
    effects = ["renamed", "implies"]
    assert told.json["impact"]["tags"] == [{"concept": "boots", "effects": effects, "items": 1, "now": "boots"}]
    assert [one["left"] for one in told.json["impact"]["neighbours"]["lists"]] == [["shoes"], ["boots"]]
    shown = run("diff", "1", "2", "--impact", "--store", store)
    assert "Tags that change, on 1 items" in shown.stdout and "renamed" in shown.stdout
