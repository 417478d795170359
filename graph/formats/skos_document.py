"""Reading SKOS: the triples of a file as concepts and relations, and what didn't fit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from graph.errors import FileFormatError
from graph.formats import reading
from graph.formats.iris import CONCEPT_BASE, KGTAG, OWL, RDF, RDFS, RELATIONS, SCHEME_BASE, SKOS, TYPE, from_iri, to_iri
from graph.formats.parsed import note
from graph.formats.rdf import Node, Text, Triple
from graph.model import KINDS, LANGUAGE_TAG, STATUSES, Choice, Concept, Relation, RelationType


class Document:
    """The triples by subject and predicate, and what went wrong in reading them."""

    def __init__(self, triples: Sequence[Triple], *, lang: str, scheme: str | None, file: str) -> None:
        self.file = file
        self.lang = lang
        self.scheme = scheme
        self.by_subject: dict[Node, dict[str, list[Node | Text]]] = defaultdict(lambda: defaultdict(list))
        for s, p, o in triples:
            self.by_subject[s][p].append(o)
        self.schemes = self._schemes_by_concept()
        self.odd: dict[str, list[str]] = defaultdict(list)

    # -- finding things ---------------------------------------------------------------------------

    def nodes(self, subject: Node, predicate: str) -> list[Node]:
        """IRIs and blank nodes, in order."""
        found = self.by_subject[subject].get(predicate, ()) if subject in self.by_subject else ()
        return sorted({o for o in found if isinstance(o, str)})

    def texts(self, subject: Node, predicate: str) -> list[Text]:
        """Literals, in order, with `lang` for those without a language."""
        found = {o for o in self.by_subject[subject].get(predicate, ()) if isinstance(o, Text)}
        return sorted(Text(o.text, o.lang or self.lang) for o in found)

    def value(self, subject: Node, term: str) -> str | None:
        """The text of our own `term`, None when the file doesn't use it."""
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

    def _schemes_by_concept(self) -> dict[Node, set[Node]]:
        found: dict[Node, set[Node]] = defaultdict(set)
        for s in list(self.by_subject):
            for term in ("inScheme", "topConceptOf"):
                found[s].update(self.nodes(s, SKOS + term))
            for concept in self.nodes(s, SKOS + "hasTopConcept"):
                found[concept].add(s)
        return found

    # -- concepts ---------------------------------------------------------------------------------

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
        deprecated = any(text.text.lower() in ("true", "1") for text in self.texts(node, OWL + "deprecated"))
        return Concept(
            id=id,
            scheme=self._scheme(node),
            kind=self._one_of(node, "kind", KINDS, "category"),
            pref_label=pref,
            alt_label=alt,
            hidden_label=self._label_lists(node, "hiddenLabel"),
            definition=self._definitions(node),
            notation=self._notation(node),
            status=self._one_of(node, "status", STATUSES, "deprecated" if deprecated else "active"),
            choice=self._one_of(node, "choice", get_args(Choice), "multiple"),
        )

    def _pref_labels(self, node: Node) -> tuple[dict[str, str], dict[str, list[str]]]:
        """One label a language, and those too many."""
        labels = self._spoken(node, SKOS + "prefLabel")
        if not labels:
            labels = self._spoken(node, RDFS + "label")
        pref: dict[str, str] = {}
        spare: dict[str, list[str]] = defaultdict(list)
        for label in labels:
            if pref.setdefault(label.lang, label.text) != label.text:
                spare[label.lang].append(label.text)
                self.odd["preferred labels too many in one language became alternative labels"].append(
                    f"{label.text!r} of {node}"
                )
        return pref, spare

    def _label_lists(self, node: Node, term: str) -> dict[str, tuple[str, ...]]:
        """In the order kgtag wrote down, else sorted."""
        found: dict[str, list[str]] = defaultdict(list)
        ordered = self.nodes(node, f"{KGTAG}{term}s")
        labels = self._listed(ordered[0]) if ordered else self._spoken(node, SKOS + term)
        for label in labels:
            found[label.lang].append(label.text)
        return {tag: tuple(texts) for tag, texts in found.items()}

    def _listed(self, head: Node) -> Iterator[Text]:
        seen: set[Node] = set()
        while head != RDF + "nil" and head not in seen:
            seen.add(head)
            yield from (o for o in self.by_subject[head].get(RDF + "first", ()) if isinstance(o, Text))
            head = next(iter(self.nodes(head, RDF + "rest")), RDF + "nil")

    def _spoken(self, node: Node, predicate: str) -> list[Text]:
        """Labels that say something in a language with a proper tag."""
        good = []
        for label in self.texts(node, predicate):
            if not label.text.strip():
                self.odd["empty labels were left out"].append(node)
            elif not LANGUAGE_TAG.fullmatch(label.lang):
                self.odd["labels in no proper language were left out"].append(f"{label.text!r}@{label.lang} of {node}")
            else:
                good.append(label)
        return good

    def _definitions(self, node: Node) -> dict[str, str]:
        found: dict[str, list[str]] = defaultdict(list)
        for definition in self._spoken(node, SKOS + "definition"):
            found[definition.lang].append(definition.text)
        return {tag: "\n".join(texts) for tag, texts in found.items()}

    def _notation(self, node: Node) -> str | None:
        notations = [text.text for text in self.texts(node, SKOS + "notation")]
        if len(notations) > 1:
            self.odd["concepts have several notations; the first was kept"].append(f"{node} ({', '.join(notations)})")
        return notations[0] if notations else None

    def _scheme(self, node: Node) -> str:
        if self.scheme is not None:
            return self.scheme
        schemes = sorted(self.schemes.get(node, ()))
        if len(schemes) > 1:
            self.odd["concepts stand in several schemes; the first by IRI was kept"].append(node)
        if schemes:
            return from_iri(schemes[0], SCHEME_BASE)
        declared = sorted(s for s in self.by_subject if SKOS + "ConceptScheme" in self.nodes(s, TYPE))
        return from_iri(declared[0], SCHEME_BASE) if declared else reading.stem(Path(self.file))

    def _one_of(self, node: Node, term: str, allowed: Sequence[Any], default: Any) -> Any:
        value = self.value(node, term)
        if value is not None and value not in allowed:
            raise FileFormatError(
                self.file, f"{node}: kgtag:{term} is {value!r}; one of {', '.join(allowed)} was expected"
            )
        return value or default

    # -- relations --------------------------------------------------------------------------------

    def hierarchy(self, known: Mapping[str, Concept]) -> Iterator[Relation]:
        """`broader`, however it was written; the primary one is marked by kgtag, else the first by id."""
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
            self.odd["broader relations with an end that is no concept of the file were left out"].append(pair)
        elif type == "broader" and known[source].scheme != known[target].scheme:
            self.odd["broader relations across schemes were left out"].append(pair)
        else:
            return True
        return False

    def notes(self) -> list[str]:
        return [text for what, examples in sorted(self.odd.items()) for text in note(what, examples)]
