"""Settings and stores of the commands."""

from __future__ import annotations

from graph.stores import MigratableStore
from graph.taxonomy import Taxonomy
from kgtag.serve.settings import read_settings


def open_store(url: str | None = None) -> MigratableStore:
    """The store at `url`, else KGTAG_STORE's, else the default. Raises InputError for an unsupported URL."""
    return read_settings().open_store(url)


def load_taxonomy(url: str | None = None) -> Taxonomy:
    """A snapshot of that store."""
    return Taxonomy.of(open_store(url).read())
