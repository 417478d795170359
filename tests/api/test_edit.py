"""Edits: conditional, checked, live at once, and never lost in a race."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx

from graph.editing import edit
from graph.model import ChangeSet, Concept, ItemTag, PutConcept, PutRelation, Relation, TaggedItem
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from tests.api import shop


def _etag(client: httpx.Client, id: str) -> dict[str, str]:
    return {"If-Match": client.get(f"/v1/concepts/{id}").headers["etag"]}


def test_create_and_read_back(editor: httpx.Client) -> None:
    body = {
        "id": "suede",
        "kind": "value",
        "pref_label": {"en": "Suede", "zh": "绒面革"},
        "alt_label": {"en": ["suede leather", "suede leather"]},
        "value_of": "material",
        "broader": ["leather"],
    }
    made = editor.post("/v1/concepts", json=body)
    assert made.status_code == 201 and made.headers["location"] == "/v1/concepts/suede"
    read = editor.get("/v1/concepts/suede")
    assert read.json() == made.json() and read.headers["etag"] == made.headers["etag"]
    assert read.json()["scheme"] == "shop" and read.json()["alt_label"] == {"en": ["suede leather"]}
    assert read.json()["relations"]["broader"][0]["primary"] is True
    assert editor.get("/v1/search/suggest?q=sued").json()["suggestions"][0]["concept"] == "suede"
    assert editor.post("/v1/concepts", json=body).status_code == 409
    unnamed = editor.post("/v1/concepts", json={"kind": "category", "pref_label": {"en": "Hats"}})
    assert unnamed.status_code == 201 and unnamed.json()["id"].startswith("c-")


def test_patch_needs_the_version_that_was_read(editor: httpx.Client) -> None:
    change = {"pref_label": {"en": "Sports shoes"}, "reason": "clearer"}
    assert editor.patch("/v1/concepts/sneakers", json=change).status_code == 428
    seen = _etag(editor, "sneakers")
    first = editor.patch("/v1/concepts/sneakers", json=change, headers=seen)
    assert first.status_code == 200 and first.json()["label"] == "Sports shoes"
    lost = editor.patch("/v1/concepts/sneakers", json=change, headers=seen)
    assert lost.status_code == 412 and lost.json()["type"] == "urn:kgtag:problem:precondition-failed"
    again = editor.patch("/v1/concepts/sneakers", json={"notation": "S"}, headers={"If-Match": first.headers["etag"]})
    assert again.json()["notation"] == "S"
    assert editor.patch("/v1/concepts/sneakers", json={"notation": None}, headers={"If-Match": "*"}).status_code == 200
    assert editor.patch("/v1/concepts/nope", json=change, headers={"If-Match": "*"}).status_code == 404


def test_of_many_with_the_same_etag_one_wins(base: str, keys: dict[str, str], editor: httpx.Client) -> None:
    seen = _etag(editor, "sandals")

    def write(n: int) -> int:
        with shop.client(base, keys["edit"]) as client:
            body = {"pref_label": {"en": f"Sandals {n}"}}
            return client.patch("/v1/concepts/sandals", json=body, headers=seen).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(write, range(6)))
    assert statuses == [200] + [412] * 5


def test_concurrent_edits_of_different_concepts_all_land(base: str, keys: dict[str, str]) -> None:
    def write(n: int) -> int:
        with shop.client(base, keys["edit"]) as client:
            body = {"id": f"n{n}", "kind": "category", "pref_label": {"en": f"N{n}"}, "broader": ["shoes"]}
            return client.post("/v1/concepts", json=body).status_code

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(write, range(12))) == [201] * 12
    with shop.client(base, keys["read"]) as client:
        assert client.get("/v1/concepts/shoes/narrower").json()["total"] == 15


def test_relations_are_replaced_as_a_list(editor: httpx.Client) -> None:
    row = editor.patch(
        "/v1/concepts/running",
        json={"broader": ["shoes", "sandals"], "primary": "sandals", "related": []},
        headers={"If-Match": "*"},
    ).json()
    assert {b["concept"]: b["primary"] for b in row["relations"]["broader"]} == {"shoes": False, "sandals": True}
    assert "related" not in row["relations"]
    row = editor.patch("/v1/concepts/running", json={"primary": "shoes"}, headers={"If-Match": "*"}).json()
    assert [p["concept"] for p in row["path"]] == ["shoes", "running"]
    wrong = editor.patch("/v1/concepts/running", json={"primary": "colour"}, headers={"If-Match": "*"})
    assert wrong.status_code == 422


def test_a_symmetric_relation_changes_both_etags(editor: httpx.Client) -> None:
    before = {id: _etag(editor, id) for id in ("running", "sandals")}
    editor.patch("/v1/concepts/sandals", json={"related": []}, headers=before["sandals"])
    assert all(_etag(editor, id) != before[id] for id in before)


def test_a_broken_invariant_is_named_and_nothing_is_written(editor: httpx.Client) -> None:
    before = editor.get("/v1/taxonomy").json()
    cycle = editor.patch("/v1/concepts/shoes", json={"broader": ["running"]}, headers={"If-Match": "*"})
    assert cycle.status_code == 422 and cycle.json()["problems"][0]["code"] == "cycle"
    homeless = editor.post("/v1/concepts", json={"id": "v", "kind": "value", "pref_label": {"en": "V"}})
    assert homeless.status_code == 422 and homeless.json()["problems"][0]["code"] == "value_without_attribute"
    nowhere = editor.post(
        "/v1/concepts", json={"id": "v", "kind": "category", "pref_label": {"en": "V"}, "broader": ["sneaker"]}
    )
    assert nowhere.status_code == 422 and "sneakers" in nowhere.json()["detail"]
    assert editor.get("/v1/taxonomy").json() == before


def test_merge_redirects_and_hands_everything_over(editor: httpx.Client, shop_store: SqliteStore) -> None:
    made = editor.post(
        "/v1/concepts", json={"id": "kicks", "kind": "category", "pref_label": {"en": "Kicks"}, "broader": ["shoes"]}
    )
    assert made.status_code == 201
    child = {"id": "high-tops", "kind": "category", "pref_label": {"en": "High-tops"}, "broader": ["kicks"]}
    assert editor.post("/v1/concepts", json=child).status_code == 201
    merged = editor.post("/v1/concepts/kicks/merge", json={"into": "sneakers"}, headers=_etag(editor, "kicks"))
    assert merged.status_code == 200 and merged.json()["id"] == "sneakers"
    assert merged.json()["alt_label"] == {"en": ["trainers", "Kicks"]}
    taxonomy = Taxonomy.of(shop_store.read())
    assert taxonomy["kicks"].status == "deprecated" and taxonomy.resolve("kicks") == "sneakers"
    assert taxonomy.path("high-tops") == ["shoes", "sneakers", "high-tops"]
    assert taxonomy.out("kicks", "broader") == [] and not taxonomy.problems
    assert taxonomy.lookup("kicks") == ["sneakers"]
    assert editor.get("/v1/concepts/kicks").json()["relations"]["replaced_by"][0]["concept"] == "sneakers"
    for into, status in (("colour", 422), ("nope", 422), ("kicks", 422)):
        assert editor.post("/v1/concepts/sandals/merge", json={"into": into}).status_code == status


def test_merging_attributes_moves_their_values(editor: httpx.Client, shop_store: SqliteStore) -> None:
    made = editor.post(
        "/v1/concepts",
        json={"id": "shade", "kind": "attribute", "pref_label": {"en": "Shade"}, "applies_to": ["sandals"]},
    )
    assert made.status_code == 201
    value = {"id": "navy", "kind": "value", "pref_label": {"en": "Navy"}, "value_of": "shade"}
    assert editor.post("/v1/concepts", json=value).status_code == 201
    assert editor.post("/v1/concepts/shade/merge", json={"into": "colour"}).status_code == 200
    taxonomy = Taxonomy.of(shop_store.read())
    assert taxonomy.attribute_of("navy") == "colour" and "sandals" in taxonomy.out("colour", "applies_to")
    assert not taxonomy.problems


def test_merging_a_concept_into_its_child_or_its_parent(editor: httpx.Client, shop_store: SqliteStore) -> None:
    assert editor.post("/v1/concepts/sneakers/merge", json={"into": "running"}).status_code == 200
    assert Taxonomy.of(shop_store.read()).path("running") == ["shoes", "running"]
    assert editor.post("/v1/concepts/running/merge", json={"into": "shoes"}).status_code == 200
    taxonomy = Taxonomy.of(shop_store.read())
    assert taxonomy.resolve("sneakers") == "shoes" and not taxonomy.problems


def test_deprecate_with_and_without_a_successor(editor: httpx.Client) -> None:
    row = editor.post("/v1/concepts/crimson/deprecate", json={"replaced_by": "red", "reason": "too fine"}).json()
    assert row["status"] == "deprecated" and row["relations"]["replaced_by"][0]["concept"] == "red"
    assert editor.get("/v1/search/suggest?q=crim").json()["suggestions"] == []
    assert editor.post("/v1/concepts/blue/deprecate", json={}).status_code == 200
    circle = editor.post("/v1/concepts/red/deprecate", json={"replaced_by": "crimson"})
    assert circle.status_code == 422 and "leads back" in circle.json()["detail"]
    gone = editor.post("/v1/concepts/red/deprecate", json={"replaced_by": "blue"})
    assert gone.status_code == 422 and "deprecated itself" in gone.json()["detail"]


def test_an_edit_by_another_hand_is_live_within_seconds(reader: httpx.Client, shop_store: SqliteStore) -> None:
    before = reader.get("/v1/concepts/red").json()
    edit.apply(shop_store, ChangeSet((PutConcept(Concept("rouge", "shop", "category", {"en": "Rouge"})),), "hand"))
    shop.until(lambda: reader.get("/v1/concepts/rouge").status_code == 200, seconds=5)
    assert reader.get("/v1/concepts/red").json()["revision"] != before["revision"]


def test_a_broken_edit_by_another_hand_is_quarantined_and_named(
    reader: httpx.Client, anyone: httpx.Client, tagger: httpx.Client, shop_store: SqliteStore
) -> None:
    shop_store.apply(ChangeSet((PutRelation(Relation("broader", "shoes", "running")),), "hand"))
    shop.until(lambda: anyone.get("/readyz").json()["quarantined"] > 0, seconds=5)
    ready = reader.get("/readyz")
    (problem,) = ready.json()["problems"]
    assert ready.status_code == 200 and problem["code"] == "cycle"
    for client in (anyone, tagger):
        row = client.get("/readyz").json()
        assert row["codes"] == {"cycle": 1} and "problems" not in row
    statement = problem["repair"]["statement"]
    assert (
        "'shoes'" in statement
        and "'running'" in statement
        and "delete the relations that close" in problem["repair"]["words"]
    )
    (found,) = reader.get("/v1/audit", params={"check": "quarantined"}).json()["findings"]
    edge = {"source": "shoes", "target": "running", "type": "broader"}
    safe = {"safe": True, "changes": [{"delete_relation": edge}]}
    assert found["repair"] == {"op": "run", **problem["repair"], **safe}
    with closing(sqlite3.connect(shop_store.url.removeprefix("sqlite:///"))) as db:
        db.executescript(statement)
    shop.until(lambda: anyone.get("/readyz").json()["quarantined"] == 0, seconds=5)
    assert reader.get("/v1/concepts/running").status_code == 200


def _tag(store: SqliteStore, **items: str) -> None:
    """item=concept/surface"""
    rows = []
    for id, text in items.items():
        concept, _, surface = text.partition("/")
        rows.append(TaggedItem(id, id, "en", "m", "r", (ItemTag(concept, 0.9, "exact", surface=surface or None),)))
    store.put_items(rows)


def test_items_move_with_merge_and_deprecate(editor: httpx.Client, shop_store: SqliteStore) -> None:
    _tag(shop_store, a="crimson", b="red", c="sandals")
    assert editor.post("/v1/concepts/crimson/merge", json={"into": "red"}).status_code == 200
    assert shop_store.items_of("red") == ["a", "b"] and shop_store.items_of("crimson") == []
    assert editor.post("/v1/concepts/sandals/deprecate", json={"replaced_by": "shoes"}).status_code == 200
    assert shop_store.items_of("shoes") == ["c"]


def test_split(editor: httpx.Client, shop_store: SqliteStore) -> None:
    _tag(shop_store, a="sneakers/Trainers", b="sneakers/sneaker", c="sneakers")
    parts = [
        {"id": "trainers", "pref_label": {"en": "Trainers"}, "takes": ["running"]},
        {"pref_label": {"en": "Plimsolls"}, "alt_label": {"en": ["plimsoles"]}},
    ]
    done = editor.post("/v1/concepts/sneakers/split", json={"parts": parts}, headers=_etag(editor, "sneakers"))
    assert done.status_code == 200, done.text
    row = done.json()
    assert row["status"] == "deprecated" and row["parts"][0] == "trainers" and row["parts"][1].startswith("c-")
    assert row["review"] == {"items": 2, "examples": ["b", "c"]}
    assert [one["concept"] for one in row["relations"]["replaced_by"]] == sorted(row["parts"])
    assert shop_store.items_of("trainers") == ["a"]
    assert [p["concept"] for p in editor.get("/v1/concepts/running").json()["path"]] == ["shoes", "trainers", "running"]
    homeless = editor.post("/v1/concepts/shoes/split", json={"parts": [parts[1], parts[1]]})
    assert homeless.status_code == 422 and "without a place" in homeless.json()["detail"]
    assert editor.post("/v1/concepts/sandals/split", json={"parts": parts[:1]}).status_code == 422


def test_move(editor: httpx.Client) -> None:
    row = editor.post("/v1/concepts/running/move", json={"broader": ["sandals", "shoes"]}).json()
    assert [p["concept"] for p in row["path"]] == ["shoes", "sandals", "running"]
    cycle = editor.post("/v1/concepts/shoes/move", json={"broader": ["running"]})
    assert cycle.status_code == 422 and cycle.json()["problems"][0]["code"] == "cycle"


def test_every_edit_can_be_guarded_by_etag_and_by_revision(editor: httpx.Client) -> None:
    parts = [{"pref_label": {"en": "A"}}, {"pref_label": {"en": "B"}}]
    edits = (
        ("POST", "", {"id": "hats", "kind": "category", "pref_label": {"en": "Hats"}}),
        ("PATCH", "/sandals", {"notation": "S"}),
        ("POST", "/sandals/move", {"broader": ["sneakers"]}),
        ("POST", "/crimson/deprecate", {}),
        ("POST", "/leather/split", {"parts": parts}),
        ("POST", "/blue/merge", {"into": "red"}),
    )
    for method, path, body in edits:
        revision, etag = editor.get("/v1/taxonomy").json()["revision"], {"If-Match": "*"}
        if path:
            stale = editor.request(method, f"/v1/concepts{path}", json=body, headers={"If-Match": '"0000"'})
            assert stale.status_code == 412 and stale.json()["title"] == "Precondition Failed", path
            etag = _etag(editor, path.split("/")[1])
        else:
            etag = {}
        stale = editor.request(method, f"/v1/concepts{path}", json={**body, "expected_revision": "0"}, headers=etag)
        assert stale.status_code == 412 and revision in stale.json()["detail"], path
        assert editor.get("/v1/taxonomy").json()["revision"] == revision
        done = editor.request(method, f"/v1/concepts{path}", json={**body, "expected_revision": revision}, headers=etag)
        assert done.status_code in (200, 201), done.text
        assert done.json()["revision"] != revision


def test_an_edit_shows_in_the_audit(editor: httpx.Client) -> None:
    before = editor.get("/v1/audit").json()
    changed = editor.patch("/v1/concepts/sandals", json={"pref_label": {"en": "San  dals"}}, headers={"If-Match": "*"})
    assert changed.status_code == 200

    def untidy() -> list[list[str]]:
        found = editor.get("/v1/audit?check=untidy_label").json()["findings"]
        return [finding["concepts"] for finding in found]

    for _ in range(200):
        if untidy():
            break
        time.sleep(0.05)
    assert untidy() == [["sandals"]]
    after = editor.get("/v1/audit").json()
    assert after["total"] > 0 and [one["name"] for one in after["checks"]] == [one["name"] for one in before["checks"]]
