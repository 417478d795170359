"""Whatever is sent, the answer is a problem document that says what is wrong; never a 500, never a traceback."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgtag.serve.limits import Limits

_JSON = {"Content-Type": "application/json"}

LIMIT = Limits().max_body


def _problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    row: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "revision"} <= set(row)
    assert row["status"] == status and row["revision"] and "Traceback" not in answer.text
    return row


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b'{"title": "red"', 400),
        (b'{"title": "\xff\xfe"}', 400),
        ('{"title": "red"}'.encode("utf-16"), 400),
        (b'{"title": "\\ud83d"}', 400),
        (b"[" * 200_000, 400),
        (b'{"title": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", 400),
        (b'{"title": NaN}', 422),
        (b"null", 422),
        (b'["red"]', 422),
        (b'{"title": 7}', 422),
        (b'{"title": null}', 422),
        (b'{"title": {"en": "red"}}', 422),
        (b'{"id": 1.5, "title": "red"}', 422),
        (b'{"id": true, "title": "red"}', 422),
        (b'{"id": "", "title": "red"}', 422),
        (b'{"id": "a\\u0000b", "title": "red"}', 422),
        (b'{"id": "' + b"a" * 301 + b'", "title": "red"}', 422),
        (b'{"title": ""}', 422),
        (b'{"title": " \\u200b\\n"}', 422),
        (b'{"title": "red", "lang": "not a language"}', 422),
        (b'{"title": "red", "category": "no such category"}', 422),
        (b'{"title": "' + b"x" * 100_000 + b'"}', 422),
        (b'{"title": "' + b"x" * LIMIT + b'"}', 413),
    ],
)
def test_bodies(steady: httpx.Client, raw: bytes, status: int) -> None:
    row = _problem(steady.post("/v1/tag", content=raw, headers=_JSON), status)
    assert len(row["detail"]) < 1_000


def test_a_body_without_a_length_is_limited_too(steady: httpx.Client) -> None:
    chunks = (b"x" * 65_536 for _ in range(40))
    _problem(steady.post("/v1/tag", content=chunks, headers=_JSON), 413)


def test_a_label_has_no_control_characters(steady: httpx.Client) -> None:
    for label in ("Bags\n", "Ba\x07gs", "Bags\u2028"):
        row = _problem(steady.post("/v1/concepts", json={"kind": "category", "pref_label": {"en": label}}), 422)
        assert "control characters" in row["detail"]


def test_a_field_too_many_is_named(steady: httpx.Client) -> None:
    row = _problem(steady.post("/v1/tag", json={"title": 3, "titel": "red"}), 422)
    assert row["errors"][0]["loc"] == ["body", "title"]
    assert row["errors"][1] == {
        "loc": ["body", "titel"],
        "msg": "no such field; there is id, title, text, category, lang, image, at, group",
    }


@pytest.mark.parametrize(
    "media", ["text/html", "application/x-www-form-urlencoded", "application/json; charset=gbk", "nonsense"]
)
def test_content_types(steady: httpx.Client, media: str) -> None:
    _problem(steady.post("/v1/tag", content=b'{"title": "red"}', headers={"Content-Type": media}), 415)


def test_a_type_left_out_or_more_specific_is_fine(steady: httpx.Client) -> None:
    assert steady.post("/v1/tag", content=b'{"title": "red"}').status_code == 200
    for media in ("application/json; charset=UTF-8", "application/ld+json"):
        assert steady.post("/v1/tag", content=b'{"title": "red"}', headers={"Content-Type": media}).status_code == 200
    _problem(steady.post("/v1/tag/batch", content=b"{}", headers={"Content-Type": "multipart/form-data"}), 415)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/concepts/", 404),
        ("GET", "/v1/concepts/nope", 404),
        ("GET", "/v1/concepts/%00", 404),
        ("GET", "/v1/concepts/%ff%fe", 404),
        ("GET", "/v1/concepts/%ed%a0%80/neighbours", 404),
        ("GET", "/v1/concepts/" + "x" * 20_000, 404),
        ("GET", "/v1/concepts/nope/neighbours", 404),
        ("GET", "/v1/concepts/nope/narrower", 404),
        ("GET", "/v1/concepts/red/neighbours?limit=0", 422),
        ("GET", "/v1/concepts/red/neighbours?limit=ten", 422),
        ("GET", "/v1/concepts/red/neighbours?evidence=hearsay", 422),
        ("GET", "/v1/concepts/red/neighbours?relation=cousin", 422),
        ("GET", "/v1/concepts?kind=thing", 422),
        ("GET", "/v1/concepts?limit=100000", 422),
        ("GET", "/v1/concepts?q=" + "x" * 301, 422),
        ("GET", "/v1/recommend/concepts", 422),
        ("GET", "/v1/recommend/concepts?concept=nope", 422),
        ("GET", "/v1/recommend/items", 422),
        ("GET", "/v1/recommend/items?concept=nope", 422),
        ("GET", "/v1/search/suggest", 422),
        ("GET", "/v1/search/query", 422),
        ("GET", "/v1/search/query?q=", 422),
        ("GET", "/v1/search/query?q=" + "x" * 301, 422),
        ("GET", "/v1/taxonomy/versions?before=0", 422),
        ("GET", "/v1/taxonomy/versions?before=99999999999999999999", 422),
        ("DELETE", "/v1/concepts/red", 405),
        ("GET", "/v1/tag", 405),
        ("PUT", "/v1/tag", 405),
    ],
)
def test_paths_and_queries(steady: httpx.Client, method: str, path: str, status: int) -> None:
    answer = steady.request(method, path)
    _problem(answer, status)
    assert status != 405 or answer.headers["allow"]


def test_a_wrong_id_is_told_what_is_near(steady: httpx.Client) -> None:
    row = _problem(steady.get("/v1/concepts/sneaker"), 404)
    assert "sneakers" in row["detail"] and row["near"]


@pytest.mark.parametrize(
    "path", ["/v1/search/suggest?q=%00", "/v1/concepts?q=%ff%00", "/v1/concepts?cursor=%f0%9f%91%9f"]
)
def test_odd_queries_find_nothing(steady: httpx.Client, path: str) -> None:
    assert steady.get(path).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": "only why"},
        {"pref_label": None},
        {"pref_label": {}},
        {"pref_label": {"english": "x", "en": "x"}},
        {"pref_label": {"en": "  "}},
        {"alt_label": {"en": "not a list"}},
        {"status": "dead"},
        {"id": "other"},
        {"kind": "category"},
        {"broader": ["a\u0000"]},
        {"broader": "shoes"},
        {"value_of": ["colour", "material"]},
        {"notation": "x" * 301},
    ],
)
def test_patches(steady: httpx.Client, body: dict[str, Any]) -> None:
    row = _problem(steady.patch("/v1/concepts/red", json=body, headers={"If-Match": "*"}), 422)
    assert row["errors"]


def test_an_unexpected_failure_says_nothing_of_itself(steady: httpx.Client) -> None:
    answer = steady.post("/v1/tag", json={"title": "crash"})
    assert answer.status_code == 500 and answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


@settings(max_examples=60)
@given(
    title=st.text(st.characters(), max_size=300),
    id=st.text(max_size=10) | st.integers(-9, 9),
    category=st.none() | st.text(max_size=20),
)
def test_any_title_at_all(steady: httpx.Client, title: str, id: str | int, category: str | None) -> None:
    body = json.dumps({"id": id, "title": title, "category": category}).encode()
    answer = steady.post("/v1/tag", content=body, headers=_JSON)
    if answer.status_code != 200:
        assert answer.status_code in (400, 422)
        _problem(answer, answer.status_code)
    else:
        for tag in answer.json()["tags"]:
            if "span" in tag:
                start, end = tag["span"]
                assert len(title[start:end]) == end - start


@settings(max_examples=60)
@given(raw=st.binary(max_size=300))
def test_any_bytes_at_all(steady: httpx.Client, raw: bytes) -> None:
    assert steady.post("/v1/tag", content=raw, headers=_JSON).status_code in (400, 422)
    lines = steady.post("/v1/tag/batch", content=raw)
    assert lines.status_code == 200
    for line in lines.text.splitlines():
        assert json.loads(line)["error"]["status"] in (400, 422)


@settings(max_examples=60)
@given(id=st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_id_at_all(steady: httpx.Client, id: str) -> None:
    for path in (f"/v1/concepts/{quote(id, safe='')}", f"/v1/concepts/{quote(id, safe='')}/neighbours"):
        assert steady.get(path).status_code in (200, 404)
