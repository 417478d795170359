"""Prometheus metrics of an app. With several workers, each adds to files that all of them read (`kgtag serve`)."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from graph.errors import KgtagError
from kgtag.types import Tagging

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
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
