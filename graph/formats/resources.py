"""What RDF files state, by subject and predicate: labels, definitions, lists, and what of it is odd or wrong."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from graph.formats.parsed import circles, counted, note
from graph.formats.rdf import DC, DCT, ISO_THES, KGTAG, RDF, RDFS, SKOS, SKOSXL, XL_TERMS, Node, Text, Triple, shown
from graph.model import LANGUAGE_TAG, Relation

GVP = "http://vocab.getty.edu/ontology#"
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
_STANDARD = (SKOS, SKOSXL, RDFS, RDF, KGTAG, DC, DCT)
_HELD = frozenset(
    {SKOS + term for term in ("broader", "narrower", "broaderTransitive", "narrowerTransitive", "related")}
    | {SKOS + term for term in ("inScheme", "topConceptOf", "hasTopConcept", "member", "definition", "notation")}
    | {SKOS + term for term in ("exactMatch", "closeMatch")}
    | {*XL_TERMS, *XL_TERMS.values(), RDFS + "label"}
)
"""Properties that concepts hold."""
_FEW = 8
_KNOWN_SUBPROPERTIES: Mapping[str, str] = {
    **{
        ISO_THES + way + how: SKOS + way
        for way in ("broader", "narrower")
        for how in ("Generic", "Partitive", "Instantial")
    },
    **{
        GVP + way + how: SKOS + way
        for way in ("broader", "narrower")
        for how in ("Preferred", "NonPreferred", "Generic", "Partitive", "Instantial")
    },
    GVP + "prefLabelGVP": SKOSXL + "prefLabel",
}
"""Sub-properties that thesauri use without declaring them."""


class Resources:
    """Statements by subject and predicate.

    Args:
        triples: In any order, repeated or not.
        lang: The language of labels without a valid one.
        scheme: The scheme that overrides the file's.
        file: For errors.

    `odd` collects examples of what was left out or changed, by note; `wrong` those of faults of the file.
    """

    def __init__(self, triples: Iterable[Triple], *, lang: str, scheme: str | None, file: str) -> None:
        self.file = file
        self.lang = lang
        self.scheme = scheme
        self.odd: dict[str, list[str]] = defaultdict(list)
        self.wrong: dict[str, list[str]] = defaultdict(list)
        found: dict[Node, dict[str, tuple[Node | Text, ...]]] = {}
        many: dict[tuple[Node, str], list[Node | Text]] = {}  # what has many objects: a collection's members
        for s, p, o in triples:
            predicates = found.setdefault(s, {})
            there = predicates.get(p, ())
            if len(there) < _FEW:
                predicates[p] = (*there, o)
            else:
                many.setdefault((s, p), []).append(o)
        for (s, p), more in many.items():
            found[s][p] += tuple(more)
        for predicates in found.values():
            for p, values in predicates.items():
                if len(values) > 1:
                    predicates[p] = tuple(dict.fromkeys(values))
        self.by_subject = found

    def nodes(self, subject: Node, *predicates: str) -> list[Node]:
        """Objects that are IRIs or blank nodes, in order."""
        return sorted({o for one in predicates for o in self.objects(subject, one) if isinstance(o, str)})

    def texts(self, subject: Node, predicate: str) -> list[Text]:
        """Objects that are literals, in order, with `lang` for those without a language."""
        literals = (o for o in self.objects(subject, predicate) if isinstance(o, Text))
        return sorted({o if o.lang else Text(o.text, self.lang) for o in literals})

    def objects(self, subject: Node, predicate: str) -> Sequence[Node | Text]:
        predicates = self.by_subject.get(subject)
        return () if predicates is None else predicates.get(predicate, ())

    def listed(self, head: Node) -> Iterator[Node | Text]:
        """The members of an RDF list."""
        seen: set[Node] = set()
        while head != RDF + "nil" and head not in seen:
            seen.add(head)
            yield from self.objects(head, RDF + "first")
            head = next(iter(self.nodes(head, RDF + "rest")), RDF + "nil")

    def closure(self, predicate: str, roots: Iterable[Node]) -> set[Node]:
        """The roots and what leads to them by the predicate."""
        found = set(roots)
        pairs = [(s, o) for s in self.by_subject for o in self.nodes(s, predicate)]
        while more := {s for s, o in pairs if o in found} - found:
            found |= more
        return found

    def labels(self, node: Node, *predicates: str) -> list[Text]:
        """Literals that are not blank, with language tags as BCP 47 writes them."""
        good: dict[Text, None] = {}
        for label in (label for predicate in predicates for label in self.texts(node, predicate)):
            tag = label.lang.replace("_", "-")
            if not label.text.strip():
                self.wrong["empty labels were left out"].append(node)
                continue
            if not LANGUAGE_TAG.fullmatch(tag):
                what = f"labels with an invalid language tag were taken as {self.lang!r}"
                self.wrong[what].append(f"{label.text!r}@{label.lang} of {node}")
                tag = self.lang
            good[Text(label.text, tag)] = None
        return list(good)

    def definitions(self, node: Node, *predicates: str) -> dict[str, str]:
        """Literals by language, several of one language joined."""
        found: dict[str, list[str]] = defaultdict(list)
        for definition in self.labels(node, *predicates):
            found[definition.lang].append(definition.text)
        return {tag: "\n".join(texts) for tag, texts in found.items()}

    def notation(self, node: Node, *predicates: str) -> str | None:
        """The first literal of the predicates that is not blank."""
        found = [text.text for one in predicates for text in self.texts(node, one) if text.text.strip()]
        if len(found) > 1:
            self.odd["concepts have several notations; the first was kept"].append(f"{node} ({', '.join(found)})")
        return found[0] if found else None

    def unlabelled(self, node: Node) -> dict[str, str]:
        """A label for a concept that has none: the end of its IRI, "RainBoot" and "rain_boot" in words."""
        self.wrong["concepts have no label; the end of their IRI stands for it"].append(node)
        end = node.rstrip("/#").replace("#", "/").rpartition("/")[2]
        return {"und": _HUMP.sub(" ", end.replace("_", " ")).strip() or node}

    def without_cycles(self, broader: Sequence[Relation], statements: Mapping[tuple[str, str], int]) -> list[Relation]:
        """The relations without one of each cycle; `statements` counts for each (narrower, broader) who states it."""
        closing: set[Relation] = set()
        while found := circles(edge for edge in broader if edge not in closing):
            for edge in found:  # two concepts may each be broader than the other: what both state outweighs
                back = Relation("broader", edge.target, edge.source)
                count = statements.get((back.source, back.target), 0)
                weaker = 0 < count < statements[edge.source, edge.target] and back not in closing
                closing.add(back if weaker else edge)
        if closing:
            what = "broader relations close a cycle and were left out"
            self.wrong[what] += [f"{edge.source} → {edge.target}" for edge in closing]
        return [edge for edge in broader if edge not in closing]

    def join_subproperties(self) -> None:
        """Count statements with sub-properties of SKOS, which the file declares or thesauri share, as those of SKOS."""
        wide: dict[str, set[str]] = defaultdict(set)
        for s in list(self.by_subject):
            if not s.startswith(_STANDARD):
                wide[s].update(self.nodes(s, RDFS + "subPropertyOf"))
        meant: dict[str, list[str]] = {narrow: [known] for narrow, known in _KNOWN_SUBPROPERTIES.items()}
        for narrow, targets in wide.items():
            seen, todo = {narrow}, list(targets)
            ends: set[str] = set()
            while todo:
                one = todo.pop()
                if one in _HELD:
                    ends.add(one)
                elif one not in seen:
                    seen.add(one)
                    todo += [*wide.get(one, ()), *meant.get(one, ())]
            if ends:
                meant[narrow] = sorted(ends)
        used: dict[str, int] = defaultdict(int)
        for predicates in self.by_subject.values():
            for narrow in meant.keys() & predicates.keys():
                values = predicates.pop(narrow)
                used[narrow] += len(values)
                for one in meant[narrow]:
                    predicates[one] = tuple(dict.fromkeys((*predicates.get(one, ()), *values)))
        for narrow, count in sorted(used.items()):
            names = " and ".join(map(shown, meant[narrow]))
            self.odd["properties count as what they are sub-properties of"].append(
                f"{shown(narrow)} as {names} ({count:,} times)"
            )

    def join_label_nodes(self) -> None:
        """Add plain labels for labels that are nodes (SKOS-XL)."""
        for predicates in self.by_subject.values():
            for plain, xl in XL_TERMS.items():
                for label in predicates.get(xl, ()):
                    if isinstance(label, str) and (forms := self.objects(label, SKOSXL + "literalForm")):
                        texts = (form for form in forms if isinstance(form, Text))
                        predicates[plain] = tuple(dict.fromkeys((*predicates.get(plain, ()), *texts)))

    def faults(self) -> list[str]:
        """Notes on what is wrong with the file."""
        return _notes(self.wrong)

    def notes(self) -> list[str]:
        """All notes, those on faults first."""
        return [*self.faults(), *_notes(self.odd)]


def _notes(found: Mapping[str, list[str]]) -> list[str]:
    """Blank nodes have names without meaning, so they are only counted."""
    notes: list[str] = []
    for what, examples in sorted(found.items()):
        blank = examples[0].startswith("_:")
        notes += counted(what, ["a blank node"] * len(examples)) if blank else note(what, examples)
    return notes
