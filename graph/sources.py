"""Taxonomies from files, stores, versions and releases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from graph import taxonomy
from graph.columns.assemble import TaxonomyData
from graph.errors import InputError
from graph.formats.registry import find, readable, suffixes, unknown_format
from graph.history.versions import NAME, at_version, version_named
from graph.store import TaxonomyStore
from graph.stores import open_store

Open = Callable[[str], TaxonomyStore]


class Taxonomy(taxonomy.Taxonomy):
    """A snapshot of a taxonomy; see `graph.taxonomy.Taxonomy` for its methods.

    Example:
        >>> tents = Taxonomy.load("tents.jsonl")
        >>> tents["dome-tents"].label("en")
        'Dome tents'
        >>> tents.ancestors("dome-tents")
        ['tents']
    """

    __slots__ = ()

    @classmethod
    def load(cls, source: str | Path, *, format: str | None = None, lang: str | None = None) -> Taxonomy:
        """Read a taxonomy from a file or a store.

        Args:
            source: A file, `FORMAT:FILE`, or a store URL.
            format: The format of a file with another ending; see `kgtag import --help`.
            lang: The language of labels without one.

        Raises:
            InputError: No such file or store, or an unknown format.
            FileFormatError: The file does not read; the message names the line.
        """
        return cls.of(read_taxonomy(str(source), format=format, lang=lang))


def read_taxonomy(
    source: str, *, format: str | None = None, lang: str | None = None, open: Open = open_store
) -> TaxonomyData:
    """The content of a file or store; arguments as for `Taxonomy.load`, `open` opens a store by its URL."""
    named, _, file = source.partition(":")
    if named not in readable() or file.startswith("//"):
        if "://" in source:
            return open(source).read()
        named, file = format or suffixes().get(Path(source.removesuffix(".gz")).suffix, ""), source
    if not named and Path(source).is_file():
        raise InputError(f"{source}: the name does not tell the format; give --format: {', '.join(readable())}")
    if not named:
        return open(source).read()
    found = find(named)
    if found is None or found.read is None:
        raise unknown_format(named, readable(), "file")
    parsed = found.read([Path(file)], scheme=None, lang=lang)
    return TaxonomyData.of(0, parsed.concepts, parsed.relations)


def snapshot_named(
    name: str,
    store: TaxonomyStore | None,
    *,
    format: str | None = None,
    lang: str | None = None,
    open: Open = open_store,
) -> taxonomy.Taxonomy:
    """One side of a comparison: a version or a release of `store`, a file (or `FORMAT:FILE`), or another store.

    Args:
        name: "5", "2026.08.0", "shop.ttl", "gs1:voc.ttl" or a store URL.
        store: The store of versions and releases.
        format: The format of a file with another ending.
        lang: The language of labels without one.
        open: Opens a store by its URL.

    Raises:
        UnknownVersion: The store has no such version or release.
        InputError: The name fits none of these.
    """
    if store is not None and name.isascii() and name.isdigit():
        return at_version(store, int(name))
    if store is not None and NAME.fullmatch(name):
        return at_version(store, version_named(store, name))
    known = format is not None or name.partition(":")[0] in readable() or Path(name).is_file()
    if "://" not in name and not known and Path(name.removesuffix(".gz")).suffix not in suffixes():
        raise InputError(
            f"{name!r} is not a version (5), release (2026.08.0), file ({', '.join(suffixes())}) or store URL"
        )
    return taxonomy.Taxonomy.of(read_taxonomy(name, format=format, lang=lang, open=open))
