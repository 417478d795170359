"""Tagging on a Ray cluster, by Ray Data: one task reads, an actor on each core tags, and rows come back in order.

Every node needs kgtag, and the models at the same path. The taxonomy comes from the process that asks, so that all tag
against one snapshot; the file is read on its node.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from graph.columns.assemble import TaxonomyData
from graph.errors import InputError, KgtagError
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.data import Columns, attempt_products
from kgtag.tag.batch import Batches, TagJob, batches
from kgtag.tag.models import Models, assemble_tagger
from kgtag.tag.outputs import Line
from kgtag.tag.shown import Shown
from kgtag.types import Product

_CHUNK = 4
"""Batches of products that an actor gets together; a batch is what one process tags together, so no group is cut."""
_AHEAD = 2
"""Chunks that wait for each actor."""
_Batch = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RayEngine:
    """An engine for `TagJob`.

    Attributes:
        data: The taxonomy.
        models: Loads the models, on every node.
        store: Opens the store that items are kept in, on every node; None to keep none.
        explain: Say why, for each tag.
        scheme: Give each tag in the terms of this scheme as well.
        lang, columns: Of the file.
        address: Of the cluster; None for one of this machine alone, which ends with the work.
    """

    data: TaxonomyData
    models: Callable[[], Models]
    store: Callable[[], TaxonomyStore] | None = None
    explain: bool = False
    scheme: str | None = None
    lang: str | None = None
    columns: Columns | None = None
    address: str | None = None

    def __call__(self, source: Path, skip: int) -> Batches:
        """Tag the rows of a file after the first `skip`, in order; what is read ahead is bounded. Raises InputError
        without Ray, or for its errors."""
        ray = _ray()
        own = not ray.is_initialized()
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        if own:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            if self.address is None:
                os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
            try:
                _reach(self.address)
                alone = {"include_dashboard": False} if self.address is None else {}
                ray.init(self.address or "local", log_to_driver=False, logging_level="ERROR", **alone)
            except (OSError, ValueError, RuntimeError) as error:
                raise InputError(f"no Ray cluster at {self.address or 'local'!r}: {error}") from error
        try:
            yield from self._tagged(ray, source.absolute(), skip)
        except ray.exceptions.RayError as error:
            raise _cause(error) from error
        finally:
            if own:
                ray.shutdown()

    def _tagged(self, ray: Any, source: Path, skip: int) -> Iterator[list[Line]]:
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        context.target_max_block_size = 1  # each chunk goes by itself: there is no other limit on what an actor gets
        here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        begun = ray.data.from_items([skip], override_num_blocks=1)
        read = begun.map_batches(_Reader(source, self.lang, self.columns), num_cpus=0, label_selector=here)
        actors = ray.data.ActorPoolStrategy(min_size=1, max_size=cores)
        given = (self, [ray.put(self.data)])
        tagged = read.map_batches(_Worker, batch_size=1, num_cpus=1, compute=actors, fn_constructor_args=given)
        for batch in tagged.iter_batches(batch_size=1, prefetch_batches=_AHEAD):
            for chunk in batch["chunk"]:
                yield pickle.loads(chunk)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the file, on the node of the process that asks, as fast as its chunks are taken."""

    source: Path
    lang: str | None
    columns: Columns | None

    def __call__(self, batch: _Batch) -> Iterator[_Batch]:
        rows = attempt_products(self.source, lang=self.lang, columns=self.columns)
        rest = batches(islice(rows, int(batch["item"][0]), None))
        while chunk := list(islice(rest, _CHUNK)):
            yield {"chunk": np.array([pickle.dumps(chunk)], dtype=object)}


class _Worker:
    """Tags chunks, in a process of its own."""

    def __init__(self, engine: RayEngine, data: list[Any]) -> None:
        import ray

        self._tagger = assemble_tagger(engine.models(), Taxonomy.of(ray.get(data[0])))
        store = engine.store() if engine.store is not None else None
        shown = Shown.of(self._tagger.taxonomy, explain=engine.explain, scheme=engine.scheme)
        self._job = TagJob(self._tagger, store=store, shown=shown)

    def __call__(self, batch: _Batch) -> _Batch:
        lines = list[Line]()
        for rows in pickle.loads(batch["chunk"][0]):
            tagged = self._tagger.attempt([row for row in rows if isinstance(row, Product)])
            lines += self._job.finish(rows, tagged)
        return {"chunk": np.array([pickle.dumps(lines)], dtype=object)}


def _ray() -> Any:
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ImportError as error:
        raise InputError(f"--engine ray needs Ray ({error}); pip install 'kgtag[ray]'") from error
    return ray


def _reach(address: str | None) -> None:
    """Raises OSError at once where nothing listens; Ray itself tries for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _cause(error: BaseException) -> KgtagError:
    """The error of kgtag that a worker raised, else one that names the worker's."""
    seen: list[BaseException] = [error]
    while (inner := getattr(seen[-1], "cause", None) or seen[-1].__cause__) is not None and inner not in seen:
        seen.append(inner)
    if (own := next((one for one in seen if isinstance(one, KgtagError)), None)) is not None:
        return own
    lines = [line.strip() for line in str(seen[-1]).splitlines() if line.strip()]
    return InputError(f"the Ray cluster failed: {type(seen[-1]).__name__}: {lines[-1] if lines else ''}")
