"""What every worker process needs, imported once: workers are forked from a process that did, and share its memory."""

import gc

import onnxruntime
import pyarrow.compute
import scipy.sparse

import api.app

__all__ = ["api", "onnxruntime", "pyarrow", "scipy"]

gc.collect()
gc.freeze()  # else the first collection of each worker writes to, and so copies, every page
