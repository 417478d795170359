"""Files into stores and out of them, by the name of the format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from graph.errors import InputError
from graph.formats.parsed import Parsed
from graph.importing import ImportReport, import_parsed
from graph.model import TaxonomyData
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

if TYPE_CHECKING:
    from graph.formats.synonyms import Expand

IMPORTS = ("shopify", "skos", "gs1", "graphml", "jsonl", "annotated")
EXPORTS = ("skos", "jsonl", "synonyms", "graphml", "n10s")
_BY_SUFFIX = {".jsonl": "jsonl", ".ttl": "skos", ".rdf": "skos", ".jsonld": "skos", ".graphml": "graphml"}


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


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What single formats know besides a scheme: `xl` is SKOS's, the rest are for synonyms (see their `Options`)."""

    xl: bool = False
    lang: str | None = None
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
    from graph.formats import graphml, jsonl, n10s, skos, synonyms

    if scheme is not None and scheme not in taxonomy.schemes:
        raise InputError(f"no scheme {scheme!r} in this taxonomy; there is {', '.join(taxonomy.schemes)}")
    rules = synonyms.Options(lang=options.lang, expand=options.expand, narrower=options.narrower)
    writers: dict[str, Callable[[], list[str] | None]] = {
        "skos": lambda: skos.write(taxonomy, file, scheme=scheme, xl=options.xl),
        "jsonl": lambda: jsonl.write(taxonomy, file, scheme=scheme),
        "synonyms": lambda: synonyms.write(taxonomy, file, scheme=scheme, options=rules),
        "graphml": lambda: graphml.write(taxonomy, file, scheme=scheme),
        "n10s": lambda: n10s.write(taxonomy, file, scheme=scheme),
    }
    if format not in writers:
        raise InputError(f"no export format {format!r}; there is {', '.join(EXPORTS)}")
    tell(writers[format]() or [])
    return sum(scheme in (None, concept.scheme) for concept in taxonomy)


def taxonomy_from(source: str) -> Taxonomy:
    """The taxonomy of a store URL, of a file by its suffix, or of FORMAT:FILE."""
    from kgtag.bootstrap import load_taxonomy, open_store

    named, _, file = source.partition(":")
    if named not in IMPORTS or named == "annotated" or file.startswith("//"):
        named, file = _BY_SUFFIX.get(Path(source.removesuffix(".gz")).suffix, ""), source
    if not named or "://" in source:
        return load_taxonomy(open_store(source))
    parsed = _reader(named)([Path(file)], scheme=None, lang=None)
    return Taxonomy.of(TaxonomyData(0, parsed.concepts, parsed.relations))


def _reader(format: str) -> _Read:
    from graph.formats import graphml, gs1, jsonl, shopify, skos

    readers: dict[str, _Read] = {
        "shopify": shopify.read,
        "skos": skos.read,
        "gs1": gs1.read,
        "graphml": graphml.read,
        "jsonl": jsonl.read,
    }
    return readers[format]


def _induced(store: TaxonomyStore, files: Sequence[Path], *, scheme: str, lang: str, rows: str) -> Parsed:
    from graph.formats.annotated import induce
    from kgtag.products import annotated_row, read_annotated

    products = (annotated_row(one) for file in files for one in read_annotated(file, format=rows, lang=lang))
    return induce(products, Taxonomy.of(store.read()), scheme=scheme, lang=lang)
