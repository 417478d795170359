"""Import of taxonomy files, and of annotated products as a taxonomy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graph.formats import registry
from graph.formats.annotated import AnnotatedRow, induce
from graph.formats.registry import readable
from graph.importing import ImportReport, import_parsed, prefixed
from graph.replacing import IMPORTED
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.data import read_annotated

ANNOTATED = "annotated"


def import_formats() -> tuple[str, ...]:
    """Names that `import_files` accepts."""
    return (*readable(), ANNOTATED)


def import_files(
    store: TaxonomyStore,
    format: str,
    files: Sequence[Path],
    *,
    author: str,
    scheme: str | None = None,
    lang: str | None = None,
    rows: str = ANNOTATED,
    id_prefix: str = "",
    replacing: bool = False,
    keep_local: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    options: Mapping[str, Any] | None = None,
) -> ImportReport:
    """Read all files, then merge them in one transaction.

    Args:
        files: Read together, as one taxonomy, in one of `import_formats()`.
        scheme: The concept scheme; each format has a default.
        lang: Language of labels that name none.
        rows: For `annotated`: the format of the products' rows.
        id_prefix: Goes before every id of the files.
        replacing: The files are the scheme's new truth: what the store has beyond them goes.
        keep_local: With `replacing`: what editors added stays.
        strict: Refuse a file with something wrong in it, in place of a note.
        dry_run: Check and count everything, and write nothing.
        options: Further options of the format, such as `columns` and `separator` of "csv".

    Raises:
        InputError: Before anything is written: an unknown format, a file that does not read, a conflict of ids.
    """
    if format == ANNOTATED:
        read = (one for file in files for one in read_annotated(file, format=rows, lang=lang or "en"))
        products = (AnnotatedRow(one.product.category, one.attributes) for one in read)
        content = induce(products, Taxonomy.of(store.read()), scheme=scheme or ANNOTATED, lang=lang or "en")
    else:
        content = registry.read(format, files, scheme=scheme, lang=lang, options=options, known=(ANNOTATED,))
    if id_prefix:
        content = prefixed(content, id_prefix)
    reason = f"{IMPORTED}{format} {' '.join(f.name for f in files)}"
    return import_parsed(
        store,
        content,
        author=author,
        reason=reason,
        replacing=replacing,
        keep_local=keep_local,
        strict=strict,
        dry_run=dry_run,
    )
