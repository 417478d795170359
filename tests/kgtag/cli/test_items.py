"""`kgtag items`, and what the service and the command line keep of personal data."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

from api.app import create_app
from graph.model import ItemNil, TaggedItem
from graph.sqlite.store import SqliteStore
from kgtag.discover.mentions import NilGroup
from kgtag.discover.propose import _is_personal
from kgtag.types import Product
from tests.api import shop
from tests.kgtag.running import Ran
from tests.kgtag.running import main as run

TITLE = "红色 trainers 联系微信 wx12345 电话13812345678"
MASKED = "红色 trainers 联系微信 ******* 电话***********"


def failed(code: int, *args: str) -> Ran:
    done = run(*args)
    assert done.code == code, done.stderr
    return done


def test_what_is_tagged_and_stored_is_masked(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    shop.fill(sqlite_store)
    key = shop.keys(sqlite_store)["admin"]
    with shop.shop_server(sqlite_store.url) as url, shop.client(url, key) as client:
        row = client.post("/v1/tag", params={"store": True}, json={"id": "a", "title": TITLE, "lang": "zh"}).json()
        spans = {tag["concept"]: TITLE[slice(*tag["span"])] for tag in row["tags"] if tag.get("span")}
        assert spans["red"] == "红色" and "wx12345" not in json.dumps(row)
        assert client.get("/v1/items/a").json()["title"] == MASKED
        client.post("/v1/tag/batch", params={"store": True}, content=json.dumps({"id": "b", "title": TITLE}).encode())
        body = {"title": TITLE, "tags": [{"concept": "red", "start": 0, "end": 2}]}
        assert client.put("/v1/items/c", json=body).json()["title"] == MASKED
        given = {
            "product": {"title": TITLE},
            "concept": "red",
            "verdict": "right",
            "span": [0, 2],
            "reason": "QQ 12345678",
        }
        feedback = client.post("/v1/feedback", json=given).json()["feedback"]
        assert feedback["product"]["title"] == MASKED and feedback["reason"] == "QQ ********"
    app = create_app(
        shop.settings(sqlite_store.url, mask_personal=False), models=replace(shop.models(), mask_personal=False)
    )
    with shop.serving(app) as url, shop.client(url, key) as client:
        client.post("/v1/tag", params={"store": True}, json={"id": "open", "title": TITLE})
    assert {item.id: item.title for item in sqlite_store.items()} == {
        "a": MASKED,
        "b": MASKED,
        "c": MASKED,
        "open": TITLE,
    }

    found = failed(1, "items", "check", "--store", sqlite_store.url)
    assert json.loads(found.stdout) == {"id": "open", "kinds": ["messenger", "phone"], "title": MASKED}
    run("items", "check", "--mask", "--store", sqlite_store.url)
    assert run("items", "check", "--store", sqlite_store.url).stdout == ""
    products = tmp_path / "products.jsonl"
    products.write_text(json.dumps({"id": "1", "title": TITLE}) + "\n" + json.dumps({"id": "2", "title": "red"}) + "\n")
    assert json.loads(failed(1, "items", "check", str(products)).stdout)["id"] == "1"
    run("tag", str(products), "--record", "--out", str(tmp_path / "tags.jsonl"), "--store", sqlite_store.url)
    assert "12345" not in (tmp_path / "tags.jsonl").read_text()

    exported = json.loads(run("items", "export", "a", "--store", sqlite_store.url).stdout)
    assert exported["item"]["title"] == MASKED and exported["feedback"] == []
    assert "items erased: 1" in run("items", "erase", "a", "nobody", "--store", sqlite_store.url).stderr
    assert "0 items are unchanged" in run("items", "purge", "--older-than", "1d", "--store", sqlite_store.url).stderr
    assert "not a duration" in failed(2, "items", "purge", "--older-than", "1y", "--store", sqlite_store.url).stderr


def test_mentions_that_are_personal_are_not_proposed() -> None:
    products = {"1": Product("1", TITLE)}
    assert _is_personal(_group("wx12345"), products) and _is_personal(_group("13812345678"), {})
    assert not _is_personal(_group("trainers"), products)


def _group(surface: str) -> NilGroup:
    return NilGroup("colour", (surface,), Counter({surface: 2}), products={"1": None})


def test_times_and_mentions_without_a_concept_go_all_the_way(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    shop.fill(sqlite_store)
    at = ("--store", sqlite_store.url)
    file = tmp_path / "p.csv"
    file.write_text("id,title,created_at\na,red sneakers,2024-05-01T09:00:00+02:00\nb,blue sneakers,\n")
    done = run("tag", str(file), "--record", "--column", "at=created_at", "--out", str(tmp_path / "t.jsonl"), *at)
    assert done.code == 0
    first, second = (json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines())
    assert first["at"] == "2024-05-01T07:00:00Z" and "at" not in second
    exported = json.loads(run("items", "export", "a", *at).stdout)["item"]
    assert exported["at"] == "2024-05-01T07:00:00Z"
    now = sqlite_store.item("b")
    assert now is not None and now.at is not None and now.at > "2026"
    before = {item.id: item.at for item in sqlite_store.items()}
    run("retag", "--all", *at)
    assert {item.id: item.at for item in sqlite_store.items()} == before
    key = shop.keys(sqlite_store)["admin"]
    with shop.shop_server(sqlite_store.url) as url, shop.client(url, key) as client:
        product = {"id": "c", "title": "teal shoes", "at": "2023-01-31"}
        row = client.post("/v1/tag", params={"store": True}, json=product).json()
        assert row["at"] == "2023-01-31T00:00:00Z" and row["nil"][0]["surface"] == "teal"
        item = client.get("/v1/items/c").json()
        assert item["at"] == row["at"] and item["nil"] == [
            {"surface": "teal", "probability": 0.9, "attribute": "colour"}
        ]
        again = client.put("/v1/items/c", json={"title": "teal shoes", "tags": [{"concept": "shoes"}]}).json()
        assert again["at"] == row["at"] and "nil" not in again
        moved = client.put("/v1/items/c", json={"title": "x", "tags": [], "at": "2022-01-01T00:00:00Z"}).json()
        assert moved["at"] == "2022-01-01T00:00:00Z"
        wrong = client.post("/v1/tag", json={"title": "x", "at": "soon"})
        assert wrong.status_code == 422 and "no time 'soon'" in wrong.text


def test_masking_leaves_no_personal_mention(sqlite_store: SqliteStore) -> None:
    nil = (ItemNil("wx12345", None, 0.9), ItemNil("trainers", None, 0.9))
    sqlite_store.put_items([TaggedItem("a", TITLE, "zh", "m", "r", (), None, nil)])
    run("items", "check", "--mask", "--store", sqlite_store.url)
    item = sqlite_store.item("a")
    assert item is not None and item.title == MASKED and [one.surface for one in item.nil] == ["trainers"]
