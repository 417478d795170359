"""`kgtag concept` and `kgtag proposals` on a real SQLite file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graph.model import ChangeSet, Concept, ItemTag, PutConcept, PutRelation, Relation, TaggedItem
from graph.sqlite.store import SqliteStore
from tests.kgtag.running import Ran, main


@pytest.fixture
def store(sqlite_store: SqliteStore) -> SqliteStore:
    rows = [
        PutConcept(Concept(id, "s", "category", {"en": id.title()}, {"en": (f"{id}-like",)}))
        for id in ("shoes", "boots", "kicks", "bags")
    ]
    edges = [PutRelation(Relation("broader", id, "shoes", True)) for id in ("boots", "kicks")]
    sqlite_store.apply(ChangeSet((*rows, *edges), "ann"))
    tags = {"1": ("kicks", None), "2": ("bags", "Purse"), "3": ("bags", "sack")}
    sqlite_store.put_items(
        [TaggedItem(id, id, "en", "m", "r", (ItemTag(c, 0.9, "exact", surface=s),)) for id, (c, s) in tags.items()]
    )
    return sqlite_store


def concept(store: SqliteStore, *args: str | Path) -> Ran:
    return main("concept", *args, "--store", store.url)


def proposals(store: SqliteStore, *args: str | Path) -> Ran:
    return main("proposals", *args, "--store", store.url)


def test_show(store: SqliteStore) -> None:
    row = concept(store, "show", "kicks", "--json").json
    assert row["path"][0]["concept"] == "shoes" and row["items"] == 1 and row["etag"] and row["revision"]
    shown = concept(store, "show", "kicks")
    assert "Shoes (shoes) > Kicks (kicks)" in shown.stdout and row["etag"] in shown.stdout
    missing = concept(store, "show", "kick")
    assert missing.code == 2 and "did you mean 'Kicks' (kicks)?" in missing.stderr


def test_add_set_rename_move(store: SqliteStore) -> None:
    made = concept(
        store,
        "add",
        "clogs",
        "--kind",
        "category",
        "--label",
        "Clogs",
        "--label",
        "zh=木屐",
        "--broader",
        "shoes",
        "--alt",
        "en=Sabots",
        "--relate",
        "related=boots",
        "--reason",
        "new",
        "--author",
        "ann",
        "--json",
    )
    assert made.code == 0 and made.json["version"] == 2 and made.json["concept"] == "clogs"
    last = list(store.history())[-1]
    assert (last.author, last.reason) == ("ann", "new")
    changed = concept(
        store,
        "set",
        "clogs",
        "--alt",
        "en=Klompen",
        "--drop",
        "Sabots",
        "--label",
        "de=Clogs",
        "--relate",
        "related=bags",
        "--unrelate",
        "related=boots",
        "--notation",
        "C1",
        "--json",
    )
    assert changed.code == 0, changed.stderr
    row = concept(store, "show", "clogs", "--json").json
    assert row["pref_label"] == {"en": "Clogs", "zh": "木屐", "de": "Clogs"} and row["alt_label"] == {"en": ["Klompen"]}
    assert [r["concept"] for r in row["relations"]["related"]] == ["bags"] and row["notation"] == "C1"
    assert concept(store, "rename", "clogs", "--label", "Wooden shoes").code == 0
    assert concept(store, "move", "clogs", "--broader", "boots").code == 0
    row = concept(store, "show", "clogs", "--json").json
    assert row["label"] == "Wooden shoes" and row["alt_label"] == {"en": ["Klompen", "Clogs"]}
    assert [one["concept"] for one in row["path"]] == ["shoes", "boots", "clogs"]


def test_merge_moves_items_and_deprecate_redirects(store: SqliteStore) -> None:
    merged = concept(store, "merge", "kicks", "boots", "--json").json
    assert merged["resolves_to"] == "boots" and merged["review"]["items"] == 0
    assert store.items_of("boots") == ["1"]
    gone = concept(store, "deprecate", "boots", "--replaced-by", "shoes", "--json").json
    assert gone["resolves_to"] == "shoes" and store.items_of("shoes") == ["1"]


def test_split_lists_what_is_left(store: SqliteStore, tmp_path: Path) -> None:
    parts = tmp_path / "parts.json"
    parts.write_text(
        json.dumps(
            [
                {"id": "handbags", "pref_label": {"en": "Handbags"}, "alt_label": {"en": ["purse"]}},
                {"id": "packs", "pref_label": {"en": "Packs"}},
            ]
        )
    )
    preview = concept(store, "split", "bags", parts, "--dry-run", "--json").json
    assert preview["dry_run"] and preview["items"] == {"bags": 2} and preview["diff"]["added"] == ["handbags", "packs"]
    assert store.read().version == 1
    done = concept(store, "split", "bags", parts)
    assert done.code == 0 and "1 items still have the tag 'bags'; review them: 3" in done.stderr
    assert store.items_of("handbags") == ["2"]
    parts.write_text("[{")
    broken = concept(store, "split", "shoes", parts)
    assert broken.code == 2 and "parts.json:1:" in broken.stderr


def test_a_dry_run_writes_nothing(store: SqliteStore) -> None:
    ran = concept(store, "merge", "kicks", "boots", "--dry-run")
    assert ran.code == 0 and "Nothing is written" in ran.stdout and "retag" in ran.stdout
    assert "1 items have the tag 'kicks'" in ran.stderr and store.read().version == 1


def test_expect(store: SqliteStore) -> None:
    row = concept(store, "show", "kicks", "--json").json
    concept(store, "set", "bags", "--notation", "B")
    for seen, code in ((row["revision"], 2), (row["etag"], 0), (row["etag"], 2)):
        ran = concept(store, "set", "kicks", "--notation", f"K{code}{seen}", "--expect", seen)
        assert ran.code == code, ran.stderr
        assert ("read it again" in ran.stderr) == (code == 2)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["merge", "kicks", "boot"], "did you mean 'Boots' (boots)?"),
        (["merge", "kicks", "kicks"], "can't be replaced by 'kicks'"),
        (["move", "shoes", "--broader", "boots"], "broader than themselves"),
        (["set", "boots"], "nothing to change was given"),
        (["set", "boots", "--relate", "near=bags"], "invalid relation 'near=bags'; TYPE=ID"),
        (["add", "boots", "--kind", "category", "--label", "B"], "there is a concept 'boots' already"),
        (["add", "x", "--kind", "thing", "--label", "X"], "one of category, attribute, value"),
        (["add", "x", "--kind", "value", "--label", "X"], "has no attribute (value_of)"),
        (["rename", "boots", "--label", "Boots"], "is called 'Boots' (en) already"),
        (["split", "bags", "none.json"], "none.json: there is no such file"),
    ],
)
def test_what_cannot_be_is_said(store: SqliteStore, args: list[str], expected: str) -> None:
    ran = concept(store, *args)
    assert (ran.code, ran.stdout) == (2, "") and expected in ran.stderr and "Traceback" not in ran.stderr
    assert store.read().version == 1


def test_proposed_and_decided(store: SqliteStore, tmp_path: Path) -> None:
    made = concept(store, "merge", "kicks", "boots", "--propose", "--author", "ann", "--reason", "same", "--json").json
    assert (made["id"], made["status"], made["operation"]["into"]) == (1, "open", "boots")
    words = tmp_path / "edit.json"
    words.write_text('{"operation": "rename", "concept": "bags", "pref_label": {"en": "Sacks"}, "reason": "better"}')
    assert proposals(store, "add", words, "--author", "ann").code == 0
    assert [row["id"] for row in proposals(store, "list", "--json").json] == [2, 1]
    assert "merge 'Kicks' (kicks)" in proposals(store, "list", "--concept", "kicks").stdout
    assert proposals(store, "comment", "1", "sure?", "--author", "bob").code == 0
    shown = proposals(store, "show", "1")
    assert "bob: sure?" in shown.stderr and "relations added" in shown.stderr and "ann" in shown.stdout
    own = proposals(store, "accept", "1", "--author", "ann")
    assert own.code == 2 and "somebody else must accept it" in own.stderr
    stale = proposals(store, "accept", "1", "--author", "bob", "--expect", made["etag"])
    assert stale.code == 2 and "read it again" in stale.stderr
    done = proposals(store, "accept", "1", "--author", "bob", "--json").json
    assert (done["status"], done["version"]) == ("accepted", 2) and store.items_of("boots") == ["1"]
    concept(store, "set", "bags", "--notation", "B")
    assert "outdated: bags changed since" in proposals(store, "show", "2").stderr
    late = proposals(store, "accept", "2", "--author", "bob")
    assert late.code == 2 and "'bags' changed since proposal 2" in late.stderr
    assert proposals(store, "rebase", "2", "--author", "ann").code == 0
    assert proposals(store, "reject", "2", "--author", "bob", "--comment", "no").code == 0
    assert proposals(store, "withdraw", "2", "--author", "ann").code == 2
    assert [row["status"] for row in proposals(store, "list", "--status", "all", "--json").json] == [
        "rejected",
        "accepted",
    ]


def test_from_tags(store: SqliteStore, tmp_path: Path) -> None:
    store.apply(ChangeSet((PutConcept(Concept("size", "s", "attribute", {"en": "Size"})),), "ann"))
    row = {"head": "size", "relation": "applies_to", "tail": "shoes", "probability": 0.8}
    tags = tmp_path / "tags.jsonl"
    tags.write_text("".join(json.dumps({"id": str(n), "tags": [], "proposals": [row]}) + "\n" for n in range(3)))
    first = proposals(store, "add", "--from-tags", tags, "--json").json
    assert first == {"proposed": [1], "skipped": {}}
    assert store.proposal(1).evidence["items"] == 3  # type: ignore[union-attr, index]
    again = proposals(store, "add", "--from-tags", tags)
    assert "0 proposals made" in again.stderr and "1 relations left out: open" in again.stderr
    for args in ([], [tags, "--from-tags", tags]):
        assert proposals(store, "add", *args).code == 2


def test_roles(store: SqliteStore) -> None:
    for role, scope in (("proposer", "propose"), ("editor", "tag, edit"), ("approver", "tag, approve")):
        assert f"with scope {scope};" in main("keys", "create", "--role", role, "--store", store.url).stderr
    both = main("keys", "create", "--role", "approver", "--scope", "edit", "--store", store.url)
    assert "edit, approve" in both.stderr and "tag" in both.stderr
    wrong = main("keys", "create", "--role", "king", "--store", store.url)
    assert wrong.code == 2 and "there is proposer, editor, approver" in wrong.stderr
    assert main("keys", "create", "--store", store.url).code == 2
    assert main("proposals", "list", "--status", "shut", "--store", store.url).code == 2
