"""What Prometheus may ask, and the middleware that counts. One registry for each app, for one process."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kgtag.types import Tagging

if TYPE_CHECKING:
    from api.service import Service

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "kgtag_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._latency = Histogram(
            "kgtag_request_seconds",
            "From request to the end of the answer.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._products = Counter("kgtag_products", "Products read, by outcome.", ["outcome"], registry=self.registry)
        self._drops = Counter("kgtag_dropped_tags", "Tags dropped by enforcement.", ["rule"], registry=self.registry)
        self._nil = Counter("kgtag_nil_mentions", "Mentions without a concept.", registry=self.registry)
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        key = (method, route, status)
        pair = self._children.get(key)
        if pair is None:
            pair = self._requests.labels(method, route, str(status)), self._latency.labels(method, route)
            self._children[key] = pair
        pair[0].inc()
        pair[1].observe(seconds)

    def tagged(self, tagging: Tagging) -> None:
        self._products.labels("tagged").inc()
        for dropped in tagging.dropped:
            self._drops.labels(dropped.rule).inc()
        self._nil.inc(len(tagging.nil))

    def failed(self) -> None:
        self._products.labels("failed").inc()

    def exposition(self) -> bytes:
        return generate_latest(self.registry)


class SnapshotCollector(Collector):
    """Gauges of the snapshot, read when asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        up = self._service.revision is not None
        yield GaugeMetricFamily("kgtag_ready", "Whether there is a snapshot to answer from.", value=float(up))
        if not up:
            return
        live = self._service.live
        taxonomy, freshness = live.current.taxonomy, live.freshness
        info = GaugeMetricFamily("kgtag_snapshot_info", "The revision served.", labels=["revision", "version"])
        info.add_metric([taxonomy.revision, str(taxonomy.version)], 1.0)
        yield info
        yield GaugeMetricFamily(
            "kgtag_snapshot_age_seconds", "Since this snapshot was built.", value=round(freshness.age, 3)
        )
        yield GaugeMetricFamily(
            "kgtag_snapshot_stale_seconds", "Since the record last confirmed it.", value=round(freshness.stale_for, 3)
        )
        failing = float(freshness.error is not None)
        yield GaugeMetricFamily("kgtag_snapshot_failing", "Whether following the record fails.", value=failing)
        yield GaugeMetricFamily("kgtag_snapshot_concepts", "Concepts in it.", value=len(taxonomy))
        yield GaugeMetricFamily("kgtag_snapshot_problems", "Left out of it.", value=len(taxonomy.problems))


class Observe:
    """Counts and times each request by its route's template, and names on the answer how stale it is."""

    def __init__(self, app: ASGIApp, *, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
                stale = self._service.stale_for
                if stale is not None:
                    MutableHeaders(raw=message["headers"])["X-Stale-For"] = f"{stale:.1f}"
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            self._service.metrics.answered(_method(scope), _template(scope), status, time.perf_counter() - started)


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in ("GET", "POST", "PATCH", "HEAD", "OPTIONS") else "other"


def _template(scope: Scope) -> str:
    """The route as it is written, so that ids don't multiply the series."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "unmatched"
