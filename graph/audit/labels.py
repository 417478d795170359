"""Checks of labels: duplicates, spelling, missing languages."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from graph.audit.report import Defect, suggest
from graph.audit.structure import active, families, named
from graph.labels import normalise
from graph.model import Concept, LabelKind
from graph.taxonomy import Taxonomy

_MAJORITY = 0.5
_SAME_CASE = 0.9
_FEWEST_CASED = 5
_KEPT = "\t\n\r\u200c\u200d"
"""White space, and characters without width that Persian, Indic scripts and emoji need."""


def sibling_duplicate_label(taxonomy: Taxonomy) -> Iterator[Defect]:
    """One preferred label of several siblings in one language."""
    for parent, members in families(taxonomy):
        for (tag, label), ids in _shared(_preferred(members)):
            where = f"below {named(parent)}" if parent else "at the top of their scheme"
            message = f"{len(ids)} concepts {where} are all called {label!r} in {tag!r}: {', '.join(ids)}"
            repair = suggest("relabel", "give them different labels, or merge them", concepts=ids, lang=tag)
            others = {id: taxonomy[id].label("en") for id in ids} if tag != "en" else {}
            yield Defect(tuple(ids), message, {"lang": tag, "label": label, "in_english": others}, repair)


def ambiguous_label(taxonomy: Taxonomy) -> Iterator[Defect]:
    """One preferred or alternative label of several values of an attribute, or several attributes of a scheme."""
    groups: dict[tuple[str, str], list[Concept]] = defaultdict(list)
    for concept in taxonomy:
        if active(concept) and concept.kind == "value":
            groups["values of attribute", taxonomy.attribute_of(concept.id) or ""].append(concept)
        elif active(concept) and concept.kind == "attribute":
            groups["attributes of scheme", concept.scheme].append(concept)
    found: list[tuple[str, str, str, list[str]]] = []
    for (what, owner), members in sorted(groups.items()):
        rows = ((concept, tag, text) for concept in members for text, tag, kind in concept.labels() if kind != "hidden")
        found += ((f"{what} {owner!r}", tag, label, ids) for (tag, label), ids in _shared(rows))
    siblings = {frozenset(defect.concepts) for defect in sibling_duplicate_label(taxonomy)} if found else set()
    for what, tag, label, ids in found:
        if frozenset(ids) not in siblings:
            message = f"{len(ids)} {what} are all called {label!r} in {tag!r}: {', '.join(ids)}"
            repair = suggest("merge", "merge them, or take the label from all but one", concepts=ids)
            yield Defect(tuple(ids), message, {"lang": tag, "label": label}, repair)


def same_level_label(taxonomy: Taxonomy) -> Iterator[Defect]:
    """One preferred label of categories of one scheme and depth in different places: linking needs context."""
    levels: dict[tuple[str, int], list[Concept]] = defaultdict(list)
    for concept in taxonomy:
        if concept.kind == "category" and active(concept):
            levels[concept.scheme, taxonomy.depth(concept.id)].append(concept)
    for (_, depth), members in sorted(levels.items()):
        for (tag, label), ids in _shared(_preferred(members)):
            parents = {id: tuple(taxonomy.out(id, "broader")) for id in ids}
            if len(set(parents.values())) == len(ids):
                message = (
                    f"{len(ids)} categories at depth {depth} are all called {label!r} in {tag!r}: {', '.join(ids)}"
                )
                evidence = {"lang": tag, "label": label, "broader": {id: list(p) for id, p in parents.items()}}
                yield Defect(tuple(ids), message, evidence)


def untidy_label(taxonomy: Taxonomy) -> Iterator[Defect]:
    """Outer or repeated spaces, and invisible characters."""
    for concept in taxonomy:
        for text, tag, kind in concept.labels():
            if (better := tidy(text)) != text:
                message = f"the label {text!r} of {concept.id!r} in {tag!r} has stray spaces or invisible characters"
                yield _relabel(concept, message, f"make it {better!r}", label=(text, tag, kind), to=better)


def repeated_label(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An alternative or hidden label that repeats the preferred one or another."""
    for concept in taxonomy:
        if not concept.alt_label and not concept.hidden_label:
            continue
        seen = set(concept.pref_label.items())
        for text, tag, kind in concept.labels():
            if kind == "pref":
                continue
            if (tag, text) in seen:
                message = f"{named(concept)} has the label {text!r} in {tag!r} more than once"
                yield _relabel(concept, message, f"delete the {kind} label", label=(text, tag, kind), to=None)
            seen.add((tag, text))


def _relabel(
    concept: Concept, message: str, words: str, *, label: tuple[str, str, LabelKind], to: str | None
) -> Defect:
    text, tag, kind = label
    repair = suggest("relabel", words, concept=concept.id, lang=tag, kind=kind, **{"from": text}, to=to)
    return Defect((concept.id,), message, {"lang": tag, "label": text, "kind": kind}, repair)


def inconsistent_case(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A label in lower case where nine in ten of its siblings begin with a capital, or the reverse."""
    for _, members in families(taxonomy):
        by_language: dict[str, list[Concept]] = defaultdict(list)
        for concept, tag, text in _preferred(members):
            if _case(text) is not None:
                by_language[tag].append(concept)
        for tag, cased in sorted(by_language.items()):
            if len(cased) < _FEWEST_CASED:
                continue
            (usual, count), *_ = Counter(_case(concept.pref_label[tag]) for concept in cased).most_common(1)
            if count == len(cased) or count < _SAME_CASE * len(cased):
                continue
            for concept in cased:
                text = concept.pref_label[tag]
                if _case(text) != usual:
                    message = (
                        f"{text!r} ({concept.id}) begins in {_case(text)} case, {count} of {len(cased)} siblings don't"
                    )
                    yield Defect((concept.id,), message, {"lang": tag, "label": text, "siblings": len(cased)})


def missing_translation(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A missing label in a language that most concepts of the scheme and kind have."""
    groups: dict[tuple[str, str], list[Concept]] = defaultdict(list)
    for concept in taxonomy:
        if active(concept):
            groups[concept.scheme, concept.kind].append(concept)
    for _, members in sorted(groups.items()):
        labelled = Counter(tag for concept in members for tag in concept.pref_label)
        usual = sorted(tag for tag, count in labelled.items() if count > _MAJORITY * len(members))
        for concept in members:
            if missing := [tag for tag in usual if tag not in concept.pref_label]:
                message = f"{named(concept)} has no preferred label in {', '.join(missing)}"
                share = {tag: round(labelled[tag] / len(members), 3) for tag in missing}
                yield Defect((concept.id,), message, {"missing": missing, "share_of_scheme": share})


def _preferred(concepts: Iterable[Concept]) -> Iterator[tuple[Concept, str, str]]:
    return ((concept, tag, text) for concept in concepts for tag, text in concept.pref_label.items())


def _shared(rows: Iterable[tuple[Concept, str, str]]) -> list[tuple[tuple[str, str], list[str]]]:
    """((language, label), ids) of labels that several concepts have, compared in normal form."""
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for concept, tag, text in rows:
        found[tag, normalise(text)].setdefault(concept.id, text)
    return [((tag, ids[min(ids)]), sorted(ids)) for (tag, _), ids in sorted(found.items()) if len(ids) > 1]


def tidy(text: str) -> str:
    """The text without outer or repeated spaces and invisible characters."""
    if text.isprintable() and "  " not in text:
        return text.strip()
    hidden = ("Cc", "Cf", "Co", "Cn")
    return " ".join("".join(c for c in text if unicodedata.category(c) not in hidden or c in _KEPT).split())


def _case(text: str) -> str | None:
    """ "upper" or "lower" by the first character, None when it has no case."""
    return "upper" if text[:1].isupper() else "lower" if text[:1].islower() else None
