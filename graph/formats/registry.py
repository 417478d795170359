"""Files into stores and out of them, by the name of the format."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from graph.columns.taxonomy_data import TaxonomyData
from graph.errors import InputError
from graph.formats.parsed import Parsed
from graph.importing import ImportReport, import_parsed, prefixed
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

if TYPE_CHECKING:
    from graph.formats.synonyms import Expand

IMPORTS = (
    "shopify",
    "google",
    "gpc",
    "openfoodfacts",
    "bestbuy",
    "whatnot",
    "skos",
    "gs1",
    "graphml",
    "csv",
    "jsonl",
    "annotated",
)
EXPORTS = (
    "skos",
    "jsonl",
    "csv",
    "shopify",
    "synonyms",
    "graphml",
    "n10s",
)
_FILES = tuple(format for format in IMPORTS if format != "annotated")
_BY_SUFFIX = {
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".ttl": "skos",
    ".rdf": "skos",
    ".jsonld": "skos",
    ".graphml": "graphml",
}
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
    id_prefix: str = "",
    replacing: bool = False,
    dry_run: bool = False,
) -> ImportReport:
    """Read everything, then merge it in one transaction. Raises InputError before anything is written.

    `id_prefix` goes before every id of the file; see `graph.importing` for `replacing` and `dry_run`.
    """
    _known(format, IMPORTS, "import")
    if format == "annotated":
        content = _induced(store, files, scheme=scheme or "annotated", lang=lang or "en", rows=rows)
    else:
        content = _reader(format)(files, scheme=scheme, lang=lang)
    if id_prefix:
        content = prefixed(content, id_prefix)
    reason = f"import {format} {' '.join(f.name for f in files)}"
    return import_parsed(store, content, author=author, reason=reason, replacing=replacing, dry_run=dry_run)


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What single formats know besides a scheme.

    `xl` is SKOS's; `lossy` (leave out what the format can't hold) is Shopify's; `lang`, one language alone, is for it
    and for synonyms, as the rest are (see their `Options`).
    """

    xl: bool = False
    lang: str | None = None
    lossy: bool = False
    expand: Expand = "both"
    narrower: int = 0


def export_file(
    taxonomy: Taxonomy,
    format: str,
    file: Path,
    *,
    scheme: str | None = None,
    options: ExportOptions = ExportOptions(),
    tell: Callable[[Sequence[str]], object] = lambda _: None,
) -> int:
    """Write the file whole or not at all; how many concepts there are to write. `tell` hears what was left out."""
    from graph.formats import graphml, jsonl, n10s, shopify, skos, synonyms, tabular

    _known(format, EXPORTS, "export")
    if scheme is not None and scheme not in taxonomy.schemes:
        raise InputError(f"no scheme {scheme!r} in this taxonomy; there is {', '.join(taxonomy.schemes)}")
    rules = synonyms.Options(lang=options.lang, expand=options.expand, narrower=options.narrower)
    writers: dict[str, Callable[[], list[str] | int | None]] = {
        "skos": lambda: skos.write(taxonomy, file, scheme=scheme, xl=options.xl),
        "jsonl": lambda: jsonl.write(taxonomy, file, scheme=scheme),
        "csv": lambda: tabular.write(taxonomy, file, scheme=scheme),
        "shopify": lambda: shopify.write(taxonomy, file, scheme=scheme, lang=options.lang, lossy=options.lossy),
        "synonyms": lambda: synonyms.write(taxonomy, file, scheme=scheme, options=rules),
        "graphml": lambda: graphml.write(taxonomy, file, scheme=scheme),
        "n10s": lambda: n10s.write(taxonomy, file, scheme=scheme),
    }
    said = writers[format]()
    if isinstance(said, int):
        return said
    tell(said or [])
    return sum(scheme in (None, concept.scheme) for concept in taxonomy)


def taxonomy_from(source: str, *, format: str | None = None, lang: str | None = None) -> Taxonomy:
    """The taxonomy of a store URL, of a file in `format`, else by its suffix, or of FORMAT:FILE."""
    from kgtag.bootstrap import load_taxonomy, open_store

    named, _, file = source.partition(":")
    if named not in _FILES or file.startswith("//"):
        if "://" in source:
            return load_taxonomy(open_store(source))
        named, file = format or _BY_SUFFIX.get(Path(source.removesuffix(".gz")).suffix, ""), source
    if not named and Path(source).is_file():
        raise InputError(f"{source}: the name doesn't tell the format; give --format: {', '.join(_FILES)}")
    if not named:
        return load_taxonomy(open_store(source))
    _known(named, _FILES, "file")
    parsed = _reader(named)([Path(file)], scheme=None, lang=lang)
    return Taxonomy.of(TaxonomyData.of(0, parsed.concepts, parsed.relations))


def _known(format: str, formats: Sequence[str], what: str) -> None:
    if format not in formats:
        near = difflib.get_close_matches(format, formats, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? There is" if near else "there is"
        raise InputError(f"no {what} format {format!r}; {hint} {', '.join(formats)}")


def _reader(format: str) -> _Read:
    from graph.formats import (
        bestbuy,
        google,
        gpc,
        graphml,
        gs1,
        jsonl,
        openfoodfacts,
        shopify,
        skos,
        tabular,
        whatnot,
    )

    readers: dict[str, _Read] = {
        "shopify": shopify.read,
        "google": google.read,
        "gpc": gpc.read,
        "openfoodfacts": openfoodfacts.read,
        "bestbuy": bestbuy.read,
        "whatnot": whatnot.read,
        "skos": skos.read,
        "gs1": gs1.read,
        "graphml": graphml.read,
        "csv": tabular.read,
        "jsonl": jsonl.read,
    }
    return readers[format]


def _induced(store: TaxonomyStore, files: Sequence[Path], *, scheme: str, lang: str, rows: str) -> Parsed:
    from graph.formats.annotated import induce
    from kgtag.data import annotated_row, read_annotated

    products = (annotated_row(one) for file in files for one in read_annotated(file, format=rows, lang=lang))
    return induce(products, Taxonomy.of(store.read()), scheme=scheme, lang=lang)
