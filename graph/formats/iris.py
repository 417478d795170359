"""IRIs of SKOS and related vocabularies, and of concept ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from graph.model import RelationType

SKOS = "http://www.w3.org/2004/02/skos/core#"
SKOSXL = "http://www.w3.org/2008/05/skos-xl#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
OWL = "http://www.w3.org/2002/07/owl#"
DCT = "http://purl.org/dc/terms/"
DC = "http://purl.org/dc/elements/1.1/"
CC = "http://creativecommons.org/ns#"
VANN = "http://purl.org/vocab/vann/"
KGTAG = "urn:kgtag:ns#"
"""kgtag's own terms: kind, choice, status, primary, valueOf, appliesTo, excludes, and the order of labels."""

TYPE = RDF + "type"
CONCEPT_BASE = "urn:kgtag:concept:"
SCHEME_BASE = "urn:kgtag:scheme:"

RELATIONS: Mapping[RelationType, str] = {
    "broader": SKOS + "broader",
    "related": SKOS + "related",
    "exact_match": SKOS + "exactMatch",
    "close_match": SKOS + "closeMatch",
    "value_of": KGTAG + "valueOf",
    "applies_to": KGTAG + "appliesTo",
    "excludes": KGTAG + "excludes",
    "replaced_by": DCT + "isReplacedBy",
}

_ADDRESS = re.compile(r"(https?|file)://[^\s<>\"{}|\\^`\x00-\x20\x7f-\xa0]*")


def to_iri(id: str, base: str) -> str:
    """The IRI of an id: itself if it is a web address, else percent-encoded after `base`."""
    return id if _ADDRESS.fullmatch(id) else base + quote(id, safe="~")


def from_iri(iri: str, base: str) -> str:
    return unquote(iri.removeprefix(base)) if iri.startswith(base) else iri


def blank(name: str, number: int) -> str:
    """The nth blank node of a name."""
    return f"_:{''.join(c if c.isalnum() and c.isascii() else f'x{ord(c):x}' for c in name)}n{number}"
