"""What puts a quarantined edit right, in the language of the store it was made in.

Every problem has a mend: one statement that can be pasted as it stands, after which the problem is gone and no other
has come. It loses nothing that can be kept: rather a guess that is easy to see and to undo than a deletion. What only
an editor can know (an id, a label, which attribute a value belongs to) is proposed, and the words say so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal, Protocol

from graph.columns.assemble import columns_of
from graph.columns.invariants import sound
from graph.columns.near_types import near_relation
from graph.labels import normalise, slug
from graph.model import CHOICES, KINDS, LANGUAGE_TAG, STATUSES, Concept, Kind, Problem, ProblemCode, Relation, Stray
from graph.repairs.cypher import Cypher
from graph.repairs.guesses import closing, free_id, labelled, language_of, nearest, without_empty
from graph.repairs.sql import Sql
from graph.rows import ProblemRow, RepairRow
from graph.taxonomy import Taxonomy

Dialect = Literal["cypher", "sql"]


@dataclass(frozen=True, slots=True)
class Mend:
    """What to do, in words, and the statement that does it (several, for SQL, in one transaction)."""

    words: str
    statement: str

    def to_json(self) -> RepairRow:
        return {"words": self.words, "statement": self.statement}


class Language(Protocol):
    """How a store is told. Whatever stands in an id or label, the statement says that and no more."""

    def change(self, before: Concept, after: Concept) -> str:
        """Write the fields that differ on the concept that is `before`."""
        ...

    def delete(self, edges: Sequence[Relation | Stray]) -> str: ...

    def redraw(self, edge: Relation | Stray, wanted: Relation) -> str:
        """Put the relation in the place of the edge."""
        ...

    def apart(self, id: str) -> str:
        """Gives the second and further rows of the id ids of their own."""
        ...

    def house(self, value: Concept, attribute: Concept) -> str:
        """Make it a value of the attribute, which is created when there is none of that id."""
        ...


def dialect_of(url: str) -> Dialect:
    """The language of the store at a URL."""
    return "sql" if url.startswith("sqlite:") else "cypher"


def mends(taxonomy: Taxonomy, dialect: Dialect) -> Iterator[tuple[Problem, Mend]]:
    """Each problem of the snapshot, in order, and what mends it."""
    if taxonomy.problems:
        mender = _Mender(taxonomy, Sql() if dialect == "sql" else Cypher())
        for problem in taxonomy.problems:
            yield problem, mender.mend(problem)


def problem_rows(taxonomy: Taxonomy, dialect: Dialect, *, limit: int | None = None) -> list[ProblemRow]:
    """The problems as JSON, each with its `repair`; the first `limit`."""
    return [
        {
            "code": problem.code,
            "concepts": list(problem.concepts),
            "message": problem.message,
            "repair": mend.to_json(),
        }
        for problem, mend in islice(mends(taxonomy, dialect), limit)
    ]


class _Mender:
    """Knows what was left out besides what is in the snapshot, and proposes no id twice."""

    def __init__(self, taxonomy: Taxonomy, language: Language) -> None:
        self._taxonomy = taxonomy
        self._language = language
        self._left_out: dict[str, Problem] = {}
        self._hanging: dict[str, list[Relation]] = defaultdict(list)
        self._amiss: dict[str, list[Problem]] = defaultdict(list)
        taken = set(taxonomy.ids)
        for problem in taxonomy.problems:
            taken.update(problem.concepts)
            if problem.code in ("unknown_relation", "wrong_kinds"):
                for id in problem.concepts:
                    self._amiss[id].append(problem)
            if problem.subject is not None:
                self._left_out.setdefault(problem.subject.id, problem)
            elif problem.code == "dangling":
                for edge in problem.edges:
                    if isinstance(edge, Relation):
                        self._hanging[edge.source].append(edge)
                        self._hanging[edge.target].append(edge)
        self._proposed: dict[str, str] = {}
        for problem in taxonomy.problems:
            if problem.code == "bad_id" and problem.subject is not None:
                proposed = free_id(problem.subject, taken)
                self._proposed[problem.subject.id] = proposed
                taken.add(proposed)

    def mend(self, problem: Problem) -> Mend:
        ways: dict[ProblemCode, Callable[[Problem], Mend]] = {
            "bad_id": self._bad_id,
            "bad_kind": self._bad_kind,
            "bad_status": self._bad_status,
            "bad_choice": self._bad_choice,
            "no_label": self._no_label,
            "bad_language": self._bad_language,
            "empty_label": self._empty_label,
            "double_id": self._double_id,
            "dangling": self._dangling,
            "wrong_kinds": self._wrong_kinds,
            "cross_scheme_broader": self._cross_scheme,
            "cycle": self._cycle,
            "value_without_attribute": self._homeless,
            "value_of_several": self._of_several,
            "unknown_relation": self._unknown_relation,
        }
        return ways.get(problem.code, self._delete)(problem)

    # -- concepts ---------------------------------------------------------------------------------

    def _bad_id(self, problem: Problem) -> Mend:
        concept = _subject(problem)
        words = f"give it an id; {self._proposed[concept.id]!r} is free and only proposed: ids are for good"
        return self._change(concept, replace(concept, id=self._proposed[concept.id]), words)

    def _double_id(self, problem: Problem) -> Mend:
        words = "give all but one ids of their own; then make ids unique again: kgtag migrate"
        return Mend(words, self._language.apart(problem.concepts[0]))

    def _bad_kind(self, problem: Problem) -> Mend:
        concept = _subject(problem)
        kind = self._likely_kind(concept)
        return self._change(concept, replace(concept, kind=kind), f"make it a {kind}, as its relations suggest")

    def _likely_kind(self, concept: Concept) -> Kind:
        edges = self._hanging[concept.id]
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

    def _bad_status(self, problem: Problem) -> Mend:
        concept = _subject(problem)
        status = nearest(concept.status, STATUSES, default="active")
        return self._change(concept, replace(concept, status=status), f"give it the status {status!r}")

    def _bad_choice(self, problem: Problem) -> Mend:
        concept = _subject(problem)
        choice = nearest(concept.choice, CHOICES, default="multiple")
        return self._change(concept, replace(concept, choice=choice), f"give it the choice {choice!r}")

    def _no_label(self, problem: Problem) -> Mend:
        concept = _subject(problem)
        called = labelled(concept)
        words = f"give it a preferred label; {called.label()!r} is only proposed"
        return self._change(concept, called, words)

    def _empty_label(self, problem: Problem) -> Mend:
        concept = _subject(problem)
        full = replace(
            concept,
            pref_label={tag: text for tag, text in concept.pref_label.items() if text.strip()},
            alt_label=without_empty(concept.alt_label),
            hidden_label=without_empty(concept.hidden_label),
        )
        if full.pref_label:
            return self._change(concept, full, "remove its empty labels")
        called = labelled(full)
        words = f"remove its empty labels and call it something; {called.label()!r} is only proposed"
        return self._change(concept, called, words)

    def _bad_language(self, problem: Problem) -> Mend:
        concept = _subject(problem)
        pref: dict[str, str] = {}
        alt: dict[str, tuple[str, ...]] = {}
        hidden: dict[str, tuple[str, ...]] = {}
        for text, tag, kind in sorted(concept.labels(), key=lambda label: not LANGUAGE_TAG.fullmatch(label[1])):
            language = language_of(tag)
            if kind == "pref" and language not in pref:
                pref[language] = text
            else:
                lists = hidden if kind == "hidden" else alt
                lists[language] = tuple(dict.fromkeys((*lists.get(language, ()), text)))
        mended = replace(concept, pref_label=pref, alt_label=alt, hidden_label=hidden)
        return self._change(concept, mended, "put its labels in languages that there are; 'und' is undetermined")

    def _homeless(self, problem: Problem) -> Mend:
        value = _subject(problem)
        for amiss in self._amiss[value.id]:
            drawn = self._meant(amiss.edges[0])
            if drawn is not None and (drawn.type, drawn.source) == ("value_of", value.id):
                return self.mend(amiss)
        homes = self._homes_nearby(value, problem)
        if homes:
            home = self._taxonomy[homes[0]]
            words = f"make it a value of {home.label()!r} ({home.id}), where its broader or narrower values are"
            return Mend(words, self._language.house(value, home))
        id = f"{slug(normalise(value.scheme)) or 'shop'}:unsorted"
        other = self._known(id)
        while other is not None and (other.kind, other.scheme) != ("attribute", value.scheme):
            id += "-values"
            other = self._known(id)
        words = (
            f"make it a value of its attribute: put that one's id in the place of {id!r}; as it stands the statement "
            "keeps the value under an attribute called Unsorted"
        )
        unsorted = Concept(id, value.scheme, "attribute", {"en": "Unsorted"}, status="candidate")
        return Mend(words, self._language.house(value, unsorted))

    def _of_several(self, problem: Problem) -> Mend:
        value = _subject(problem)
        edges = [edge for edge in problem.edges if edge.type == "value_of"]
        homes = [edge.target for edge in edges]
        kept = next((home for home in self._homes_nearby(value, problem) if home in homes), homes[0])
        words = f"keep it in {kept!r} only; to keep it elsewhere, delete another relation"
        return Mend(words, self._language.delete([edge for edge in edges if edge.target != kept]))

    def _homes_nearby(self, value: Concept, problem: Problem) -> list[str]:
        """Attributes of the values that are directly broader or narrower, the most frequent first."""
        found: Counter[str] = Counter()
        for edge in problem.edges:
            other = edge.target if edge.source == value.id else edge.source
            if edge.type == "broader" and other in self._taxonomy:
                home = self._taxonomy.attribute_of(other)
                found.update([home] if home is not None else [])
        return sorted(found, key=lambda home: (-found[home], home))

    # -- relations --------------------------------------------------------------------------------

    def _dangling(self, problem: Problem) -> Mend:
        """The end that is left out is what is wrong; only when there is none, the relation is."""
        return self._ends_first(problem) or self._delete(problem)

    def _ends_first(self, problem: Problem) -> Mend | None:
        for end in problem.concepts:
            if end in self._left_out:
                first = self.mend(self._left_out[end])
                return Mend(f"mend the concept {end!r} first: {first.words}", first.statement)
        return None

    def _wrong_kinds(self, problem: Problem) -> Mend:
        turned = self._meant(problem.edges[0])
        if turned is not None:
            return Mend("turn the relation round", self._language.redraw(problem.edges[0], turned))
        return self._delete(problem)

    def _cross_scheme(self, problem: Problem) -> Mend:
        edge = problem.edges[0]
        source, target = self._taxonomy[edge.source], self._taxonomy[edge.target]
        for blank, other in ((source, target), (target, source)):
            if not blank.scheme.strip():
                words = f"put {blank.id!r}, which has no scheme, into {other.scheme!r}"
                return self._change(blank, replace(blank, scheme=other.scheme), words)
        words = "delete the relation; if both mean the same, relate them by EXACT_MATCH or CLOSE_MATCH instead"
        return Mend(words, self._language.delete(problem.edges))

    def _cycle(self, problem: Problem) -> Mend:
        edges = closing([edge for edge in problem.edges if isinstance(edge, Relation)])
        shown = ", ".join(f"{edge.source!r} → {edge.target!r}" for edge in edges[:3]) + (" …" if len(edges) > 3 else "")
        return Mend(f"delete what closes the circle: {shown}", self._language.delete(edges))

    def _unknown_relation(self, problem: Problem) -> Mend:
        meant = self._meant(problem.edges[0])
        if meant is not None:
            return Mend(f"draw it as {meant.type.upper()}", self._language.redraw(problem.edges[0], meant))
        first = self._ends_first(problem)
        if first is not None:
            return first
        words = "delete it; as one of kgtag's relations it would not stand there either"
        return Mend(words, self._language.delete(problem.edges))

    def _meant(self, edge: Relation | Stray) -> Relation | None:
        """The relation that was rather meant, if it can stand: the type spelt right, or the other way round."""
        if isinstance(edge, Stray):
            type = near_relation(edge.type)
            meant = Relation(type, edge.source, edge.target) if type is not None else None
        else:
            meant = replace(edge, source=edge.target, target=edge.source, primary=False)
        return meant if meant is not None and self._would_stand(meant) else None

    def _delete(self, problem: Problem) -> Mend:
        return Mend("delete the relation", self._language.delete(problem.edges))

    def _would_stand(self, edge: Relation) -> bool:
        """Whether the relation breaks no invariant beside what is in the snapshot."""
        known, (source, target) = self._taxonomy, (edge.source, edge.target)
        ends = [concept for end in (source, target) if (concept := self._known(end)) is not None]
        homeless = edge.type == "value_of" and self._code(source) == "value_without_attribute"
        if any(end not in known for end in (source, target) if not (homeless and end == source)):
            return False
        homes = [Relation("value_of", c.id, h) for c in ends if c.id in known and (h := known.attribute_of(c.id))]
        attributes = [known[home.target] for home in homes]
        beside = sound(columns_of(tuple({c.id: c for c in (*ends, *attributes)}.values()), [*homes, edge]))
        if beside.problems:
            return False
        if edge.type == "broader":
            lines = {source, *known.descendants(source)}, {target, *known.ancestors(target)}
            apart = not any(b in lines[1] for a in lines[0] for b in known.out(a, "excludes"))
            return not known.is_ancestor(source, target) and apart
        if edge.type == "excludes":
            lines = {source, *known.descendants(source)}, {target, *known.descendants(target)}
            return not lines[0] & lines[1]
        return True

    # -- both -------------------------------------------------------------------------------------

    def _change(self, before: Concept, after: Concept, words: str) -> Mend:
        return Mend(words, self._language.change(before, after))

    def _known(self, id: str) -> Concept | None:
        problem = self._left_out.get(id)
        return self._taxonomy.get(id) or (problem.subject if problem is not None else None)

    def _code(self, id: str) -> ProblemCode | None:
        return self._left_out[id].code if id in self._left_out else None


def _subject(problem: Problem) -> Concept:
    assert problem.subject is not None, problem
    return problem.subject
