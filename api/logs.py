"""What the service logs: lines for people or JSON, and a line for each request, without texts, addresses or keys."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import orjson

from api.tracing import Trace, current
from kgtag.serve.settings import Settings

access = logging.getLogger("kgtag.access")


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time, level, logger, message, ids of the request, and the fields of an access line."""

    def format(self, record: logging.LogRecord) -> str:
        row: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        trace = getattr(record, "trace", None) or current.get()
        if trace is not None:
            row |= {"request_id": trace.request, "trace_id": trace.trace}
        fields = getattr(record, "fields", None)
        row |= fields if fields is not None else {"message": record.getMessage()}
        if record.exc_info:
            row["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(row, default=str).decode()


def log_request(trace: Trace, **fields: Any) -> None:
    """Log a request that was answered."""
    text = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
    access.info("%s request_id=%s", text, trace.request, extra={"fields": fields, "trace": trace})


def log_config(settings: Settings) -> dict[str, Any]:
    """The configuration of Python's logging for a process of the service."""
    text = {"()": "uvicorn.logging.DefaultFormatter", "fmt": "%(levelprefix)s %(message)s"}
    formatter = {"()": "api.logs.JsonFormatter"} if settings.log_format == "json" else text
    handler = {"class": "logging.StreamHandler", "formatter": "default"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"default": formatter},
        "handlers": {
            "stderr": {**handler, "stream": "ext://sys.stderr"},
            "stdout": {**handler, "stream": "ext://sys.stdout"},
        },
        "loggers": {
            "uvicorn": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            access.name: {
                "handlers": ["stdout"],
                "level": "INFO" if settings.access_log else "WARNING",
                "propagate": False,
            },
        },
        "root": {"handlers": ["stderr"], "level": logging.getLogger().level},
    }
