"""`kgtag items`, and what the service and the command line keep of personal data."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

from api.app import create_app
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
