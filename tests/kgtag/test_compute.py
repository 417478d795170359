"""Who may use several cores."""

from __future__ import annotations

import threading

import numpy as np
from threadpoolctl import threadpool_info

from kgtag.compute import blas_on_one_core


def _blas() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_the_limit_ends_with_the_last_one_inside() -> None:
    before = _blas()
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with blas_on_one_core():
            entered.set()
            leave.wait(30)

    other = threading.Thread(target=stay)
    with blas_on_one_core():
        other.start()
        assert entered.wait(30)
        assert _blas() == {1}
    assert _blas() == {1}
    leave.set()
    other.join(30)
    assert _blas() == before
