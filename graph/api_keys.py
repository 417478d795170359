"""API keys: `kgt_<id>_<secret>`, shown once and stored as a hash; they may expire, and be rotated."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from graph.errors import InputError
from graph.model import ApiKey
from graph.model.changes import now
from graph.store import TaxonomyStore

Scope = Literal["read", "tag", "propose", "edit", "approve", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
MEANING: Mapping[Scope, str] = {
    "read": "read the taxonomy, items, feedback and proposals; search, recommend, audit; follow changes",
    "tag": "tag products and store the tags with the items (`?store=true`, `PUT /v1/items/{id}`), events of profiles,"
    " feedback; nothing of the taxonomy changes",
    "propose": "`read`, and propose edits, comment and withdraw",
    "edit": "`propose`, and change concepts at once",
    "approve": "`propose`, and accept or reject what others proposed",
    "admin": "all of these, and erase items and profiles, manage webhooks, and run training and import jobs",
}
"""What each scope allows; docs/how-to/safety.md shows it."""
_IMPLIED: dict[str, frozenset[str]] = {
    "propose": frozenset({"read"}),
    "edit": frozenset({"propose", "read"}),
    "approve": frozenset({"propose", "read"}),
    "admin": frozenset(SCOPES),
}
"""Scopes that others include. Tagging does not include reading; approving does not include editing, so that an
approver's own changes need another person's approval."""

ROLES: dict[str, tuple[Scope, ...]] = {
    "proposer": ("propose",),
    "editor": ("edit", "tag"),
    "approver": ("approve", "tag"),
}
_PREFIX = "kgt"


def create_key(
    store: TaxonomyStore, *, name: str, scopes: Sequence[str], lasts: timedelta | None = None
) -> tuple[ApiKey, str]:
    """Store a new key; the key and its plaintext, which can't be read again. Raises InputError for a wrong scope.

    `lasts`: how long it opens anything; None for as long as it is there.
    """
    wrong = [scope for scope in scopes if scope not in SCOPES]
    if wrong or not scopes:
        why = f"no scope {wrong[0]!r}" if wrong else "a key needs a scope"
        raise InputError(f"{why}; there is {', '.join(SCOPES)}")
    id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    expires = None if lasts is None else _after(lasts)
    key = ApiKey(id, name, _digest(secret), tuple(scope for scope in SCOPES if scope in scopes), now(), expires)
    store.put_key(key)
    return key, f"{_PREFIX}_{id}_{secret}"


def rotate_key(store: TaxonomyStore, id: str, *, grace: timedelta) -> tuple[ApiKey, str]:
    """Replace a key by a new one of its name, scopes and lifetime; the old one opens for `grace` more, no longer than
    before. The new key and its plaintext. Raises InputError for an unknown or expired key."""
    old = next((key for key in store.keys() if key.id == id), None)  # noqa: SIM118
    if old is None or expired(old):
        state = "no key" if old is None else "expired is key"
        raise InputError(f"{state} {id!r}; see: kgtag keys list")
    lasts = None
    if old.expires is not None:
        lasts = datetime.fromisoformat(old.expires) - datetime.fromisoformat(old.created)
    new = create_key(store, name=old.name, scopes=old.scopes, lasts=lasts)
    until = _after(grace)
    store.put_key(replace(old, expires=until if old.expires is None else min(until, old.expires)))
    return new


def expired(key: ApiKey) -> bool:
    """Whether the key's time is over."""
    return key.expires is not None and key.expires <= now()


def _after(lasts: timedelta) -> str:
    try:
        return (datetime.now(UTC) + lasts).isoformat(timespec="microseconds")
    except OverflowError:
        raise InputError(f"{lasts.days:,} days are beyond the calendar") from None


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
