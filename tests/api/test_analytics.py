"""Analytics over HTTP: the library's answers, for any reader."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from graph.sqlite.store import SqliteStore
from kgtag.evaluation.analytics.coverage import Coverage
from kgtag.evaluation.analytics.quality import tag_quality
from kgtag.evaluation.analytics.table import ItemTable
from kgtag.evaluation.analytics.trends import TrendOptions, find_trends
from tests.api import shop
from tests.kgtag.evaluation.analytics import stall

Served = tuple[SqliteStore, dict[str, httpx.Client]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    store = SqliteStore.open(tmp_path_factory.mktemp("stall") / "kgtag.db")
    store.migrate()
    stall.fill(store)
    keys = shop.keys(store)
    with (
        shop.shop_server(store.url, with_model=False) as url,
        shop.client(url, keys["read"]) as reader,
        shop.client(url, keys["tag"]) as tagger,
        shop.client(url, keys["edit"]) as editor,
    ):
        yield store, {"read": reader, "tag": tagger, "edit": editor}
    store.close()


def test_trends(served: Served) -> None:
    store, clients = served
    reader = clients["read"]
    table = ItemTable.of(stall.taxonomy(), store.items())
    assert reader.get("/v1/analytics/tags").json() == find_trends(table)
    asked = {
        "by": "week",
        "category": "鞋",
        "since": "2024-01-01",
        "until": "2025-01-01",
        "kind": "value",
        "lang": "zh",
    }
    found = reader.get("/v1/analytics/tags", params=asked).json()
    narrow = table.within(since="2024-01-01", until="2025-01-01", category="shoes")
    assert found == find_trends(narrow, TrendOptions("week", kind="value"), lang="zh")
    assert {row["label"] for row in found["tags"]} == {"Crimson", "Navy", "红色"}
    bursts = reader.get("/v1/analytics/tags", params={"order": "burst", "limit": 2}).json()
    assert len(bursts["tags"]) == 2 and all(row["burst"]["q"] <= 0.05 for row in bursts["tags"])
    rising = reader.get("/v1/analytics/tags", params={"order": "rising"}).json()
    assert [row["surface"].lower() for row in rising["nil"]] == ["gorpcore"]


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        ({"category": "Bootz"}, "did you mean 'Boots'"),
        ({"since": "soon"}, "no time 'soon'"),
        ({"scheme": "t"}, "no scheme 't'"),
        ({"by": "decade"}, ""),
        ({"recent": "0"}, ""),
    ],
)
def test_wrong_questions_are_refused(served: Served, asked: dict[str, str], detail: str) -> None:
    answer = served[1]["read"].get("/v1/analytics/tags", params=asked)
    assert answer.status_code == 422 and detail in answer.json()["detail"]


def test_quality(served: Served) -> None:
    store, clients = served
    found = clients["read"].get("/v1/analytics/quality", params={"kind": "value", "limit": 2}).json()
    whole = tag_quality(stall.taxonomy(), store.items(), feedback=store.feedback(), kind="value")
    assert found == {**whole, "tags": whole["tags"][:2]}
    assert clients["read"].get("/v1/analytics/quality", params={"scheme": "t"}).status_code == 422


def test_coverage(served: Served) -> None:
    store, clients = served
    found = clients["read"].get("/v1/analytics/coverage", params={"by": "quarter"}).json()
    assert found["mentions"] == Coverage(stall.taxonomy()).mentions(store.items(), by="quarter")


def test_segments(served: Served) -> None:
    store, clients = served
    reader, editor = clients["read"], clients["edit"]
    name, query = "summer red", {"query": "sandals AND 红色 NOT crimson"}
    assert reader.put(f"/v1/segments/{name}", json=query).status_code == 403
    saved = editor.put(f"/v1/segments/{name}", json=query).json()
    assert saved["reads"] == "Sandals AND Red NOT Crimson" and saved["author"] == "api:edit"
    assert reader.get(f"/v1/segments/{name}", params={"lang": "zh"}).json()["reads"] == "Sandals AND 红色 NOT Crimson"
    counted = reader.post("/v1/segments/count", json=query).json()
    assert counted["count"] == saved["count"] and len(counted["items"]) == 20
    ids, cursor = [], None
    while cursor is not None or not ids:
        asked = {"limit": 100} | ({"cursor": cursor} if cursor is not None else {})
        page = reader.get(f"/v1/segments/{name}/items", params=asked).json()
        ids, cursor = ids + page["items"], page["next_cursor"]
    assert len(ids) == len(set(ids)) == saved["count"] and ids[:20] == counted["items"]
    assert [row["name"] for row in reader.get("/v1/segments").json()["segments"]] == [name]
    wrong = reader.post("/v1/segments/count", json={"query": "sandals AND bootz"})
    assert wrong.status_code == 422 and "at character 13: sandals AND →bootz" in wrong.json()["detail"]
    assert reader.delete(f"/v1/segments/{name}").status_code == 403
    assert editor.delete(f"/v1/segments/{name}").status_code == 204
    for gone in (editor.delete(f"/v1/segments/{name}"), reader.get(f"/v1/segments/{name}/items")):
        assert gone.status_code == 404 and "PUT /v1/segments/{name} saves one" in gone.json()["detail"]
    assert store.states("segment") == {}


def test_taggers_may_not_read(served: Served) -> None:
    for path in ("analytics/tags", "analytics/quality", "segments", "segments/x"):
        assert served[1]["tag"].get(f"/v1/{path}").status_code == 403
