"""SKOS in Turtle, RDF/XML or JSON-LD, with labels as text or as nodes (SKOS-XL). Files of kgtag read back equal.

Besides, a Cypher script with which neosemantics (n10s) reads kgtag's graph in Neo4j as SKOS. n10s identifies a node by
its property `uri`, and has mappings of labels, properties and relationship types; it reads `text@lang` arrays as they
are. The script may be run again, and must be after concepts were added.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from graph.errors import FileFormatError
from graph.formats import rdf, rdf_writing, reading
from graph.formats.format import DEFAULTS, Exported, ExportOptions
from graph.formats.parsed import CONTRADICTIONS, Parsed, parsed
from graph.formats.rdf import (
    CONCEPT_BASE,
    DCT,
    KGTAG,
    OWL,
    RDF,
    RELATIONS,
    SCHEME_BASE,
    SKOS,
    SKOSXL,
    TYPE,
    XL_TERMS,
    Node,
    Text,
    Triple,
    blank,
    to_iri,
)
from graph.formats.skos_document import Document
from graph.formats.skos_left_out import left_out
from graph.model import KINDS, Concept, Relation
from graph.taxonomy import Taxonomy

_LABELS = {"alt_label": "altLabel", "hidden_label": "hiddenLabel"}
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


def read(
    files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None, syntax: str | None = None
) -> Parsed:
    """Read files as one graph; `scheme` overrides the concepts' scheme, `lang` is for labels without a language.

    The id of another program's concept is its IRI, and its kind category.
    """
    file = ", ".join(map(str, files))
    with rdf.uncollected():
        concepts, relations, notes, faults = _content(rdf.load(*files, syntax=syntax), lang or "und", scheme, file)
        return parsed(concepts, relations, notes=notes, places={}, file=file, tolerate=CONTRADICTIONS, faults=faults)


def _content(
    triples: Iterable[Triple], lang: str, scheme: str | None, file: str
) -> tuple[Sequence[Concept], Sequence[Relation], Sequence[str], Sequence[str]]:
    """Concepts, relations, notes and those that are faults; without the triples, which take most memory."""
    document = Document(triples, lang=lang, scheme=scheme, file=file)
    concepts = document.concepts()
    if not concepts:
        raise FileFormatError(file, "there is no skos:Concept in the file; --syntax and the format `owl` may help")
    known = {concept.id: concept for concept in concepts.values()}
    relations = [*document.hierarchy(known), *document.relations(known)]
    notes = [*document.notes(), *left_out(document.by_subject, concepts)]
    return list(known.values()), relations, notes, document.faults()


_PREFIXES = {"skos": SKOS, "rdf": RDF, "owl": OWL, "dct": DCT, "kgtag": KGTAG}


def write(taxonomy: Taxonomy, path: Path, options: ExportOptions = DEFAULTS) -> Exported:
    """Write the taxonomy (or one scheme) in the notation of the suffix: .ttl, .rdf or .jsonld."""
    prefixes = dict(_PREFIXES)
    triples = _triples(taxonomy, options.scheme)
    if options.xl:
        prefixes["skosxl"] = SKOSXL
        triples = label_nodes(triples)
    rdf_writing.save(path, triples, prefixes=prefixes)
    return Exported.of(taxonomy, options)


def concept_turtle(taxonomy: Taxonomy, id: str) -> bytes:
    """One concept as Turtle, with the relations that it has and those that lead to it. Raises UnknownConcept."""
    concept = taxonomy[id]
    node = to_iri(concept.id, CONCEPT_BASE)
    triples = [*_concept_triples(concept, node, to_iri(concept.scheme, SCHEME_BASE))]
    triples += _relation_triples(taxonomy.relations_from(id), node)
    for other in taxonomy.into(id, "broader"):
        triples.append((node, SKOS + "narrower", to_iri(other, CONCEPT_BASE)))
    return rdf_writing.turtle(triples, prefixes=_PREFIXES)


def _triples(taxonomy: Taxonomy, scheme: str | None) -> Iterator[Triple]:
    for name in taxonomy.schemes:
        if scheme in (None, name):
            yield to_iri(name, SCHEME_BASE), TYPE, SKOS + "ConceptScheme"
    for i, concept in enumerate(taxonomy):
        if scheme not in (None, concept.scheme):
            continue
        node, home = to_iri(concept.id, CONCEPT_BASE), to_iri(concept.scheme, SCHEME_BASE)
        yield from _concept_triples(concept, node, home)
        if concept.kind == "category" and not len(taxonomy.broader[i]):
            yield home, SKOS + "hasTopConcept", node
            yield node, SKOS + "topConceptOf", home
        yield from _relation_triples(taxonomy.relations_from(concept.id), node)


def _concept_triples(concept: Concept, node: Node, home: Node) -> Iterator[Triple]:
    yield node, TYPE, SKOS + "Concept"
    yield node, SKOS + "inScheme", home
    yield node, KGTAG + "kind", Text(concept.kind)
    yield from ((node, SKOS + "prefLabel", Text(text, tag)) for tag, text in concept.pref_label.items())
    yield from ((node, SKOS + "definition", Text(text, tag)) for tag, text in concept.definition.items())
    for field, term in _LABELS.items():
        labels = [Text(text, tag) for tag, texts in sorted(getattr(concept, field).items()) for text in texts]
        yield from ((node, SKOS + term, label) for label in labels)
        if labels != sorted(set(labels), key=lambda label: (label.lang, label.text)):
            # An RDF list, which keeps the order of labels.
            cells = [blank(f"{node}-{term}", i) for i in range(len(labels))]
            yield node, f"{KGTAG}{term}s", cells[0]
            for label, cell, rest in zip(labels, cells, [*cells[1:], RDF + "nil"], strict=True):
                yield cell, RDF + "first", label
                yield cell, RDF + "rest", rest
    if concept.notation is not None:
        yield node, SKOS + "notation", Text(concept.notation)
    if concept.status != "active":
        yield node, KGTAG + "status", Text(concept.status)
    if concept.status == "deprecated":
        yield node, OWL + "deprecated", Text("true")
    if concept.kind == "attribute" or concept.choice != "multiple":
        yield node, KGTAG + "choice", Text(concept.choice)


def _relation_triples(relations: Sequence[Relation], node: Node) -> Iterator[Triple]:
    parents = [relation for relation in relations if relation.type == "broader"]
    for relation in relations:
        other = to_iri(relation.target, CONCEPT_BASE)
        yield node, RELATIONS[relation.type], other
        if relation.type == "broader":
            yield other, SKOS + "narrower", node
        elif relation.type == "related":
            yield other, SKOS + "related", node
        if relation.primary and len(parents) > 1:
            yield node, KGTAG + "primary", other


def label_nodes(triples: Iterable[Triple]) -> Iterator[Triple]:
    """The triples with a node for each plain label."""
    number: Counter[str] = Counter()
    for s, p, o in triples:
        if p not in XL_TERMS:
            yield s, p, o
            continue
        node = blank(f"{s}-label", number[s])
        number[s] += 1
        yield s, XL_TERMS[p], node
        yield node, TYPE, SKOSXL + "Label"
        yield node, SKOSXL + "literalForm", o


def write_n10s(taxonomy: Taxonomy, path: Path, options: ExportOptions = DEFAULTS) -> Exported:
    """Write the script for every concept (of the scheme)."""
    ids = [concept.id for concept in taxonomy if options.scheme in (None, concept.scheme)]
    reading.write(path, (f"{statement};\n".encode() for statement in n10s_statements(ids)))
    return Exported.of(taxonomy, options)


def n10s_statements(ids: Sequence[str]) -> Iterator[str]:
    """The script's statements; those that call n10s come last. JSON has the quotes and escapes of Cypher's strings."""
    yield _CONSTRAINT
    for start in range(0, len(ids), _ROWS):
        some = ids[start : start + _ROWS]
        rows = ", ".join(json.dumps([id, to_iri(id, CONCEPT_BASE)]) for id in some)
        yield f"UNWIND [{rows}] AS row {_NAME}"
    for prefix, iri in PREFIXES.items():
        yield f"CALL n10s.nsprefixes.add({json.dumps(prefix)}, {json.dumps(iri)})"
    for name, iri in MAPPINGS.items():
        yield f"CALL n10s.mapping.add({json.dumps(iri)}, {json.dumps(name)})"
