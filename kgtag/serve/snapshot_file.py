"""The snapshot file of a service: read at its start, written in the background when the taxonomy changes."""

import logging
import threading
from pathlib import Path

from graph import snapshot_file
from graph.errors import FileFormatError, InputError
from graph.snapshot_file import Saved
from graph.taxonomy import Taxonomy

log = logging.getLogger(__name__)


class SnapshotFile:
    """A file for one store. Errors are logged: the store has everything that is in the file."""

    def __init__(self, path: Path, store: str) -> None:
        self.path = path
        self._store = store
        self._lock = threading.Lock()
        self._pending: tuple[Taxonomy, str] | None = None
        self._thread: threading.Thread | None = None

    def load(self) -> Saved | None:
        """The snapshot in the file, all of it checked; None when there is none that is whole and of this store."""
        if not self.path.exists():
            return None
        try:
            saved = snapshot_file.load(self.path, verify=True)
        except FileFormatError as error:
            log.warning("the snapshot file is not used: %s", error)
            return None
        if saved.store != self._store:
            log.warning("%s is a snapshot of %s, not of %s; it will be replaced", self.path, saved.store, self._store)
            return None
        return saved

    def save(self, taxonomy: Taxonomy, token: str) -> None:
        """Write it in a thread; of several requests during a write, the last is written next."""
        with self._lock:
            self._pending = taxonomy, token
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._write, name="kgtag-snapshot", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Wait for a write in progress."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout=60)

    def _write(self) -> None:
        while True:
            with self._lock:
                if self._pending is None:
                    self._thread = None
                    return
                (taxonomy, token), self._pending = self._pending, None
            try:
                snapshot_file.save(taxonomy, self.path, store=self._store, token=token)
                log.info("saved revision %s in %s", taxonomy.revision, self.path)
            except InputError as error:
                log.warning("the snapshot is not saved: %s", error)
