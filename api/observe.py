"""What is observed of a service: gauges of its snapshot, and each request counted, timed, logged and traced."""

import logging
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.jobs.bodies import STATES
from api.limits import HELD, KEY
from api.logs import access, log_request
from api.service import Service
from api.tracing import Trace, current, describe_span, request_span

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


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
        failing = float(self._service.model_error is not None)
        yield GaugeMetricFamily("kgtag_model_failing", "Whether the newest models are refused.", value=failing)
        if not up:
            return
        live = self._service.live
        taxonomy, freshness = live.current.taxonomy, live.freshness
        tagger = live.current.tagger
        info = GaugeMetricFamily("kgtag_snapshot_info", "The revision served.", labels=["revision", "version"])
        info.add_metric([taxonomy.revision, str(taxonomy.version)], 1.0)
        yield info
        if tagger is not None:
            model = GaugeMetricFamily("kgtag_model_info", "The models served.", labels=["version", "arm"])
            model.add_metric([tagger.version, "champion"], 1.0)
            if (challenger := live.current.challenger) is not None:
                model.add_metric([challenger.version, "challenger"], 1.0)
            yield model
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


@dataclass(slots=True)
class _Answer:
    """What was sent of a response so far."""

    status: int = 500
    size: int = 0


class Observe:
    """Counts, times, logs and traces each request by its route's template, and marks the response: with ids, and as one
    from a stale snapshot."""

    def __init__(self, app: ASGIApp, *, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer, trace = _Answer(), Trace.of(scope["headers"])
        ids = [(b"x-request-id", trace.request.encode()), (b"traceparent", trace.traceparent.encode())]
        current.set(trace)
        started = time.perf_counter()

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                message["headers"] = [*message["headers"], *ids, *self._service.marks()]
            else:
                answer.size += len(message.get("body", b""))
            await send(message)

        with request_span(scope["method"], scope["headers"]) as span:
            try:
                await self._app(scope, receive, observed)
            finally:
                self._ended(scope, answer, trace, time.perf_counter() - started, span)

    def _ended(self, scope: Scope, answer: _Answer, trace: Trace, seconds: float, span: Any) -> None:
        self._service.body_bytes -= scope.pop(HELD, 0)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        # The route as it is written, so that ids do not multiply the series.
        route = getattr(scope.get("route"), "path", None) or "unmatched"
        self._service.metrics.answered(method, route, answer.status, seconds)
        if access.isEnabledFor(logging.INFO):
            log_request(
                trace, method=method, route=route, status=answer.status, ms=round(1000 * seconds, 2),
                bytes=answer.size, key=scope.get(KEY),
            )  # fmt: skip
        if span is not None:
            names = ("http.request.method", "http.route", "http.response.status_code")
            describe_span(span, dict(zip(names, (method, route, answer.status), strict=True)))
