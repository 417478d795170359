"""What is observed of a service: gauges of its snapshot, and each request counted and timed."""

import time
from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.jobs.bodies import STATES
from api.service import HELD, Service

_METHODS = ("GET", "POST", "PATCH", "HEAD", "OPTIONS")


class SnapshotCollector(Collector):
    """Gauges of the snapshot and of the jobs, read at each scrape."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        if (folder := self._service.jobs) is not None:
            states = Counter(job.state for job in folder.jobs())
            gauge = GaugeMetricFamily("kgtag_jobs", "Jobs by state.", labels=["state"])
            for state in STATES:
                gauge.add_metric([state], states[state])
            yield gauge
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
                message["headers"] = [*message["headers"], *self._service.marks()]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            self._service.body_bytes -= scope.pop(HELD, 0)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            # The route as it is written, so that ids do not multiply the series.
            route = getattr(scope.get("route"), "path", None) or "unmatched"
            self._service.metrics.answered(method, route, status, time.perf_counter() - started)
