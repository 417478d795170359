"""Prometheus metrics of an app. With several workers, each adds to files that all of them read (`kgtag serve`)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.errors import KgtagError
from kgtag.types import Tagging

if TYPE_CHECKING:
    from api.service import Service

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_METHODS = ("GET", "POST", "PATCH", "HEAD", "OPTIONS")
WORKERS_DIR = "PROMETHEUS_MULTIPROC_DIR"
"""The variable, set before a worker starts, that names the directory of the shared files."""


class Metrics:
    """Counters of one app. `exposed` is what `/metrics` shows: the sums over all workers where there are several."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        self._requests = Counter("kgtag_requests", "Requests answered.", ["method", "route", "status"], registry=own)
        self._latency = Histogram(
            "kgtag_request_seconds",
            "From request to the end of the answer.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=own,
        )
        self._products = Counter("kgtag_products", "Products read, by outcome.", ["outcome"], registry=own)
        self._drops = Counter("kgtag_dropped_tags", "Tags dropped by enforcement.", ["rule"], registry=own)
        self._nil = Counter("kgtag_nil_mentions", "Mentions without a concept.", registry=own)
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.exposed = own
        if WORKERS_DIR in os.environ:
            self.exposed = CollectorRegistry()
            MultiProcessCollector(self.exposed)  # type: ignore[no-untyped-call]

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = (method, route, status)
        pair = self._children.get(key)
        if pair is None:
            pair = self._requests.labels(method, route, str(status)), self._latency.labels(method, route)
            self._children[key] = pair
        pair[0].inc()
        pair[1].observe(seconds)

    def tagged(self, outcome: Tagging | KgtagError) -> None:
        """Count a product."""
        if isinstance(outcome, KgtagError):
            self._products.labels("failed").inc()
            return
        self._products.labels("tagged").inc()
        for dropped in outcome.dropped:
            self._drops.labels(dropped.rule).inc()
        self._nil.inc(len(outcome.nil))

    def exposition(self) -> bytes:
        """The metrics as Prometheus reads them."""
        return generate_latest(self.exposed)


class SnapshotCollector(Collector):
    """Gauges of the snapshot, read at each scrape."""

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
            "kgtag_snapshot_stale_seconds", "Since the store last confirmed it.", value=round(freshness.stale_for, 3)
        )
        failing = float(freshness.error is not None)
        yield GaugeMetricFamily("kgtag_snapshot_failing", "Whether following the store fails.", value=failing)
        yield GaugeMetricFamily("kgtag_snapshot_concepts", "Concepts in it.", value=len(taxonomy))
        yield GaugeMetricFamily("kgtag_snapshot_problems", "Left out of it.", value=len(taxonomy.problems))


class Observe:
    """Counts and times each request by its route's template, and marks responses from a stale snapshot."""

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
                if (stale := self._service.stale_for) is not None:
                    MutableHeaders(raw=message["headers"])["X-Stale-For"] = f"{stale:.1f}"
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            # The route as it is written, so that ids do not multiply the series.
            route = getattr(scope.get("route"), "path", None) or "unmatched"
            self._service.metrics.answered(method, route, status, time.perf_counter() - started)
