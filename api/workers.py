"""Several worker processes that share what they can: modules by forking, weights of encoders by mapping files."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI
from uvicorn import _subprocess

from api.app import create_app
from api.metrics import WORKERS_DIR
from kgtag.compute import release_memory
from kgtag.compute.onnx import share_weights
from kgtag.serve.settings import Settings
from kgtag.text.personal import mask_logs

_SETTINGS = "KGTAG_WORKER_SETTINGS"
_WEIGHTS = "KGTAG_WORKER_WEIGHTS"


def run_workers(settings: Settings, count: int, options: Mapping[str, Any]) -> None:
    """Serve with so many processes until a signal ends them.

    uvicorn starts a new interpreter for each worker, of about 160 MiB before it has loaded anything. Here a process
    that has imported everything, and has no threads yet, is forked.
    """
    release_memory()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["api.preloaded"])
    _subprocess.spawn = context  # type: ignore[assignment]  # there is no option for it
    with TemporaryDirectory(prefix="kgtag-") as shared:
        metrics, weights = Path(shared, "metrics"), Path(shared, "weights")
        metrics.mkdir()
        weights.mkdir()
        given = {**settings.model_dump(mode="json"), "neo4j_password": settings.password}
        os.environ |= {_SETTINGS: orjson.dumps(given).decode(), WORKERS_DIR: str(metrics), _WEIGHTS: str(weights)}
        uvicorn.run("api.workers:create_worker", factory=True, workers=count, **options)


def create_worker() -> FastAPI:
    """The app of one of several worker processes."""
    mask_logs()
    share_weights(Path(os.environ[_WEIGHTS]))
    return create_app(Settings(**orjson.loads(os.environ[_SETTINGS])))
