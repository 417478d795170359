"""Threads that share work, and small numpy functions that several rooms use."""

import ctypes
import os
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, Generic, TypeVar

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
R = TypeVar("R")

_lock = threading.Lock()
_inside = 0
_limit: Any = None
_controller = cache(ThreadpoolController)
_M_ARENA_MAX = -8
"""Of malloc.h."""


def cores() -> int:
    """The number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def release_memory() -> None:
    """Give freed memory back to the system, where the C library can (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def bound_arenas() -> None:
    """Let the threads from here on share a few arenas of the C library, where it has them (glibc). With one for each
    thread, what a batch freed stays scattered over all of them."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, max(2, cores()))


def parallel_map(work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """The results in order, computed on all cores; a single item in the calling thread."""
    if len(items) < 2:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(min(cores(), len(items))) as threads:
        yield from threads.map(work, items)


class BatchCache(Generic[K, T]):
    """Results by key, the latest `size` of them: of a batch, only new keys are worked on. Threads may share it."""

    def __init__(self, size: int) -> None:
        self._results: LRUCache[K, T] = LRUCache(size)
        self._lock = threading.Lock()

    def results(self, keys: Sequence[K], work: Callable[[Sequence[K]], Iterable[T]]) -> list[T]:
        """One result per key, in order; `work` gives those of the keys that it is called with."""
        with self._lock:
            known = {key: self._results[key] for key in keys if key in self._results}
        new = list(dict.fromkeys(key for key in keys if key not in known))
        made = dict(zip(new, work(new), strict=True))
        with self._lock:
            self._results.update(made)
        found = known | made
        return [found[key] for key in keys]


@contextmanager
def blas_on_one_core() -> Iterator[None]:
    """Run numpy's matrix products on the calling thread, in the whole process until the last one leaves.

    For many small products: dividing one costs more than it saves, and its last digits would depend on the cores.
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


def log_sum_exp(values: NDArray[np.float64], *, axis: int) -> NDArray[np.float64]:
    """Log of the summed exponentials along `axis`, one of them finite; scipy's takes ten times as long for few rows."""
    top = values.max(axis=axis, keepdims=True)
    summed: NDArray[np.float64] = np.log(np.exp(values - top).sum(axis=axis)) + np.squeeze(top, axis=axis)
    return summed


def among(values: NDArray[Any], ascending: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each of the (n,) values is one of the ascending ones, (n,); faster than `np.isin` for few values."""
    if not len(ascending):
        return np.zeros(len(values), dtype=np.bool_)
    at = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    found: NDArray[np.bool_] = ascending[at] == values
    return found


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale vectors, (…, d), to length 1; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: NDArray[np.float32] = vectors / np.maximum(lengths, np.float32(1e-9))
    return scaled
