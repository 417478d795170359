"""Concepts and relations in the triples of a SKOS file, and notes on what did not fit or has no place in a concept."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from graph.errors import FileFormatError
from graph.formats import reading
from graph.formats.parsed import counted, note
from graph.formats.rdf import (
    CONCEPT_BASE,
    KGTAG,
    OWL,
    RDF,
    RDFS,
    RELATIONS,
    SCHEME_BASE,
    SKOS,
    SKOSXL,
    TYPE,
    Node,
    Text,
    Triple,
    from_iri,
    shown,
    to_iri,
)
from graph.model import KINDS, LANGUAGE_TAG, STATUSES, Choice, Concept, Relation, RelationType

Statements = Mapping[Node, Mapping[str, Sequence[Node | Text]]]
_TEXTS = frozenset({SKOS + term for term in ("prefLabel", "altLabel", "hiddenLabel", "definition", "notation")})
_LINKS = frozenset(
    {TYPE, *RELATIONS.values(), *(SKOS + term for term in ("narrower", "inScheme", "topConceptOf"))}
    | {SKOSXL + term for term in ("prefLabel", "altLabel", "hiddenLabel")}
)
_COLLECTIONS = frozenset({SKOS + "Collection", SKOS + "OrderedCollection"})


class Document:
    """Triples by subject and predicate. `odd` collects examples of what was left out or changed, by note."""

    def __init__(self, triples: Sequence[Triple], *, lang: str, scheme: str | None, file: str) -> None:
        self.file = file
        self.lang = lang
        self.scheme = scheme
        self.by_subject: dict[Node, dict[str, list[Node | Text]]] = defaultdict(lambda: defaultdict(list))
        for s, p, o in triples:
            self.by_subject[s][p].append(o)
        self.schemes: dict[Node, set[Node]] = defaultdict(set)
        for s in list(self.by_subject):
            for term in ("inScheme", "topConceptOf"):
                self.schemes[s].update(self.nodes(s, SKOS + term))
            for concept in self.nodes(s, SKOS + "hasTopConcept"):
                self.schemes[concept].add(s)
        self.odd: dict[str, list[str]] = defaultdict(list)

    def nodes(self, subject: Node, predicate: str) -> list[Node]:
        """Objects that are IRIs or blank nodes, in order."""
        return sorted({o for o in self._objects(subject, predicate) if isinstance(o, str)})

    def texts(self, subject: Node, predicate: str) -> list[Text]:
        """Objects that are literals, in order, with `lang` for those without a language."""
        literals = (o for o in self._objects(subject, predicate) if isinstance(o, Text))
        return sorted({o if o.lang else Text(o.text, self.lang) for o in literals})

    def _objects(self, subject: Node, predicate: str) -> Sequence[Node | Text]:
        return self.by_subject[subject].get(predicate, ()) if subject in self.by_subject else ()

    def listed(self, head: Node) -> Iterator[Node | Text]:
        """The members of an RDF list."""
        seen: set[Node] = set()
        while head != RDF + "nil" and head not in seen:
            seen.add(head)
            yield from self._objects(head, RDF + "first")
            head = next(iter(self.nodes(head, RDF + "rest")), RDF + "nil")

    def value(self, subject: Node, term: str) -> str | None:
        """The text of one of kgtag's own terms, None when the file does not use it."""
        found = self.texts(subject, KGTAG + term)
        return found[0].text if found else None

    def concept_nodes(self) -> list[Node]:
        types = {SKOS + "Concept"}
        narrower = [(s, o) for s in list(self.by_subject) for o in self.nodes(s, RDFS + "subClassOf")]
        while more := {s for s, o in narrower if o in types} - types:
            types |= more
        semantic = [SKOS + term for term in ("broader", "narrower", "inScheme", "topConceptOf")]
        return sorted(
            s
            for s, predicates in self.by_subject.items()
            if not types.isdisjoint(o for o in predicates.get(TYPE, ()) if isinstance(o, str))
            or (SKOS + "prefLabel" in predicates and any(term in predicates for term in semantic))
        )

    def concept(self, node: Node) -> Concept | None:
        id = from_iri(node, CONCEPT_BASE)
        if node.startswith("_:"):
            self.odd["concepts have no IRI and were left out"].append(node)
            return None
        pref, spare = self._pref_labels(node)
        if not pref:
            self.odd["concepts have no label and were left out"].append(id)
            return None
        alt = self._label_lists(node, "altLabel")
        for tag, texts in spare.items():
            known = frozenset(alt.get(tag, ()))
            alt[tag] = (*alt.get(tag, ()), *(text for text in texts if text not in known))
        types = self.nodes(node, TYPE)  # neosemantics writes the kind as a type: kgtag:Value for a value
        typed = next((kind for kind in KINDS if KGTAG + kind.capitalize() in types), "category")
        deprecated = any(text.text.lower() in ("true", "1") for text in self.texts(node, OWL + "deprecated"))
        return Concept(
            id=id,
            scheme=self._scheme(node),
            kind=self._one_of(node, "kind", KINDS, typed),
            pref_label=pref,
            alt_label=alt,
            hidden_label=self._label_lists(node, "hiddenLabel"),
            definition=self.definitions(node, SKOS + "definition"),
            notation=self.notation(node, SKOS + "notation"),
            status=self._one_of(node, "status", STATUSES, "deprecated" if deprecated else "active"),
            choice=self._one_of(node, "choice", get_args(Choice), "multiple"),
        )

    def _pref_labels(self, node: Node) -> tuple[dict[str, str], dict[str, list[str]]]:
        """One label per language, and surplus ones."""
        labels = self.labels(node, SKOS + "prefLabel") or self.labels(node, RDFS + "label")
        pref: dict[str, str] = {}
        spare: dict[str, list[str]] = defaultdict(list)
        for label in labels:
            if pref.setdefault(label.lang, label.text) != label.text:
                spare[label.lang].append(label.text)
                what = "surplus preferred labels in one language became alternative labels"
                self.odd[what].append(f"{label.text!r} of {node}")
        return pref, spare

    def _label_lists(self, node: Node, term: str) -> dict[str, tuple[str, ...]]:
        """Labels by language, in the order that kgtag has written, else sorted."""
        found: dict[str, list[str]] = defaultdict(list)
        ordered = self.nodes(node, f"{KGTAG}{term}s")
        for label in self.listed(ordered[0]) if ordered else self.labels(node, SKOS + term):
            if isinstance(label, Text):
                found[label.lang].append(label.text)
        return {tag: tuple(texts) for tag, texts in found.items()}

    def labels(self, node: Node, predicate: str) -> list[Text]:
        """Literals that are not blank and have a valid language tag."""
        good = []
        for label in self.texts(node, predicate):
            if not label.text.strip():
                self.odd["empty labels were left out"].append(node)
            elif not LANGUAGE_TAG.fullmatch(label.lang):
                what = "labels with an invalid language tag were left out"
                self.odd[what].append(f"{label.text!r}@{label.lang} of {node}")
            else:
                good.append(label)
        return good

    def definitions(self, node: Node, predicate: str) -> dict[str, str]:
        """Literals by language, several of one language joined."""
        found: dict[str, list[str]] = defaultdict(list)
        for definition in self.labels(node, predicate):
            found[definition.lang].append(definition.text)
        return {tag: "\n".join(texts) for tag, texts in found.items()}

    def notation(self, node: Node, *predicates: str) -> str | None:
        """The first literal of the predicates that is not blank."""
        found = [text.text for one in predicates for text in self.texts(node, one) if text.text.strip()]
        if len(found) > 1:
            self.odd["concepts have several notations; the first was kept"].append(f"{node} ({', '.join(found)})")
        return found[0] if found else None

    def _scheme(self, node: Node) -> str:
        if self.scheme is not None:
            return self.scheme
        if (named := self.value(node, "scheme")) is not None:
            return named
        schemes = sorted(self.schemes.get(node, ()))
        if len(schemes) > 1:
            self.odd["concepts are in several schemes; the first by IRI was kept"].append(node)
        return from_iri(schemes[0], SCHEME_BASE) if schemes else self._only_scheme

    @cached_property
    def _only_scheme(self) -> str:
        """The scheme of concepts without one: the first scheme of the file, else the file's name."""
        declared = sorted(s for s in list(self.by_subject) if SKOS + "ConceptScheme" in self.nodes(s, TYPE))
        return from_iri(declared[0], SCHEME_BASE) if declared else reading.stem(Path(self.file))

    def _one_of(self, node: Node, term: str, allowed: Sequence[Any], default: Any) -> Any:
        value = self.value(node, term)
        if value is not None and value not in allowed:
            why = f"{node}: kgtag:{term} is {value!r}; one of {', '.join(allowed)} was expected"
            raise FileFormatError(self.file, why)
        return value or default

    def hierarchy(self, known: Mapping[str, Concept]) -> Iterator[Relation]:
        """`broader` relations, of either direction; the primary one is marked by kgtag, else the first by id."""
        parents: dict[str, set[str]] = defaultdict(set)
        for s in list(self.by_subject):
            for o in self.nodes(s, SKOS + "broader"):
                parents[from_iri(s, CONCEPT_BASE)].add(from_iri(o, CONCEPT_BASE))
            for o in self.nodes(s, SKOS + "narrower"):
                parents[from_iri(o, CONCEPT_BASE)].add(from_iri(s, CONCEPT_BASE))
        for child, targets in parents.items():
            marked = self.nodes(to_iri(child, CONCEPT_BASE), KGTAG + "primary")
            usable = sorted(target for target in targets if self._fit("broader", child, target, known))
            first = from_iri(marked[0], CONCEPT_BASE) if marked else None
            for target in usable:
                yield Relation("broader", child, target, primary=target == (first if first in usable else usable[0]))

    def relations(self, known: Mapping[str, Concept]) -> Iterator[Relation]:
        for s in list(self.by_subject):
            source = from_iri(s, CONCEPT_BASE)
            for type, predicate in RELATIONS.items():
                for o in self.nodes(s, predicate) if type != "broader" else ():
                    target = from_iri(o, CONCEPT_BASE)
                    if self._fit(type, source, target, known):
                        yield Relation(type, source, target)

    def _fit(self, type: RelationType, source: str, target: str, known: Mapping[str, Concept]) -> bool:
        pair = f"{source} → {target}"
        if source not in known and type != "broader":
            return False
        if source == target:
            self.odd[f"{type} relations of a concept to itself were left out"].append(source)
        elif type == "broader" and (source not in known or target not in known):
            self.odd["broader relations to concepts outside the file were left out"].append(pair)
        elif type == "broader" and known[source].scheme != known[target].scheme:
            self.odd["broader relations across schemes were left out"].append(pair)
        else:
            return True
        return False

    def notes(self) -> list[str]:
        """Notes on `odd`. Blank nodes have other names each time, so they are only counted."""
        notes: list[str] = []
        for what, examples in sorted(self.odd.items()):
            blank = examples[0].startswith("_:")
            notes += counted(what, ["a blank node"] * len(examples)) if blank else note(what, examples)
        return notes


def left_out(statements: Statements, concepts: Mapping[Node, Concept]) -> list[str]:
    """Notes on statements that the concepts, by node, do not keep, and on what else the file describes."""
    lost: dict[str, list[str]] = defaultdict(list)
    for node, concept in concepts.items():
        for predicate, values in statements[node].items():
            lost[predicate] += [f"{shown(o)} of {concept.id}" for o in values if not _held(predicate, o, concept)]
    notes = []
    for predicate, examples in sorted(lost.items()):
        notes += counted(f"values of {shown(predicate)} have no place in a concept and were left out", examples)
    # Declared top concepts that have something broader, which kgtag's top concepts do not.
    tops = {node for node in concepts if SKOS + "topConceptOf" in statements[node]}
    for predicates in statements.values():
        tops |= {o for o in predicates.get(SKOS + "hasTopConcept", ()) if isinstance(o, str) and o in concepts}
    under = [node for node in tops if SKOS + "broader" in statements[node]]
    what = "top concepts have something broader and will not be written as top concepts"
    return notes + _others(statements, concepts) + counted(what, under)


def _others(statements: Statements, concepts: Mapping[Node, Concept]) -> list[str]:
    """Collections, labels that are more than their text, and descriptions of anything else."""
    schemes = {to_iri(concept.scheme, SCHEME_BASE) for concept in concepts.values()}
    cells = _cells(statements)
    collections, labels, rest = [], [], []
    for node, predicates in statements.items():
        if node in concepts or node in cells:
            continue
        if _COLLECTIONS.intersection(predicates.get(TYPE, ())) or SKOS + "member" in predicates:
            collections.append(node)
        elif SKOSXL + "literalForm" in predicates:
            if not node.startswith("_:") or len(predicates) > 2:
                labels.append(node)
        else:
            held = {SKOS + "hasTopConcept"} if node in schemes else set()
            rest += [
                f"{shown(predicate)} of {shown(node)}"
                for predicate, values in predicates.items()
                for value in values
                if predicate not in held and (predicate, value) != (TYPE, SKOS + "ConceptScheme")
            ]
    return [
        *counted("collections were left out", collections),
        *counted("labels with addresses or properties of their own (SKOS-XL) became plain labels", labels),
        *counted("statements about other things than concepts were left out", rest),
    ]


def _cells(statements: Statements) -> set[Node]:
    """Cells of the lists with which kgtag keeps the order of labels."""
    found: set[Node] = set()
    lists = (KGTAG + "altLabels", KGTAG + "hiddenLabels")
    todo = [o for predicates in statements.values() for term in lists for o in predicates.get(term, ())]
    while todo:
        cell = todo.pop()
        if isinstance(cell, str) and cell in statements and cell not in found:
            found.add(cell)
            todo += statements[cell].get(RDF + "rest", ())
    return found


def _held(predicate: str, value: Node | Text, concept: Concept) -> bool:
    if predicate in _TEXTS:
        return isinstance(value, Text)
    if predicate in _LINKS:
        return isinstance(value, str)
    if predicate == RDFS + "label":
        return isinstance(value, Text) and any(text == value.text for text, _, _ in concept.labels())
    return predicate == OWL + "deprecated" or predicate.startswith(KGTAG)
