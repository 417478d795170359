"""Proposals over HTTP: who may what, four eyes, and races."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from graph.api_keys import create_key
from graph.model import ItemTag, TaggedItem
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from tests.api import shop

MERGE = {"operation": "merge", "concept": "crimson", "into": "red", "reason": "too fine"}


def propose(client: httpx.Client, body: dict[str, Any] = MERGE) -> httpx.Response:
    made = client.post("/v1/proposals", json=body)
    assert made.status_code == 201, made.text
    return made


def seen(client: httpx.Client, id: int) -> dict[str, str]:
    return {"If-Match": client.get(f"/v1/proposals/{id}").headers["etag"]}


def test_proposed_discussed_accepted(
    proposer: httpx.Client, approver: httpx.Client, reader: httpx.Client, shop_store: SqliteStore
) -> None:
    shop_store.put_items([TaggedItem("i", "i", "en", "m", "r", (ItemTag("crimson", 0.9, "exact"),))])
    made = propose(proposer)
    row = made.json()
    assert made.headers["location"] == "/v1/proposals/1" and made.headers["etag"] == f'"{row["etag"]}"'
    assert row["title"] == "merge 'Crimson' (crimson) into 'Red' (red)"
    assert (row["status"], row["author"]) == ("open", "api:propose")
    assert row["concepts"] == ["crimson", "red"] and row["outdated"] == [] and "seen" not in row
    assert "crimson" in Taxonomy.of(shop_store.read()).lookup("crimson"), "nothing is written yet"
    said = approver.post("/v1/proposals/1/comments", json={"text": "sure?"})
    assert [c["text"] for c in said.json()["comments"]] == ["sure?"]
    assert reader.get("/v1/proposals/1").json()["comments"] == said.json()["comments"]
    done = approver.post("/v1/proposals/1/accept", json={"comment": "fine"}, headers=seen(approver, 1))
    assert done.status_code == 200, done.text
    assert (done.json()["status"], done.json()["decided_by"], done.json()["version"]) == ("accepted", "api:approve", 2)
    assert reader.get("/v1/concepts/crimson").json()["status"] == "deprecated"
    assert shop_store.items_of("red") == ["i"]
    last = list(shop_store.history())[-1]
    assert (last.author, last.reason) == ("api:propose, accepted by api:approve", "too fine (proposal 1)")
    for deed in ("accept", "reject", "withdraw"):
        late = approver.post(f"/v1/proposals/1/{deed}", json={}, headers=seen(approver, 1))
        assert late.status_code == (200 if deed == "accept" else 409), late.text
    assert len(list(shop_store.history())) == 2, "accepting again writes nothing"


def test_four_eyes(base: str, keys: dict[str, str], shop_store: SqliteStore, admin: httpx.Client) -> None:
    both = create_key(shop_store, name="both", scopes=["propose", "approve"])[1]
    twin = create_key(shop_store, name="both", scopes=["approve"])[1]
    with shop.client(base, both) as own, shop.client(base, twin) as other:
        propose(own)
        for client in (own, other):
            refused = client.post("/v1/proposals/1/accept", json={}, headers=seen(client, 1))
            assert refused.status_code == 403 and "somebody else" in refused.json()["detail"]
        assert own.post("/v1/proposals/1/withdraw", json={}).json()["status"] == "withdrawn"
    propose(admin)
    for deed, force in (("accept", False), ("accept", True), ("reject", True)):
        refused = admin.post(f"/v1/proposals/2/{deed}", json={"force": force}, headers=seen(admin, 2))
        assert refused.status_code == 403 and "own" in refused.json()["detail"], "an admin's key is no second person"


def test_what_is_proposed_already_or_changes_nothing_is_refused(
    proposer: httpx.Client, editor: httpx.Client, approver: httpx.Client
) -> None:
    propose(proposer)
    again = editor.post("/v1/proposals", json=MERGE)
    assert again.status_code == 409 and again.json()["proposal"] == 1
    assert again.json()["type"] == "urn:kgtag:problem:duplicate-proposal" and "comment on that one" in again.text
    edge = {"put_relation": {"type": "broader", "source": "running", "target": "sneakers", "primary": True}}
    for body in ({"changes": [edge]}, {"operation": "move", "concept": "running", "broader": ["sneakers"]}):
        empty = proposer.post("/v1/proposals", json=body)
        assert empty.status_code == 422 and "like that already" in empty.json()["detail"], empty.text
    approver.post("/v1/proposals/1/reject", json={}, headers=seen(approver, 1))
    assert editor.post("/v1/proposals", json=MERGE).status_code == 201, "a rejected one may come again"


def test_only_its_proposer_withdraws_or_rebases(
    proposer: httpx.Client, editor: httpx.Client, admin: httpx.Client
) -> None:
    propose(proposer)
    for deed in ("withdraw", "rebase"):
        assert editor.post(f"/v1/proposals/1/{deed}", json={}).status_code == 403
    assert admin.post("/v1/proposals/1/withdraw", json={"force": True}).json()["status"] == "withdrawn"


def test_one_accepts_what_one_has_read(proposer: httpx.Client, approver: httpx.Client) -> None:
    propose(proposer)
    assert approver.post("/v1/proposals/1/accept", json={}).status_code == 428
    before = seen(approver, 1)
    proposer.post("/v1/proposals/1/comments", json={"text": "wait"})
    for deed in ("accept", "reject", "comments"):
        body = {"text": "x"} if deed == "comments" else {}
        assert approver.post(f"/v1/proposals/1/{deed}", json=body, headers=before).status_code == 412
    assert approver.post("/v1/proposals/1/reject", json={"comment": "no"}, headers=seen(approver, 1)).status_code == 200


def test_outdated_until_rebased(
    proposer: httpx.Client, approver: httpx.Client, editor: httpx.Client, shop_store: SqliteStore
) -> None:
    propose(proposer)
    editor.patch("/v1/concepts/red", json={"alt_label": {"en": ["rouge"]}}, headers={"If-Match": "*"})
    assert proposer.get("/v1/proposals/1").json()["outdated"] == ["red"]
    stale = approver.post("/v1/proposals/1/accept", json={}, headers=seen(approver, 1))
    assert stale.status_code == 409 and "'red' changed" in stale.json()["detail"]
    anew = proposer.post("/v1/proposals/1/rebase", json={"comment": "with rouge"})
    assert anew.json()["outdated"] == [] and anew.json()["base_version"] == 2
    assert approver.post("/v1/proposals/1/accept", json={}, headers=seen(approver, 1)).status_code == 200
    assert Taxonomy.of(shop_store.read())["red"].alt_label["en"] == ("rouge", "Crimson")


def test_what_would_break_the_taxonomy_is_no_proposal(proposer: httpx.Client, approver: httpx.Client) -> None:
    cycle = proposer.post("/v1/proposals", json={"operation": "move", "concept": "shoes", "broader": ["running"]})
    assert cycle.status_code == 422 and cycle.json()["problems"][0]["code"] == "cycle"
    unknown = proposer.post("/v1/proposals", json={"operation": "merge", "concept": "crimsn", "into": "red"})
    assert unknown.status_code == 422 and "did you mean 'Crimson'" in unknown.json()["detail"]
    assert proposer.get("/v1/proposals").json()["proposals"] == []
    assert proposer.get("/v1/proposals/1").status_code == 404
    assert approver.post("/v1/proposals/1/reject", json={}).status_code == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "either operation"),
        ({"operation": "merge", "changes": [{}]}, "either operation"),
        ({"operation": "fly", "concept": "red"}, "no operation 'fly'"),
        ({"operation": "merge", "concept": "red", "into": "blue", "speed": 1}, "no field 'speed'"),
        ({"changes": [{"put_concept": {"id": "x"}}]}, "is not a change: 'scheme' is missing"),
        (
            {"changes": [{"put_concept": {"id": 1, "scheme": "s", "kind": "category", "pref_label": {}}}]},
            "id must be text, not 1",
        ),
        ({"changes": [{"put_relation": {"type": "near", "source": "red", "target": "blue"}}]}, "no relation 'near'"),
        ({"changes": [{"explode": True}]}, "is not a change"),
        ({"changes": [{"delete_concept": "red"}], "into": "blue"}, "into is a field of no change"),
    ],
)
def test_bad_proposals(proposer: httpx.Client, body: dict[str, Any], said: str) -> None:
    answer = proposer.post("/v1/proposals", json=body)
    assert answer.status_code == 422 and said in answer.json()["detail"], answer.text


def test_changes_as_the_history_has_them(proposer: httpx.Client, approver: httpx.Client) -> None:
    edge = {"type": "applies_to", "source": "material", "target": "sandals"}
    row = propose(proposer, {"changes": [{"put_relation": edge}], "evidence": {"items": 12}}).json()
    assert row["title"] == "1 changes to material, sandals" and row["evidence"] == {"items": 12}
    assert proposer.post("/v1/proposals/1/rebase", json={}).status_code == 422
    assert approver.post("/v1/proposals/1/accept", json={}, headers=seen(approver, 1)).json()["version"] == 2


def test_pages(proposer: httpx.Client, approver: httpx.Client) -> None:
    for concept, notation in (("red", "n"), ("blue", "n"), ("red", "m")):
        words = {"operation": "set", "concept": concept, "notation": notation}
        propose(proposer, words)
    approver.post("/v1/proposals/2/reject", json={})
    page = proposer.get("/v1/proposals?limit=2").json()
    assert [p["id"] for p in page["proposals"]] == [3, 2] and page["next_cursor"] == 2
    rest = proposer.get("/v1/proposals?limit=2&cursor=2").json()
    assert [p["id"] for p in rest["proposals"]] == [1] and rest["next_cursor"] is None
    assert [p["id"] for p in proposer.get("/v1/proposals?status=open&concept=red").json()["proposals"]] == [3, 1]
    assert proposer.get("/v1/proposals?status=closed").status_code == 422


def test_of_many_approvers_one_accepts_once(base: str, keys: dict[str, str], shop_store: SqliteStore) -> None:
    secrets = [create_key(shop_store, name=f"a{n}", scopes=["approve"])[1] for n in range(6)]
    with shop.client(base, keys["propose"]) as client:
        propose(client)
        expect = seen(client, 1)

    def accept(secret: str) -> int:
        with shop.client(base, secret) as client:
            return client.post("/v1/proposals/1/accept", json={}, headers=expect).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(accept, secrets))
    assert statuses[0] == 200 and set(statuses[1:]) <= {409, 412}
    assert len(list(shop_store.history())) == 2


def test_comments_and_proposals_of_many_are_all_kept(base: str, keys: dict[str, str]) -> None:
    with shop.client(base, keys["propose"]) as client:
        propose(client)

    def write(n: int) -> None:
        with shop.client(base, keys["propose"]) as client:
            assert client.post("/v1/proposals/1/comments", json={"text": str(n)}).status_code == 200
            propose(client, {"operation": "set", "concept": "blue", "notation": str(n)})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    with shop.client(base, keys["read"]) as client:
        assert {c["text"] for c in client.get("/v1/proposals/1").json()["comments"]} == set("01234567")
        assert [p["id"] for p in client.get("/v1/proposals").json()["proposals"]] == list(range(9, 0, -1))
