"""What is counted for Prometheus. One registry for each app, for one process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from kgtag.types import Tagging

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
