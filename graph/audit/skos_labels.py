"""Checks of labels, languages, notations and notes of a SKOS file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from graph.audit.labels import tidy
from graph.audit.report import Defect, suggest
from graph.audit.thesaurus import LABELS, Thesaurus
from graph.formats.rdf import DC, DCT, RDFS, SKOS, Node, Text
from graph.labels import normalise
from graph.model import LANGUAGE_TAG

_NOTES = tuple(
    SKOS + term for term in ("note", "changeNote", "definition", "editorialNote", "example", "historyNote", "scopeNote")
)
_TITLES = (SKOS + "prefLabel", RDFS + "label", DC + "title", DCT + "title")


def several_pref_labels(t: Thesaurus) -> Iterator[Defect]:
    """S14: one preferred label a language."""
    found: dict[tuple[Node, str], list[str]] = defaultdict(list)
    for node, label in t.texts(SKOS + "prefLabel"):
        found[node, label.lang].append(label.text)
    for (node, lang), texts in sorted(found.items()):
        if len(texts) > 1:
            message = (
                f"{node} has {len(texts)} preferred labels in {lang or 'no language'!r}: {', '.join(sorted(texts))}"
            )
            repair = suggest("relabel", "make all but one alternative labels", concept=node, lang=lang)
            yield Defect((node,), message, {"rule": "S14", "lang": lang, "labels": sorted(texts)}, repair)


def label_clash(t: Thesaurus) -> Iterator[Defect]:
    """S13: one text can't be preferred, alternative and hidden label of one concept."""
    found: dict[tuple[Node, Text], list[str]] = defaultdict(list)
    for predicate in LABELS:
        for node, label in t.texts(predicate):
            found[node, label].append(predicate.removeprefix(SKOS))
    for (node, label), terms in sorted(found.items()):
        if len(set(terms)) > 1:
            message = f"{node} has {label.text!r} as {' and '.join(sorted(set(terms)))}"
            yield Defect((node,), message, {"rule": "S13", "label": label.text, "lang": label.lang})


def empty_label(t: Thesaurus) -> Iterator[Defect]:
    for node, label in sorted(t.texts(*LABELS)):
        if not label.text.strip():
            yield Defect((node,), f"{node} has an empty label", {"lang": label.lang})


def unlabelled(t: Thesaurus) -> Iterator[Defect]:
    """Concepts without a preferred label, schemes without a title."""
    labelled = t.with_text(SKOS + "prefLabel")
    for node in t.concepts:
        if node not in labelled:
            yield Defect((node,), f"{node} has no preferred label")
    titled = t.with_text(*_TITLES)
    for node in sorted(t.schemes - titled):
        yield Defect((node,), f"the concept scheme {node} has no label or title")


def untidy_label(t: Thesaurus) -> Iterator[Defect]:
    for node, label in sorted(t.texts(*LABELS)):
        if label.text.strip() and tidy(label.text) != label.text:
            message = f"the label {label.text!r} of {node} has stray spaces, line breaks or invisible characters"
            better = tidy(label.text)
            fields = {"concept": node, "from": label.text, "to": better, "lang": label.lang}
            yield Defect((node,), message, {"lang": label.lang}, suggest("relabel", f"make it {better!r}", **fields))


def bad_language(t: Thesaurus) -> Iterator[Defect]:
    for node, label in sorted(t.texts(*LABELS)):
        if label.lang and not LANGUAGE_TAG.fullmatch(label.lang):
            message = f"the label {label.text!r} of {node} is in {label.lang!r}, which is not a language tag"
            yield Defect((node,), message)


def shared_label(t: Thesaurus) -> Iterator[Defect]:
    """One text on several concepts of one scheme, preferred on at least one."""
    found: dict[tuple[str, str], dict[Node, set[str]]] = defaultdict(lambda: defaultdict(set))
    for predicate in LABELS:
        for node, label in t.texts(predicate):
            if normalise(label.text):
                found[normalise(label.text), label.lang][node].add(predicate)
    concepts = set(t.concepts)
    for (text, lang), holders in sorted(found.items()):
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
        missing = sorted(concepts - nodes)
        if missing:
            message = f"{len(missing)} of {len(concepts)} concepts have no label in {lang!r}, e.g. {missing[0]}"
            yield Defect(tuple(missing[:100]), message, {"lang": lang, "missing": len(missing), "of": len(concepts)})


def undocumented(t: Thesaurus) -> Iterator[Defect]:
    """Concepts without a definition or note, reported once a file."""
    missing = sorted(set(t.concepts) - t.with_text(*_NOTES) - {node for node, _ in t.links(*_NOTES)})
    if missing:
        message = f"{len(missing)} of {len(t.concepts)} concepts have no definition or note, e.g. {missing[0]}"
        yield Defect(tuple(missing[:100]), message, {"missing": len(missing), "of": len(t.concepts)})
