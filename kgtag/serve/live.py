"""The snapshot that is served, kept up with the record: polled, rebuilt beside the requests, swapped in whole."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from graph.errors import InputError, KgtagError
from graph.history.reconcile import settle
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.recommend import Recommender
from kgtag.search.suggest import Suggester
from kgtag.serve.snapshot_file import KeptFile
from kgtag.tag.tagger import Tagger

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """Everything that answers requests, built from one snapshot. `tagger` is None when no model was given."""

    taxonomy: Taxonomy
    recommender: Recommender
    suggester: Suggester
    tagger: Tagger | None


Build = Callable[[Taxonomy, Served | None], Served]
"""Makes what is served from a snapshot; may keep parts of what was served before when the taxonomy is the same."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """`stale_for`: seconds since the record last confirmed what is served; `error`: why it doesn't, when it doesn't.

    `age`: seconds since the snapshot was built.
    """

    stale_for: float
    error: str | None
    age: float


class Live:
    """Holds the current `Served` and follows the record.

    The first load raises StoreError; later ones keep the last snapshot and say how stale it is. Edits by hand that it
    notices enter the history. With a `kept` file that has one, that is served at once, stale until the record confirms
    it, and the record isn't asked before `refresh`; `offline` then builds what is served without the record's items.
    """

    def __init__(
        self,
        store: TaxonomyStore,
        build: Build,
        *,
        poll_seconds: float = 0.5,
        items_seconds: float = 30.0,
        kept: KeptFile | None = None,
        offline: Build | None = None,
    ) -> None:
        self._store = store
        self._build = build
        self._poll_seconds = poll_seconds
        self._items_seconds = items_seconds
        self._kept = kept
        self._alike: str | None = None
        self._error: str | None = None
        self._refused: tuple[str, InputError] | None = None
        self._settled: Taxonomy | None = None
        self._unrecorded: str | None = None
        self._uncounted = self._from_file(offline or build)
        if not self._uncounted:
            self._token = store.token()
            self._served = build(Taxonomy.of(store.read()), None)
            self._settle(self._served.taxonomy, self._token)
            self._keep()
        self._confirmed = self._built = time.monotonic()
        self._wake = threading.Event()
        self._stopping = False
        self._refreshing = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def store(self) -> TaxonomyStore:
        return self._store

    @property
    def current(self) -> Served:
        return self._served

    @property
    def freshness(self) -> Freshness:
        now = time.monotonic()
        return Freshness(now - self._confirmed, self._error, now - self._built)

    def start(self) -> None:
        """Follow the record in a thread of its own until `stop`."""
        self._thread = threading.Thread(target=self._follow, name="kgtag-refresh", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
        if self._kept is not None:
            self._kept.close()

    def refresh(self) -> None:
        """Look at the record now, and swap in a new snapshot when it changed.

        When the record is out of reach, or the models don't fit what it holds, the last snapshot stays.
        """
        with self._refreshing:
            try:
                self._catch_up()
            except KgtagError as error:
                if str(error) != self._error:
                    log.warning("serving on from the last snapshot: %s", error)
                self._error = str(error)
                return
            self._error = None
            self._confirmed = time.monotonic()

    def _catch_up(self) -> None:
        token = self._store.token()
        if token == self._token and not self._uncounted:
            return
        if self._refused is not None and self._refused[0] == token:
            raise self._refused[1]
        recent = time.monotonic() - self._built < self._items_seconds
        if token == self._alike and recent:
            return  # Only items changed; their counts may lag a little.
        before = self._served.taxonomy
        taxonomy = before if token == self._token else Taxonomy.of(self._store.read())
        same = taxonomy.revision == before.revision and taxonomy.problems == before.problems
        if same and recent and not self._uncounted:
            self._alike = token
            if taxonomy.version != before.version:
                self._served = replace(self._served, taxonomy=taxonomy)
            self._settle(taxonomy, token)
            return
        try:
            self._served = self._build(taxonomy, self._served)
        except InputError as error:
            self._refused = token, error
            raise
        finally:
            self._settle(taxonomy, token)
        self._built = time.monotonic()
        self._token = self._alike = token
        self._uncounted = False
        if not same or taxonomy.version != before.version:
            self._keep()
        log.info("serving revision %s (%d concepts)", taxonomy.revision, len(taxonomy))

    def _settle(self, taxonomy: Taxonomy, token: str) -> None:
        """Record what other hands have done since the snapshot that was recorded last.

        Serving goes on when that fails, whatever the reason.
        """
        done = self._settled
        if done is not None and (taxonomy.version, taxonomy.revision) == (done.version, done.revision):
            return
        try:
            found = settle(self._store, taxonomy, known=done, token=token)
        except Exception as error:
            if str(error) != self._unrecorded:
                log.warning(
                    "edits by hand could not be recorded: %s", error, exc_info=not isinstance(error, KgtagError)
                )
            self._unrecorded = str(error)
            return
        self._unrecorded = None
        if found is not None:
            self._settled = found
            if found is not taxonomy and self._served.taxonomy is taxonomy:
                self._served = replace(self._served, taxonomy=found)

    def _from_file(self, build: Build) -> bool:
        """Whether the file has a snapshot, which is served then."""
        saved = self._kept.load() if self._kept is not None else None
        if saved is None:
            return False
        try:
            self._served = build(saved.taxonomy, None)
        except InputError as error:
            log.warning("the snapshot in the file is not served: %s", error)
            return False
        self._token = saved.token if self._store.durable_tokens else ""
        self._error = "serving from the snapshot file; the record has not confirmed it yet"
        log.info("serving revision %s from the snapshot file", saved.taxonomy.revision)
        return True

    def _keep(self) -> None:
        if self._kept is not None:
            self._kept.keep(self._served.taxonomy, self._token if self._store.durable_tokens else "")

    def _follow(self) -> None:
        built = self._built
        while not self._stopping:
            # Who edits once often edits again, and recording the edit took its time: look at once.
            self._wake.wait(self._poll_seconds if built == self._built else 0)
            built = self._built
            self._wake.clear()
            if not self._stopping:
                try:
                    self.refresh()
                except Exception as error:
                    # Whatever a rebuild trips over, the last snapshot goes on being served and /readyz says why.
                    said = f"rebuilding the snapshot failed: {error}"
                    if said != self._error:
                        log.exception("rebuilding the snapshot failed")
                    self._error = said
