"""Several processes on one store: edits through any, and no answer older than the one before."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from graph.sqlite.store import SqliteStore
from kgtag.client import ApiError, Client
from tests.api import shop

_NAME = "X-Taxonomy-Version"


@pytest.fixture
def two(shop_store: SqliteStore, keys: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Two services; the second polls the store once a second."""
    app = shop.app(shop_store.url)
    slow = shop.app(shop_store.url, poll_seconds=1.0)
    with shop.serving(app) as first, shop.serving(slow) as second:
        yield first, second


def test_a_client_reads_what_it_wrote_from_any_process(two: tuple[str, str], keys: dict[str, str]) -> None:
    """As behind a proxy that takes turns."""
    turns = [httpx.HTTPTransport(), httpx.HTTPTransport()]

    class Proxy(httpx.BaseTransport):
        count = 0

        def close(self) -> None:
            for one in turns:
                one.close()

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            self.count += 1
            to = httpx.URL(two[self.count % 2])
            request.url = request.url.copy_with(host=to.host, port=to.port)
            return turns[self.count % 2].handle_request(request)

    headers = {"X-API-Key": keys["admin"]}
    with httpx.Client(base_url="http://shop", transport=Proxy(), headers=headers, timeout=20) as http:
        client = Client("http://shop", http=http)
        for number in range(6):
            concept = client.concept("red")
            label = {"en": [f"scarlet {number}"]}
            client.patch("red", {"alt_label": label}, if_match=concept["etag"])
            for _ in range(3):
                assert client.concept("red")["alt_label"] == label
                assert any(row["concept"] == "red" for row in client.neighbours("crimson")["neighbours"])


def test_a_version_that_does_not_come_is_refused_and_forgotten(
    reader: httpx.Client, base: str, keys: dict[str, str]
) -> None:
    answer = reader.get("/v1/concepts/red")
    version = int(answer.headers[_NAME])
    assert reader.get("/v1/concepts/red", headers={_NAME: str(version)}).is_success
    behind = reader.get("/v1/concepts/red/neighbours", headers={_NAME: str(version + 5)})
    assert (behind.status_code, behind.json()["type"]) == (503, "urn:kgtag:problem:behind")
    assert behind.json()["version"] == version and "Retry-After" in behind.headers
    for wrong in ("x", "-1", "1" * 30):
        assert reader.get("/v1/concepts/red", headers={_NAME: wrong}).status_code == 422
    with Client(base, keys["read"], retries=0) as client:
        client.concept("red")
        client._seen.version += 5  # as after a restored backup
        with pytest.raises(ApiError, match="is served here"):
            client.concept("red")
        assert client.concept("red")["id"] == "red"


def test_nobody_waits_without_a_key(anyone: httpx.Client) -> None:
    assert anyone.get("/v1/concepts/red", headers={_NAME: "999"}).status_code == 401
    assert anyone.get("/healthz", headers={_NAME: "999"}).is_success
