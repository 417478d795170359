"""Releases: versions tagged with a calendar name, YYYY.MM.N (CalVer)."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from graph.errors import ConflictError, InputError, ReleaseTaken, StoreUnavailable, UnknownVersion
from graph.history.versions import reconciled
from graph.model import Release
from graph.model.changes import now
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

log = logging.getLogger(__name__)

NAME = re.compile(r"\d{4}\.\d{2}\.\d+")
"""Release names: year, month, and a number that starts at 0 each month (UTC)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The taxonomy that a model was trained on; `version` and `release` are None for a content without one."""

    revision: str
    version: int | None = None
    release: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The stamp as in a model's directory."""
        return {"taxonomy_revision": self.revision, "taxonomy_version": self.version, "taxonomy_release": self.release}


def release(store: TaxonomyStore, *, author: str, notes: str = "", today: datetime | None = None) -> Release:
    """Tag the store's present version as a release.

    Args:
        store: The store.
        author: Who releases it, for the history.
        notes: Release notes for people.
        today: The date that names it; the present by default.

    Returns:
        The release, named YYYY.MM.N with the next free number of the month.

    Raises:
        InputError: The store has no version yet.
        ReleaseTaken: The version is a release already.

    Example:
        >>> release(store, author="ann", notes="autumn assortment").name
        '2026.08.0'
    """
    taxonomy = reconciled(store)
    if not taxonomy.version:
        raise InputError(f"{store.url} has no version yet; import something first")
    month = f"{today or datetime.now(UTC):%Y.%m}"
    while True:
        numbers = [int(one.name.rpartition(".")[2]) for one in store.releases() if one.name.startswith(f"{month}.")]
        name = f"{month}.{max(numbers, default=-1) + 1}"
        made = Release(name, taxonomy.version, taxonomy.revision, now(), author, notes)
        try:
            store.put_release(made)
        except ReleaseTaken as taken:
            if taken.version == taxonomy.version:
                raise
            continue  # The number has just been taken.
        return made


def version_named(store: TaxonomyStore, name: str) -> int:
    """The version of a release. Raises UnknownVersion."""
    found = {one.name: one.version for one in store.releases()}
    if name not in found:
        newest = list(found)[-3:]
        raise UnknownVersion(f"no release {name!r}; " + (f"there is {', '.join(newest)}" if found else "there is none"))
    return found[name]


def stamped(store: TaxonomyStore) -> tuple[Taxonomy, Stamp]:
    """The present snapshot and its stamp.

    External edits are recorded in the history first; if that fails, the stamp has no version.
    """
    try:
        taxonomy = reconciled(store)
    except (StoreUnavailable, ConflictError) as error:
        taxonomy = Taxonomy.of(store.read())
        log.warning("external edits could not be recorded: %s", error)
        return taxonomy, Stamp(taxonomy.revision)
    if not taxonomy.version:
        return taxonomy, Stamp(taxonomy.revision)
    named = next((one.name for one in store.releases() if one.version == taxonomy.version), None)
    return taxonomy, Stamp(taxonomy.revision, taxonomy.version, named)
