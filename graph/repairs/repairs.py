"""The repair of each quarantined edit, as a statement in the language of its store.

A repair can be pasted as it stands; afterwards its problem is gone and no other has come. It prefers a guess that is
easy to see and to undo over a deletion. What only an editor can know (an id, a label, the attribute of a value) is
proposed, and the instruction says so.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from graph.columns.assemble import columns_of
from graph.columns.invariants import near_relation, sound
from graph.labels import normalise, slug
from graph.model import (
    CHOICES,
    KINDS,
    LANGUAGE_TAG,
    STATUSES,
    Change,
    Concept,
    DeleteRelation,
    Kind,
    Problem,
    ProblemCode,
    PutConcept,
    Relation,
    UnknownEdge,
)
from graph.repairs.guesses import closing_edges, free_id, hyphened, labelled, nearest, with_languages, without_empty
from graph.repairs.statements import CypherWriter, SqlWriter
from graph.rows import ProblemRow, RepairRow
from graph.taxonomy import Taxonomy

Dialect = Literal["cypher", "sql"]
Edge = Relation | UnknownEdge


@dataclass(frozen=True, slots=True)
class Repair:
    """An instruction for people and the statement that carries it out (for SQL, perhaps several in one transaction).

    `changes` do the same where no decision is needed; there are none where something is guessed.
    """

    instruction: str
    statement: str
    changes: tuple[Change, ...] = ()

    def to_json(self) -> RepairRow:
        return {"words": self.instruction, "statement": self.statement}


def dialect_of(url: str) -> Dialect:
    """The language of the store at a URL."""
    return "sql" if url.startswith("sqlite:") else "cypher"


def repairs(taxonomy: Taxonomy, dialect: Dialect) -> Iterator[tuple[Problem, Repair]]:
    """Each problem of the snapshot, in order, with its repair."""
    if taxonomy.problems:
        planner = _Planner(taxonomy, SqlWriter() if dialect == "sql" else CypherWriter())
        for problem in taxonomy.problems:
            yield problem, planner.repair(problem)


def problem_rows(taxonomy: Taxonomy, dialect: Dialect, *, limit: int | None = None) -> list[ProblemRow]:
    """The first `limit` problems as JSON, each with its `repair`."""
    return [
        {
            "code": problem.code,
            "concepts": list(problem.concepts),
            "message": problem.message,
            "repair": repair.to_json(),
        }
        for problem, repair in islice(repairs(taxonomy, dialect), limit)
    ]


def _is_certain(code: ProblemCode, before: Concept, after: Concept) -> bool:
    """Whether the repaired concept says nothing that it did not say before, and loses no label that has a text."""
    if code == "bad_language":
        return all(LANGUAGE_TAG.fullmatch(hyphened(tag)) for _, tag, _ in before.labels())
    texts = {text.strip() for text, _, _ in before.labels()}
    return code in ("no_label", "empty_label") and all(text in texts for text in after.pref_label.values())


class _Planner:
    """Plans repairs from the snapshot and what it left out; never proposes one id twice."""

    def __init__(self, taxonomy: Taxonomy, writer: CypherWriter | SqlWriter) -> None:
        self._taxonomy = taxonomy
        self._writer = writer
        self._left_out: dict[str, Problem] = {}
        self._dangling: dict[str, list[Relation]] = defaultdict(list)
        self._misdrawn: dict[str, list[Problem]] = defaultdict(list)
        taken = set(taxonomy.ids)
        for problem in taxonomy.problems:
            taken.update(problem.concepts)
            if problem.code in ("unknown_relation", "wrong_kinds"):
                for id in problem.concepts:
                    self._misdrawn[id].append(problem)
            if problem.subject is not None:
                self._left_out.setdefault(problem.subject.id, problem)
            elif problem.code == "dangling":
                for edge in problem.edges:
                    if isinstance(edge, Relation):
                        self._dangling[edge.source].append(edge)
                        self._dangling[edge.target].append(edge)
        self._proposed: dict[str, str] = {}
        for problem in taxonomy.problems:
            if problem.code == "bad_id" and problem.subject is not None:
                proposed = self._proposed[problem.subject.id] = free_id(problem.subject, taken)
                taken.add(proposed)

    def repair(self, problem: Problem) -> Repair:
        if problem.subject is not None and (repaired := self._repaired(problem.code, problem.subject)) is not None:
            after, instruction = repaired
            changes = (PutConcept(after),) if _is_certain(problem.code, problem.subject, after) else ()
            return Repair(instruction, self._writer.update(problem.subject, after), changes)
        match problem.code, problem.subject:
            case "value_without_attribute", Concept() as value:
                return self._value_without_attribute(value, problem)
            case "value_of_several", Concept() as value:
                return self._value_of_several(value, problem)
            case "double_id", _:
                instruction = "give all but one ids of their own; then make ids unique again: kgtag migrate"
                return Repair(instruction, self._writer.separate(problem.concepts[0]))
            case "dangling", _:
                if (first := self._ends_first(problem)) is not None:
                    return first
            case "wrong_kinds", _:
                if (reversed := self._meant(problem.edges[0])) is not None:
                    return Repair("reverse the relation", self._writer.replace(problem.edges[0], reversed))
            case "cross_scheme_broader", _:
                return self._cross_scheme(problem)
            case "cycle", _:
                edges = closing_edges([edge for edge in problem.edges if isinstance(edge, Relation)])
                shown = ", ".join(f"{edge.source!r} → {edge.target!r}" for edge in edges[:3])
                shown += " …" if len(edges) > 3 else ""
                words = f"delete the relations that close the cycle: {shown}"
                return Repair(words, self._writer.delete(edges), tuple(map(DeleteRelation, edges)))
            case "self_relation", _:
                known = tuple(DeleteRelation(edge) for edge in problem.edges if isinstance(edge, Relation))
                return Repair("delete the relation", self._writer.delete(problem.edges), known)
            case "unknown_relation", _:
                return self._unknown_relation(problem)
        return Repair("delete the relation", self._writer.delete(problem.edges))

    def _repaired(self, code: ProblemCode, concept: Concept) -> tuple[Concept, str] | None:
        """The concept without a problem of its own, and the instruction."""
        match code:
            case "bad_id":
                id = self._proposed[concept.id]
                return replace(concept, id=id), f"give it an id; {id!r} is free and only proposed: ids are permanent"
            case "bad_kind":
                kind = self._likely_kind(concept)
                return replace(concept, kind=kind), f"make it a {kind}, as its relations suggest"
            case "bad_status":
                status = nearest(concept.status, STATUSES, default="active")
                return replace(concept, status=status), f"give it the status {status!r}"
            case "bad_choice":
                choice = nearest(concept.choice, CHOICES, default="multiple")
                return replace(concept, choice=choice), f"give it the choice {choice!r}"
            case "no_label":
                named = labelled(concept)
                return named, f"give it a preferred label; {named.label()!r} is only proposed"
            case "empty_label":
                pref = {tag: text for tag, text in concept.pref_label.items() if text.strip()}
                alt, hidden = without_empty(concept.alt_label), without_empty(concept.hidden_label)
                full = replace(concept, pref_label=pref, alt_label=alt, hidden_label=hidden)
                if pref:
                    return full, "remove its empty labels"
                named = labelled(full)
                return named, f"remove its empty labels and give it a preferred one; {named.label()!r} is only proposed"
            case "bad_language":
                return with_languages(concept), "give its labels valid language tags; 'und' is undetermined"
        return None

    def _likely_kind(self, concept: Concept) -> Kind:
        edges = self._dangling[concept.id]
        leaving = {edge.type for edge in edges if edge.source == concept.id}
        arriving = {edge.type for edge in edges if edge.target == concept.id}
        if "value_of" in leaving:
            return "value"
        if "value_of" in arriving or "applies_to" in leaving:
            return "attribute"
        if "applies_to" in arriving:
            return "category"
        near = Counter(
            other.kind
            for edge in edges
            if edge.type == "broader"
            for end in (edge.source, edge.target)
            if (other := self._known(end)) is not None and other.kind in KINDS
        )
        if near:
            return max(KINDS, key=lambda kind: near[kind])
        return next((kind for kind in KINDS if kind in concept.kind and kind != "value"), "category")

    def _value_without_attribute(self, value: Concept, problem: Problem) -> Repair:
        for other in self._misdrawn[value.id]:
            meant = self._meant(other.edges[0])
            if meant is not None and (meant.type, meant.source) == ("value_of", value.id):
                return self.repair(other)
        if near := self._attributes_nearby(value, problem):
            attribute = self._taxonomy[near[0]]
            instruction = (
                f"make it a value of {attribute.label()!r} ({attribute.id}), where its broader or narrower values are"
            )
            return Repair(instruction, self._writer.add_value(value, attribute))
        id = f"{slug(normalise(value.scheme)) or 'shop'}:unsorted"
        while (found := self._known(id)) is not None and (found.kind, found.scheme) != ("attribute", value.scheme):
            id += "-values"
        instruction = (
            f"make it a value of its attribute: write that attribute's id in place of {id!r}; as it stands the "
            "statement keeps the value under an attribute called Unsorted"
        )
        unsorted = Concept(id, value.scheme, "attribute", {"en": "Unsorted"}, status="candidate")
        return Repair(instruction, self._writer.add_value(value, unsorted))

    def _value_of_several(self, value: Concept, problem: Problem) -> Repair:
        edges = [edge for edge in problem.edges if edge.type == "value_of"]
        attributes = [edge.target for edge in edges]
        kept = next((id for id in self._attributes_nearby(value, problem) if id in attributes), attributes[0])
        instruction = f"keep it in {kept!r} only; to keep it elsewhere, delete another relation"
        return Repair(instruction, self._writer.delete([edge for edge in edges if edge.target != kept]))

    def _attributes_nearby(self, value: Concept, problem: Problem) -> list[str]:
        """Attributes of directly broader and narrower values, the most frequent first."""
        found: Counter[str] = Counter()
        for edge in problem.edges:
            other = edge.target if edge.source == value.id else edge.source
            if edge.type == "broader" and other in self._taxonomy:
                attribute = self._taxonomy.attribute_of(other)
                found.update([attribute] if attribute is not None else [])
        return sorted(found, key=lambda id: (-found[id], id))

    def _ends_first(self, problem: Problem) -> Repair | None:
        """The repair of an end that was left out: the relation may be sound once its ends are."""
        for end in problem.concepts:
            if end in self._left_out:
                first = self.repair(self._left_out[end])
                return Repair(f"repair the concept {end!r} first: {first.instruction}", first.statement)
        return None

    def _cross_scheme(self, problem: Problem) -> Repair:
        edge = problem.edges[0]
        source, target = self._known(edge.source), self._known(edge.target)  # either may be left out for another reason
        for blank, other in ((source, target), (target, source)):
            if blank is not None and other is not None and not blank.scheme.strip():
                instruction = f"put {blank.id!r}, which has no scheme, into {other.scheme!r}"
                return Repair(instruction, self._writer.update(blank, replace(blank, scheme=other.scheme)))
        instruction = "delete the relation; if both mean the same, relate them by EXACT_MATCH or CLOSE_MATCH instead"
        return Repair(instruction, self._writer.delete(problem.edges))

    def _unknown_relation(self, problem: Problem) -> Repair:
        edge = problem.edges[0]
        if (meant := self._meant(edge)) is not None:
            return Repair(f"draw it as {meant.type.upper()}", self._writer.replace(edge, meant))
        instruction = "delete it; as one of kgtag's relations it would break another rule"
        return self._ends_first(problem) or Repair(instruction, self._writer.delete(problem.edges))

    def _meant(self, edge: Edge) -> Relation | None:
        """The relation that was probably meant, if it is sound: its type spelt right, or its direction reversed."""
        if isinstance(edge, UnknownEdge):
            type = near_relation(edge.type)
            meant = Relation(type, edge.source, edge.target) if type is not None else None
        else:
            meant = replace(edge, source=edge.target, target=edge.source, primary=False)
        return meant if meant is not None and self._is_sound(meant) else None

    def _is_sound(self, edge: Relation) -> bool:
        """Whether the relation, added to the snapshot, breaks no invariant."""
        known, (source, target) = self._taxonomy, (edge.source, edge.target)
        left_out = self._left_out.get(source)
        orphaned = left_out is not None and left_out.code == "value_without_attribute"
        checked = (target,) if orphaned and edge.type == "value_of" else (source, target)
        if any(end not in known for end in checked):
            return False
        ends = [concept for end in (source, target) if (concept := self._known(end)) is not None]
        values = [Relation("value_of", c.id, a) for c in ends if c.id in known and (a := known.attribute_of(c.id))]
        attributes = [known[value.target] for value in values]
        concepts = {concept.id: concept for concept in (*ends, *attributes)}
        if sound(columns_of(tuple(concepts.values()), [*values, edge])).problems:
            return False
        if edge.type == "broader":
            above, below = {target, *known.ancestors(target)}, {source, *known.descendants(source)}
            excluded = any(b in above for a in below for b in known.out(a, "excludes"))
            return not known.is_ancestor(source, target) and not excluded
        if edge.type == "excludes":
            return not {source, *known.descendants(source)} & {target, *known.descendants(target)}
        return True

    def _known(self, id: str) -> Concept | None:
        """The concept, sound or left out."""
        problem = self._left_out.get(id)
        return self._taxonomy.get(id) or (problem.subject if problem is not None else None)
