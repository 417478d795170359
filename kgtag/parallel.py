"""Cores, and work in parallel on them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
R = TypeVar("R")

_lock = threading.Lock()
_inside = 0
_limit: Any = None


def cores() -> int:
    """The number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parallel_map(work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """The results in order, computed on all cores; a single item in the calling thread."""
    if len(items) < 2:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(min(cores(), len(items))) as threads:
        yield from threads.map(work, items)


@contextmanager
def blas_on_one_core() -> Iterator[None]:
    """Run numpy's matrix products on the calling thread, in the whole process until the last one leaves.

    For many small products: dividing one costs more than it saves, and its last digits would depend on the number of
    cores. The limit holds for the whole process until the last such block ends.
    """
    global _inside, _limit
    with _lock:
        if not _inside:
            _limit = _controller().limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _limit.restore_original_limits()


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
