"""What the routes share: the served snapshot once there is one, the keys, and the thread that keeps both up."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import OrderedDict
from functools import cached_property
from typing import Any

import anyio
import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from starlette.requests import Request

from api.auth import Keyring
from api.errors import Problem, Unavailable
from api.metrics import Metrics
from graph.columns.columns import owners
from graph.errors import KgtagError, StoreError
from graph.repairs.repairs import Dialect, dialect_of, problem_rows
from graph.store import TaxonomyStore
from graph.stores import MigratableStore
from kgtag.config import Settings
from kgtag.embed.audit import audit_store
from kgtag.serve.assemble import follow
from kgtag.serve.live import Live, Served
from kgtag.tag.models import Models, open_models
from kgtag.tag.tagger import Tagger

log = logging.getLogger(__name__)

SHOWN_PROBLEMS = 100
_REMEMBERED = 64 << 20
"""Bytes of answers kept for a snapshot."""
_STALE_AFTER = 10.0
"""Seconds without a word from the record after which answers say that they are stale, even if nothing failed."""
TAGGING_THREADS = 2
"""Taggings at a time: the extractor uses several cores by itself, and more would only starve the event loop."""


class Derived:
    """What is worked out once for a snapshot, when somebody asks for it, and goes when the snapshot goes."""

    def __init__(self, served: Served, dialect: Dialect) -> None:
        self.served = served
        self.dialect = dialect
        self.audit: dict[str, Any] | None = None
        self._answers: OrderedDict[object, bytes] = OrderedDict()
        self._bytes = 0

    def recall(self, question: object) -> bytes | None:
        """For the event loop's thread alone, as `remember` is."""
        return self._answers.get(question)

    def remember(self, question: object, answer: bytes) -> None:
        """The oldest answers are forgotten first."""
        self._answers[question] = answer
        self._bytes += len(answer)
        while self._bytes > _REMEMBERED:
            self._bytes -= len(self._answers.popitem(last=False)[1])

    @cached_property
    def problems(self) -> list[dict[str, Any]]:
        """What was left out of the snapshot, with what mends it: the first hundred."""
        return problem_rows(self.served.taxonomy, self.dialect, limit=SHOWN_PROBLEMS)

    def containing(self, part: str) -> NDArray[np.bool_]:
        """(n,) which concepts have a label with the part, which is in normal form, anywhere in it."""
        taxonomy = self.served.taxonomy
        labels, texts = taxonomy.derived.labels, taxonomy.columns.texts
        # One more at the end for the texts that have no form.
        hit = np.append(pc.match_substring(labels.texts.array, part).to_numpy(zero_copy_only=False), False)
        found = np.zeros(len(taxonomy), dtype=bool)
        found[owners(texts)[hit[labels.form]]] = True
        return found


class Service:
    """One for each app. `start` raises what can't get better by waiting: a wrong URL, a model that doesn't fit."""

    def __init__(self, settings: Settings, *, models: Models | None = None) -> None:
        self.settings = settings
        self.keyring = Keyring()
        self.metrics = Metrics()
        self.tagging = anyio.CapacityLimiter(TAGGING_THREADS)
        self._models = models
        self._store: MigratableStore | None = None
        self._live: Live | None = None
        self._derived: Derived | None = None
        self._error: str | None = "starting"
        self._auditing = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # -- for the routes ---------------------------------------------------------------------------

    @property
    def live(self) -> Live:
        """Raises Unavailable as long as the record has never been reached."""
        if self._live is None:
            raise Unavailable(f"no snapshot yet: {self._error}")
        return self._live

    @property
    def current(self) -> Served:
        return self.live.current

    @property
    def derived(self) -> Derived:
        served = self.current
        derived = self._derived
        if derived is None or derived.served is not served:
            derived = self._derived = Derived(served, dialect_of(self.live.store.url))
        return derived

    @property
    def revision(self) -> str | None:
        return self._live.current.taxonomy.revision if self._live is not None else None

    @property
    def error(self) -> str | None:
        """Why what is served isn't what the record holds, if it isn't."""
        return self._live.freshness.error if self._live is not None else self._error

    @property
    def stale_for(self) -> float | None:
        """Seconds since the record last confirmed what is served, when that is worth a word; else None."""
        if self._live is None:
            return None
        freshness = self._live.freshness
        late = freshness.stale_for > _STALE_AFTER + 2 * self.settings.poll_seconds
        return freshness.stale_for if freshness.error is not None or late else None

    def audit(self) -> dict[str, Any]:
        """The audit of the snapshot, one at a time. Takes a while the first time."""
        with self._auditing:
            derived = self.derived
            if derived.audit is None:
                assert self._models is not None
                found = audit_store(self.live.store, taxonomy=derived.served.taxonomy, scorer=self._models.scorer)
                derived.audit = found.to_json()
            return derived.audit

    def look_for_keys(self) -> None:
        if self._store is not None:
            with contextlib.suppress(StoreError):
                self.keyring.load(self._store)

    # -- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        self._store = self.settings.open_store()
        self._models = self._models or open_models(self.settings)
        try:
            self._connect(self._store, self._models)
        except StoreError as error:
            self._not_yet(error)
        self._thread = threading.Thread(target=self._follow, name="kgtag-service", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
        if self._live is not None:
            self._live.stop()
        if self._store is not None:
            self._store.close()

    def _connect(self, store: TaxonomyStore, models: Models) -> None:
        live = follow(self.settings, store, models)
        try:
            self.keyring.load(store)
        except StoreError:
            if live.freshness.error is None:
                raise
            # Served from the snapshot file: keys follow when the record is there.
        live.start()
        self._live, self._error = live, None
        log.info("serving revision %s from %s", live.current.taxonomy.revision, store.url)

    def _follow(self) -> None:
        assert self._store is not None
        assert self._models is not None
        while not self._stop.wait(self.settings.poll_seconds):
            try:
                if self._live is None:
                    self._connect(self._store, self._models)
                else:
                    self.keyring.load(self._store)
            except KgtagError as error:
                self._not_yet(error)
            except Exception as error:
                log.exception("following the record failed")
                self._not_yet(error)

    def _not_yet(self, error: Exception) -> None:
        if str(error) != self._error:
            log.warning("%s", error)
        self._error = str(error)


def service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


def require_tagger(found: Service) -> Tagger:
    """Raises Problem 503 when the service runs without a model."""
    tagger = found.current.tagger
    if tagger is None:
        raise Problem(503, "there is no model here; serve with --model DIR (KGTAG_MODEL)", title="no model")
    return tagger
