"""Reads: concepts, hierarchy, neighbours, recommendations, completions, audit, versions, health."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pyoxigraph
import pytest

from graph.model import ItemTag, TaggedItem
from graph.sqlite.store import SqliteStore
from tests.api import shop


def test_a_concept_with_labels_relations_and_etag(steady: httpx.Client) -> None:
    answer = steady.get("/v1/concepts/sneakers", params={"lang": "zh"})
    row = answer.json()
    assert answer.headers["etag"] == f'"{row["etag"]}"'
    assert (row["label"], row["pref_label"]["en"], row["alt_label"]) == ("运动鞋", "Sneakers", {"en": ["trainers"]})
    assert [p["concept"] for p in row["path"]] == ["shoes", "sneakers"]
    assert row["relations"]["broader"] == [
        {"concept": "shoes", "label": "鞋", "kind": "category", "status": "active", "primary": True}
    ]
    assert [n["concept"] for n in row["relations"]["narrower"]] == ["running"]
    assert [n["concept"] for n in row["relations"]["attributes"]] == ["material"]


@pytest.mark.parametrize("path", ["http://shop.test/boots", quote("http://shop.test/boots", safe="")])
def test_an_id_may_hold_slashes(steady: httpx.Client, path: str) -> None:
    assert steady.get(f"/v1/concepts/{path}").json()["id"] == "http://shop.test/boots"
    row = steady.get(f"/v1/concepts/{path}/broader").json()
    assert [c["id"] for c in row["concepts"]] == ["shoes"]
    assert steady.get(f"/v1/concepts/{path}/neighbours").json()["concept"] == "http://shop.test/boots"


def test_an_id_that_ends_like_a_route_is_read(editor: httpx.Client) -> None:
    for id in ("a/b/neighbours", "a/b/items", "a%2Fb/broader"):
        made = editor.post("/v1/concepts", json={"id": id, "kind": "category", "pref_label": {"en": id}})
        path = made.headers["location"]
        assert editor.get(path).json()["id"] == id
        assert editor.get(f"{path}/neighbours").json()["concept"] == id
        assert editor.post(f"{path}/deprecate", json={}).json()["status"] == "deprecated"
    missing = editor.get("/v1/concepts/a/b/neighbours")
    assert missing.status_code == 404 and "no concept 'a/b'" in missing.json()["detail"]


def test_pages_follow_each_other(steady: httpx.Client) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": "4"} | ({"cursor": cursor} if cursor else {})
        row = steady.get("/v1/concepts", params=params).json()
        seen += [c["id"] for c in row["concepts"]]
        cursor = row["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(c.id for c in shop.CONCEPTS) and row["total"] == len(seen)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"q": "trainers"}, ["sneakers"]),
        ({"q": "红色"}, ["red"]),
        ({"q": "RUNNING-shoes"}, ["running"]),
        ({"q": "http://shop.test/boots"}, ["http://shop.test/boots"]),
        ({"kind": "attribute"}, ["colour", "material"]),
        ({"q": "ue", "kind": "value", "scheme": "shop"}, ["blue"]),
        ({"scheme": "elsewhere"}, []),
        ({"kind": "value", "cursor": "c", "limit": "1"}, ["crimson"]),
    ],
)
def test_concepts_are_found(steady: httpx.Client, params: dict[str, str], expected: list[str]) -> None:
    row = steady.get("/v1/concepts", params=params).json()
    assert [c["id"] for c in row["concepts"]] == expected


def test_the_hierarchy(steady: httpx.Client) -> None:
    def ids(path: str) -> list[str]:
        return [c["id"] for c in steady.get(f"/v1/concepts/{path}").json()["concepts"]]

    assert ids("running/broader") == ["sneakers"]
    assert ids("running/broader?transitive=true") == ["shoes", "sneakers"]
    assert ids("shoes/narrower?transitive=true") == ["http://shop.test/boots", "running", "sandals", "sneakers"]
    assert ids("sandals/related") == ["running"]
    assert steady.get("/v1/concepts/sandals/related?transitive=true").status_code == 422


def test_neighbours_say_why(steady: httpx.Client) -> None:
    row = steady.get("/v1/concepts/running/neighbours").json()
    found = {(n["concept"], n["relation"], n["direction"]): n for n in row["neighbours"]}
    assert found["sneakers", "broader", "out"]["evidence"] == [{"type": "asserted", "score": 1.0}]
    assert found["sandals", "related", "both"]["group"] == "goes_with"
    assert not {"colour", "material"} & {n["concept"] for n in row["neighbours"]}
    facets = steady.get("/v1/concepts/running/neighbours?group=facets").json()["neighbours"]
    assert {n["concept"] for n in facets} == {"colour", "material"}
    assert row["revision"]
    only = steady.get("/v1/concepts/running/neighbours?relation=broader&evidence=asserted&limit=5").json()
    assert [n["concept"] for n in only["neighbours"]] == ["sneakers"]
    both = steady.get("/v1/concepts/running/neighbours?evidence=asserted,inferred").json()
    assert both == steady.get("/v1/concepts/running/neighbours?evidence=asserted&evidence=inferred").json()


def test_recommendations_from_an_item_and_cooccurrence(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    tags = (
        ItemTag("sneakers", 0.9, "predicted"),
        ItemTag("red", 0.9, "exact"),
        ItemTag("blue", 0.9, "exact", status="rejected"),
    )
    others = (ItemTag("sandals", 0.9, "predicted"),)
    items = [TaggedItem(f"i{n}", "t", None, "m", "r", tags if n < 3 else others) for n in range(6)]
    shop_store.put_items(items)
    with shop.shop_server(shop_store.url) as url, shop.client(url, keys["read"]) as client:
        row = client.get("/v1/recommend/concepts", params={"item": "i0"}).json()
        assert row["given"] == ["sneakers", "red"]
        near = client.get("/v1/concepts/red/neighbours?evidence=cooccurrence").json()["neighbours"]
        assert near[0]["concept"] == "sneakers" and near[0]["support"] == "3 of 3 items"
        both = client.get("/v1/recommend/concepts?concept=running&concept=red&kind=category").json()
        assert {n["concept"] for n in both["concepts"]} == {"sandals"}
        assert client.get("/v1/recommend/concepts?item=nope").status_code == 422
        like = client.get("/v1/recommend/items?item=i0&limit=2").json()
        assert [one["item"] for one in like["items"]] == ["i1", "i2"] and like["given"] == ["i0"]
        assert like["items"][0]["why"] == "same: sneakers, red"
        assert {one["item"] for one in client.get("/v1/recommend/items?concept=red").json()["items"]} == {
            "i0",
            "i1",
            "i2",
        }
        assert client.get("/v1/recommend/items?item=nope").status_code == 422
        titled = client.get("/v1/recommend/items", params={"text": "red sneakers"}).json()
        assert titled["items"][0]["item"] == "i0" and "red" in titled["given"]
        assert client.get("/v1/recommend/concepts", params={"text": "red sneakers"}).json()["given"]


def test_concepts_by_relevance_page_by_page(steady: httpx.Client) -> None:
    whole = [c["id"] for c in steady.get("/v1/concepts?q=shoes").json()["concepts"]]
    assert whole[:2] == ["shoes", "running"]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"q": "shoes", "limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = steady.get("/v1/concepts", params=params).json()
        seen += [c["id"] for c in page["concepts"]]
        cursor = page["next_cursor"]
    assert seen == whole and page["total"] == len(whole)
    assert steady.get("/v1/concepts?q=runing+shoe").json()["concepts"][0]["id"] == "running"


def test_completions(steady: httpx.Client) -> None:
    row = steady.get("/v1/search/suggest?q=sho").json()
    assert [s["concept"] for s in row["suggestions"]] == ["shoes", "running"]
    assert steady.get("/v1/search/suggest?q=运&lang=zh").json()["suggestions"][0]["concept"] == "sneakers"
    assert steady.get("/v1/search/suggest?q=").json()["suggestions"] == []


def test_a_query_is_parsed(steady: httpx.Client) -> None:
    row = steady.get("/v1/search/query", params={"q": "red trainers without leather under $50"}).json()
    assert row["category"]["concept"] == "sneakers" and row["revision"]
    found = [(s["surface"], s["type"], s.get("negated"), [c["concept"] for c in s["concepts"]]) for s in row["spans"]]
    assert found == [
        ("red", "value", None, ["red"]),
        ("trainers", "category", None, ["sneakers"]),
        ("leather", "value", True, ["leather"]),
        ("under $50", "price", None, []),
    ]
    assert {facet["attribute"] for facet in row["facets"]} == {"colour", "material"}
    assert row["elasticsearch"]["query"]["bool"]["must_not"] == [{"terms": {"concepts": ["leather"]}}]
    assert steady.get("/v1/search/query?q=跑鞋").json()["spans"][0]["concepts"][0]["label"] == "跑鞋"


def test_the_audit_is_worked_out_once(steady: httpx.Client) -> None:
    row = steady.get("/v1/audit").json()
    assert {"revision", "checks", "findings"} <= set(row)
    assert steady.get("/v1/audit").json()["checks"] == row["checks"]  # the seconds too
    name = row["checks"][0]["name"]
    assert all(f["check"] == name for f in steady.get(f"/v1/audit?check={name}").json()["findings"])
    assert steady.get("/v1/audit?check=nope").status_code == 422
    assert all(f["severity"] == "error" for f in steady.get("/v1/audit?severity=error").json()["findings"])


def test_versions_newest_first(editor: httpx.Client) -> None:
    for n in range(3):
        made = editor.post(
            "/v1/concepts", json={"id": f"n{n}", "kind": "category", "pref_label": {"en": f"N {n}"}, "reason": "why"}
        )
        assert made.status_code == 201
    row = editor.get("/v1/taxonomy/versions?limit=2").json()
    assert [(v["version"], v["author"], v["reason"], v["changes"]) for v in row["versions"]] == [
        (4, "api:edit", "why", 1),
        (3, "api:edit", "why", 1),
    ]
    older = editor.get(f"/v1/taxonomy/versions?before={row['next_before']}").json()
    assert [v["version"] for v in older["versions"]] == [2, 1] and older["next_before"] is None
    size = editor.get("/v1/taxonomy").json()
    assert size["version"] == 4 and size["schemes"]["shop"]["category"] == 8


def test_health(anyone: httpx.Client, reader: httpx.Client) -> None:
    assert anyone.get("/healthz").json()["status"] == "ok"
    ready = anyone.get("/readyz")
    assert ready.status_code == 200 and ready.json()["status"] == "ready" and ready.json()["model"] == "words-1"
    assert "x-stale-for" not in ready.headers
    reader.get("/v1/concepts/shoes")
    text = reader.get("/metrics").text
    assert 'kgtag_requests_total{method="GET",route="/v1/concepts/{id:path}",status="200"} 1.0' in text
    assert "kgtag_snapshot_age_seconds" in text and 'kgtag_snapshot_info{revision="' in text


def test_the_pages_load_nothing_from_elsewhere(
    anyone: httpx.Client, reader: httpx.Client, keys: dict[str, str]
) -> None:
    page = anyone.get("/")
    assert page.headers["content-type"].startswith("text/html") and "http" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    docs = anyone.get("/docs", auth=("anyone", keys["read"]))
    assert docs.status_code == 200 and "http" not in docs.text.lower().replace("http api", "")
    assert "default-src 'none'" in docs.headers["content-security-policy"]
    for file, media in (("swagger-ui-bundle.js", "javascript"), ("swagger-ui.css", "css"), ("favicon.png", "image")):
        answer = anyone.get(f"/docs/{file}", auth=("anyone", keys["read"]))
        assert answer.status_code == 200 and media in answer.headers["content-type"]
    assert reader.get("/docs/redoc.standalone.js").status_code == 422


def test_a_cursor_of_another_query_is_refused(reader: httpx.Client) -> None:
    refused = reader.get("/v1/concepts", params={"q": "shoes", "cursor": "colour"})
    assert refused.status_code == 422 and "begin again without it" in refused.json()["detail"]


def test_the_tree_level_by_level(steady: httpx.Client) -> None:
    top = steady.get("/v1/taxonomy/tree?lang=zh").json()
    assert [(n["concept"], n["label"], n["children"]) for n in top["nodes"]] == [("shoes", "鞋", 3)]
    first = steady.get("/v1/taxonomy/tree?parent=shoes&limit=2").json()
    rest = steady.get(f"/v1/taxonomy/tree?parent=shoes&cursor={first['next_cursor']}").json()
    assert [n["label"] for n in first["nodes"] + rest["nodes"]] == ["Boots", "Sandals", "Sneakers"]
    assert first["total"] == 3 and rest["next_cursor"] is None
    attributes = steady.get("/v1/taxonomy/tree?kind=attribute").json()["nodes"]
    assert [(n["concept"], n["children"]) for n in attributes] == [("colour", 2), ("material", 1)]
    values = steady.get("/v1/taxonomy/tree?parent=colour").json()["nodes"]
    assert [(n["concept"], n["children"]) for n in values] == [("blue", 0), ("red", 1)]
    assert steady.get("/v1/taxonomy/tree?parent=nope").status_code == 422
    assert steady.get("/v1/taxonomy/tree?scheme=other").json()["nodes"] == []


def test_a_concept_as_turtle(steady: httpx.Client) -> None:
    answer = steady.get("/v1/concepts/sneakers/turtle")
    assert answer.headers["content-type"].startswith("text/turtle")
    triples = {
        (str(t.subject), str(t.predicate), str(t.object))
        for t in pyoxigraph.parse(answer.content, format=pyoxigraph.RdfFormat.TURTLE)
    }
    skos = "<http://www.w3.org/2004/02/skos/core#"
    ends = {(p, o.rsplit(":", 1)[-1].strip('>"')) for s, p, o in triples if "sneakers" in s}
    assert (f"{skos}broader>", "shoes") in ends and (f"{skos}narrower>", "running") in ends
    assert any(p == f"{skos}prefLabel>" and "运动鞋" in o for _, p, o in triples)
    assert steady.get("/v1/concepts/nope/turtle").status_code == 404


def test_paths_between_two_concepts(steady: httpx.Client) -> None:
    row = steady.get("/v1/taxonomy/path?from=crimson&to=colour&lang=zh").json()
    assert [[one["concept"] for one in path["concepts"]] for path in row["paths"]] == [
        ["crimson", "colour"],
        ["crimson", "red", "colour"],
    ]
    assert row["paths"][1]["relations"] == [
        {"type": "broader", "source": "crimson", "target": "red"},
        {"type": "value_of", "source": "red", "target": "colour"},
    ]
    assert row["paths"][0]["concepts"][0] == {"concept": "crimson", "label": "绯红", "kind": "value"}
    only = steady.get("/v1/taxonomy/path?from=leather&to=red&relation=value_of").json()
    assert only["paths"] == []
    far = steady.get("/v1/taxonomy/path?from=leather&to=red&limit=1").json()["paths"][0]
    assert [one["concept"] for one in far["concepts"]] == ["leather", "material", "sneakers", "shoes", "colour", "red"]
    assert steady.get("/v1/taxonomy/path?from=red&to=red").json()["paths"] == []
    assert steady.get("/v1/taxonomy/path?from=red&to=nope").status_code == 422
    assert steady.get("/v1/taxonomy/path?from=red").status_code == 422
    assert steady.get("/v1/taxonomy/path?from=red&to=blue&relation=x").status_code == 422
