"""An erased item leaves nothing but its id, in every store."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from graph.model import ChangeSet, Concept, Feedback, ItemTag, PutConcept, Relation, Retag, TaggedItem
from graph.model.changes import PutRelation
from graph.proposals.erase import erase_items
from graph.proposals.workflow import Draft, Person, propose
from graph.sqlite.store import SqliteStore
from graph.store import TaxonomyStore

SECRET = "Zinnoberrot für Frau Überall"


def _fill(store: TaxonomyStore) -> None:
    rows = [PutConcept(Concept(id, "s", kind, {"en": id})) for id, kind in (("a", "attribute"), ("b", "category"))]  # type: ignore[arg-type]
    rows += [PutConcept(Concept(id, "s", "value", {"en": id})) for id in ("v", "w")]
    edges = [PutRelation(Relation("value_of", id, "a")) for id in ("v", "w")]
    store.apply(ChangeSet((*rows, *edges), "test"))
    tag = ItemTag("v", 0.9, "exact", 0, 11, SECRET[:11])
    items = (("gone", SECRET, (tag,)), ("kept", "plain", (ItemTag("v", 0.9, "exact"),)))
    store.put_items([TaggedItem(id, title, "de", "m", "r", tags) for id, title, tags in items])
    store.put_feedback(Feedback("f", "2026-01-01T00:00:00Z", "ann", "v", "right", "gone", None, (0, 11), SECRET))
    operation = {"operation": "create", "concept": "x", "kind": "value", "pref_label": {"en": "x"}, "value_of": ["a"]}
    evidence = {
        "products": ["gone", "kept"],
        "examples": [{"id": "gone", "title": SECRET}, {"id": "kept", "title": "plain"}],
        "items": 2,
    }
    propose(store, Draft(operation, reason="found", evidence=evidence), Person("ann"))
    store.apply(ChangeSet((Retag("v", "w"),), "test"))


def test_an_item_is_erased_from_items_feedback_proposals_and_history(store: TaxonomyStore) -> None:
    _fill(store)
    assert erase_items(store, ["gone", "nobody"]) == 1
    (proposal,) = store.proposals()
    assert proposal.evidence == {"products": ["kept"], "examples": [{"id": "kept", "title": "plain"}], "items": 2}
    assert store.item("gone") is None and list(store.feedback()) == [] and store.item("kept") is not None
    everything = repr([*store.history(), *store.versions(), *store.items(), *store.item_changes(), store.proposals()])
    assert SECRET not in everything and SECRET[:11] not in everything
    assert [(one.item, one.change) for one in store.item_changes()][-1] == ("gone", "erased")
    assert erase_items(store, ["gone"]) == 0


def test_the_file_keeps_no_trace(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    _fill(sqlite_store)
    files = [path for path in tmp_path.iterdir() if path.name.startswith("kgtag.db")]
    assert any(SECRET.encode() in path.read_bytes() for path in files)
    erase_items(sqlite_store, ["gone"])
    sqlite_store.close()
    with sqlite3.connect(tmp_path / "kgtag.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    left = [path.name for path in tmp_path.iterdir() if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert left == []
