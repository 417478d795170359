"""Neighbours over HTTP: pages, batches, and answers that pass the routes by."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from api.answers import Answers, key_of
from api.app import create_app
from graph.api_keys import create_key
from graph.sqlite.store import SqliteStore
from tests.api import shop

PATH = "/v1/concepts/running/neighbours"


def test_pages_follow_each_other(steady: httpx.Client) -> None:
    path = PATH.replace("running", "sneakers")
    whole = steady.get(path).json()
    assert whole["next_cursor"] is None and len(whole["neighbours"]) > 2
    seen: list[Any] = []
    params: dict[str, Any] = {"limit": 2, "least": 0.1}
    while True:
        row = steady.get(path, params=params).json()
        seen += row["neighbours"]
        if row["next_cursor"] is None:
            break
        params["cursor"] = row["next_cursor"]
        assert len(row["neighbours"]) == 2
    assert seen == [one for one in whole["neighbours"] if one["score"] >= 0.1]


def test_a_cursor_of_another_query_or_revision_is_refused(admin: httpx.Client) -> None:
    cursor = admin.get(PATH, params={"limit": 1}).json()["next_cursor"]
    assert admin.get(PATH, params={"limit": 3, "lang": "zh", "cursor": cursor}).status_code == 200
    wrong = [{"cursor": cursor, "group": "like_it"}, {"cursor": "1"}, {"cursor": "x." + cursor.partition(".")[2]}]
    for params in wrong:
        answer = admin.get(PATH, params=params)
        assert answer.status_code == 422
        assert "is of another query or revision" in answer.json()["detail"] and "begin again" in answer.json()["detail"]
    assert admin.get("/v1/concepts/red/neighbours", params={"cursor": cursor}).status_code == 422
    made = {"id": "pumps", "kind": "category", "pref_label": {"en": "Pumps"}, "broader": ["shoes"]}
    assert admin.post("/v1/concepts", json=made).status_code == 201
    assert admin.get(PATH, params={"limit": 1, "cursor": cursor}).status_code == 422


def test_a_batch_has_a_row_for_each_concept(steady: httpx.Client) -> None:
    asked = {"concepts": ["red", "shose", "running", "red"], "limit": 2, "lang": "zh"}
    row = steady.post("/v1/neighbours", json=asked).json()
    assert [one["concept"] for one in row["results"]] == asked["concepts"]
    assert row["results"][1]["error"]["type"] == "urn:kgtag:problem:unknown-concept"
    assert "neighbours" not in row["results"][1]
    for one in (row["results"][0], row["results"][2]):
        alone = steady.get(f"/v1/concepts/{one['concept']}/neighbours?limit=2&lang=zh").json()
        assert one == {name: alone[name] for name in ("concept", "neighbours", "next_cursor")}
    assert row["revision"] == alone["revision"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"concepts": []}, "concepts"),
        ({"concepts": ["red"] * 201}, "concepts"),
        ({"concepts": ["red"], "relation": "cousin"}, "cousin"),
        ({"concepts": ["red"], "evidence": ["hearsay"]}, "evidence"),
        ({"concepts": ["red"], "limit": 0}, "limit"),
    ],
)
def test_a_wrong_batch_is_refused(steady: httpx.Client, body: dict[str, Any], named: str) -> None:
    answer = steady.post("/v1/neighbours", json=body)
    assert answer.status_code == 422 and named in answer.json()["detail"]


def test_kept_answers_open_with_a_key_that_may_read_alone(base: str, shop_store: SqliteStore) -> None:
    key, plain = create_key(shop_store, name="late", scopes=["read"])
    _, tagging = create_key(shop_store, name="tagging", scopes=["tag"])
    with shop.client(base, plain) as client:
        shop.until(lambda: client.get(PATH).status_code == 200, seconds=2)
        first, second = client.get(PATH), httpx.get(base + PATH, headers={"X-API-Key": plain})
        assert first.content == second.content and first.headers["content-type"] == "application/json"
        assert first.headers["x-content-type-options"] == "nosniff"
        for wrong, status in ((tagging, 403), (plain + "x", 401), ("", 401)):
            assert httpx.get(base + PATH, headers={"X-API-Key": wrong}).status_code == status
        shop_store.delete_key(key.id)
        shop.until(lambda: client.get(PATH).status_code == 401, seconds=3)


def test_answers_are_prepared_and_counted_and_follow_an_edit(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    app = create_app(shop.settings(shop_store.url), models=shop.models())
    service = app.state.service
    with shop.serving(app) as url, shop.client(url, keys["admin"]) as client:
        shop.until(lambda: service.derived.answers.get(PATH) is not None, seconds=10)
        assert client.get(PATH).content == service.derived.answers.get(PATH)
        assert 'route="/v1/concepts/{id:path}/neighbours",status="200"' in client.get("/metrics").text
        made = {"id": "pumps", "kind": "category", "pref_label": {"en": "Pumps"}, "broader": ["sneakers"]}
        client.post("/v1/concepts", json=made)
        assert "pumps" in {row["concept"] for row in client.get(PATH).json()["neighbours"]}


def test_no_two_requests_share_an_answer() -> None:
    asked = [("/a", b""), ("/a", b"b"), ("/a?b", b""), ("/a b", b""), ("/b", b"/a"), ("/a /b", b"")]
    assert len({key_of(path, query) for path, query in asked}) == len(asked)


def test_answers_make_room() -> None:
    answers = Answers(limit=10)
    for n in range(5):
        answers.put(str(n), b"1234")
    answers.put("4", b"12")
    assert [answers.get(str(n)) for n in range(5)] == [None, None, None, b"1234", b"12"] and answers.size == 6
    threads = [threading.Thread(target=answers.put, args=(str(n), b"1")) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.size <= 10
