"""The client against the running service, sync and async; retries against responses by hand."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from kgtag.client import ApiError, AsyncClient, Client
from tests.api.test_description import OPERATIONS
from tests.kgtag.running import run


@pytest.fixture
def shop_client(base: str, keys: dict[str, str]) -> Iterator[Client]:
    with Client(base, keys["admin"]) as client:
        yield client


def test_every_operation_is_a_method_of_both() -> None:
    for kind in (Client, AsyncClient):
        client = kind("http://localhost")
        for name in OPERATIONS:
            method = getattr(client, name)
            assert method.__name__ == name and method.__doc__
            assert "self" not in inspect.signature(method).parameters


def test_what_it_needs_is_named_when_it_is_missing() -> None:
    ran = run(command=("-c", "import sys; sys.modules['httpx'] = None; import kgtag.client"))
    assert "kgtag.client needs httpx: pip install 'kgtag[client]'" in ran.stderr


def test_reads_are_the_answers_of_the_service(shop_client: Client, admin: httpx.Client) -> None:
    def answer(path: str) -> Any:
        return admin.get(path).json()

    assert shop_client.concepts("trainers") == answer("/v1/concepts?q=trainers")
    assert shop_client.concepts(kind="value", limit=1) == answer("/v1/concepts?kind=value&limit=1")
    boots = "http://shop.test/boots"
    assert shop_client.concept(boots, lang="zh")["label"] == "靴子"
    assert [c["id"] for c in shop_client.broader(boots)["concepts"]] == ["shoes"]
    assert shop_client.narrower("shoes", transitive=True)["total"] == 4
    assert [c["id"] for c in shop_client.related("sandals")["concepts"]] == ["running"]
    assert shop_client.neighbours("running", evidence=["asserted", "inferred"], limit=3) == answer(
        "/v1/concepts/running/neighbours?evidence=asserted,inferred&limit=3"
    )
    batch = shop_client.neighbours_batch(["running", "shose"], {"limit": 3})
    assert batch["results"][0]["neighbours"] == shop_client.neighbours("running", limit=3)["neighbours"]
    assert shop_client.recommend_concepts(["running", "red"], kind="category") == answer(
        "/v1/recommend/concepts?concept=running&concept=red&kind=category"
    )
    assert shop_client.suggest("sho")["suggestions"][0]["concept"] == "shoes"
    assert shop_client.query("red shoes") == answer("/v1/search/query?q=red+shoes")
    assert shop_client.audit(severity="error") == answer("/v1/audit?severity=error")
    assert shop_client.taxonomy()["version"] == 1
    assert shop_client.versions() == answer("/v1/taxonomy/versions")
    assert shop_client.version(1)["changes"] and shop_client.releases()["releases"] == []
    assert shop_client.tree("shoes", limit=1) == answer("/v1/taxonomy/tree?parent=shoes&limit=1")
    assert shop_client.path("crimson", "colour") == answer("/v1/taxonomy/path?from=crimson&to=colour")
    assert [one["version"] for one in shop_client.versions(concept="red")["versions"]] == [1]
    (placed,) = shop_client.place([{"label": "Trail running shoes"}], limit=2)["concepts"]
    assert ["Shoes", "Sneakers", "Running shoes"] in [one["path"] for one in placed["places"]] and placed["known"] == []
    assert shop_client.impact(1) == answer("/v1/taxonomy/versions/1/impact")
    assert shop_client.health()["status"] == "ok" and shop_client.ready()["problems"] == []
    assert "kgtag_requests_total" in shop_client.metrics()


def test_edits_and_proposals(shop_client: Client, base: str, keys: dict[str, str]) -> None:
    made = shop_client.create({"id": "suede", "kind": "value", "pref_label": {"en": "Suede"}, "value_of": "material"})
    patched = shop_client.patch("suede", {"notation": "S"}, if_match=made["etag"])
    assert patched["notation"] == "S"
    assert shop_client.undo(3)["version"] == 4
    patched = shop_client.patch("suede", {"notation": "S"}, if_match=shop_client.concept("suede")["etag"])
    with pytest.raises(ApiError, match=r"Precondition Failed \(412\): 'suede' has changed") as lost:
        shop_client.patch("suede", {"notation": "T"}, if_match=made["etag"])
    error = lost.value
    assert (error.status, error.code, error.type) == (
        412,
        "precondition-failed",
        "urn:kgtag:problem:precondition-failed",
    )
    assert error.problem["instance"] == "/v1/concepts/suede" and error.detail == error.problem["detail"]
    assert shop_client.merge("suede", "leather", reason="the same")["id"] == "leather"
    assert shop_client.move("running", ["shoes"])["path"][0]["concept"] == "shoes"
    parts = [{"id": "a", "pref_label": {"en": "A"}}, {"id": "b", "pref_label": {"en": "B"}}]
    revision = shop_client.taxonomy()["revision"]
    assert shop_client.split("sandals", parts, expected_revision=revision)["parts"] == ["a", "b"]
    assert shop_client.deprecate("crimson", "red")["status"] == "deprecated"

    proposed = shop_client.propose({"operation": "merge", "concept": "blue", "into": "red"})
    said = shop_client.comment(proposed["id"], "sure?", if_match=proposed["etag"])
    with Client(base, keys["approve"]) as other:
        done = other.accept(said["id"], if_match=said["etag"])
        assert other.own_key()["scopes"] == ["read", "propose", "approve"]
    assert done["status"] == "accepted" and shop_client.proposals(status="open")["proposals"] == []
    assert shop_client.proposal(done["id"])["comments"][0]["text"] == "sure?"
    again = shop_client.propose({"operation": "set", "concept": "red", "notation": "R"})
    assert shop_client.rebase(again["id"])["id"] == again["id"]
    assert shop_client.withdraw(again["id"], comment="no")["status"] == "withdrawn"
    with pytest.raises(ApiError) as late:
        shop_client.reject(again["id"])
    assert late.value.code == "conflict"


def test_a_batch_in_chunks_as_it_is_read(shop_client: Client) -> None:
    taken = 0

    def products() -> Iterator[str | dict[str, Any]]:
        nonlocal taken
        for taken in range(1, 1_001):
            yield "" if taken == 3 else {"id": "own", "title": "blue"} if taken == 4 else f"red {taken}"

    rows = shop_client.tag_batch(products())
    first = next(rows)
    assert first["id"] == "1" and taken < 300
    found = [first, *rows]
    assert [row["id"] for row in found] == ["1", "2", "3", "own", *map(str, range(5, 1_001))]
    assert found[2]["error"]["type"] == "urn:kgtag:problem:untaggable-text"
    assert "red" in {tag["concept"] for tag in shop_client.tag("Red shoes")["tags"]}
    long = [{"title": "red", "text": "x" * 100_000} for _ in range(10)]
    assert len(list(shop_client.tag_batch(long, store=True))) == 10


def test_a_key_without_the_scope(base: str, keys: dict[str, str]) -> None:
    with Client(base, keys["tag"]) as client, pytest.raises(ApiError) as refused:
        client.concepts()
    assert (refused.value.code, refused.value.problem["scope"]) == ("forbidden", "read")
    with Client(base) as client, pytest.raises(ApiError) as unknown:
        client.concepts()
    assert unknown.value.status == 401


def test_async_gives_the_same(shop_client: Client, base: str, keys: dict[str, str]) -> None:
    async def titles() -> AsyncIterator[str]:
        for n in range(300):
            yield f"red {n}"

    async def run() -> None:
        async with AsyncClient(base, keys["admin"]) as client:
            both = await asyncio.gather(client.concept("red"), client.neighbours("running"))
            assert both == [shop_client.concept("red"), shop_client.neighbours("running")]
            rows = [row async for row in client.tag_batch(titles())]
            assert rows == list(shop_client.tag_batch(f"red {n}" for n in range(300)))
            with pytest.raises(ApiError, match="no concept 'nope'"):
                await client.concept("nope")

    asyncio.run(run())


class Answers:
    """Answers given one after another; counts the requests."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return self.answers.pop(0)


def _unavailable(**headers: str) -> httpx.Response:
    problem = {"type": "urn:kgtag:problem:store-unavailable", "title": "Store Unavailable", "detail": "gone"}
    return httpx.Response(503, json=problem, headers={"Content-Type": "application/problem+json", **headers})


def _client(answers: Answers) -> Client:
    return Client("", http=httpx.Client(base_url="http://shop.test", transport=httpx.MockTransport(answers)))


def test_a_read_is_sent_again_after_a_503_that_names_a_time() -> None:
    wait = {"Retry-After": "0"}
    patient = Answers(_unavailable(**wait), _unavailable(**wait), httpx.Response(200, json={"status": "ok"}))
    assert _client(patient).health() == {"status": "ok"} and patient.asked == 3
    exhausted = Answers(*(_unavailable(**wait) for _ in range(9)))
    with pytest.raises(ApiError, match=r"Store Unavailable \(503\): gone"):
        _client(exhausted).health()
    assert exhausted.asked == 3


@pytest.mark.parametrize("call", ["no time", "a write", "a tag to keep"])
def test_what_is_not_sent_again(call: str) -> None:
    answers = Answers(_unavailable(**({} if call == "no time" else {"Retry-After": "0"})))
    client = _client(answers)
    with pytest.raises(ApiError):
        if call == "no time":
            client.health()
        elif call == "a write":
            client.merge("a", "b")
        else:
            client.tag("red", store=True)
    assert answers.asked == 1


def test_a_response_of_something_in_between() -> None:
    with pytest.raises(ApiError, match=r"Bad Gateway \(502\): <html>") as caught:
        _client(Answers(httpx.Response(502, text="<html>oh</html>"))).taxonomy()
    assert caught.value.type == "about:blank"


def test_events_are_followed_through_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgtag.client.client.RECONNECT_SECONDS", 0)
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Last-Event-ID"))
        if len(asked) == 2:
            raise httpx.ConnectError("refused", request=request)
        if len(asked) == 3:
            return _unavailable()
        state = "running" if len(asked) == 1 else "done"
        return httpx.Response(200, text=f'retry: 1000\n\nid: {len(asked)}\ndata: {{"state": "{state}"}}\n\n: beat\n\n')

    client = Client("", http=httpx.Client(base_url="http://shop.test", transport=httpx.MockTransport(answer)))
    assert [row["state"] for row in client.job_events("x")] == ["running", "done"]
    assert asked == [None, "1", "1", "1"]
    gone = {"type": "urn:kgtag:problem:unknown-job", "title": "Unknown Job", "detail": "no job 'x'"}
    problem = httpx.Response(404, json=gone, headers={"Content-Type": "application/problem+json"})
    with pytest.raises(ApiError, match="no job 'x'"):
        list(_client(Answers(problem)).job_events("x"))
