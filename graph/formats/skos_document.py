"""Concepts and relations in the triples of a SKOS file."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from graph.columns.invariants import bad_id
from graph.formats import reading
from graph.formats.rdf import (
    CONCEPT_BASE,
    DC,
    DCT,
    ISO_THES,
    KGTAG,
    OWL,
    RDFS,
    RELATIONS,
    SCHEME_BASE,
    SKOS,
    TYPE,
    Node,
    Text,
    Triple,
    from_iri,
)
from graph.formats.resources import Resources
from graph.model import KINDS, STATUSES, Choice, Concept, Relation, RelationType

_GROUPS = {SKOS + "Collection", SKOS + "OrderedCollection", ISO_THES + "ThesaurusArray", ISO_THES + "ConceptGroup"}
_UP = (SKOS + "broader", ISO_THES + "superOrdinate", ISO_THES + "superGroup")
_DOWN = (SKOS + "narrower", ISO_THES + "subordinateArray", ISO_THES + "subGroup")
_SEMANTIC = frozenset(
    {
        SKOS + term
        for term in ("broader", "narrower", "broaderTransitive", "narrowerTransitive", "related", "topConceptOf")
    }
)
"""Properties that only concepts have, whatever their type."""


class Document(Resources):
    """The concepts, groups and relations of a SKOS file."""

    def __init__(self, triples: Iterable[Triple], *, lang: str, scheme: str | None, file: str) -> None:
        super().__init__(triples, lang=lang, scheme=scheme, file=file)
        self.join_subproperties()
        self.join_label_nodes()

    def value(self, subject: Node, term: str) -> str | None:
        """The text of one of kgtag's own terms, None when the file does not use it."""
        found = self.texts(subject, KGTAG + term)
        return found[0].text if found else None

    @cached_property
    def concept_nodes(self) -> list[Node]:
        types = self.closure(RDFS + "subClassOf", {SKOS + "Concept"})
        return sorted(
            s
            for s, predicates in self.by_subject.items()
            if not types.isdisjoint(o for o in predicates.get(TYPE, ()) if isinstance(o, str))
            or (s not in self.groups and not _SEMANTIC.isdisjoint(predicates))
            or (s not in self.groups and SKOS + "prefLabel" in predicates and SKOS + "inScheme" in predicates)
        )

    @cached_property
    def groups(self) -> dict[Node, list[Node]]:
        """Collections, thesaurus arrays and concept groups with their members."""
        types = self.closure(RDFS + "subClassOf", _GROUPS)
        found: dict[Node, list[Node]] = {}
        for s, predicates in self.by_subject.items():
            if SKOS + "member" in predicates or not types.isdisjoint(self.nodes(s, TYPE)):
                lists = self.nodes(s, SKOS + "memberList")
                ordered = {one for head in lists for one in self.listed(head) if isinstance(one, str)}
                found[s] = sorted({*self.nodes(s, SKOS + "member"), *ordered})
        return found

    def concepts(self) -> dict[Node, Concept]:
        """Concepts and groups by node."""
        nodes = dict.fromkeys((*self.concept_nodes, *self.groups))
        found = {}
        for node in nodes:
            if (concept := self._concept(node)) is not None:
                found[node] = concept
                self._forget_texts(node)
        grouped = [node for node in self.groups if node in found]
        if grouped:
            what = "groups (collections, arrays) became concepts that are related to their members"
            self.odd[what] += [f"{found[node].label()!r} ({node})" for node in grouped]
        return found

    def _forget_texts(self, node: Node) -> None:
        """Free the literals that a concept has taken over; the statements stay known by their predicate."""
        predicates = self.by_subject[node]
        for term in ("prefLabel", "altLabel", "hiddenLabel", "definition"):
            values = predicates.get(SKOS + term, ())
            if values and all(isinstance(value, Text) for value in values):
                predicates[SKOS + term] = ()

    def _concept(self, node: Node) -> Concept | None:
        id = from_iri(node, CONCEPT_BASE)
        if node.startswith("_:"):
            self.wrong["concepts have no IRI and were left out"].append(node)
            return None
        if bad_id(id):
            self.wrong["concepts have IRIs that can't be ids and were left out"].append(repr(id))
            return None
        alt = self._label_lists(node, "altLabel")
        pref, spare = self._pref_labels(node)
        for tag, texts in spare.items():
            known = frozenset(alt.get(tag, ()))
            alt[tag] = (*alt.get(tag, ()), *(text for text in texts if text not in known))
        if not pref and alt:
            self.wrong["concepts have no preferred label; an alternative one stands for it"].append(id)
            pref = {tag: texts[0] for tag, texts in alt.items()}
            alt = {tag: texts[1:] for tag, texts in alt.items() if len(texts) > 1}
        types = self.nodes(node, TYPE)  # neosemantics writes the kind as a type: kgtag:Value for a value
        typed = next((kind for kind in KINDS if KGTAG + kind.capitalize() in types), "category")
        deprecated = any(text.text.lower() in ("true", "1") for text in self.texts(node, OWL + "deprecated"))
        return Concept(
            id=id,
            scheme=self.schemes[node],
            kind=self._one_of(node, "kind", KINDS, typed),
            pref_label=pref or self.unlabelled(id),
            alt_label=alt,
            hidden_label=self._label_lists(node, "hiddenLabel"),
            definition=self.definitions(node, SKOS + "definition"),
            notation=self.notation(node, SKOS + "notation"),
            status=self._one_of(node, "status", STATUSES, "deprecated" if deprecated else "active"),
            choice=self._one_of(node, "choice", get_args(Choice), "multiple"),
        )

    def _pref_labels(self, node: Node) -> tuple[dict[str, str], dict[str, list[str]]]:
        """One label per language, and surplus ones."""
        labels = (
            self.labels(node, SKOS + "prefLabel")
            or self.labels(node, RDFS + "label")
            or self.labels(node, DCT + "title", DC + "title")
        )
        pref: dict[str, str] = {}
        spare: dict[str, list[str]] = defaultdict(list)
        for label in labels:
            if pref.setdefault(label.lang, label.text) != label.text:
                spare[label.lang].append(label.text)
                what = "surplus preferred labels in one language became alternative labels"
                self.wrong[what].append(f"{label.text!r} of {node}")
        return pref, spare

    def _label_lists(self, node: Node, term: str) -> dict[str, tuple[str, ...]]:
        """Labels by language, in the order that kgtag has written, else sorted."""
        found: dict[str, list[str]] = defaultdict(list)
        ordered = self.nodes(node, f"{KGTAG}{term}s")
        for label in self.listed(ordered[0]) if ordered else self.labels(node, SKOS + term):
            if isinstance(label, Text):
                found[label.lang].append(label.text)
        return {tag: tuple(texts) for tag, texts in found.items()}

    def _one_of(self, node: Node, term: str, allowed: Sequence[Any], default: Any) -> Any:
        value = self.value(node, term)
        if value is not None and value not in allowed:
            what = f"values of kgtag:{term} are none of {', '.join(allowed)} and were ignored"
            self.wrong[what].append(f"{value!r} of {node}")
            return default
        return value or default

    @cached_property
    def schemes(self) -> dict[Node, str]:
        """The scheme of each concept and group.

        Of several, the one that most concepts of its hierarchy share, so that the hierarchy is kept; a concept without
        any takes that scheme too.
        """
        stated: dict[Node, set[Node]] = defaultdict(set)
        for s in self.by_subject:
            stated[s].update(self.nodes(s, SKOS + "inScheme", SKOS + "topConceptOf"))
            for concept in self.nodes(s, SKOS + "hasTopConcept"):
                stated[concept].add(s)
        nodes = dict.fromkeys((*self.concept_nodes, *self.groups))
        sizes = Counter(scheme for node in nodes for scheme in stated[node])
        found: dict[Node, str] = {}
        for part in self._parts(nodes):
            left = part
            while left:
                count = Counter(scheme for node in left for scheme in stated[node])
                best = min(count, key=lambda one: (-count[one], -sizes[one], one), default=None)
                if best is None:
                    found |= dict.fromkeys(left, self._only_scheme)
                    break
                taken = [node for node in left if best in stated[node] or not stated[node]]
                found |= dict.fromkeys(taken, from_iri(best, SCHEME_BASE))
                left = [node for node in left if node not in found]
        for node in nodes:
            if (named := self.scheme or self.value(node, "scheme")) is not None:
                found[node] = named
            elif len(stated[node]) > 1:
                self.odd["concepts are in several schemes; one that keeps their hierarchy was chosen"].append(node)
        return found

    def _parts(self, nodes: Mapping[Node, object]) -> Iterator[list[Node]]:
        """The nodes by what is connected through the hierarchy and groups."""
        near: dict[Node, list[Node]] = defaultdict(list)
        for a, b in (*self._upward, *((group, one) for group, members in self.groups.items() for one in members)):
            near[a].append(b)
            near[b].append(a)
        seen: set[Node] = set()
        for start in nodes:
            part, todo = [], [start]
            while todo:
                node = todo.pop()
                if node not in seen and node in nodes:
                    seen.add(node)
                    part.append(node)
                    todo += near.get(node, ())
            if part:
                yield part

    @cached_property
    def _only_scheme(self) -> str:
        """The scheme of concepts without one: the first scheme of the file, else the file's name."""
        declared = sorted(s for s in self.by_subject if SKOS + "ConceptScheme" in self.nodes(s, TYPE))
        return from_iri(declared[0], SCHEME_BASE) if declared else reading.stem(Path(self.file))

    @cached_property
    def _upward(self) -> Counter[tuple[Node, Node]]:
        """(narrower, broader) nodes, and how many of the two state it."""
        found: Counter[tuple[Node, Node]] = Counter()
        for s in self.by_subject:
            found.update((s, o) for o in self.nodes(s, *_UP))
            found.update((o, s) for o in self.nodes(s, *_DOWN))
        found.update((one, group) for group, members in self.groups.items() for one in members if one in self.groups)
        return found

    def _transitive(self, placed: set[Node]) -> set[tuple[Node, Node]]:
        """(narrower, broader) of concepts that only transitive statements place, without what others of them imply."""
        above: dict[Node, set[Node]] = defaultdict(set)
        for s in self.by_subject:
            above[s].update(self.nodes(s, SKOS + "broaderTransitive"))
            for o in self.nodes(s, SKOS + "narrowerTransitive"):
                above[o].add(s)
        found: set[tuple[Node, Node]] = set()
        for child, targets in list(above.items()):
            if child not in placed and targets:
                implied = {far for near in targets if near != child for far in above.get(near, ()) if far != near}
                found.update((child, target) for target in targets - implied or targets)
                self.odd["concepts are placed by broaderTransitive alone, which counts as broader"].append(child)
        return found

    def hierarchy(self, known: Mapping[str, Concept]) -> Iterator[Relation]:
        """`broader` relations without cycles; the primary one is marked by kgtag, else the first by id."""
        upward = self._upward
        upward.update(self._transitive({child for child, _ in upward}))
        pairs = {(from_iri(s, CONCEPT_BASE), from_iri(o, CONCEPT_BASE)): count for (s, o), count in upward.items()}
        fit = [Relation("broader", s, o) for s, o in sorted(pairs) if self._fit("broader", s, o, known)]
        nodes = {from_iri(node, CONCEPT_BASE): node for node in self.schemes}
        parents: dict[str, list[Relation]] = defaultdict(list)
        for edge in self.without_cycles(fit, pairs):
            parents[edge.source].append(edge)
        for child, edges in parents.items():
            marked = {from_iri(node, CONCEPT_BASE) for node in self.nodes(nodes[child], KGTAG + "primary")}
            first = next((edge for edge in edges if edge.target in marked), edges[0])
            yield from (replace(edge, primary=edge is first) for edge in edges)

    def relations(self, known: Mapping[str, Concept]) -> Iterator[Relation]:
        """All but `broader`; groups are related to their members."""
        for s in self.by_subject:
            source = from_iri(s, CONCEPT_BASE)
            if source not in known:
                continue
            stated = [(type, o) for type, iri in RELATIONS.items() if type != "broader" for o in self.nodes(s, iri)]
            stated += [("related", one) for one in self.groups.get(s, ()) if one not in self.groups]
            for type, o in stated:
                target = from_iri(o, CONCEPT_BASE)
                if self._fit(type, source, target, known):
                    yield Relation(type, source, target)
            for o in self.nodes(s, DCT + "replaces"):
                if (target := from_iri(o, CONCEPT_BASE)) in known and target != source:
                    yield Relation("replaced_by", target, source)

    def _fit(self, type: RelationType, source: str, target: str, known: Mapping[str, Concept]) -> bool:
        pair = f"{source} → {target}"
        if source == target:
            self.wrong[f"{type} relations of a concept to itself were left out"].append(source)
        elif type == "broader" and (source not in known or target not in known):
            self.wrong["broader relations to concepts outside the file were left out"].append(pair)
        elif type == "broader" and known[source].scheme != known[target].scheme:
            what = "broader relations across schemes were left out; --scheme puts all into one"
            self.wrong[what].append(pair)
        else:
            return True
        return False
