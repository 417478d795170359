"""What a service shows of itself: metrics, ids, logs without texts."""

from __future__ import annotations

import gzip
import json
import logging
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.logs import JsonFormatter, access
from api.tracing import Trace
from graph.sqlite.store import SqliteStore
from kgtag.evaluation.drift import PROFILE, DriftWindow, Profile, drifts
from kgtag.types import Extraction, Mention, Product, Span
from tests.api import shop

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def _value(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def test_stages_tags_scores_and_refused_keys_are_counted(
    tagger: httpx.Client, reader: httpx.Client, anyone: httpx.Client
) -> None:
    tagger.post("/v1/tag", json={"title": "red leather sneakers, teal"})
    anyone.get("/v1/taxonomy")
    anyone.get("/v1/taxonomy", headers={"X-API-Key": "kgt_0123456789ab_nonsense"})
    assert tagger.get("/v1/taxonomy").status_code == 403
    text = reader.get("/metrics").text
    for stage in ("extract", "link", "enforce"):
        assert _value(text, f'kgtag_stage_seconds_count{{stage="{stage}"}}') == 1
    assert _value(text, 'kgtag_tags_total{attribute="colour"}') == 1
    assert _value(text, "kgtag_tag_probability_count") >= 3
    assert _value(text, "kgtag_nil_mentions_total") == 1
    for reason in ("missing", "unknown", "scope"):
        assert _value(text, f'kgtag_key_failures_total{{reason="{reason}"}}') == 1
    assert re.search(r'^kgtag_process_resident_bytes\{pid="\d+"\} \d', text, re.MULTILINE)


@pytest.mark.parametrize("path", ["/v1/taxonomy", "/v1/concepts/sneakers/neighbours", "/v1/nothing"])
def test_a_trace_is_taken_over_and_passed_on(reader: httpx.Client, path: str) -> None:
    answer = reader.get(path, headers={"traceparent": PARENT, "X-Request-Id": "order-7"})
    assert answer.headers["x-request-id"] == "order-7"
    assert answer.headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert answer.headers["traceparent"] != PARENT
    wrong = reader.get(path, headers={"traceparent": "00-0-0-0", "X-Request-Id": "two words\tand a tab"})
    assert wrong.headers["x-request-id"] == Trace.of([(b"traceparent", wrong.headers["traceparent"].encode())]).trace


def test_the_log_has_no_texts(shop_store: SqliteStore, keys: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    logged = caplog.at_level(logging.INFO, access.name)
    with logged, shop.shop_server(shop_store.url) as url, shop.client(url, keys["tag"]) as client:
        client.post("/v1/tag?explain=true", json={"id": "secret-id", "title": "secret red"})
        client.get("/v1/search/suggest?q=secret")
    lines = [JsonFormatter().format(record) for record in caplog.records if record.name == access.name]
    rows = [json.loads(line) for line in lines]
    assert [row["status"] for row in rows] == [200, 403] and rows[0]["route"] == "/v1/tag"
    assert rows[0]["key"] in keys["tag"] and keys["tag"] not in lines[0] and rows[0]["request_id"]
    assert not any("secret" in line for line in lines)


def test_the_access_log_of_a_process(shop_store: SqliteStore, keys: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    env = {"KGTAG_ACCESS_LOG": "1", "KGTAG_LOG_FORMAT": "json"}
    with (
        out.open("wb") as written,
        shop.process(shop_store.url, workers=2, env=env, stdout=written) as (url, _),
        shop.client(url, keys["read"]) as client,
    ):
        client.get("/v1/concepts/sneakers")
        shop.until(lambda: b"/v1/concepts/{id:path}" in out.read_bytes())
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {"method": "GET", "status": 200}.items() <= rows[-1].items() and rows[-1]["ms"] > 0


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Any]]]:
    """A collector of OpenTelemetry: its address, and the spans it gets."""
    messages = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    spans: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
            for resource in messages.ExportTraceServiceRequest.FromString(body).resource_spans:
                spans.extend(span for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    server.server_close()


def test_spans_go_to_a_collector(
    shop_store: SqliteStore, keys: dict[str, str], collector: tuple[str, list[Any]]
) -> None:
    endpoint, spans = collector
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_SERVICE_NAME": "shop"}
    with shop.process(shop_store.url, env=env) as (url, _), shop.client(url, keys["read"]) as client:
        client.get("/v1/concepts/sneakers", headers={"traceparent": PARENT})
        client.get("/v1/concepts/nothing-here/neighbours", headers={"traceparent": PARENT})
        shop.until(lambda: sum(span.trace_id.hex() == PARENT[3:35] for span in spans) == 2)
    own = [span for span in spans if span.trace_id.hex() == PARENT[3:35]]
    assert {span.name for span in own} == {"GET /v1/concepts/{id:path}", "GET /v1/concepts/{id:path}/neighbours"}
    assert {span.parent_span_id.hex() for span in own} == {PARENT[36:52]}
    found = {one.key: one.value for one in own[1].attributes}
    assert found["http.response.status_code"].int_value == 404 and found["http.request.method"].string_value == "GET"
    assert not any("nothing-here" in str(span) for span in own)


def _products(count: int, *, length: int = 30, probability: float = 0.9) -> list[tuple[Product, Extraction]]:
    mention = Mention(Span(0, 1), "r", "Colour", probability)
    return [
        (Product(str(n), "x" * (length + n % 7), lang="en"), Extraction((mention,) * (1 + n % 2), (("Shoes", 0.9),)))
        for n in range(count)
    ]


def test_the_same_products_do_not_drift_and_others_do(tmp_path: Path) -> None:
    trained = Profile.of(_products(400))
    (tmp_path / PROFILE).write_text(json.dumps(trained.to_json()))
    assert Profile.load(tmp_path) == trained
    assert not any(one.alarm for one in drifts(trained, Profile.of(_products(150))))
    found = {one.feature: one for one in drifts(trained, Profile.of(_products(150, length=90, probability=0.6)))}
    assert found["length"].alarm and found["score"].alarm and (found["score"].ks or 0) > 0.9
    assert not found["category"].alarm and not found["language"].alarm
    assert drifts(trained, Profile.of(_products(20, length=90))) == []
    window = DriftWindow(trained, size=100)
    for product, extraction in (*_products(500), *_products(250, length=90)):
        window.add(product, extraction)
    assert {one.feature for one in window.drifts() if one.alarm} == {"length"}


def test_a_service_shows_the_drift_of_its_model(shop_store: SqliteStore, keys: dict[str, str], tmp_path: Path) -> None:
    profile = Profile.of(_products(400))
    (tmp_path / PROFILE).write_text(json.dumps(profile.to_json()))
    with shop.serving(shop.app(shop_store.url, model=str(tmp_path))) as url, shop.client(url, keys["admin"]) as client:
        lines = "".join(json.dumps({"title": "a blue and red shoe " + "of leather " * 9}) + "\n" for _ in range(200))
        assert client.post("/v1/tag/batch", content=lines).status_code == 200
        text = client.get("/metrics").text
        assert _value(text, 'kgtag_drift_alarm{feature="length"}') == 1 and "kgtag_drift_psi" in text
