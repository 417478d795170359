"""A Cypher script with which neosemantics (n10s) reads kgtag's graph in Neo4j as SKOS.

n10s identifies a node by its property `uri`, and has mappings of labels, properties and relationship types; it reads
`text@lang` arrays as they are. The script may be run again, and must be after concepts were added.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from graph.formats import reading
from graph.formats.format import DEFAULTS, Exported, ExportOptions
from graph.formats.rdf import CONCEPT_BASE, DCT, KGTAG, RELATIONS, SKOS, to_iri
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
"""IRIs of the labels, properties and relationship types of kgtag's graph."""

_CONSTRAINT = "CREATE CONSTRAINT n10s_unique_uri IF NOT EXISTS FOR (r:Resource) REQUIRE r.uri IS UNIQUE"
_NAME = "MATCH (c:Concept {id: row[0]}) SET c:Resource, c.uri = row[1]"
_ROWS = 1000


def write(taxonomy: Taxonomy, path: Path, options: ExportOptions = DEFAULTS) -> Exported:
    """Write the script for every concept (of the scheme)."""
    ids = [concept.id for concept in taxonomy if options.scheme in (None, concept.scheme)]
    reading.write(path, (f"{statement};\n".encode() for statement in statements(ids)))
    return Exported.of(taxonomy, options)


def statements(ids: Sequence[str]) -> Iterator[str]:
    """The script's statements; those that call n10s come last."""
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
    """A Cypher string: JSON has the same quotes and escapes."""
    return json.dumps(text)
