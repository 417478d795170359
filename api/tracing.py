"""Ids of requests and traces, taken over from the caller; spans by OpenTelemetry where it is installed and configured.

`pip install 'kgtag[otel]'` and OTEL_EXPORTER_OTLP_ENDPOINT send a span for each request.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_NOTHING = nullcontext()
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


@dataclass(frozen=True, slots=True)
class Trace:
    """The ids of a request.

    Attributes:
        request: That of the header X-Request-Id, or a new one.
        trace, span, flags: As in a W3C traceparent: the caller's trace, a new span, the caller's flags.
    """

    request: str
    trace: str
    span: str
    flags: str

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace}-{self.span}-{self.flags}"

    @classmethod
    def of(cls, headers: Sequence[tuple[bytes, bytes]]) -> Trace:
        """That of raw headers; what is not well-formed is ignored.

        Example:
            >>> parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            >>> Trace.of([(b"traceparent", parent)]).trace
            '0af7651916cd43dd8448eb211c80319c'
        """
        request = parent = None
        for name, value in headers:
            if name == b"x-request-id":
                request = _REQUEST_ID.fullmatch(value.decode("latin-1"))
            elif name == b"traceparent":
                parent = _TRACEPARENT.fullmatch(value.decode("latin-1"))
        if parent is not None and int(parent[1], 16) and int(parent[2], 16):
            trace, flags = parent[1], parent[3]
        else:
            trace, flags = f"{random.getrandbits(128):032x}", "00"
        return cls(request[0] if request is not None else trace, trace, f"{random.getrandbits(64):016x}", flags)


current: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""That of the request in progress, for the log."""


def request_span(method: str, headers: Sequence[tuple[bytes, bytes]]) -> AbstractContextManager[Any]:
    """A span of OpenTelemetry, below the caller's; None where it is not set up."""
    tracer = _tracer()
    if tracer is None:
        return _NOTHING
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    parent = TraceContextTextMapPropagator().extract(carrier)
    span: AbstractContextManager[Any] = tracer.start_as_current_span(method, context=parent, kind=trace.SpanKind.SERVER)
    return span


def describe_span(span: Any, attributes: Mapping[str, Any]) -> None:
    """Name a span by its route, with attributes of OpenTelemetry's HTTP conventions."""
    if span is not None:
        span.update_name(f"{attributes['http.request.method']} {attributes['http.route']}")
        span.set_attributes(attributes)


@cache
def _tracer() -> Any:
    """None unless spans are wanted, and the extra is installed; a provider that stands already is used."""
    if not any(name.startswith("OTEL_") for name in os.environ):
        return None
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    if "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ and isinstance(
        trace.get_tracer_provider(), trace.ProxyTracerProvider
    ):
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            return None
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
    return trace.get_tracer("kgtag")
