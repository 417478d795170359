"""Tagging one product, and streams of them."""

from __future__ import annotations

import json
import queue
import tracemalloc
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.lines import Lines
from graph.sqlite.store import SqliteStore
from kgtag.serve.limits import Limits
from tests.api import shop

LIMIT = Limits().max_body


def _rows(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_one_row_of_tags_out(tagger: httpx.Client) -> None:
    row = tagger.post("/v1/tag", json={"id": "p1", "title": "Red leather 👟 trainers in teal"}).json()
    assert set(row) >= {"id", "tags", "dropped", "nil", "model", "revision"}
    tags = {tag["concept"]: tag for tag in row["tags"]}
    assert tags["red"]["span"] == [0, 3] and tags["red"]["surface"] == "Red" and tags["red"]["attribute"] == "colour"
    assert tags["red"]["method"] == "exact" and 0 < tags["red"]["probability"] <= 1
    assert tags["sneakers"]["surface"] == "trainers" and "shoes" in tags
    assert [n["surface"] for n in row["nil"]] == ["teal"] and row["nil"][0]["attribute"] == "colour"


def test_the_category_may_be_given_by_label_or_id(tagger: httpx.Client) -> None:
    for given in ("sandals", "凉鞋"):
        row = tagger.post("/v1/tag", json={"title": "红色 leather", "category": given}).json()
        assert {"sandals", "red"} <= {tag["concept"] for tag in row["tags"]}
        assert {d["concept"]: d["rule"] for d in row["dropped"]} == {"leather": "not_applicable"}
    unknown = tagger.post("/v1/tag", json={"title": "red", "category": "sandles"})
    assert unknown.status_code == 422 and "sandals" in unknown.json()["detail"]


def test_a_tagger_stores_tags(tagger: httpx.Client, admin: httpx.Client, shop_store: SqliteStore) -> None:
    product = {"id": "p1", "title": "red shoes"}
    assert tagger.post("/v1/tag?store=true", json=product).status_code == 200
    stored = shop_store.item("p1")
    assert stored is not None and {"red", "sneakers"} <= {tag.concept for tag in stored.tags}
    lines = "\n".join(json.dumps({"id": f"b{n}", "title": "blue"}) for n in range(40))
    assert len(_rows(tagger.post("/v1/tag/batch?store=true", content=lines))) == 40
    assert "b39" in shop_store.items_of("blue")
    assert admin.get("/v1/recommend/concepts?item=p1").json()["given"]


def test_variants_of_one_product_agree(tagger: httpx.Client) -> None:
    titles = ("red leather sneakers 42", "blue leather sneakers 43", "sneakers 44")
    lines = [json.dumps({"id": str(n), "title": title, "group": "shoe-1"}) for n, title in enumerate(titles)]
    rows = _rows(tagger.post("/v1/tag/batch?explain=true", content="\n".join([*lines, ""])))
    (tag,) = [tag for tag in rows[2]["tags"] if tag["concept"] == "leather"]
    assert tag["method"] == "shared" and tag["why"].startswith("its variants have it")
    assert tagger.post("/v1/tag", json={"title": "red", "group": 7}).status_code == 422


def test_without_a_model_tagging_says_so(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    with shop.shop_server(shop_store.url, with_model=False) as url, shop.client(url, keys["admin"]) as client:
        assert client.post("/v1/tag", json={"title": "red"}).status_code == 503
        assert "--model" in client.post("/v1/tag/batch", content=b'{"title": "red"}').json()["detail"]
        assert client.get("/readyz").json()["model"] is None


def test_a_bad_line_gives_its_problem_and_the_stream_goes_on(steady: httpx.Client) -> None:
    lines: list[bytes] = [
        b'{"id": "a", "title": "red"}',
        b"no json",
        b"",
        b'{"id": "c", "title": ""}',
        b'{"id": "d", "title": 3}',
        b'{"id": "e", "title": "\\ud800"}',
        b'{"id": "f", "title": "\xff"}',
        b'{"id": "g", "title": "' + b"x" * LIMIT + b'"}',
        b'{"id": "h", "title": "red", "category": "nope"}',
        b'{"id": "i", "title": "red", "colour": NaN}',
        b'{"id": "crash", "title": "crash"}',
        b"[" * 100_000,
        b'{"title": "\xe7\xba\xa2\xe8\x89\xb2"}\r',
    ]
    rows = _rows(steady.post("/v1/tag/batch", content=b"\n".join(lines)))
    errors = {row["id"] or row["line"]: row["error"]["status"] for row in rows if "error" in row}
    no_json = {2: 400, 6: 400, 7: 400, 12: 400}  # What is no JSON has no id but its line's number.
    assert errors == no_json | {"c": 422, "d": 422, 8: 413, "h": 422, 10: 422, "crash": 500}
    assert [row["id"] for row in rows if "tags" in row] == ["a", "13"]
    assert "secret detail" not in json.dumps(rows)


def test_answers_come_while_the_request_is_still_being_sent(base: str, keys: dict[str, str]) -> None:
    """Each further line is only sent when the answer to the one before has come."""
    arrived: queue.Queue[str] = queue.Queue()

    def lines() -> Iterator[bytes]:
        for n in range(5):
            yield json.dumps({"id": f"p{n}", "title": "red"}).encode() + b"\n"
            assert json.loads(arrived.get(timeout=10))["id"] == f"p{n}"

    shop.talk(base, keys["tag"], lines(), arrived.put)
    assert arrived.empty()


def test_a_big_batch_in_order(steady: httpx.Client) -> None:
    lines = b"".join(json.dumps({"id": str(n), "title": f"red no {n}"}).encode() + b"\n" for n in range(1_000))
    rows = _rows(steady.post("/v1/tag/batch", content=lines))
    assert [row["id"] for row in rows] == [str(n) for n in range(1_000)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_lines_are_the_same_however_they_are_cut(size: int) -> None:
    text = b"one\n\n two\r\n" + b"x" * 20 + b"\nlast"
    lines = Lines(LIMIT)
    found = [line for at in range(0, len(text), size) for line in lines.feed(text[at : at + size])]
    assert [(line.number, line.text) for line in (*found, *lines.finish())] == [
        (1, b"one"),
        (3, b"two\r"),
        (4, b"x" * 20),
        (5, b"last"),
    ]


def test_an_endless_line_is_not_kept() -> None:
    lines = Lines(LIMIT)
    tracemalloc.start()
    for letter in (b" ", *(b"x" for _ in range(200)), b" "):
        assert not list(lines.feed(letter * 65_536))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    found = lines.feed(b'\n{"title": "red"}\n')
    assert [line.text is None for line in found] == [True, False] and peak < 4 * LIMIT
