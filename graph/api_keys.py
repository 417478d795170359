"""API keys: `kgt_<id>_<secret>`, shown once and stored as a hash."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Literal, get_args

from graph.errors import InputError
from graph.model import ApiKey
from graph.model.changes import now
from graph.store import TaxonomyStore

Scope = Literal["read", "tag", "propose", "edit", "approve", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
_IMPLIED: dict[str, frozenset[str]] = {
    "propose": frozenset({"read"}),
    "edit": frozenset({"propose", "read"}),
    "approve": frozenset({"propose", "read"}),
    "admin": frozenset(SCOPES),
}
"""Scopes that others include. Tagging does not include reading; approving does not include editing, so that an
approver's own changes need another person's approval."""

ROLES: dict[str, tuple[Scope, ...]] = {"proposer": ("propose",), "editor": ("edit",), "approver": ("approve",)}
_PREFIX = "kgt"


def create_key(store: TaxonomyStore, *, name: str, scopes: Sequence[str]) -> tuple[ApiKey, str]:
    """Store a new key; the key and its plaintext, which can't be read again. Raises InputError for a wrong scope."""
    wrong = [scope for scope in scopes if scope not in SCOPES]
    if wrong or not scopes:
        why = f"no scope {wrong[0]!r}" if wrong else "a key needs a scope"
        raise InputError(f"{why}; there is {', '.join(SCOPES)}")
    id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey(id, name, _digest(secret), tuple(scope for scope in SCOPES if scope in scopes), now())
    store.put_key(key)
    return key, f"{_PREFIX}_{id}_{secret}"


def key_id(presented: str) -> str | None:
    """The id in a presented key, None when it does not have the form of a key."""
    parts = presented.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == _PREFIX and parts[1] and parts[2] else None


def matches(key: ApiKey, presented: str) -> bool:
    """Whether a presented key with this key's id is this key, compared in constant time."""
    return hmac.compare_digest(_digest(presented.split("_", 2)[2]), key.sha256)


def allows(key: ApiKey, scope: Scope) -> bool:
    """Whether the key has the scope or one that implies it."""
    return any(scope == own or scope in _IMPLIED.get(own, ()) for own in key.scopes)


def _digest(secret: str) -> str:
    # A plain SHA-256 suffices for 256 random bits; slow hashes, for passwords that people choose, would slow requests.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
