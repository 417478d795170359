"""Concepts by id or label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graph.errors import UnknownConcept
from graph.labels import normalise, singular
from graph.model import Kind
from graph.taxonomy import Taxonomy


def require_concept(taxonomy: Taxonomy, value: str, kind: Kind) -> str:
    """The id of the concept of a kind with this id or label, redirects followed. Raises UnknownConcept."""
    found = find_concept(taxonomy, value, kind)
    if found is not None:
        return found
    if value in taxonomy:
        raise UnknownConcept(value, kind=kind, near=[f"an {kind}; {value!r} is of kind {taxonomy[value].kind}"])
    raise UnknownConcept(value, kind=kind, near=taxonomy.near(value, kind=kind))


def find_concept(taxonomy: Taxonomy, name: str, kind: Kind, recorded: Mapping[str, str] | None = None) -> str | None:
    """The id of the concept of a kind with this id or label, redirects followed, or None.

    `recorded` are ids by name that take precedence. A category's label may differ in number (rod, rods). Of several, a
    category that attributes apply to is preferred, then the one nearest the top, then the smallest id.
    """
    if recorded and name in recorded:
        return taxonomy.resolve(recorded[name])
    if name in taxonomy and taxonomy[name].kind == kind:
        return taxonomy.resolve(name)
    spellings = _in_either_number(name) if kind == "category" else [name]
    for spelling in spellings:
        found = [id for id in taxonomy.lookup(spelling) if taxonomy[id].kind == kind]
        if found:
            return min(found, key=lambda id: (not taxonomy.attributes_for(id), taxonomy.depth(id), id))
    return None


def _in_either_number(name: str) -> Iterator[str]:
    """The name, then its singular and plurals in English, which `import annotated` takes for one category."""
    yield name
    one = singular(normalise(name))
    yield one
    yield one + "s"
    yield one.removesuffix("y") + "ies" if one.endswith("y") else one + "es"
