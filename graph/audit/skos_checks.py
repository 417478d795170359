"""Checks of the concepts, schemes, relations, labels and notes of a SKOS file."""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import networkx as nx

from graph.audit.labels import tidy
from graph.audit.languages import problem
from graph.audit.report import Defect, suggest
from graph.audit.thesaurus import DOWN, INVERSES, LABELS, MATCHES, UP, Thesaurus, leads, ways
from graph.formats.rdf import DC, DCT, RDFS, SKOS, Node
from graph.labels import normalise

_IRI = re.compile(r"https?://[^\s<>\"{}|\\^`*/]+(/[^\s<>\"{}|\\^`*]*)?|urn:kgtag:[^\s]+")
_NOTES = tuple(
    SKOS + term for term in ("note", "changeNote", "definition", "editorialNote", "example", "historyNote", "scopeNote")
)
_TITLES = (SKOS + "prefLabel", RDFS + "label", DC + "title", DCT + "title")


def relation_clash(t: Thesaurus) -> Iterator[Defect]:
    """S27: related and the hierarchy are disjoint, through any number of steps."""
    for a, b in _pairs(t, "related", "relatedMatch"):
        for low, high in ((a, b), (b, a)):
            if leads(t.all_parents, low, high):
                message = f"{low} is related to {high}, which is broader than it"
                repair = suggest("delete_relation", "delete the related relation", type="related", source=a, target=b)
                yield Defect((low, high), message, {"rule": "S27"}, repair)
                break


def mapping_clash(t: Thesaurus) -> Iterator[Defect]:
    """S46: exactMatch is disjoint with broadMatch, narrowMatch and relatedMatch; it is transitive and symmetric."""
    same: nx.Graph[Node] = nx.Graph(t.links(SKOS + "exactMatch"))
    for a, b in _pairs(t, "broadMatch", "narrowMatch", "relatedMatch"):
        if a in same and b in same and nx.has_path(same, a, b):
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
    graph: nx.DiGraph[Node] = nx.DiGraph([(low, high) for low, found in t.all_parents.items() for high in found])
    for members in sorted(map(sorted, nx.strongly_connected_components(graph))):
        if len(members) > 1 or members[0] in t.all_parents.get(members[0], ()):
            shown = " → ".join(members[:6])
            yield Defect(tuple(members), f"{len(members)} concepts are broader than themselves: {shown}")


def redundant_broader(t: Thesaurus) -> Iterator[Defect]:
    """A direct statement that other statements imply. Cycles are left to `cycle`."""
    for steps in (t.parents, ways(t.links(SKOS + "broadMatch"), t.links(SKOS + "narrowMatch"))):
        for low, high in sorted((low, high) for low, found in steps.items() if len(found) > 1 for high in found):
            again = any(leads(steps, other, high) for other in steps[low] if other != high)
            if again and low != high and not leads(steps, high, low):
                message = f"{low} is directly below {high}, and again through others"
                words = "delete the direct statement"
                repair = suggest("delete_relation", words, type="broader", source=low, target=high)
                yield Defect((low, high), message, {}, repair)


def transitive_only(t: Thesaurus) -> Iterator[Defect]:
    """A broaderTransitive statement that no chain of `broader` implies."""
    up = t.links(SKOS + "broaderTransitive") + [(o, s) for s, o in t.links(SKOS + "narrowerTransitive")]
    for low, high in sorted(set(up)):
        if not leads(t.parents, low, high):
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
    up = t.all_parents
    down = ways((), ((low, high) for low, found in up.items() for high in found))
    for a, b in _pairs(t, "related", "relatedMatch"):
        if shared := sorted(set(up.get(a, ())) & set(up.get(b, ()))):
            yield Defect((a, b), f"{a} and {b} are related and both below {shared[0]}", {"broader": shared})
        elif common := sorted(set(down.get(a, ())) & set(down.get(b, ()))):
            yield Defect((a, b), f"{a} and {b} are related and both above {common[0]}", {"narrower": common})


def _pairs(t: Thesaurus, *terms: str) -> list[tuple[Node, Node]]:
    """Symmetric statements, once each, in order."""
    return sorted({(min(pair), max(pair)) for pair in t.links(*(SKOS + term for term in terms))})


def _same_site(a: Node, b: Node) -> bool:
    return a.split("/")[2:3] == b.split("/")[2:3]


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
    """A top concept below another of its scheme, by any statement: direct, transitive, either way, or a mapping."""
    stated = ways(t.links(*UP), t.links(*DOWN))
    for concept, scheme in sorted(_tops(t)):
        found = t.all_parents.get(concept, set()) - {concept}
        unplaced = stated.get(concept, set()) - t.schemes_of.keys()
        if parents := sorted(p for p in found if p in unplaced or scheme in t.schemes_of.get(p, ())):
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
    linked: nx.Graph[Node] = nx.Graph(t.links(*UP, *DOWN, SKOS + "related", *MATCHES))
    parts = sorted(map(sorted, nx.connected_components(linked)), key=lambda part: (-len(part), part))
    if len(parts) > 1:
        sizes = [len(part) for part in parts]
        message = f"the concepts fall into {len(parts)} unconnected parts of {', '.join(map(str, sizes[:8]))} concepts"
        yield Defect(tuple(part[0] for part in parts), message, {"sizes": sizes})


def _tops(t: Thesaurus) -> set[tuple[str, str]]:
    return {(s, o) for s, o in t.links(SKOS + "topConceptOf")} | {(o, s) for s, o in t.links(SKOS + "hasTopConcept")}


def several_pref_labels(t: Thesaurus) -> Iterator[Defect]:
    """S14: one preferred label a language."""
    found: dict[tuple[Node, str], list[str]] = defaultdict(list)
    for node, label in t.texts(SKOS + "prefLabel"):
        found[node, label.lang].append(label.text)
    for (node, lang), texts in sorted(item for item in found.items() if len(item[1]) > 1):
        if len(texts) > 1:
            message = (
                f"{node} has {len(texts)} preferred labels in {lang or 'no language'!r}: {', '.join(sorted(texts))}"
            )
            repair = suggest("relabel", "make all but one alternative labels", concept=node, lang=lang)
            yield Defect((node,), message, {"rule": "S14", "lang": lang, "labels": sorted(texts)}, repair)


def label_clash(t: Thesaurus) -> Iterator[Defect]:
    """S13: one text can't be preferred, alternative and hidden label of one concept."""
    labels = {predicate.removeprefix(SKOS): set(t.texts(predicate)) for predicate in LABELS}
    twice = {pair for a, b in combinations(labels.values(), 2) for pair in a & b}
    for node, label in sorted(twice):
        terms = sorted(term for term, found in labels.items() if (node, label) in found)
        message = f"{node} has {label.text!r} as {' and '.join(terms)}"
        yield Defect((node,), message, {"rule": "S13", "label": label.text, "lang": label.lang})


def empty_label(t: Thesaurus) -> Iterator[Defect]:
    for node, label in sorted((node, label) for node, label in t.texts(*LABELS) if not label.text.strip()):
        yield Defect((node,), f"{node} has an empty label", {"lang": label.lang})


def unlabelled(t: Thesaurus) -> Iterator[Defect]:
    """Concepts without a preferred label, schemes without a title."""
    labelled = t.with_text(SKOS + "prefLabel")
    for node in t.concepts:
        if node not in labelled:
            yield Defect((node,), f"{node} has no preferred label")
    for node in sorted(t.schemes - t.with_text(*_TITLES)):
        yield Defect((node,), f"the concept scheme {node} has no label or title")


def untidy_label(t: Thesaurus) -> Iterator[Defect]:
    for node, label in sorted(t.texts(*LABELS)):
        if label.text.strip() and (better := tidy(label.text)) != label.text:
            message = f"the label {label.text!r} of {node} has stray spaces, line breaks or invisible characters"
            fields: dict[str, Any] = {"concept": node, "from": label.text, "to": better, "lang": label.lang}
            repair = suggest("relabel", f"make it {better!r}", **fields)
            yield Defect((node,), message, {"lang": label.lang}, repair)


def bad_language(t: Thesaurus) -> Iterator[Defect]:
    """Labels in a language whose tag the registry of BCP 47 does not have, or no longer."""
    wrong = {lang: words for _, (_, lang) in t.texts(*LABELS) if lang and (words := problem(lang)) is not None}
    for node, label in sorted((node, label) for node, label in t.texts(*LABELS) if label.lang in wrong):
        message = f"the label {label.text!r} of {node} is in {label.lang!r}, which {wrong[label.lang]}"
        yield Defect((node,), message, {"lang": label.lang})


def shared_label(t: Thesaurus) -> Iterator[Defect]:
    """One text on several concepts of one scheme, preferred on at least one."""
    found: dict[tuple[str, str], dict[Node, set[str]]] = defaultdict(lambda: defaultdict(set))
    for predicate in LABELS:
        for node, label in t.texts(predicate):
            if text := normalise(label.text):
                found[text, label.lang][node].add(predicate)
    concepts = set(t.concepts)
    for (text, lang), holders in sorted(item for item in found.items() if len(item[1]) > 1):
        nodes = sorted(concepts.intersection(holders))
        preferred = [node for node in nodes if SKOS + "prefLabel" in holders[node]]
        schemes = [t.schemes_of.get(node, set()) for node in nodes]
        together = len(nodes) > 1 and (not all(schemes) or set.intersection(*schemes))
        if together and (preferred or all(SKOS + "hiddenLabel" in terms for terms in holders.values())):
            message = f"{len(nodes)} concepts share the label {text!r}: {', '.join(nodes[:5])}"
            yield Defect(tuple(nodes), message, {"label": text, "lang": lang, "preferred_on": preferred})


def ambiguous_notation(t: Thesaurus) -> Iterator[Defect]:
    """One notation of several concepts of a scheme, or several of one concept."""
    by_concept: dict[Node, list[str]] = defaultdict(list)
    by_notation: dict[str, list[Node]] = defaultdict(list)
    for node, text in t.texts(SKOS + "notation"):
        by_concept[node].append(text.text)
        by_notation[text.text].append(node)
    for node, notations in sorted(by_concept.items()):
        if len(notations) > 1:
            yield Defect((node,), f"{node} has {len(notations)} notations: {', '.join(sorted(notations))}")
    for notation, nodes in sorted(by_notation.items()):
        holders = sorted(set(nodes))
        schemes = [t.schemes_of.get(node, set()) for node in holders]
        if len(holders) > 1 and (not all(schemes) or set.intersection(*schemes)):
            message = f"{len(holders)} concepts have the notation {notation!r}: {', '.join(holders[:5])}"
            yield Defect(tuple(holders), message, {"notation": notation})


def missing_language(t: Thesaurus) -> Iterator[Defect]:
    """Labels without a language, reported once a file: mostly all of them or none."""
    plain = sorted((node, label) for node, label in t.texts(*LABELS) if label.text.strip() and not label.lang)
    if plain:
        nodes = sorted({node for node, _ in plain})
        total = len(t.texts(*LABELS))
        message = f"{len(plain)} of {total} labels name no language, e.g. {plain[0][1].text!r} of {plain[0][0]}"
        yield Defect(tuple(nodes[:100]), message, {"labels": len(plain), "concepts": len(nodes)})


def partial_language(t: Thesaurus) -> Iterator[Defect]:
    """Languages in which some concepts have labels and others do not."""
    labelled: dict[str, set[Node]] = defaultdict(set)
    for node, label in t.texts(*LABELS):
        if label.lang:
            labelled[label.lang].add(node)
    concepts = set(t.concepts)
    for lang, nodes in sorted(labelled.items()):
        if missing := sorted(concepts - nodes):
            message = f"{len(missing)} of {len(concepts)} concepts have no label in {lang!r}, e.g. {missing[0]}"
            yield Defect(tuple(missing[:100]), message, {"lang": lang, "missing": len(missing), "of": len(concepts)})


def undocumented(t: Thesaurus) -> Iterator[Defect]:
    """Concepts without a definition or note, reported once a file."""
    if missing := sorted(set(t.concepts) - t.with_text(*_NOTES) - {node for node, _ in t.links(*_NOTES)}):
        message = f"{len(missing)} of {len(t.concepts)} concepts have no definition or note, e.g. {missing[0]}"
        yield Defect(tuple(missing[:100]), message, {"missing": len(missing), "of": len(t.concepts)})


def no_out_link(t: Thesaurus) -> Iterator[Defect]:
    """Concepts that lead to no other data set where others do, reported once a file."""
    leading = {s for s, o in t.links(*UP, *DOWN, *MATCHES, SKOS + "related") if not _same_site(s, o)}
    if leading and (missing := sorted(t.declared - leading)):
        message = f"{len(missing)} of {len(t.declared)} concepts lead to no other data set, e.g. {missing[0]}"
        yield Defect(tuple(missing[:100]), message, {"missing": len(missing), "of": len(t.declared)})
