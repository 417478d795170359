"""Versions with names: by the calendar, YYYY.MM.N."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from graph.errors import ConflictError, InputError, ReleaseTaken, StoreUnavailable, UnknownVersion
from graph.history.reconcile import settled
from graph.model import Release
from graph.model.serial import now
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

log = logging.getLogger(__name__)

NAME = re.compile(r"\d{4}\.\d{2}\.\d+")
"""What a release is called: year, month, and a number that starts at 0 each month (UTC)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which taxonomy a model was trained on. `version` is None when the content is of none; `release` likewise."""

    revision: str
    version: int | None = None
    release: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As a model's directory says it."""
        return {
            "taxonomy_revision": self.revision,
            "taxonomy_version": self.version,
            "taxonomy_release": self.release,
        }


def release(store: TaxonomyStore, *, author: str, notes: str = "", today: datetime | None = None) -> Release:
    """Name the version the record is at. Raises ReleaseTaken when that version is a release already."""
    taxonomy = settled(store)
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
            continue  # Somebody else has just taken the number.
        return made


def version_named(store: TaxonomyStore, name: str) -> int:
    """The version of a release. Raises UnknownVersion."""
    found = {one.name: one.version for one in store.releases()}
    if name not in found:
        newest = list(found)[-3:]
        raise UnknownVersion(f"no release {name!r}; " + (f"there is {', '.join(newest)}" if found else "there is none"))
    return found[name]


def stamped(store: TaxonomyStore) -> tuple[Taxonomy, Stamp]:
    """The snapshot as of now, and what the history calls it.

    Edits by other hands enter the history first; where that can't be, the stamp names no version.
    """
    try:
        taxonomy = settled(store)
    except (StoreUnavailable, ConflictError) as error:
        taxonomy = Taxonomy.of(store.read())
        log.warning("edits by hand could not be recorded: %s", error)
        return taxonomy, Stamp(taxonomy.revision)
    if not taxonomy.version:
        return taxonomy, Stamp(taxonomy.revision)
    named = next((one.name for one in store.releases() if one.version == taxonomy.version), None)
    return taxonomy, Stamp(taxonomy.revision, taxonomy.version, named)
