"""What the routes share: the served snapshot, the keys, and what is derived from a snapshot once."""

import asyncio
import contextlib
import logging
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import anyio
import psutil
from cachetools import LRUCache
from starlette.requests import Request
from starlette.types import Scope

from api.answers import PREFIX, SUFFIX, Answers, key_of, plain_answer
from api.auth import Keyring, presented_key
from api.errors import Problem
from api.jobs.folder import JobFolder
from api.jobs.runner import Runner
from api.limits import KEY, Rates, Slots
from api.metrics import Metrics
from api.versions import VERSION, asks_for_version
from graph.api_keys import allows
from graph.audit import Report
from graph.errors import InputError, StoreError, StoreUnavailable
from graph.feed import FeedHead
from graph.repairs.repairs import Dialect, dialect_of, problem_rows
from graph.rows import ProblemRow
from graph.store import TaxonomyStore
from kgtag.ask.asker import Asker
from kgtag.compute import bound_arenas, release_memory
from kgtag.discover.place import LikelyTags, Placer
from kgtag.embed.audit import Auditor
from kgtag.evaluation.analytics.table import ItemTable
from kgtag.evaluation.drift import Profile
from kgtag.serve.assemble import follow, open_models
from kgtag.serve.challenger import Pair, Trial
from kgtag.serve.followed_models import FollowedModels
from kgtag.serve.live import LiveTaxonomy, Served
from kgtag.serve.settings import Settings
from kgtag.serve.webhooks import Deliverer
from kgtag.tag.decisions import DecisionLog
from kgtag.tag.models import Models
from kgtag.tag.tagger import Tagger
from kgtag.types import Product, Tagging

log = logging.getLogger(__name__)

SHOWN_PROBLEMS = 100
_ANALYSES = 8
"""Answers on trends and quality that are kept with a snapshot."""
_PAUSE_SECONDS = 1.0
"""Between looks for a new snapshot whose answers are to be prepared: a burst of edits ends first."""
_RELEASE_SECONDS, _RELEASE_BYTES = 10.0, 16 << 20
_LONGEST_RELEASE_SECONDS = 60.0
_STALE_AFTER = 10.0
"""Seconds without an answer of the store after which responses are marked as stale, even if nothing failed."""
TAGGING_THREADS = 2
"""Taggings at a time: the extractor uses several cores by itself, and more would only starve the event loop."""


class Derived:
    """Derived from a snapshot once, on demand, and gone with the snapshot."""

    def __init__(self, served: Served, dialect: Dialect) -> None:
        self.served = served
        self.dialect = dialect
        self.audit: Report | None = None
        self.answers = Answers()
        self.prepared = False
        self.placers: dict[tuple[str | None, str | None], tuple[Placer, LikelyTags]] = {}
        self.placing = threading.Lock()
        self.levels: dict[tuple[str | None, ...], list[int]] = {}
        self.analysing = threading.Lock()
        self.analyses: LRUCache[object, Any] = LRUCache(_ANALYSES)
        self._items: ItemTable | None = None
        self._asker: Asker | None = None

    def item_table(self, store: TaxonomyStore) -> ItemTable:
        """The store's items by concept and time, read once; call it under `analysing`."""
        if self._items is None:
            self._items = ItemTable.of(self.served.taxonomy, store.items())
        return self._items

    def asker(self, store: TaxonomyStore) -> Asker:
        """What answers questions; made at the first one."""
        with self.analysing:
            self._asker = self._asker or Asker(self.served, store)
            return self._asker

    @cached_property
    def problems(self) -> list[ProblemRow]:
        """What was left out of the snapshot, with its repairs: the first hundred."""
        return problem_rows(self.served.taxonomy, self.dialect, limit=SHOWN_PROBLEMS)


class Service:
    """The state of one app: the live taxonomy, the keys, the metrics."""

    def __init__(self, settings: Settings, *, models: Models | None = None) -> None:
        self.settings = settings
        self.keyring = Keyring()
        self.metrics = Metrics()
        self.tagging = anyio.CapacityLimiter(TAGGING_THREADS)
        self.parsing = anyio.CapacityLimiter(TAGGING_THREADS)
        self.rates = Rates(settings)
        self.taggings = Slots(settings.tag_queue, "taggings")
        self.batches = Slots(settings.max_batches, "batches")
        self.body_bytes = 0
        """Of JSON bodies, held by the requests in progress."""
        self._given = models
        self._models: FollowedModels | None = None
        self._live: LiveTaxonomy | None = None
        self._profiled: Models | None = None
        self._derived: Derived | None = None
        self._released, self._resident = 0.0, 0
        self._auditing = threading.Lock()
        self._auditor: Auditor | None = None
        self.stopping = threading.Event()
        self.feed = FeedHead()
        self._deliverer: Deliverer | None = None
        self.ended = asyncio.Event()
        """Set in the event loop when the process is to end."""
        directory = settings.jobs_directory()
        self.jobs = JobFolder(directory.absolute()) if directory is not None else None
        self._runner: Runner | None = None
        self.trial: Trial | None = None

    @property
    def live(self) -> LiveTaxonomy:
        """Raises StoreUnavailable as long as there has never been a snapshot."""
        if self._live is None or not self._live.started:
            raise StoreUnavailable(f"no snapshot yet: {self.error}")
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
        return self.current.taxonomy.revision if self._live is not None and self._live.started else None

    @property
    def error(self) -> str | None:
        """Why the snapshot is not the store's content, if it is not."""
        return self._live.freshness.error if self._live is not None else "starting"

    @property
    def model_error(self) -> str | None:
        """Why the models that were put in place last are not served, if they are not; those before are."""
        return self._models.error if self._models is not None else None

    @property
    def stale_for(self) -> float | None:
        """Seconds since the store confirmed the snapshot, when they matter; else None."""
        if self._live is None or not self._live.started:
            return None
        freshness = self._live.freshness
        late = freshness.stale_for > _STALE_AFTER + 2 * self.settings.poll_seconds
        return freshness.stale_for if freshness.error is not None or late else None

    def marks(self) -> list[tuple[bytes, bytes]]:
        """Headers of every response: one for browsers, the version that is served, and a mark of a stale snapshot."""
        found = [(b"x-content-type-options", b"nosniff")]
        if (stale := self.stale_for) is not None:
            found.append((b"x-stale-for", f"{stale:.1f}".encode()))
        if self._live is not None and self._live.started:
            found.append((VERSION, b"%d" % self._live.current.taxonomy.version))
        return found

    def audit(self) -> Report:
        """The audit of the snapshot, one at a time. Takes a while the first time; afterwards only what an edit touched
        is looked at, as soon as its snapshot is served."""
        with self._auditing:
            derived = self.derived
            if derived.audit is None:
                assert self._models is not None
                self._auditor = self._auditor or Auditor(self.live.store)
                derived.audit = self._auditor.audit(derived.served.taxonomy, self._models.current.scorer)
            return derived.audit

    def answer(self, scope: Scope) -> bytes | None:
        """The neighbours that a request asks for; None where the key may not read, or they are not at hand. Raises
        StoreUnavailable without a snapshot."""
        path, query, presented = scope["path"], scope["query_string"], presented_key(scope["headers"])
        key = self.keyring.find(presented) if presented is not None else None
        if key is None or not allows(key, "read") or asks_for_version(scope["headers"]):
            return None
        derived, kept_as = self.derived, key_of(path, query)
        found = derived.answers.get(kept_as)
        if found is None and not query:
            id = path[len(PREFIX) : -len(SUFFIX)]
            if derived.served.recommender.is_quick(id):
                found = plain_answer(derived.served, id)
                derived.answers.put(kept_as, found)
        if found is None or self.rates.charge(key.id) is not None:
            return None
        scope[KEY] = key.id
        return found

    def _prepare_answers(self) -> None:
        while not self.stopping.wait(_PAUSE_SECONDS):
            try:
                derived = self.derived
                if not derived.prepared:
                    derived.prepared = True
                    if self._auditor is not None:
                        self.audit()
                    derived.served.recommender.warm()
                    derived.answers.prepare(derived.served, partial(self._is_served, derived.served))
            except StoreUnavailable:
                continue
            except Exception:  # requests find the neighbours by themselves, and show what is wrong
                log.exception("preparing answers failed")

    def _is_served(self, served: Served) -> bool:
        return not self.stopping.is_set() and self.current is served

    def _watched_models(self) -> Models:
        """The models of the moment, which tell the metrics what they do; new ones are compared with their profile."""
        assert self._models is not None
        models = self._models.current
        if models is not self._profiled:
            self._profiled = models
            model, profile = self.settings.model, None
            try:
                profile = Profile.load(Path(model)) if model is not None else None
            except InputError as error:
                log.warning("drift is not watched: %s", error)
            self.metrics.compare_with(profile)
        return replace(models, watch=self.metrics)

    def _measure(self) -> None:
        """At every poll: how much work waits; and freed memory goes back, rarely while there is work: whoever asks for
        memory meanwhile waits."""
        self.metrics.waits("taggings", self.taggings.held)
        self.metrics.waits("batches", self.batches.held)
        self.metrics.waits("tagging_threads", self.tagging.statistics().tasks_waiting)
        passed = time.monotonic() - self._released
        grown = psutil.Process().memory_info().rss > self._resident + _RELEASE_BYTES
        idle = not (self.taggings.held or self.batches.held or self.body_bytes)
        if passed > _RELEASE_SECONDS and ((idle and grown) or (passed > _LONGEST_RELEASE_SECONDS and (idle or grown))):
            release_memory()
            self._released, self._resident = time.monotonic(), psutil.Process().memory_info().rss

    def attempt(self, products: Sequence[Product], named: Sequence[bool]) -> list[Tagging | InputError]:
        """Tag products with the champion, or the challenger where that has a share; `named`: which have an id of the
        caller's. Raises Problem 503 without a model."""
        served = self.current
        tagger = require_tagger(self)
        if self.trial is None or served.challenger is None:
            return tagger.attempt(products)
        return self.trial.attempt(Pair(tagger, served.challenger), products, named)

    def load_keys(self) -> None:
        """Read the keys again; while the store is unavailable, those known stay."""
        if self._live is not None:
            with contextlib.suppress(StoreError):
                self.keyring.load(self._live.store)

    def start(self) -> None:
        """Open the store, load the models, and follow. Raises InputError for a wrong URL or models that do not fit."""
        bound_arenas()
        # The event loop waits so long for a thread that tags: half a millisecond in place of five.
        sys.setswitchinterval(0.0005)
        store = self.settings.open_store()
        self._models = models = FollowedModels(self.settings, open_models, models=self._given)
        self._live = live = follow(self.settings, store, self._watched_models)
        with contextlib.suppress(StoreError):  # logged there; the thread keeps trying
            live.load()
        self._begin_trial()
        self.load_keys()
        release_memory()
        threading.Thread(target=self._prepare_answers, name="kgtag-answers", daemon=True).start()
        live.start(self.load_keys, lambda: models.follow(live.renew), self._measure)
        self._deliverer = Deliverer(store, private=self.settings.webhook_private)
        self._deliverer.start()
        if self.jobs is not None:
            slots, days = self.settings.job_slots, self.settings.job_days
            self._runner = Runner(self.jobs, self.settings.environment(), slots=slots, days=days)
            self._runner.start()

    def _begin_trial(self) -> None:
        settings = self.settings
        if settings.challenger is None and (self._models is None or self._models.current.challenger is None):
            return
        log = DecisionLog(settings.decisions_directory(), most=settings.decisions_mb << 20)
        self.trial = Trial(
            log, mode=settings.challenge, share=settings.challenger_share, watch=self.metrics,
            busy=lambda: self.tagging.borrowed_tokens > 0,
        )  # fmt: skip

    def reload(self) -> None:
        """Load the models and keys anew, whether or not they changed; models that do not load or fit are logged."""
        if self._models is not None and self._live is not None:
            self._models.follow(self._live.renew, force=True)
        self.load_keys()

    def stop(self) -> None:
        self.stopping.set()
        if self._deliverer is not None:
            self._deliverer.stop()
        if self._runner is not None:
            self._runner.stop()
        if self.trial is not None:
            self.trial.stop()
        if self._live is not None:
            self._live.stop()
            self._live.store.close()


def service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


def require_tagger(found: Service) -> Tagger:
    """Raises Problem 503 when the service runs without a model."""
    tagger = found.current.tagger
    if tagger is None:
        raise Problem("no-model", "there is no model here; serve with --model DIR (KGTAG_MODEL)")
    return tagger
