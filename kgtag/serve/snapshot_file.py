"""The snapshot file of a service: read when it starts, written again beside the requests when the taxonomy changes."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from graph import snapshot_file
from graph.errors import FileFormatError, InputError
from graph.snapshot_file import Saved
from graph.taxonomy import Taxonomy

log = logging.getLogger(__name__)


class KeptFile:
    """One file for one store. What goes wrong with it is logged: the record has everything that is in it."""

    def __init__(self, path: Path, store: str) -> None:
        self.path = path
        self._store = store
        self._lock = threading.Lock()
        self._wanted: tuple[Taxonomy, str] | None = None
        self._thread: threading.Thread | None = None

    def load(self) -> Saved | None:
        """The snapshot in the file, all of it checked; None when there is none that is whole and of this store."""
        if not self.path.exists():
            return None
        try:
            saved = snapshot_file.load(self.path, verify=True)
        except FileFormatError as error:
            log.warning("the snapshot file is of no use: %s", error)
            return None
        if saved.store != self._store:
            log.warning("%s is a snapshot of %s, not of %s; it will be replaced", self.path, saved.store, self._store)
            return None
        return saved

    def keep(self, taxonomy: Taxonomy, token: str) -> None:
        """Write it in a thread; of several that come while one is being written, the last is written next."""
        with self._lock:
            self._wanted = taxonomy, token
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._write, name="kgtag-snapshot", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Wait for what is being written."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout=60)

    def _write(self) -> None:
        while True:
            with self._lock:
                if self._wanted is None:
                    self._thread = None
                    return
                (taxonomy, token), self._wanted = self._wanted, None
            try:
                snapshot_file.save(taxonomy, self.path, store=self._store, token=token)
                log.info("kept revision %s in %s", taxonomy.revision, self.path)
            except InputError as error:
                log.warning("the snapshot is not kept: %s", error)
