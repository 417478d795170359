"""A Cypher script that lets neosemantics (n10s) read kgtag's graph in Neo4j as SKOS.

n10s names a node by its property `uri`, and labels, properties and relationship types by its mappings; `text@lang`
arrays it takes as they are. Everything in the script may be run again, and must be for concepts added since.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from graph.formats import reading
from graph.formats.format import Exported, ExportOptions, Format
from graph.formats.iris import CONCEPT_BASE, DCT, KGTAG, RELATIONS, SKOS, to_iri
from graph.model import KINDS
from graph.taxonomy import Taxonomy

PREFIXES = {"skos": SKOS, "dct": DCT, "kgtag": KGTAG}
MAPPINGS = {
    "Concept": SKOS + "Concept",
    **{kind.capitalize(): KGTAG + kind.capitalize() for kind in KINDS},
    **{name: SKOS + name for name in ("prefLabel", "altLabel", "hiddenLabel", "definition", "notation")},
    **{name: KGTAG + name for name in ("scheme", "status", "choice")},
    **{type.upper(): iri for type, iri in RELATIONS.items()},
}
"""What n10s calls the labels, properties and relationship types of kgtag's graph."""

_CONSTRAINT = "CREATE CONSTRAINT n10s_unique_uri IF NOT EXISTS FOR (r:Resource) REQUIRE r.uri IS UNIQUE"
_NAME = "MATCH (c:Concept {id: row[0]}) SET c:Resource, c.uri = row[1]"
_ROWS = 1000


def write(taxonomy: Taxonomy, path: Path, *, scheme: str | None = None) -> None:
    ids = [concept.id for concept in taxonomy if scheme in (None, concept.scheme)]
    reading.write(path, (f"{statement};\n".encode() for statement in statements(ids)))


def statements(ids: Sequence[str]) -> Iterator[str]:
    """One Cypher statement after the other; the first need no n10s, those that call it come last."""
    yield _CONSTRAINT
    for start in range(0, len(ids), _ROWS):
        some = ids[start : start + _ROWS]
        rows = ", ".join(f"[{_literal(id)}, {_literal(to_iri(id, CONCEPT_BASE))}]" for id in some)
        yield f"UNWIND [{rows}] AS row {_NAME}"
    for prefix, iri in PREFIXES.items():
        yield f"CALL n10s.nsprefixes.add({_literal(prefix)}, {_literal(iri)})"
    for name, iri in MAPPINGS.items():
        yield f"CALL n10s.mapping.add({_literal(iri)}, {_literal(name)})"


def _literal(text: str) -> str:
    """JSON's strings are Cypher's: the same quotes and the same escapes."""
    return json.dumps(text)


def _export(taxonomy: Taxonomy, path: Path, options: ExportOptions) -> Exported:
    write(taxonomy, path, scheme=options.scheme)
    return Exported.of(taxonomy, options)


FORMAT = Format("n10s", write=_export)
