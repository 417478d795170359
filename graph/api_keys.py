"""API keys: `kgt_<id>_<secret>`, shown once and kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Literal, get_args

from graph.errors import InputError
from graph.model import ApiKey
from graph.model.serial import now
from graph.store import TaxonomyStore

Scope = Literal["read", "tag", "propose", "edit", "approve", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
_IMPLIED: dict[str, frozenset[str]] = {
    "propose": frozenset({"read"}),
    "edit": frozenset({"propose", "read"}),
    "approve": frozenset({"propose", "read"}),
    "admin": frozenset(SCOPES),
}
"""Who edits must see what they edit; who tags need not see the taxonomy. Who approves can't edit by themselves: what
they want to change they propose, and somebody else approves."""

ROLES: dict[str, tuple[Scope, ...]] = {"proposer": ("propose",), "editor": ("edit",), "approver": ("approve",)}
_PREFIX = "kgt"


def create_key(store: TaxonomyStore, *, name: str, scopes: Sequence[str]) -> tuple[ApiKey, str]:
    """A new key and its plaintext, which nobody can read again. Raises InputError for a scope that is none."""
    wrong = [scope for scope in scopes if scope not in SCOPES]
    if wrong or not scopes:
        given = repr(wrong[0]) + " is no scope" if wrong else "a key needs a scope"
        raise InputError(f"{given}; there is {', '.join(SCOPES)}")
    id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    ordered = tuple(scope for scope in SCOPES if scope in scopes)
    key = ApiKey(id=id, name=name, sha256=_digest(secret), scopes=ordered, created=now())
    store.put_key(key)
    return key, f"{_PREFIX}_{id}_{secret}"


def key_id(presented: str) -> str | None:
    """The id in a key as presented; None when it has not the form of a key."""
    parts = presented.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == _PREFIX and parts[1] and parts[2] else None


def matches(key: ApiKey, presented: str) -> bool:
    """Whether what was presented, which has the key's id, is the key; how long that takes says nothing."""
    return hmac.compare_digest(_digest(presented.split("_", 2)[2]), key.sha256)


def allows(key: ApiKey, scope: Scope) -> bool:
    """`admin` implies every scope, `edit` and `approve` imply `propose`, and each of those implies `read`."""
    return any(scope == own or scope in _IMPLIED.get(own, ()) for own in key.scopes)


def _digest(secret: str) -> str:
    # One plain SHA-256 is right here: the secret is 256 random bits, which no amount of fast guessing finds. Slow
    # hashes are for passwords that people choose, and would cost every request tens of milliseconds.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
