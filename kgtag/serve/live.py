"""The live snapshot: follows a store, is rebuilt beside the requests, and swapped in whole."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from graph.errors import InputError, KgtagError, StoreError, StoreUnavailable
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.recommend import Recommender
from kgtag.recommend.items import ItemTags
from kgtag.recommend.model import RecommenderModel
from kgtag.search.query import QueryParser
from kgtag.search.suggest import Suggester
from kgtag.serve.reconciler import Reconciler
from kgtag.serve.snapshot_file import SnapshotFile
from kgtag.serve.state import Position, State, Step
from kgtag.tag.tagger import Tagger

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """The parts that answer requests, made from one snapshot. `tagger`, `challenger` and `behaviour` are None without
    their models, `items` without a store."""

    taxonomy: Taxonomy
    recommender: Recommender
    suggester: Suggester
    parser: QueryParser
    tagger: Tagger | None
    items: ItemTags | None = None
    behaviour: RecommenderModel | None = None
    challenger: Tagger | None = None


Build = Callable[[Taxonomy, Served | None], Served]
"""Makes the parts for a snapshot; may reuse those of the snapshot before."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh the snapshot is."""

    state: State
    stale_for: float
    """Seconds since the store confirmed it."""
    error: str | None
    """Why the store did not at the last poll; None when it did."""
    age: float
    """Seconds since it was built."""


class LiveTaxonomy:
    """Holds the current `Served` and follows the store.

    Args:
        store, build: What is followed, and what makes the parts for a snapshot of it.
        poll_seconds: Between two polls of the store's token.
        items_seconds: Items alone are counted again after this time at the earliest.
        file: A snapshot file to start from before the store confirms it, and to keep up to date.
        build_offline: Makes the parts for the snapshot of the file, without the store's items.
    """

    def __init__(
        self,
        store: TaxonomyStore,
        build: Build,
        *,
        poll_seconds: float = 0.5,
        items_seconds: float = 30.0,
        file: SnapshotFile | None = None,
        build_offline: Build | None = None,
    ) -> None:
        self.store = store
        self._build = build
        self._build_offline = build_offline or build
        self._poll_seconds = poll_seconds
        self._items_seconds = items_seconds
        self._file = file
        self._reconciler = Reconciler(store)
        self._served: Served | None = None
        self._state, self._error = State.STARTING, "starting"
        self._confirmed = time.monotonic()
        self._position = Position("", built=self._confirmed)
        self._refreshing = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def started(self) -> bool:
        """Whether there is a snapshot."""
        return self._served is not None

    @property
    def current(self) -> Served:
        """The parts that answer requests. Raises StoreUnavailable as long as there has never been a snapshot."""
        if self._served is None:
            raise StoreUnavailable(f"no snapshot yet: {self._error}")
        return self._served

    @property
    def freshness(self) -> Freshness:
        now = time.monotonic()
        error = None if self._state is State.CURRENT else self._error
        return Freshness(self._state, now - self._confirmed, error, now - self._position.built)

    def load(self) -> None:
        """Take the first snapshot: from the file where there is one, else from the store. Raises StoreError when the
        store cannot be read, InputError when the models do not fit the taxonomy."""
        if self._load_file():
            return
        try:
            token = self.store.token()
            served = self._build(Taxonomy.of(self.store.read()), None)
            self._swap(served, Position(token, time.monotonic(), last_seen_token=token))
            self._confirm()
            self._reconcile(served.taxonomy, token)
            self._save()
        except StoreError as error:
            self._fail(error, State.STARTING)
            raise

    def start(self, *each_poll: Callable[[], None]) -> None:
        """Follow the store in a thread until `stop`; it calls `each_poll` as well at every poll."""
        self._thread = threading.Thread(target=self._follow, args=(each_poll,), name="kgtag-follow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait for a snapshot file that is being written."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
        if self._file is not None:
            self._file.close()

    def refresh(self) -> None:
        """Poll the store now, and swap in a new snapshot when it changed. While the store is unavailable, or the models
        do not fit its taxonomy, the last snapshot stays."""
        with self._refreshing:
            try:
                if self.started:
                    self._catch_up()
                    self._confirm()
                else:
                    self.load()
            except KgtagError as error:
                fits = self._served is None or not isinstance(error, InputError)
                self._fail(error, State.STALE if fits else State.REJECTED)

    def renew(self) -> None:
        """Assemble the parts anew from the present snapshot: the models are others. Raises InputError when they do not
        fit the taxonomy; the parts before stay."""
        with self._refreshing:
            before = self._served
            if before is not None:
                served = self._build(before.taxonomy, None)
                if before.parser.built:
                    served.parser.warm()
                self._served = served

    def _catch_up(self) -> None:
        token = self.store.token()
        now = time.monotonic()
        position, step = self._position, self._position.step(token, now=now, items_seconds=self._items_seconds)
        if step is Step.NOTHING:
            return
        if step is Step.REJECT and position.rejected is not None:
            raise position.rejected[1]
        before = self.current
        taxonomy = before.taxonomy if step is Step.COUNT else Taxonomy.of(self.store.read())
        same = (taxonomy.revision, taxonomy.problems) == (before.taxonomy.revision, before.taxonomy.problems)
        renumbered = taxonomy.version != before.taxonomy.version
        if same and position.recent(now, self._items_seconds):
            self._swap(replace(before, taxonomy=taxonomy) if renumbered else before, position.same_taxonomy(token))
            self._reconcile(taxonomy, token)
            return
        try:
            served = self._build(taxonomy, before)
        except InputError as error:
            self._position = position.reject(token, error)
            raise
        else:
            self._swap(served, Position(token, time.monotonic(), last_seen_token=token))
        finally:
            self._reconcile(taxonomy, token)
        if renumbered or not same:
            self._save()
        log.info("serving revision %s (%d concepts)", taxonomy.revision, len(taxonomy))

    def _swap(self, served: Served, position: Position) -> None:
        self._served, self._position = served, position

    def _confirm(self) -> None:
        self._state, self._confirmed = State.CURRENT, time.monotonic()

    def _fail(self, error: Exception, state: State) -> None:
        if str(error) != self._error or self._state is State.CURRENT:
            log.warning("no snapshot yet: %s" if self._served is None else "serving the last snapshot: %s", error)
        self._error = str(error)
        self._state = state if self.started else State.STARTING

    def _reconcile(self, taxonomy: Taxonomy, token: str) -> None:
        """External edits enter the history; the snapshot gets the version that this gives it."""
        found = self._reconciler.reconcile(taxonomy, token)
        served = self._served
        if served is not None and found is not taxonomy and served.taxonomy is taxonomy:
            self._served = replace(served, taxonomy=found)

    def _load_file(self) -> bool:
        """Whether the file has a snapshot, which is served then."""
        saved = self._file.load() if self._file is not None else None
        if saved is None:
            return False
        try:
            served = self._build_offline(saved.taxonomy, None)
        except InputError as error:
            log.warning("the snapshot in the file is not served: %s", error)
            return False
        token = saved.token if self.store.durable_tokens else ""
        self._swap(served, Position(token, time.monotonic(), counts_stale=True))
        self._state = State.UNCONFIRMED
        self._error = "serving from the snapshot file; the store has not confirmed it yet"
        log.info("serving revision %s from the snapshot file", saved.taxonomy.revision)
        return True

    def _save(self) -> None:
        if self._file is not None:
            self._file.save(self.current.taxonomy, self._position.token if self.store.durable_tokens else "")

    def _follow(self, each_poll: tuple[Callable[[], None], ...]) -> None:
        built = self._position.built
        # Edits come in bursts, and recording one took its time: after a new snapshot, poll at once.
        while not self._stopped.wait(self._poll_seconds if built == self._position.built else 0):
            built = self._position.built
            try:
                self.refresh()
            except Exception as error:  # whatever a rebuild trips over, the last snapshot is served on
                message = f"rebuilding the snapshot failed: {error}"
                if message != self._error:
                    log.exception("rebuilding the snapshot failed")
                self._error, self._state = message, State.STALE if self.started else State.STARTING
            for call in each_poll:
                try:
                    call()
                except Exception:
                    log.exception("following the store failed")
