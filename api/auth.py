"""Who may call: `Authorization: Bearer KEY` or `X-API-Key: KEY`, and the scope each route asks for."""

from __future__ import annotations

import asyncio
import base64
import binascii
import threading
import time
from collections.abc import Callable

from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.errors import Problem, Unavailable
from graph.api_keys import Scope, allows, key_id, matches
from graph.model import ApiKey
from graph.store import TaxonomyStore

_LOOK_AGAIN = 0.2
"""Seconds between two looks into the record for keys nobody knows; strangers can't cause more."""


class Keyring:
    """The record's keys as of the last poll. While the record is out of reach, those known go on opening."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] | None = None
        self._loading = threading.Lock()
        self._next: asyncio.Task[None] | None = None
        self._looked = 0.0

    @property
    def loaded(self) -> bool:
        return self._keys is not None

    def load(self, store: TaxonomyStore) -> None:
        """One at a time, so that what was read first is never put over what was read last. Raises StoreError."""
        with self._loading:
            self._looked = time.monotonic()
            found = store.keys()
            self._keys = {key.id: key for key in found}

    async def look_again(self, look: Callable[[], None]) -> None:
        """For a key that was made since the last poll: back after a look that began after the call.

        All who ask meanwhile wait for the same look, and looks are a moment apart: strangers can't cause more.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._look_soon(look))
        await asyncio.shield(self._next)

    async def _look_soon(self, look: Callable[[], None]) -> None:
        await asyncio.sleep(self._looked + _LOOK_AGAIN - time.monotonic())
        self._next = None
        await run_in_threadpool(look)

    def knows(self, id: str) -> bool:
        return self._keys is not None and id in self._keys

    def find(self, presented: str) -> ApiKey | None:
        id = key_id(presented)
        key = self._keys.get(id) if self._keys is not None and id is not None else None
        return key if key is not None and matches(key, presented) else None


class Require(SecurityBase):
    """A dependency: the caller's key, which has the scope. 401 without a key that is known, 403 without the scope.

    `basic` lets a browser ask for the key as the password of any user, for pages that a person opens.
    """

    def __init__(self, scope: Scope, *, basic: bool = False) -> None:
        self.model = HTTPBearer(description="A key made by `kgtag keys create`; `X-API-Key: KEY` does as well.")
        self.scheme_name = "key"
        self.scope = scope
        self._basic = basic

    async def __call__(self, request: Request) -> ApiKey:
        presented = _presented(request, basic=self._basic)
        key = await self._find(request, presented) if presented else None
        if key is None:
            wrong = "this key is not known, or has been revoked" if presented else "a key is needed"
            detail = f"{wrong}; send Authorization: Bearer KEY or X-API-Key: KEY (made by: kgtag keys create)"
            challenge = 'Basic realm="kgtag: the key is the password"' if self._basic else 'Bearer realm="kgtag"'
            raise Problem(401, detail, headers={"WWW-Authenticate": challenge})
        require_scope(key, self.scope)
        return key

    async def _find(self, request: Request, presented: str) -> ApiKey | None:
        service = request.app.state.service
        id = key_id(presented)
        if id is None:
            return None
        if not service.keyring.knows(id):
            await service.keyring.look_again(service.load_keys)
        if not service.keyring.loaded:
            raise Unavailable(f"keys can't be checked yet: {service.error or 'starting'}")
        found: ApiKey | None = service.keyring.find(presented)
        return found


def require_scope(key: ApiKey, scope: Scope) -> None:
    """Raises Problem 403, naming the scope."""
    if not allows(key, scope):
        detail = f"this needs a key with scope {scope!r}; key {key.id} has {', '.join(key.scopes)}"
        challenge = f'Bearer realm="kgtag", error="insufficient_scope", scope="{scope}"'
        raise Problem(403, detail, headers={"WWW-Authenticate": challenge}, members={"scope": scope})


def _presented(request: Request, *, basic: bool) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if basic and scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2].strip() or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    return request.headers.get("x-api-key", "").strip() or None
