"""API keys of requests: `Authorization: Bearer KEY` or `X-API-Key: KEY`, and the scope that each route needs."""

import asyncio
import base64
import binascii
import threading
import time
from collections.abc import Callable, Sequence

from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.errors import Problem
from api.limits import KEY
from api.versions import await_version
from graph.api_keys import Scope, allows, expired, key_id, matches
from graph.errors import StoreUnavailable
from graph.model import ApiKey
from graph.store import TaxonomyStore

_REFRESH_SECONDS = 0.2
"""Between two reads of the store for unknown keys: strangers cannot cause more."""


class Keyring:
    """The store's keys as of the last poll. While the store is unavailable, those known stay valid."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] | None = None
        self._loading = threading.Lock()
        self._next: asyncio.Task[None] | None = None
        self._loaded_at = 0.0

    @property
    def loaded(self) -> bool:
        return self._keys is not None

    def load(self, store: TaxonomyStore) -> None:
        """Read the keys, one call at a time, so that an older read never replaces a newer one. Raises StoreError."""
        with self._loading:
            self._loaded_at = time.monotonic()
            found = store.keys()
            self._keys = {key.id: key for key in found}

    async def refresh_keys(self, load: Callable[[], None]) -> None:
        """Return after a load, shared by all who wait, that began after this call: for a key made since the poll."""
        if self._next is None:
            self._next = asyncio.create_task(self._load_soon(load))
        await asyncio.shield(self._next)

    async def _load_soon(self, load: Callable[[], None]) -> None:
        await asyncio.sleep(self._loaded_at + _REFRESH_SECONDS - time.monotonic())
        self._next = None
        await run_in_threadpool(load)

    def knows(self, id: str) -> bool:
        return self._keys is not None and id in self._keys

    def find(self, presented: str) -> ApiKey | None:
        id = key_id(presented)
        key = self._keys.get(id) if self._keys is not None and id is not None else None
        return key if key is not None and matches(key, presented) and not expired(key) else None


class Require(SecurityBase):
    """A dependency: the caller's key, which has the scope. 401 without a known key, 403 without the scope.

    Args:
        scope: The scope.
        or_else: Another scope that does as well.
        basic: Let a browser ask for the key as the password of any user, for pages that a person opens.
    """

    def __init__(self, scope: Scope, *, or_else: Scope | None = None, basic: bool = False) -> None:
        self.model = HTTPBearer()  # api.openapi describes both ways to send a key
        self.scheme_name = "key"
        self.scope = scope
        self._or_else = or_else
        self._basic = basic

    async def __call__(self, request: Request) -> ApiKey:
        presented = presented_key(request.scope["headers"], basic=self._basic)
        key = await find_key(request, presented)
        service = request.app.state.service
        if key is None:
            service.metrics.key_failed("unknown" if presented else "missing")
            wrong = "this key is unknown, expired or revoked" if presented else "a key is needed"
            detail = f"{wrong}; send Authorization: Bearer KEY or X-API-Key: KEY (made by: kgtag keys create)"
            challenge = 'Basic realm="kgtag: the key is the password"' if self._basic else 'Bearer realm="kgtag"'
            raise Problem("unauthorized", detail, headers={"WWW-Authenticate": challenge})
        request.scope[KEY] = key.id
        if (refused := service.rates.charge(key.id)) is not None:
            raise refused
        if not allows(key, self.scope) and (self._or_else is None or not allows(key, self._or_else)):
            service.metrics.key_failed("scope")
            require_scope(key, self.scope)
        await await_version(service, request.scope["headers"])
        return key


async def caller(request: Request) -> ApiKey | None:
    """The caller's key, for routes that are open to everybody; None as well while keys cannot be checked."""
    try:
        return await find_key(request, presented_key(request.scope["headers"]))
    except StoreUnavailable:
        return None


async def find_key(request: Request, presented: str | None) -> ApiKey | None:
    """The key that was presented, when it is one. Raises StoreUnavailable as long as keys cannot be checked."""
    service = request.app.state.service
    id = key_id(presented) if presented else None
    if presented is None or id is None:
        return None
    if not service.keyring.knows(id):
        await service.keyring.refresh_keys(service.load_keys)
    if not service.keyring.loaded:
        raise StoreUnavailable("keys cannot be checked yet: the store is away, or the service starts")
    found: ApiKey | None = service.keyring.find(presented)
    return found


def require_scope(key: ApiKey, scope: Scope) -> None:
    """Raises Problem 403, naming the scope."""
    if not allows(key, scope):
        detail = f"this needs a key with scope {scope!r}; key {key.id} has {', '.join(key.scopes)}"
        challenge = f'Bearer realm="kgtag", error="insufficient_scope", scope="{scope}"'
        raise Problem("forbidden", detail, headers={"WWW-Authenticate": challenge}, members={"scope": scope})


def presented_key(headers: Sequence[tuple[bytes, bytes]], *, basic: bool = False) -> str | None:
    """The key in raw headers, the first of each name; with `basic` also as a password."""
    bearer = other = None
    for name, raw in headers:
        if name == b"authorization" and bearer is None:
            bearer = raw.decode("latin-1")
        elif name == b"x-api-key" and other is None:
            other = raw.decode("latin-1")
    scheme, _, value = (bearer or "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if basic and scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2].strip() or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    return (other or "").strip() or None
