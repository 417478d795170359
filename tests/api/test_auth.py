"""Keys: without one nothing opens, with one no more than its scopes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from api.app import create_app
from graph.api_keys import MEANING, SCOPES, create_key, rotate_key
from graph.errors import InputError
from graph.sqlite.store import SqliteStore
from tests.api import shop

FILES = {("GET", f"/browser/{name}") for name in ("kgtag.grass", "kgtag-queries.zip", "guide.html")}
OPEN = {
    ("GET", "/"),
    ("GET", "/page/{file}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("OPTIONS", "/browser/{file}"),
    *FILES,
}
ROUTES = [
    ("GET", "/v1/concepts/{id}/items", "read"),
    ("GET", "/v1/concepts/{id}/turtle", "read"),
    ("GET", "/v1/items/{id}", "read"),
    ("PUT", "/v1/items/{id}", "tag"),
    ("DELETE", "/v1/items/{id}", "admin"),
    ("POST", "/v1/profiles/{id}/events", "tag"),
    ("GET", "/v1/profiles/{id}", "tag"),
    ("DELETE", "/v1/profiles/{id}", "admin"),
    ("GET", "/v1/feedback", "read"),
    ("GET", "/v1/changes", "read"),
    ("POST", "/v1/webhooks", "admin"),
    ("GET", "/v1/webhooks", "admin"),
    ("GET", "/v1/challenger", "admin"),
    ("DELETE", "/v1/webhooks/{id}", "admin"),
    ("POST", "/v1/feedback", "tag propose"),
    ("DELETE", "/v1/feedback/{id}", "tag propose"),
    ("POST", "/v1/jobs", "read tag"),
    ("GET", "/v1/jobs", "read tag"),
    ("GET", "/v1/jobs/{id}", "read tag"),
    ("GET", "/v1/jobs/{id}/events", "read tag"),
    ("GET", "/v1/jobs/{id}/result", "read tag"),
    ("POST", "/v1/jobs/{id}/resume", "read tag"),
    ("DELETE", "/v1/jobs/{id}", "read tag"),
    ("GET", "/v1/concepts/{id}/neighbours", "read"),
    ("POST", "/v1/neighbours", "read"),
    ("POST", "/v1/tag", "tag"),
    ("POST", "/v1/tag/batch", "tag"),
    ("GET", "/v1/search/suggest", "read"),
    ("GET", "/v1/search/query", "read"),
    ("GET", "/v1/recommend/concepts", "read"),
    ("GET", "/v1/recommend/items", "read"),
    ("GET", "/v1/audit", "read"),
    ("GET", "/v1/audit/fixes", "read"),
    ("GET", "/v1/taxonomy", "read"),
    ("GET", "/v1/taxonomy/tree", "read"),
    ("GET", "/v1/taxonomy/path", "read"),
    ("GET", "/v1/taxonomy/versions", "read"),
    ("GET", "/v1/taxonomy/versions/{version}", "read"),
    ("GET", "/v1/taxonomy/versions/{version}/impact", "read"),
    ("POST", "/v1/taxonomy/versions/{version}/undo", "edit"),
    ("GET", "/v1/taxonomy/releases", "read"),
    ("GET", "/v1/key", "read tag"),
    ("GET", "/metrics", "read"),
    ("GET", "/openapi.json", "read"),
    ("GET", "/docs", "read"),
    ("GET", "/docs/{file}", "read"),
    ("GET", "/v1/concepts", "read"),
    ("GET", "/v1/concepts/{id}/broader", "read"),
    ("GET", "/v1/concepts/{id}/narrower", "read"),
    ("GET", "/v1/concepts/{id}/related", "read"),
    ("GET", "/v1/concepts/{id}", "read"),
    ("POST", "/v1/concepts", "edit"),
    ("POST", "/v1/concepts/{id}/merge", "edit"),
    ("POST", "/v1/concepts/{id}/deprecate", "edit"),
    ("POST", "/v1/concepts/{id}/split", "edit"),
    ("POST", "/v1/concepts/{id}/move", "edit"),
    ("PATCH", "/v1/concepts/{id}", "edit"),
    ("POST", "/v1/place", "read"),
    ("POST", "/v1/ask", "read"),
    ("GET", "/v1/analytics/tags", "read"),
    ("GET", "/v1/analytics/quality", "read"),
    ("GET", "/v1/analytics/coverage", "read"),
    ("GET", "/v1/segments", "read"),
    ("POST", "/v1/segments/count", "read"),
    ("GET", "/v1/segments/{name}", "read"),
    ("GET", "/v1/segments/{name}/items", "read"),
    ("PUT", "/v1/segments/{name}", "edit"),
    ("DELETE", "/v1/segments/{name}", "edit"),
    ("GET", "/v1/proposals", "read"),
    ("GET", "/v1/proposals/{id}", "read"),
    ("POST", "/v1/proposals", "propose"),
    ("POST", "/v1/proposals/{id}/comments", "propose"),
    ("POST", "/v1/proposals/{id}/withdraw", "propose"),
    ("POST", "/v1/proposals/{id}/rebase", "propose"),
    ("POST", "/v1/proposals/{id}/accept", "approve"),
    ("POST", "/v1/proposals/{id}/reject", "approve"),
]


def _routes(routes: list[Any]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for route in routes:
        if isinstance(route, (APIRoute, Route)):
            path = route.path.replace(":path", "")
            found |= {(method, path) for method in route.methods or () if method != "HEAD"}
        else:
            found |= _routes(route.original_router.routes)
    return found


def test_every_route_is_open_on_purpose_or_in_the_table(sqlite_url: str) -> None:
    app = create_app(shop.settings(sqlite_url), models=shop.models())
    described = {(method.upper(), path) for path, operations in app.openapi()["paths"].items() for method in operations}
    assert _routes(app.routes) == OPEN | {(method, path) for method, path, _ in ROUTES}
    assert described <= _routes(app.routes)


def test_without_a_key_nothing_opens(anyone: httpx.Client) -> None:
    for method, path, _ in ROUTES:
        for headers in ({}, {"X-API-Key": "kgt_abc_def"}, {"Authorization": "Bearer nonsense"}, {"X-API-Key": "kgt__"}):
            answer = anyone.request(method, path.replace("{id}", "shoes"), headers=headers)
            assert answer.status_code == 401, (method, path, headers)
            assert "WWW-Authenticate" in answer.headers
            assert answer.headers["content-type"] == "application/problem+json"
    for method, path in OPEN:
        assert anyone.request(method, path.replace("page/{file}", "page/app.js")).is_success


def test_scopes(base: str, keys: dict[str, str]) -> None:
    implied: dict[str, set[str]] = {
        "read": {"read"},
        "tag": {"tag"},
        "propose": {"propose", "read"},
        "edit": {"edit", "propose", "read"},
        "approve": {"approve", "propose", "read"},
        "admin": {"read", "tag", "propose", "edit", "approve", "admin"},
    }
    for own, allowed in implied.items():
        with shop.client(base, keys[own]) as client:
            for method, path, wanted in ROUTES:
                wanted_path = path.replace("{id}", "shoes").replace("/v1/changes", "/v1/changes?follow=false")
                answer = client.request(method, wanted_path)
                assert (answer.status_code == 403) == allowed.isdisjoint(wanted.split()), (
                    own,
                    method,
                    path,
                    answer.text,
                )
                if answer.status_code == 403:
                    scope = answer.json()["scope"]
                    assert scope == wanted.split()[0] and repr(scope) in answer.json()["detail"]


def test_either_header_will_do(anyone: httpx.Client, keys: dict[str, str]) -> None:
    assert anyone.get("/v1/concepts", headers={"X-API-Key": keys["read"]}).status_code == 200
    assert anyone.get("/v1/concepts", headers={"Authorization": f"bearer {keys['read']}"}).status_code == 200
    assert anyone.get("/v1/concepts", auth=("me", keys["read"])).status_code == 401
    assert anyone.get("/docs", auth=("me", keys["read"])).status_code == 200


def test_a_wrong_secret_with_a_known_id(anyone: httpx.Client, keys: dict[str, str]) -> None:
    id = keys["read"].split("_")[1]
    for secret in ("x", keys["tag"].split("_", 2)[2], "é"):
        answer = anyone.get("/v1/concepts", headers={b"X-API-Key": f"kgt_{id}_{secret}".encode()})
        assert answer.status_code == 401


def test_new_keys_open_at_once_and_revoked_ones_close_within_seconds(base: str, shop_store: SqliteStore) -> None:
    key, plain = create_key(shop_store, name="late", scopes=["read"])
    with shop.client(base, plain) as client:
        shop.until(lambda: client.get("/v1/concepts").status_code == 200, seconds=2)
        shop_store.delete_key(key.id)
        shop.until(lambda: client.get("/v1/concepts").status_code == 401, seconds=3)


def test_keys_expire_and_are_rotated_with_a_time_of_grace(base: str, shop_store: SqliteStore) -> None:
    _, brief = create_key(shop_store, name="brief", scopes=["read"], lasts=timedelta(seconds=2))
    old, plain = create_key(shop_store, name="shop", scopes=["read", "tag"], lasts=timedelta(days=90))
    with shop.client(base) as client:

        def status(key: str) -> int:
            return client.get("/v1/taxonomy", headers={"X-API-Key": key}).status_code

        assert (status(brief), status(plain)) == (200, 200)
        new, other = rotate_key(shop_store, old.id, grace=timedelta(seconds=2))
        assert (status(plain), status(other)) == (200, 200)
        assert (new.name, new.scopes) == (old.name, old.scopes) and new.expires > old.expires
        shop.until(lambda: (status(brief), status(plain)) == (401, 401), seconds=5)
        assert client.get("/v1/concepts/red/neighbours", headers={"X-API-Key": plain}).status_code == 401
        assert status(other) == 200
    with pytest.raises(InputError, match="expired is key"):
        rotate_key(shop_store, old.id, grace=timedelta(days=1))
    with pytest.raises(InputError, match="no key 'nobody'"):
        rotate_key(shop_store, "nobody", grace=timedelta(days=1))


def test_a_tagger_stores_its_items_and_changes_nothing_else(tagger: httpx.Client, shop_store: SqliteStore) -> None:
    before = shop_store.read().version
    assert tagger.post("/v1/tag", params={"store": True}, json={"id": "i", "title": "red trainers"}).is_success
    assert shop_store.item("i") is not None
    for method, path in (("POST", "/v1/concepts"), ("PATCH", "/v1/concepts/red"), ("POST", "/v1/proposals")):
        assert tagger.request(method, path, json={}).status_code == 403
    assert shop_store.read().version == before


def test_the_page_on_safety_shows_what_each_scope_means() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/safety.md").read_text()
    for scope in SCOPES:
        assert f"| `{scope}` | {MEANING[scope]} |" in page


def test_each_of_many_new_keys_opens_at_once(base: str, shop_store: SqliteStore) -> None:
    """However shortly ago the record was looked into for another one."""
    with shop.client(base) as client:
        for n in range(8):
            _, key = create_key(shop_store, name=f"new {n}", scopes=["read"])
            assert client.get("/v1/taxonomy", headers={"X-API-Key": key}).status_code == 200


def test_only_a_hash_is_stored_and_nothing_is_logged(
    base: str, shop_store: SqliteStore, keys: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    secret = keys["read"].split("_", 2)[2]
    with caplog.at_level("DEBUG"), shop.client(base, keys["read"]) as client:
        client.get("/v1/concepts")
        client.get("/v1/tag")
    stored = [key for key in shop_store.keys() if key.name == "read"]  # noqa: SIM118
    assert len(stored[0].sha256) == 64 and secret not in repr(stored) and secret not in caplog.text


@pytest.mark.parametrize("scopes", [[], ["write"], ["read", "root"]])
def test_no_key_for_a_scope_that_is_none(sqlite_store: SqliteStore, scopes: list[str]) -> None:
    with pytest.raises(InputError, match="read, tag, propose, edit, approve, admin"):
        create_key(sqlite_store, name="x", scopes=scopes)
