"""The history over HTTP: pages of versions, one version before and after, releases, edits by hand."""

from __future__ import annotations

import httpx

from graph.history import versions as releases
from graph.model import ItemTag, TaggedItem
from graph.sqlite.store import SqliteStore
from tests.api import shop
from tests.graph.external_edits import SqlEdits


def test_an_edit_by_hand_is_a_version_with_before_and_after(editor: httpx.Client, shop_store: SqliteStore) -> None:
    SqlEdits(shop_store.url.removeprefix("sqlite:///")).rename("sandals", "Sliders")

    def versions() -> list[dict[str, object]]:
        found: list[dict[str, object]] = editor.get("/v1/taxonomy/versions").json()["versions"]
        return found

    shop.until(lambda: len(versions()) == 2)
    newest = versions()[0]
    assert newest.pop("at") and newest.pop("revision") == editor.get("/v1/taxonomy").json()["revision"]
    assert newest == {
        "version": 2,
        "author": "by hand",
        "reason": "found by comparing snapshots",
        "origin": "outside",
        "summary": "1 concept changed: Sliders",
        "concepts": ["sandals"],
        "changes": 1,
        "release": None,
    }
    row = editor.get("/v1/taxonomy/versions/2").json()
    assert (row["version"], row["origin"], len(row["changes"])) == (2, "outside", 1)
    change = row["changes"][0]
    assert change["before"]["pref_label"] == {"en": "Sandals", "zh": "凉鞋"}
    assert change["after"]["pref_label"] == {"en": "Sliders"}
    assert editor.get("/v1/taxonomy").json()["version"] == 2


def test_pages_by_cursor(editor: httpx.Client) -> None:
    for n in range(4):
        body = {"id": f"n{n}", "kind": "category", "pref_label": {"en": f"N {n}"}}
        assert editor.post("/v1/concepts", json=body).status_code == 201
    seen, cursor = [], ""
    while True:
        page = editor.get(f"/v1/taxonomy/versions?limit=2{cursor}").json()
        assert page["next_cursor"] == page["next_before"]
        seen.append([row["version"] for row in page["versions"]])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [[5, 4], [3, 2], [1]]


def test_a_patch_that_changes_nothing_is_no_version(editor: httpx.Client) -> None:
    etag = editor.get("/v1/concepts/sandals").headers["ETag"]
    labels = {"pref_label": {"en": "Sandals", "zh": "凉鞋"}}
    answer = editor.patch("/v1/concepts/sandals", json=labels, headers={"If-Match": etag})
    assert answer.status_code == 200 and answer.headers["ETag"] == etag
    assert len(editor.get("/v1/taxonomy/versions").json()["versions"]) == 1


def test_releases(editor: httpx.Client, shop_store: SqliteStore) -> None:
    assert editor.get("/v1/taxonomy/releases").json()["releases"] == []
    made = releases.release(shop_store, author="ann", notes="first")
    row = editor.get("/v1/taxonomy/releases").json()
    assert row["revision"] == made.revision
    assert [(r["name"], r["version"], r["author"], r["notes"]) for r in row["releases"]] == [
        (made.name, 1, "ann", "first")
    ]
    assert editor.get("/v1/taxonomy/versions").json()["versions"][0]["release"] == made.name
    assert editor.get("/v1/taxonomy/versions/1").json()["release"] == made.name


def test_versions_that_are_not_there(editor: httpx.Client, anyone: httpx.Client) -> None:
    gone = editor.get("/v1/taxonomy/versions/9")
    assert gone.status_code == 404 and "no version 9; there is 1 to 1" in gone.json()["detail"]
    for path in ("versions/0", "versions/x", "versions?cursor=0", "versions?cursor=x"):
        assert editor.get(f"/v1/taxonomy/{path}").status_code == 422
    for path in ("versions/1", "releases"):
        assert anyone.get(f"/v1/taxonomy/{path}").status_code == 401


def test_undo(editor: httpx.Client) -> None:
    body = {"id": "clogs", "kind": "category", "pref_label": {"en": "Clogs"}, "broader": ["shoes"], "reason": "new"}
    assert editor.post("/v1/concepts", json=body).status_code == 201
    undone = editor.post("/v1/taxonomy/versions/2/undo", json={"reason": "too early"})
    assert undone.status_code == 200 and undone.json()["undone"] == 2 and undone.json()["version"] == 3
    assert editor.get("/v1/concepts/clogs").status_code == 404
    newest = editor.get("/v1/taxonomy/versions").json()["versions"][0]
    assert (newest["reason"], newest["author"]) == ("undo of version 2: too early", "api:edit")
    again = editor.post("/v1/taxonomy/versions/2/undo", json={})
    assert again.status_code == 409 and "undo that first" in again.json()["detail"]
    assert editor.post("/v1/taxonomy/versions/9/undo", json={}).status_code == 404
    assert editor.post("/v1/taxonomy/versions/2/undo", json={"why": "x"}).status_code == 422


def test_what_a_version_touched(editor: httpx.Client, shop_store: SqliteStore) -> None:
    tags = (ItemTag("sneakers", 0.9, "exact"), ItemTag("red", 0.9, "exact"))
    shop_store.put_items([TaggedItem(f"i{n}", "Red trainers", "en", "m", "r", tags) for n in range(3)])
    etag = editor.get("/v1/concepts/sneakers").headers["ETag"]
    changed = editor.patch("/v1/concepts/sneakers", json={"notation": "S"}, headers={"If-Match": etag})
    assert changed.status_code == 200

    def touched(version: int) -> dict[str, object]:
        row: dict[str, object] = editor.get(f"/v1/taxonomy/versions/{version}/impact?limit=2&lang=zh").json()
        return row

    shop.until(lambda: touched(2)["items"] == 3)
    row = touched(2)
    assert (row["total"], row["concepts"]) == (1, [{"concept": "sneakers", "label": "运动鞋", "items": 3}])
    everything = touched(1)
    assert (everything["total"], everything["items"]) == (len(shop.CONCEPTS), 3)
    assert editor.get("/v1/taxonomy/versions/9/impact").status_code == 404
