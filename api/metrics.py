"""Prometheus metrics of an app. With several workers, each adds to files that all of them read (`kgtag serve`)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from graph.errors import KgtagError
from kgtag.evaluation.drift import DriftWindow, Profile
from kgtag.tag.decisions import Arm
from kgtag.types import Extraction, Product, Tagging

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_DRIFT_EVERY = 50
"""Products between two comparisons with the profile."""
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
        self._key_failures = Counter("kgtag_key_failures", "Requests refused for their key.", ["reason"], registry=own)
        self._products = Counter("kgtag_products", "Products read, by outcome.", ["outcome"], registry=own)
        self._drops = Counter("kgtag_dropped_tags", "Tags dropped by enforcement.", ["rule"], registry=own)
        self._nil = Counter("kgtag_nil_mentions", "Mentions without a concept.", registry=own)
        self._tags = Counter("kgtag_tags", "Tags, by attribute; categories have none.", ["attribute"], registry=own)
        self._scores = Histogram(
            "kgtag_tag_probability", "Probabilities of tags.", buckets=[n / 20 for n in range(10, 21)], registry=own
        )
        self._stages = Histogram(
            "kgtag_stage_seconds",
            "Time that some products spend in a stage of the pipeline: extract, link or enforce.",
            ["stage"],
            buckets=_BUCKETS,
            registry=own,
        )
        self._waiting = Gauge(
            "kgtag_waiting", "Work that runs or waits.", ["kind"], multiprocess_mode="livesum", registry=own
        )
        self._psi = Gauge(
            "kgtag_drift_psi", "Difference from training, by feature.", ["feature"], multiprocess_mode="livemax",
            registry=own,
        )  # fmt: skip
        self._ks = Gauge("kgtag_drift_ks", "The same, as KS.", ["feature"], multiprocess_mode="livemax", registry=own)
        self._alarm = Gauge(
            "kgtag_drift_alarm", "Whether it matters and is certain.", ["feature"], multiprocess_mode="livemax",
            registry=own,
        )  # fmt: skip
        self._arm_products = Counter(
            "kgtag_trial_products", "Products of champion and challenger.", ["arm", "outcome"], registry=own
        )
        self._arm_tags = Counter("kgtag_trial_tags", "Tags of champion and challenger.", ["arm"], registry=own)
        self._arm_seconds = Histogram(
            "kgtag_trial_seconds", "Time a product takes.", ["arm"], buckets=_BUCKETS, registry=own
        )
        self._shadow = Counter(
            "kgtag_trial_shadow", "Products in the shadow: same or different tags, failed, skipped.", ["result"],
            registry=own,
        )  # fmt: skip
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._window, self._seen = DriftWindow(None), 0
        self._drifting: set[tuple[Gauge, str]] = set()
        self.exposed = own
        self._directory = Path(os.environ[WORKERS_DIR]) if WORKERS_DIR in os.environ else None
        if self._directory is not None:
            self.exposed = CollectorRegistry()
            MultiProcessCollector(self.exposed)  # type: ignore[no-untyped-call]
        self.exposed.register(_Processes(self._directory))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = (method, route, status)
        pair = self._children.get(key)
        if pair is None:
            pair = self._requests.labels(method, route, str(status)), self._latency.labels(method, route)
            self._children[key] = pair
        pair[0].inc()
        pair[1].observe(seconds)

    def key_failed(self, reason: str) -> None:
        """Count a request that was refused: its key is missing, unknown, or lacks the scope."""
        self._key_failures.labels(reason).inc()

    def waits(self, kind: str, number: int) -> None:
        """How much work of a kind runs or waits now."""
        self._waiting.labels(kind).set(number)

    def tagged(self, outcome: Tagging | KgtagError) -> None:
        """Count a product."""
        if isinstance(outcome, KgtagError):
            self._products.labels("failed").inc()
            return
        self._products.labels("tagged").inc()
        for dropped in outcome.dropped:
            self._drops.labels(dropped.rule).inc()
        for tag in outcome.tags:
            self._tags.labels(tag.attribute or "").inc()
            self._scores.observe(tag.probability)
        self._nil.inc(len(outcome.nil))

    def decided(self, arm: Arm, outcome: str, seconds: float, tags: int) -> None:
        """Count a product of the champion or the challenger."""
        self._arm_products.labels(arm, outcome).inc()
        if outcome == "tagged":
            self._arm_tags.labels(arm).inc(tags)
            self._arm_seconds.labels(arm).observe(seconds)

    def shadowed(self, result: str) -> None:
        """Count a product in the shadow."""
        self._shadow.labels(result).inc()

    def stage(self, name: str, seconds: float) -> None:
        """Time a stage of the pipeline."""
        self._stages.labels(name).observe(seconds)

    def extracted(self, product: Product, extraction: Extraction) -> None:
        """Add a product to those that are compared with training."""
        window = self._window
        window.add(product, extraction)
        self._seen += 1
        if self._seen % _DRIFT_EVERY == 0:
            for one in window.drifts():
                for gauge, value in ((self._psi, one.psi), (self._ks, one.ks), (self._alarm, float(one.alarm))):
                    if value is not None:
                        gauge.labels(one.feature).set(value)
                        self._drifting.add((gauge, one.feature))

    def compare_with(self, profile: Profile | None) -> None:
        """Compare the products from here on with the profile of a model. What was shown of the one before becomes 0:
        files that several workers share lose no series."""
        self._window = DriftWindow(profile)
        for gauge, feature in self._drifting:
            gauge.labels(feature).set(0.0)

    def exposition(self) -> bytes:
        """The metrics as Prometheus reads them."""
        if self._directory is not None:
            for pid in _pids(self._directory):
                if not psutil.pid_exists(pid):
                    mark_process_dead(pid, str(self._directory))  # type: ignore[no-untyped-call]
        return generate_latest(self.exposed)


class _Processes(Collector):
    """Memory, processor time, files and threads of each process that serves."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        memory = GaugeMetricFamily("kgtag_process_resident_bytes", "Memory of a process.", labels=["pid"])
        files = GaugeMetricFamily("kgtag_process_open_files", "Files and connections of a process.", labels=["pid"])
        threads = GaugeMetricFamily("kgtag_process_threads", "Threads of a process.", labels=["pid"])
        cpu = CounterMetricFamily("kgtag_process_cpu_seconds", "Processor time of a process.", labels=["pid"])
        for pid in sorted(_pids(self._directory)) if self._directory is not None else [os.getpid()]:
            try:
                process = psutil.Process(pid)
                times = process.cpu_times()
                memory.add_metric([str(pid)], process.memory_info().rss)
                files.add_metric([str(pid)], process.num_fds() if hasattr(process, "num_fds") else 0)
                threads.add_metric([str(pid)], process.num_threads())
                cpu.add_metric([str(pid)], times.user + times.system)
            except psutil.Error:
                continue
        yield from (memory, files, threads, cpu)


def _pids(directory: Path) -> set[int]:
    """The processes that have files there."""
    names = (re.search(r"_(\d+)\.db$", path.name) for path in directory.glob("*.db"))
    return {int(name[1]) for name in names if name is not None}
