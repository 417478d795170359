"""Files into stores and out of them, by the name of the format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from graph.errors import InputError
from graph.formats.parsed import Parsed
from graph.importing import ImportReport, import_parsed
from graph.model import TaxonomyData
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

IMPORTS = ("shopify", "skos", "jsonl", "annotated")
EXPORTS = ("skos", "jsonl")
_BY_SUFFIX = {".jsonl": "jsonl", ".ttl": "skos", ".rdf": "skos", ".jsonld": "skos"}
FILE_SUFFIXES = tuple(_BY_SUFFIX)
"""Of files that `taxonomy_from` reads."""


class _Read(Protocol):
    def __call__(self, files: Sequence[Path], *, scheme: str | None, lang: str | None) -> Parsed: ...


def import_files(
    store: TaxonomyStore,
    format: str,
    files: Sequence[Path],
    *,
    author: str,
    scheme: str | None = None,
    lang: str | None = None,
    rows: str = "annotated",
) -> ImportReport:
    """Read everything, then merge it in one transaction. Raises InputError before anything is written."""
    if format not in IMPORTS:
        raise InputError(f"no import format {format!r}; there is {', '.join(IMPORTS)}")
    if format == "annotated":
        content = _induced(store, files, scheme=scheme or "annotated", lang=lang or "en", rows=rows)
    else:
        content = _reader(format)(files, scheme=scheme, lang=lang)
    return import_parsed(store, content, author=author, reason=f"import {format} {' '.join(f.name for f in files)}")


def export_file(taxonomy: Taxonomy, format: str, file: Path, *, scheme: str | None = None) -> int:
    """Write the file whole or not at all; how many concepts it holds."""
    from graph.formats import jsonl, skos

    if scheme is not None and scheme not in taxonomy.schemes:
        raise InputError(f"no scheme {scheme!r} in this taxonomy; there is {', '.join(taxonomy.schemes)}")
    writers: dict[str, Callable[[], None]] = {
        "skos": lambda: skos.write(taxonomy, file, scheme=scheme),
        "jsonl": lambda: jsonl.write(taxonomy, file, scheme=scheme),
    }
    if format not in writers:
        raise InputError(f"no export format {format!r}; there is {', '.join(EXPORTS)}")
    writers[format]()
    return sum(scheme in (None, concept.scheme) for concept in taxonomy)


def taxonomy_from(source: str) -> Taxonomy:
    """The taxonomy of a store URL, or of a file by its suffix."""
    from kgtag.bootstrap import load_taxonomy, open_store

    format = _BY_SUFFIX.get(Path(source.removesuffix(".gz")).suffix)
    if format is None or "://" in source:
        return load_taxonomy(open_store(source))
    parsed = _reader(format)([Path(source)], scheme=None, lang=None)
    return Taxonomy.of(TaxonomyData(0, parsed.concepts, parsed.relations))


def _reader(format: str) -> _Read:
    from graph.formats import jsonl, shopify, skos

    return {"shopify": shopify.read, "skos": skos.read, "jsonl": jsonl.read}[format]


def _induced(store: TaxonomyStore, files: Sequence[Path], *, scheme: str, lang: str, rows: str) -> Parsed:
    from graph.formats.annotated import induce
    from kgtag.products import annotated_row, read_annotated

    products = (annotated_row(one) for file in files for one in read_annotated(file, format=rows, lang=lang))
    return induce(products, Taxonomy.of(store.read()), scheme=scheme, lang=lang)
