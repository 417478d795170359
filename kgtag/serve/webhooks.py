"""Webhooks: the feed of changes, sent to addresses as signed requests (https://www.standardwebhooks.com).

Each event is sent until it is taken, in order, at least once, and always with the same `webhook-id`: a receiver that
keeps the ids sees each exactly once. Subscriptions and how far each is stand in the store; of all processes that
serve it, the one with the lease sends.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import random
import secrets
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from graph.errors import InputError, StoreError
from graph.feed import FEED_TYPES, FeedEvent, Position, events_after, head
from graph.model.changes import now
from graph.store import TaxonomyStore
from kgtag.rows.items import WebhookRow
from kgtag.serve.outbound import Outbound, require_address

log = logging.getLogger(__name__)

_HOOKS, _PROGRESS, _LEASES, _LEASE = "webhook", "webhook_progress", "lease", "webhooks"
_LOOK_SECONDS = 0.5
_LEASE_SECONDS = 20.0
"""Longer than a request may take: a process that was killed is replaced after so long."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 3600.0
_SAVE_EVERY = 20
"""Events between two notes of how far a webhook is; after a kill, at most so many are sent again."""
_AT_A_TIME = 8


@dataclass(frozen=True, slots=True)
class Webhook:
    """A subscription; `secret` signs what is sent."""

    id: str
    url: str
    types: tuple[str, ...]
    secret: str
    created: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a webhook is: the position after what was taken, failures since, when to try again (Unix seconds).

    `gone`: the receiver answered 410, and gets no more.
    """

    position: str
    failures: int = 0
    again: float = 0.0
    error: str | None = None
    gone: bool = False


def create_webhook(
    store: TaxonomyStore,
    url: str,
    *,
    types: Sequence[str] = FEED_TYPES,
    since: str | None = None,
    private: bool = False,
) -> Webhook:
    """Subscribe an address to what comes after `since`, by default from now on.

    Raises:
        InputError: An address that is none, or a private one unless `private`; a position that is none.
    """
    require_address(url, private=private)
    at = Position.read(since) if since is not None else head(store)
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    hook = Webhook(f"wh_{secrets.token_hex(6)}", url, tuple(types), secret, now())
    store.put_state(_PROGRESS, hook.id, _dumps(Progress(str(at))), expect=None)
    store.put_state(_HOOKS, hook.id, _dumps(hook), expect=None)
    return hook


def delete_webhook(store: TaxonomyStore, id: str) -> bool:
    """Whether there was one."""
    found = {kind: store.states(kind).get(id) for kind in (_HOOKS, _PROGRESS)}
    for kind, value in found.items():
        if value is not None:
            store.put_state(kind, id, None, expect=value)
    return found[_HOOKS] is not None


def webhooks(store: TaxonomyStore) -> list[tuple[Webhook, Progress]]:
    """All webhooks by id, and how far each is."""
    progress = store.states(_PROGRESS)
    return [(_hook(value), _progress(progress[id])) for id, value in store.states(_HOOKS).items() if id in progress]


def webhook_row(hook: Webhook, progress: Progress) -> WebhookRow:
    """The row of a webhook, without its secret."""
    return {
        "id": hook.id,
        "url": hook.url,
        "types": list(hook.types),
        "created": hook.created,
        "state": "gone" if progress.gone else "failing" if progress.failures else "active",
        "position": progress.position,
        "failures": progress.failures,
        "error": progress.error,
    }


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over id, time and body, as Standard Webhooks has it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, b"%b.%d.%b" % (id.encode(), timestamp, body), hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


class Deliverer:
    """A thread that sends what webhooks wait for, while it has the lease."""

    def __init__(self, store: TaxonomyStore, *, private: bool = False) -> None:
        self._store = store
        self._private = private
        self._owner = secrets.token_hex(8)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kgtag-webhooks", daemon=True)
        self._seen = ""
        self._waiting = True
        self._leased_until = 0.0
        self._leasing = threading.Lock()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and leave the lease to another process."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=15)

    def _run(self) -> None:
        with ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="kgtag-webhook") as pool:
            while not self._stopping.wait(_LOOK_SECONDS):
                try:
                    self._look(pool)
                except StoreError as error:
                    log.debug("webhooks wait for the store: %s", error)
                except Exception:
                    log.exception("sending to webhooks failed")
        if self._leased_until > time.time():
            try:
                self._lease(until=0.0)
            except StoreError:
                log.debug("the lease of webhooks ends by itself")

    def _look(self, pool: ThreadPoolExecutor) -> None:
        token = self._store.token()
        if token == self._seen and not self._waiting:
            return
        hooks = [(hook, at) for hook, at in webhooks(self._store) if not at.gone]
        newest = head(self._store) if hooks else Position()
        behind = [(hook, at) for hook, at in hooks if _is_behind(hook, at, newest)]
        self._seen, self._waiting = token, bool(behind)
        due = [(hook, at) for hook, at in behind if at.again <= time.time()]
        if due and self._has_lease():
            list(pool.map(lambda pair: self._send(*pair), due))

    def _has_lease(self) -> bool:
        """Whether this process is the one that sends; renewed when half of the time is over."""
        with self._leasing:
            if self._leased_until - time.time() > _LEASE_SECONDS / 2:
                return True
            return self._lease(until=time.time() + _LEASE_SECONDS)

    def _lease(self, *, until: float) -> bool:
        before = self._store.states(_LEASES).get(_LEASE)
        held: dict[str, Any] = orjson.loads(before) if before is not None else {"owner": self._owner}
        if held["owner"] != self._owner and held["until"] > time.time():
            return False
        mine = orjson.dumps({"owner": self._owner, "until": until}).decode()
        won = self._store.put_state(_LEASES, _LEASE, mine, expect=before)
        self._leased_until = until if won else 0.0
        return won

    def _send(self, hook: Webhook, at: Progress) -> None:
        """Send what is after a position, until it is all sent, not taken, or somebody else's."""
        saved, unsaved = at, 0
        with Outbound(hook.url, private=self._private) as receiver:
            while events := events_after(self._store, Position.read(at.position), types=hook.types):
                for event in events:
                    if self._stopping.is_set() or not self._has_lease():
                        self._save(hook, saved, at)
                        return
                    error, gone = _post(receiver, hook, event)
                    if error is None:
                        at, unsaved = Progress(str(event.position)), unsaved + 1
                    else:
                        at = replace(at, failures=at.failures + 1, error=error, gone=gone)
                        at = replace(at, again=time.time() + _pause(at.failures))
                    if error is not None or unsaved >= _SAVE_EVERY:
                        if not self._save(hook, saved, at) or error is not None:
                            return
                        saved, unsaved = at, 0
        self._save(hook, saved, at)

    def _save(self, hook: Webhook, before: Progress, at: Progress) -> bool:
        """Note how far a webhook is; False when it was deleted, or another process was quicker."""
        return before == at or self._store.put_state(_PROGRESS, hook.id, _dumps(at), expect=_dumps(before))


def _post(receiver: Outbound, hook: Webhook, event: FeedEvent) -> tuple[str | None, bool]:
    """Why an event was not taken, None if it was; and whether the receiver wants no more."""
    id, body, timestamp = f"msg_{hook.id}_{event.id}", orjson.dumps(event.to_row()), int(time.time())
    headers = {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(hook.secret, id, timestamp, body),
    }
    try:
        status = receiver.post(body, headers)
    except (OSError, InputError) as error:
        return f"{type(error).__name__}: {error}"[:300], False
    return (None, False) if 200 <= status < 300 else (f"it answered {status}", status == 410)


def _pause(failures: int) -> float:
    """Seconds until the next attempt: doubled each time, at most an hour, less up to a fifth at random."""
    return float(min(_FIRST_PAUSE * 2 ** min(failures - 1, 30), _LONGEST_PAUSE) * random.uniform(0.8, 1.0))


def _is_behind(hook: Webhook, at: Progress, newest: Position) -> bool:
    position = Position.read(at.position)
    return ("taxonomy" in hook.types and position.version < newest.version) or (
        "item" in hook.types and position.seq < newest.seq
    )


def _dumps(value: Webhook | Progress) -> str:
    return orjson.dumps(asdict(value), option=orjson.OPT_SORT_KEYS).decode()


def _hook(value: str) -> Webhook:
    row = orjson.loads(value)
    return Webhook(**row | {"types": tuple(row["types"])})


def _progress(value: str) -> Progress:
    return Progress(**orjson.loads(value))
