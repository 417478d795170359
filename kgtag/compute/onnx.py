"""Sessions of ONNX Runtime, as all encoders are run here."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

_LARGE = 16 << 20
"""Bytes of a model whose weights are worth sharing."""
_shared: Path | None = None
_sessions: WeakValueDictionary[tuple[str, int], Any] = WeakValueDictionary()
_lock = threading.Lock()


def share_weights(directory: Path) -> None:
    """From here on, processes with the same directory share the weights of large models that they open.

    The first of them writes there what ONNX Runtime made of a model, with its weights in a file that all map into
    memory. What each still holds for itself are the weights of matrix products, in an order of their own.
    """
    global _shared
    _shared = directory


def open_session(path: Path | str, *, threads: int = 1) -> Any:
    """An `onnxruntime.InferenceSession` on `threads` cores, 0 for all; the same for files of the same content.

    A linker and embeddings mostly have the same sentence encoder. A session keeps no memory of its own between runs:
    the most that a run ever needed would stay taken, some hundred megabytes after one batch of long texts.
    """
    import onnxruntime

    path = Path(path)
    if path.stat().st_size < _LARGE:
        return onnxruntime.InferenceSession(str(path), _options(threads), providers=["CPUExecutionProvider"])
    with path.open("rb") as file, _lock:
        key = hashlib.file_digest(file, "sha256").hexdigest(), threads
        session = _sessions.get(key)
        if session is None:
            path = _mapped(path, _shared) if _shared is not None else path
            session = onnxruntime.InferenceSession(str(path), _options(threads), providers=["CPUExecutionProvider"])
            _sessions[key] = session
        return session


def _options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    # Threads that spin while they wait starve whatever else runs beside them: other requests, other tests.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _mapped(path: Path, shared: Path) -> Path:
    """The model with its weights in a file beside it, made unless it is there; earlier ones of the path are removed."""
    import onnxruntime

    state = path.stat()
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    place = shared / f"{name}-{state.st_ino}-{state.st_mtime_ns}"
    if not place.exists():
        made = Path(tempfile.mkdtemp(dir=shared))
        options = _options(1)
        options.optimized_model_filepath = str(made / "model.onnx")
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights")
        options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "4096")
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        for earlier in shared.glob(f"{name}-*"):
            if earlier != place:  # another process may just have made it
                shutil.rmtree(earlier, ignore_errors=True)
        with suppress(OSError):  # another process was first
            made.rename(place)
        shutil.rmtree(made, ignore_errors=True)
    return place / "model.onnx"
