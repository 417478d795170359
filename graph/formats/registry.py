"""Taxonomy formats by name: built-in ones and those that other packages add."""

import difflib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from graph.errors import InputError
from graph.formats import graphml, gs1, jsonl, listings, openfoodfacts, owl, shopify, shops, skos, synonyms, tabular
from graph.formats.format import DEFAULTS, Exported, ExportOptions, Format
from graph.formats.parsed import EVERYTHING, Parsed
from graph.plugins import Group, load_as, plugin_names
from graph.taxonomy import Taxonomy

_RDF = (".ttl", ".nt", ".nq", ".trig", ".rdf", ".jsonld")
_BUILT_IN = (
    Format("shopify", shopify.read, shopify.write),
    Format("google", listings.read_google),
    Format("gpc", listings.read_gpc),
    Format("openfoodfacts", openfoodfacts.read),
    Format("bestbuy", shops.read_bestbuy),
    Format("whatnot", shops.read_whatnot),
    Format("skos", skos.read, skos.write, suffixes=_RDF, options=("syntax",), complete=True),
    Format("owl", owl.read, suffixes=(".owl",), options=("syntax",), complete=True),
    Format("gs1", gs1.read, options=("syntax",)),
    Format("graphml", graphml.read, graphml.write, suffixes=(".graphml",), complete=True),
    Format("csv", tabular.read, tabular.write, suffixes=(".csv", ".tsv"), options=("columns", "separator")),
    Format("jsonl", jsonl.read, jsonl.write, suffixes=(".jsonl",), complete=True),
    Format("synonyms", write=synonyms.write),
    Format("n10s", write=skos.write_n10s),
)
_GROUP: Group = "kgtag.formats"
BUILT_IN: Mapping[str, Format] = {format.name: format for format in _BUILT_IN}


@cache
def formats() -> Mapping[str, Format]:
    """Every format by name; a built-in one takes precedence. An extension that does not load is left out, with a
    warning: the others must keep working. Asked for by name, it is an error."""
    found = {}
    for name in plugin_names(_GROUP):
        try:
            found[name] = load_as(_GROUP, name, Format)
        except InputError as error:
            logging.getLogger(__name__).warning("%s; it is left out", error)
    return {**BUILT_IN, **found, **BUILT_IN}


def readable() -> tuple[str, ...]:
    """Names of the formats that can be imported."""
    return tuple(name for name, format in formats().items() if format.read is not None)


def writable() -> tuple[str, ...]:
    """Names of the formats that can be exported."""
    return tuple(name for name, format in formats().items() if format.write is not None)


def suffixes() -> dict[str, str]:
    """The readable format of each ending of file names."""
    return {ending: name for name, format in formats().items() if format.read for ending in format.suffixes}


def read(
    name: str,
    files: Sequence[Path],
    *,
    scheme: str | None = None,
    lang: str | None = None,
    options: Mapping[str, Any] | None = None,
    known: tuple[str, ...] = (),
) -> Parsed:
    """Read files in a format.

    Args:
        name: The format.
        files: Read as one taxonomy.
        scheme: The concept scheme; each format has a default.
        lang: The language of labels without one.
        options: Further arguments of the format's reader; those that are None are not given.
        known: Further names of formats for the error.

    Raises:
        InputError: An unknown format, an option that it does not have, or a file that does not read.
    """
    format = find(name)
    if format is None or format.read is None:
        raise unknown_format(name, (*readable(), *known), "import")
    given = {option: value for option, value in (options or {}).items() if value is not None}
    for option in given:
        if option not in format.options:
            others = [one.name for one in formats().values() if option in one.options]
            raise InputError(f"{name!r} has no option {option!r}; it is for {', '.join(others) or 'no format'}")
    found = format.read(files, scheme=scheme, lang=lang, **given)
    return replace(found, coverage=EVERYTHING) if format.complete and found.coverage is None else found


def find(name: str) -> Format | None:
    """The format, None for an unknown name. Raises InputError for an extension that does not load."""
    broken = name not in formats() and name in plugin_names(_GROUP)
    return load_as(_GROUP, name, Format) if broken else formats().get(name)


def unknown_format(name: str, names: tuple[str, ...], what: str) -> InputError:
    """The error for a name that is not among `names`."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? There is" if near else "there is"
    return InputError(f"no {what} format {name!r}; {hint} {', '.join(names)}")


def export_file(taxonomy: Taxonomy, format: str, file: Path, *, options: ExportOptions = DEFAULTS) -> Exported:
    """Write the file whole or not at all.

    Args:
        taxonomy: The snapshot to write.
        format: One of `writable()`.
        file: The file, for some formats a directory.
        options: The scheme, and options of single formats.

    Raises:
        InputError: An unknown format or scheme, or a taxonomy that the format can't hold.

    Example:
        >>> export_file(taxonomy, "skos", Path("shop.ttl")).concepts
        661
    """
    found = find(format)
    if found is None or found.write is None:
        raise unknown_format(format, writable(), "export")
    if options.scheme is not None and options.scheme not in taxonomy.schemes:
        raise InputError(f"no scheme {options.scheme!r} in this taxonomy; there is {', '.join(taxonomy.schemes)}")
    return found.write(taxonomy, file, options)
