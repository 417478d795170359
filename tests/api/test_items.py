"""Stored items over HTTP, and feedback on their tags."""

from __future__ import annotations

import httpx
import pytest

from graph.model import ChangeSet, Concept, ItemTag, PutConcept, PutRelation, Relation, TaggedItem
from graph.sqlite.store import SqliteStore
from kgtag.client import ApiError, Client
from tests.api import shop

ITEM = {
    "title": "Red trainers",
    "lang": "en",
    "tags": [{"concept": "red", "start": 0, "end": 3}, {"concept": "sneakers"}],
}


def test_an_item_is_stored_read_listed_and_erased(
    tagger: httpx.Client, reader: httpx.Client, admin: httpx.Client
) -> None:
    made = tagger.put("/v1/items/a%2F1", json=ITEM)
    assert made.status_code == 200
    found = reader.get("/v1/items/a/1").json()
    assert found == made.json()
    assert (found["id"], found["title"], found["lang"]) == ("a/1", "Red trainers", "en")
    assert found["tags"][0] == {
        "concept": "red", "label": "Red", "kind": "value", "attribute": "colour", "probability": 1.0, "method": "given",
        "status": "accepted", "start": 0, "end": 3, "surface": "Red",
    }  # fmt: skip
    assert [(tag["concept"], tag["method"]) for tag in found["tags"][1:]] == [
        ("sneakers", "given"),
        ("shoes", "implied"),
    ]
    for concept in ("red", "shoes"):
        assert reader.get(f"/v1/concepts/{concept}/items").json()["items"] == ["a/1"]
    assert tagger.put("/v1/items/a%2F1", json=ITEM | {"tags": []}).json()["tags"] == []
    assert admin.delete("/v1/items/a/1").status_code == 204
    for gone in (reader.get("/v1/items/a/1"), admin.delete("/v1/items/a/1")):
        assert gone.status_code == 404 and "no item 'a/1' is stored" in gone.json()["detail"]


def test_items_of_a_concept_come_in_pages(reader: httpx.Client, shop_store: SqliteStore) -> None:
    tags = (ItemTag("red", 1.0, "given"),)
    shop_store.put_items([TaggedItem(f"i{n}", "Red", "en", "m", "r", tags) for n in range(5)])
    seen, cursor = [], ""
    while cursor is not None:
        page = reader.get("/v1/concepts/red/items", params={"cursor": cursor, "limit": 2}).json()
        seen += page["items"]
        cursor = page["next_cursor"]
    assert seen == [f"i{n}" for n in range(5)]
    assert reader.get("/v1/concepts/rde/items").status_code == 404


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ITEM | {"tags": [{"concept": "rde"}]}, "no concept 'rde'"),
        (ITEM | {"tags": [{"concept": "red", "start": 9, "end": 13}]}, "the span 9 to 13 is not in the title"),
        (ITEM | {"tags": [{"concept": "red", "start": 0}]}, "a span has a start and an end"),
        (ITEM | {"tags": [{"concept": "red"}, {"concept": "red"}]}, "the tag 'red' is given twice"),
        (ITEM | {"tags": [{"concept": "red", "probability": 2.0}]}, "less than or equal to 1"),
        ({"tags": []}, "body.title"),
    ],
    ids=str,
)
def test_what_is_no_item_is_refused(tagger: httpx.Client, reader: httpx.Client, body: object, expected: str) -> None:
    refused = tagger.put("/v1/items/i", json=body)
    assert refused.status_code == 422 and expected in refused.json()["detail"]
    assert reader.get("/v1/items/i").status_code == 404


def test_a_tagger_touches_items_alone_and_a_reader_nothing(tagger: httpx.Client, reader: httpx.Client) -> None:
    concept = {"kind": "value", "pref_label": {"en": "Puce"}, "value_of": "colour"}
    assert tagger.post("/v1/concepts", json=concept).status_code == 403
    assert tagger.get("/v1/items/i").status_code == 403
    assert reader.put("/v1/items/i", json=ITEM).status_code == 403
    assert reader.delete("/v1/items/i").status_code == 403
    assert reader.post("/v1/feedback", json={"item": "i", "concept": "red", "verdict": "right"}).status_code == 403


def test_feedback_changes_the_item_and_is_kept(
    tagger: httpx.Client, proposer: httpx.Client, reader: httpx.Client, shop_store: SqliteStore
) -> None:
    tagger.put("/v1/items/i", json=ITEM)
    wrong = {
        "item": "i",
        "concept": "red",
        "verdict": "wrong",
        "reviewer": "ann",
        "reason": "the brand",
        "span": [0, 3],
    }
    made = tagger.post("/v1/feedback", json=wrong)
    assert made.status_code == 201
    row = made.json()["feedback"]
    assert {name: row[name] for name in wrong} == wrong and row["product"] is None
    missing = {"item": "i", "concept": "running", "verdict": "missing"}
    assert proposer.post("/v1/feedback", json=missing).json()["feedback"]["reviewer"].startswith("api:")
    other = {"product": {"title": "Blue sandals"}, "concept": "blue", "verdict": "right"}
    assert tagger.post("/v1/feedback", json=other).status_code == 201
    tags = {tag["concept"]: tag["status"] for tag in reader.get("/v1/items/i").json()["tags"]}
    assert tags == {"red": "rejected", "sneakers": "accepted", "shoes": "accepted", "running": "accepted"}
    assert reader.get("/v1/concepts/red/items").json()["items"] == []
    first = reader.get("/v1/feedback", params={"limit": 2}).json()
    rest = reader.get("/v1/feedback", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [one["concept"] for one in first["feedback"] + rest["feedback"]] == ["red", "running", "blue"]
    assert rest["next_cursor"] is None
    assert [one["verdict"] for one in reader.get("/v1/feedback?concept=red").json()["feedback"]] == ["wrong"]


def test_a_verdict_is_taken_back_by_who_gave_it(
    tagger: httpx.Client, proposer: httpx.Client, admin: httpx.Client, reader: httpx.Client
) -> None:
    tagger.put("/v1/items/i", json=ITEM)

    def give(verdict: str) -> str:
        body = {"item": "i", "concept": "red", "verdict": verdict}
        return str(tagger.post("/v1/feedback", json=body).json()["feedback"]["id"])

    def status() -> str:
        return str(reader.get("/v1/items/i").json()["tags"][0]["status"])

    first, second = give("right"), give("wrong")
    assert status() == "rejected"
    refused = proposer.delete(f"/v1/feedback/{second}")
    assert refused.status_code == 403 and "only they or an admin" in refused.json()["detail"]
    assert tagger.delete(f"/v1/feedback/{second}").status_code == 204 and status() == "accepted"
    assert admin.delete(f"/v1/feedback/{first}").status_code == 204
    assert reader.get("/v1/feedback").json()["feedback"] == []
    gone = tagger.delete(f"/v1/feedback/{first}")
    assert gone.status_code == 404 and "taken back already" in gone.json()["detail"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"concept": "red", "verdict": "right"}, "feedback is about an item or a product"),
        ({"item": "nobody", "concept": "red", "verdict": "right"}, "no item 'nobody' is stored"),
        ({"product": {"title": "x"}, "concept": "rde", "verdict": "right"}, "no concept 'rde'"),
        ({"product": {"title": "x"}, "concept": "red", "verdict": "so-so"}, "'right', 'wrong' or 'missing'"),
        ({"product": {"title": "x"}, "concept": "red", "verdict": "right", "span": [0, 9]}, "is not in the title"),
    ],
    ids=str,
)
def test_feedback_on_nothing_is_refused(
    tagger: httpx.Client, reader: httpx.Client, body: object, expected: str
) -> None:
    refused = tagger.post("/v1/feedback", json=body)
    assert refused.status_code == 422 and expected in refused.json()["detail"]
    assert reader.get("/v1/feedback").json()["feedback"] == []


def test_the_client_does_all_of_it(base: str, keys: dict[str, str]) -> None:
    with Client(base, keys["admin"]) as client:
        stored = client.put_item("i/1", ITEM)
        assert client.item("i/1") == stored
        assert client.items_of("red")["items"] == ["i/1"]
        given = client.give_feedback({"item": "i/1", "concept": "red", "verdict": "right"})
        assert client.feedback(concept="red")["feedback"] == [given["feedback"]]
        assert client.delete_item("i/1") is None
        assert client.feedback()["feedback"] == []
        with pytest.raises(ApiError, match="no item 'i/1' is stored"):
            client.item("i/1")


def test_tags_say_why_where_it_is_asked_for(tagger: httpx.Client) -> None:
    row = tagger.post("/v1/tag?explain=true", json={"title": "red shoes"}).json()
    assert all(tag["why"] for tag in row["tags"])
    batch = tagger.post("/v1/tag/batch?explain=true", content=b'{"id": "1", "title": "red shoes"}').json()
    assert batch["tags"] == row["tags"]
    assert "why" not in tagger.post("/v1/tag", json={"title": "red shoes"}).json()["tags"][0]


def test_tags_are_given_in_the_terms_of_another_scheme(
    tagger: httpx.Client, shop_store: SqliteStore, keys: dict[str, str], base: str
) -> None:
    other = Concept("g:187", "google", "category", {"en": "Footwear"})
    shop_store.apply(ChangeSet((PutConcept(other), PutRelation(Relation("exact_match", "g:187", "shoes"))), "t"))
    shop.until(lambda: tagger.post("/v1/tag?scheme=google", json={"title": "red shoes"}).status_code == 200)
    expected = {"concept": "g:187", "label": "Footwear", "match": "exact"}
    rows = [
        tagger.post("/v1/tag?scheme=google", json={"title": "red shoes"}).json(),
        tagger.post("/v1/tag/batch?scheme=google", content=b'{"id": "1", "title": "red shoes"}').json(),
    ]
    with Client(base, keys["tag"]) as client:
        rows.append(dict(client.tag("red shoes", scheme="google")))
    for row in rows:
        mapped = {tag["concept"]: tag.get("mapped") for tag in row["tags"]}
        assert mapped == {"sneakers": {**expected, "match": "broader"}, "shoes": expected, "red": None}
    refused = tagger.post("/v1/tag?scheme=etsy", json={"title": "red"})
    assert refused.status_code == 422 and "no scheme 'etsy'" in refused.json()["detail"]
    assert tagger.post("/v1/tag/batch?scheme=etsy", content=b"{}").status_code == 422
