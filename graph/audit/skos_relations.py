"""Checks of the concepts, schemes and relations of a SKOS file."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from graph.audit.report import Defect, suggest
from graph.audit.thesaurus import DOWN, INVERSES, MATCHES, UP, Edges, Thesaurus, reachable
from graph.formats.rdf import SKOS, Node


def relation_clash(t: Thesaurus) -> Iterator[Defect]:
    """S27: related and the hierarchy are disjoint, through any number of steps."""
    above: dict[Node, set[Node]] = {}
    for a, b in _pairs(t, "related", "relatedMatch"):
        for low, high in ((a, b), (b, a)):
            if low not in above:
                above[low] = reachable(t.all_parents, low)
            if high in above[low]:
                message = f"{low} is related to {high}, which is broader than it"
                repair = suggest("delete_relation", "delete the related relation", type="related", source=a, target=b)
                yield Defect((low, high), message, {"rule": "S27"}, repair)
                break


def mapping_clash(t: Thesaurus) -> Iterator[Defect]:
    """S46: exactMatch is disjoint with broadMatch, narrowMatch and relatedMatch; it is transitive and symmetric."""
    same: Edges = defaultdict(set)
    for a, b in t.links(SKOS + "exactMatch"):
        same[a].add(b)
        same[b].add(a)
    for a, b in _pairs(t, "broadMatch", "narrowMatch", "relatedMatch"):
        if b in reachable(same, a):
            message = f"{a} is an exact match of {b}, and a broader, narrower or related match too"
            yield Defect((a, b), message, {"rule": "S46"})


def mapping_within_scheme(t: Thesaurus) -> Iterator[Defect]:
    """Mapping relations are for concepts of different schemes."""
    for a, b in sorted({pair for match in MATCHES for pair in t.links(match)}):
        left, right = t.schemes_of.get(a, set()), t.schemes_of.get(b, set())
        shared = left & right
        if shared or (_same_site(a, b) and not (left and right)):
            why = f"both are in {min(shared)}" if shared else "one of them has no scheme"
            yield Defect((a, b), f"{a} is mapped to {b}, but {why}", {"schemes": sorted(shared)})


def cycle(t: Thesaurus) -> Iterator[Defect]:
    """A concept broader than itself."""
    done: set[Node] = set()
    for node in sorted(t.all_parents):
        if node in done:
            continue
        above = reachable(t.all_parents, node)
        if node in above:
            members = sorted(other for other in above if node in reachable(t.all_parents, other))
            done |= set(members)
            yield Defect(
                tuple(members), f"{len(members)} concepts are broader than themselves: {' → '.join(members[:6])}"
            )


def redundant_broader(t: Thesaurus) -> Iterator[Defect]:
    """A direct statement that other statements imply. Cycles are left to `cycle`."""
    mapped: Edges = defaultdict(set)
    for a, b in t.links(SKOS + "broadMatch"):
        mapped[a].add(b)
    for a, b in t.links(SKOS + "narrowMatch"):
        mapped[b].add(a)
    for edges in (t.parents, mapped):
        for low in sorted(edges):
            for high in sorted(edges[low]) if len(edges[low]) > 1 else ():
                if high != low and high in reachable(edges, low, without=high) and low not in reachable(edges, high):
                    message = f"{low} is directly below {high}, and again through others"
                    words = "delete the direct statement"
                    repair = suggest("delete_relation", words, type="broader", source=low, target=high)
                    yield Defect((low, high), message, {}, repair)


def transitive_only(t: Thesaurus) -> Iterator[Defect]:
    """A broaderTransitive statement that no chain of `broader` implies."""
    up = t.links(SKOS + "broaderTransitive") + [(o, s) for s, o in t.links(SKOS + "narrowerTransitive")]
    for low, high in sorted(set(up)):
        if high not in reachable(t.parents, low):
            message = f"{low} is transitively below {high}, but no chain of broader relations leads there"
            yield Defect((low, high), message)


def one_way_relation(t: Thesaurus) -> Iterator[Defect]:
    """A relation without its inverse: simple readers see one direction only. Other sites' concepts do not count."""
    for predicate, inverse in sorted(INVERSES.items()):
        back = {(o, s) for s, o in t.links(inverse)}
        for a, b in sorted(set(t.links(predicate))):
            if (a, b) in back or (predicate in MATCHES and b not in t.declared and not _same_site(a, b)):
                continue
            name, other = predicate.removeprefix(SKOS), inverse.removeprefix(SKOS)
            repair = suggest("put_relation", f"state {other} too", type=other, source=b, target=a)
            yield Defect((a, b), f"{a} {name} {b} is stated, {other} the other way isn't", {"predicate": name}, repair)


def related_siblings(t: Thesaurus) -> Iterator[Defect]:
    """Related concepts that share a broader or a narrower one, which relates them already."""
    children: Edges = defaultdict(set)
    for low, parents in t.all_parents.items():
        for high in parents:
            children[high].add(low)
    for a, b in _pairs(t, "related", "relatedMatch"):
        shared = t.all_parents.get(a, set()) & t.all_parents.get(b, set())
        if shared:
            evidence = {"broader": sorted(shared)}
            yield Defect((a, b), f"{a} and {b} are related and both below {min(shared)}", evidence)
        elif common := children.get(a, set()) & children.get(b, set()):
            evidence = {"narrower": sorted(common)}
            yield Defect((a, b), f"{a} and {b} are related and both above {min(common)}", evidence)


def _pairs(t: Thesaurus, *terms: str) -> list[tuple[Node, Node]]:
    """Symmetric statements, once each, in order."""
    return sorted({(min(pair), max(pair)) for pair in t.links(*(SKOS + term for term in terms))})


def _same_site(a: Node, b: Node) -> bool:
    return a.split("/")[2:3] == b.split("/")[2:3]


_IRI = re.compile(r"https?://[^\s<>\"{}|\\^`*/]+(/[^\s<>\"{}|\\^`*]*)?|urn:kgtag:[^\s]+")


def no_concepts(t: Thesaurus) -> Iterator[Defect]:
    if not t.concepts:
        yield Defect((), "there is no concept in the file")


def undeclared_concept(t: Thesaurus) -> Iterator[Defect]:
    """A node in hierarchical or associative relations that is not declared a concept."""
    for node in sorted({end for pair in t.links(*UP, *DOWN, SKOS + "related") for end in pair} - t.declared):
        if not node.startswith("_:"):
            repair = suggest("declare", "declare it a skos:Concept, or delete the relation", concept=node)
            yield Defect((node,), f"{node} has relations but is not declared a concept", {}, repair)


def bad_iri(t: Thesaurus) -> Iterator[Defect]:
    """Concepts without a proper IRI; one that is relative to the file changes when the file moves."""
    for node in t.concepts:
        if not node.startswith("_:") and not _IRI.fullmatch(node):
            wrong = "relative to the file" if node.startswith("file:///") else "not a proper http(s) IRI"
            yield Defect((node,), f"the IRI {node!r} is {wrong}")


def no_top_concept(t: Thesaurus) -> Iterator[Defect]:
    topped = {o for _, o in t.links(SKOS + "topConceptOf")} | {s for s, _ in t.links(SKOS + "hasTopConcept")}
    for scheme in sorted(t.schemes - topped):
        yield Defect((scheme,), f"the concept scheme {scheme} names no top concept")


def top_concept_with_broader(t: Thesaurus) -> Iterator[Defect]:
    for concept, scheme in sorted(_tops(t)):
        if parents := sorted(p for p in t.parents.get(concept, ()) if scheme in t.schemes_of.get(p, ())):
            message = f"{concept} is a top concept of {scheme}, but below {parents[0]}"
            yield Defect((concept, parents[0]), message, {"scheme": scheme})


def omitted_top_concept(t: Thesaurus) -> Iterator[Defect]:
    """A concept without anything broader that no scheme declares a top concept."""
    tops = {concept for concept, _ in _tops(t)}
    for node in t.concepts:
        if node in t.declared and node not in tops and not t.all_parents.get(node):
            schemes = sorted(t.schemes_of.get(node, ()))
            repair = None
            if schemes:
                words = f"make it a top concept of {schemes[0]}"
                repair = suggest("put_relation", words, type="topConceptOf", source=node, target=schemes[0])
            yield Defect((node,), f"{node} has nothing broader and is not a top concept", {"schemes": schemes}, repair)


def orphan(t: Thesaurus) -> Iterator[Defect]:
    """A concept without relations."""
    linked = {end for pair in t.links(*UP, *DOWN, SKOS + "related", *MATCHES) for end in pair}
    for node in t.concepts:
        if node not in linked:
            yield Defect((node,), f"{node} has no relation to any other concept")


def disconnected(t: Thesaurus) -> Iterator[Defect]:
    """Unconnected parts of one file; single concepts are left to `orphan`."""
    edges: Edges = defaultdict(set)
    for a, b in t.links(*UP, *DOWN, SKOS + "related", *MATCHES):
        edges[a].add(b)
        edges[b].add(a)
    parts: list[list[str]] = []
    seen: set[str] = set()
    for node in sorted(edges):
        if node not in seen:
            part = reachable(edges, node)
            seen |= part
            parts.append(sorted(part))
    if len(parts) > 1:
        parts.sort(key=lambda part: (-len(part), part))
        sizes = [len(part) for part in parts]
        message = f"the concepts fall into {len(parts)} unconnected parts of {', '.join(map(str, sizes[:8]))} concepts"
        yield Defect(tuple(part[0] for part in parts), message, {"sizes": sizes})


def _tops(t: Thesaurus) -> set[tuple[str, str]]:
    return {(s, o) for s, o in t.links(SKOS + "topConceptOf")} | {(o, s) for s, o in t.links(SKOS + "hasTopConcept")}
