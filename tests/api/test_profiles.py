"""Profiles: events in, weights out, recommendations, erased."""

from __future__ import annotations

import httpx

from graph.model import ItemTag, TaggedItem
from graph.sqlite.store import SqliteStore
from kgtag.client import Client
from tests.api import shop
from tests.kgtag.running import main as run


def _stored(store: SqliteStore) -> None:
    wanted = {
        "s1": ("sneakers", "red"),
        "s2": ("sneakers", "red"),
        "s3": ("sneakers", "blue"),
        "d1": ("sandals", "blue"),
    }
    store.put_items(
        [
            TaggedItem(id, id.upper(), "en", "m", "r", tuple(ItemTag(tag, 0.9, "exact") for tag in tags))
            for id, tags in wanted.items()
        ]
    )


def test_what_a_visitor_did_shapes_what_is_recommended(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    _stored(shop_store)
    with (
        shop.shop_server(shop_store.url) as url,
        shop.client(url, keys["tag"]) as tagger,
        shop.client(url, keys["read"]) as reader,
        shop.client(url, keys["admin"]) as admin,
    ):
        nobody = reader.get("/v1/recommend/items?profile=v1")
        assert nobody.status_code == 200 and nobody.json()["items"] == []
        events = [{"item": "s1", "weight": 3}, {"concept": "leather", "at": "2020-01-01"}, {"item": "gone"}]
        stored = tagger.post("/v1/profiles/v1/events", json={"events": events})
        assert stored.status_code == 201 and stored.json()["stored"] == 3
        row = tagger.get("/v1/profiles/v1", params={"lang": "zh"}).json()
        assert [tag["weight"] for tag in row["tags"]] == sorted((tag["weight"] for tag in row["tags"]), reverse=True)
        weights = {tag["concept"]: tag["weight"] for tag in row["tags"]}
        assert weights["red"] == 1.0 and weights["leather"] < 0.001
        assert next(tag["label"] for tag in row["tags"] if tag["concept"] == "red") == "红色"
        assert len(row["events"]) == 3 and row["events"][-1]["at"] == "2020-01-01T00:00:00Z"
        found = [one["item"] for one in reader.get("/v1/recommend/items?profile=v1").json()["items"]]
        assert found[:2] == ["s2", "s3"] and "s1" not in found
        assert reader.get("/v1/recommend/items?profile=v1&concept=blue").json()["items"][0]["item"] == "s3"
        near = reader.get("/v1/recommend/concepts?profile=v1").json()
        assert {"red", "sneakers"} <= set(near["given"]) and near["concepts"]
        assert tagger.delete("/v1/profiles/v1").status_code == 403
        assert admin.delete("/v1/profiles/v1").status_code == 204
        assert tagger.get("/v1/profiles/v1").json()["events"] == []
        assert reader.get("/v1/recommend/items?profile=v1").json()["items"] == []


def test_bad_events_are_refused_whole(base: str, tagger: httpx.Client, reader: httpx.Client) -> None:
    for event in (
        {},
        {"item": "a", "concept": "red"},
        {"item": "a", "weight": 0},
        {"item": "a", "at": "yesterday"},
        {"concept": "rde"},
    ):
        answer = tagger.post("/v1/profiles/v1/events", json={"events": [{"item": "b"}, event]})
        assert answer.status_code == 422, event
    assert tagger.get("/v1/profiles/v1").json()["events"] == []
    assert reader.get("/v1/profiles/v1").status_code == 403


def test_the_client_and_the_command_line(shop_store: SqliteStore, keys: dict[str, str], base: str) -> None:
    with Client(base, key=keys["admin"]) as client:
        assert (
            client.add_events("v/1", [{"item": "s1"}, {"concept": "red", "at": "2020-05-01T00:00:00Z"}])["stored"] == 2
        )
        assert client.profile("v/1")["tags"][0]["concept"] == "red"
        assert "red" in run("profiles", "show", "v/1", "--store", shop_store.url).stdout
        assert "1 events" in run("profiles", "prune", "--older-than", "365", "--store", shop_store.url).stderr
        assert "1 events" in run("profiles", "erase", "v/1", "--store", shop_store.url).stderr
        assert client.profile("v/1")["events"] == []
        client.delete_profile("v/1")
