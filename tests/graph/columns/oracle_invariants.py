"""The invariants once more, one value at a time: slow, plain, and worked out apart from `graph.columns.invariants`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from graph.model import (
    CHOICES,
    KINDS,
    LANGUAGE_TAG,
    STATUSES,
    Concept,
    Kind,
    Problem,
    ProblemCode,
    Relation,
    RelationType,
)

_ENDS: Mapping[RelationType, tuple[Kind, Kind] | None] = {
    "value_of": ("value", "attribute"),
    "applies_to": ("attribute", "category"),
    "broader": None,
    "related": None,
    "excludes": None,
    "exact_match": None,
    "close_match": None,
    "replaced_by": None,
}


@dataclass(frozen=True, slots=True)
class Sound:
    """What is left when the problems are left out: concepts by id, relations in order, problems in order."""

    concepts: dict[str, Concept]
    relations: tuple[Relation, ...]
    problems: tuple[Problem, ...]


def sound(concepts: Iterable[Concept], relations: Iterable[Relation]) -> Sound:
    """Keep every concept and relation that breaks no invariant.

    Exactly one `broader` of a concept is primary in the result: the first one by id when none or several say so.
    """
    problems: list[Problem] = []
    kept: dict[str, Concept] = {}
    for concept in sorted(concepts, key=lambda c: c.id):
        found = _concept_problems(concept)
        problems += found
        if not found:
            kept[concept.id] = concept
    edges = _sound_edges(kept, relations, problems)
    edges = _without_cycles(edges, problems)
    _drop_homeless_values(kept, edges, problems)
    edges = [edge for edge in edges if edge.source in kept and edge.target in kept]
    edges = _within_attributes(edges, problems)
    edges = _without_unsatisfiable_exclusions(edges, problems)
    return Sound(kept, tuple(sorted(_one_primary(edges))), tuple(sorted(set(problems))))


def _concept_problems(concept: Concept) -> list[Problem]:
    called = f" ({concept.label()})" if concept.pref_label else ""

    def problem(code: ProblemCode, message: str) -> Problem:
        return Problem(code, (concept.id,), f"concept {concept.id!r}{called} {message}")

    found = []
    if not concept.id or concept.id != concept.id.strip() or not concept.id.isprintable() or len(concept.id) > 300:
        found.append(problem("bad_id", "has an id that is empty, padded, unprintable or longer than 300 characters"))
    if concept.kind not in KINDS:
        found.append(problem("bad_kind", f"is of kind {concept.kind!r}; one of {', '.join(KINDS)} was expected"))
    if concept.status not in STATUSES:
        found.append(problem("bad_status", f"has status {concept.status!r}; one of {', '.join(STATUSES)} was expected"))
    if concept.choice not in CHOICES:
        found.append(problem("bad_choice", f"has choice {concept.choice!r}; one of {', '.join(CHOICES)} was expected"))
    if not concept.pref_label:
        found.append(problem("no_label", "has no preferred label in any language"))
    for text, tag, _ in concept.labels():
        if not LANGUAGE_TAG.fullmatch(tag):
            found.append(problem("bad_language", f"has the label {text!r} in {tag!r}, which is not a language tag"))
        if not text.strip():
            found.append(problem("empty_label", f"has an empty label in {tag!r}"))
    return found


def _sound_edges(kept: Mapping[str, Concept], relations: Iterable[Relation], problems: list[Problem]) -> list[Relation]:
    edges: dict[tuple[RelationType, str, str], Relation] = {}
    for raw in relations:
        edge = raw.canonical()
        found = _edge_problem(kept, edge)
        if found is not None:
            problems.append(found)
        else:
            earlier = edges.get(edge.key)
            edges[edge.key] = replace(edge, primary=edge.primary or (earlier is not None and earlier.primary))
    return sorted(edges.values())


def _edge_problem(kept: Mapping[str, Concept], edge: Relation) -> Problem | None:
    ends = (edge.source, edge.target)
    named = f"{edge.source!r} {edge.type} {edge.target!r}"
    missing = [end for end in ends if end not in kept]
    if missing:
        return Problem("dangling", tuple(dict.fromkeys(ends)), f"{named}: there is no sound concept {missing[0]!r}")
    if edge.source == edge.target:
        return Problem("self_relation", (edge.source,), f"{named}: a concept can't stand in this relation to itself")
    source, target = kept[edge.source], kept[edge.target]
    wanted = _ENDS[edge.type]
    if wanted is not None and (source.kind, target.kind) != wanted:
        return Problem(
            "wrong_kinds", ends, f"{named}: it goes from {wanted[0]} to {wanted[1]}, not {source.kind} to {target.kind}"
        )
    if edge.type == "broader":
        if source.kind != target.kind:
            return Problem("wrong_kinds", ends, f"{named}: a {source.kind} can't be narrower than a {target.kind}")
        if source.scheme != target.scheme:
            return Problem("cross_scheme_broader", ends, f"{named}: across schemes use exact_match or close_match")
    return None


def _without_cycles(edges: list[Relation], problems: list[Problem]) -> list[Relation]:
    """Leave out every `broader` edge inside a strongly connected part; Tarjan's algorithm, without recursion."""
    parents: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        if edge.type == "broader":
            parents[edge.source].append(edge.target)
    component = _components(parents)
    members: dict[int, list[str]] = defaultdict(list)
    for node, number in component.items():
        members[number].append(node)
    for group in members.values():
        if len(group) > 1:
            names = tuple(sorted(group))
            shown = " → ".join(names[:6]) + (" …" if len(names) > 6 else "")
            problems.append(Problem("cycle", names, f"{len(names)} concepts are broader than themselves: {shown}"))
    return [edge for edge in edges if edge.type != "broader" or component[edge.source] != component[edge.target]]


def _components(parents: Mapping[str, list[str]]) -> dict[str, int]:
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    component: dict[str, int] = {}
    stack: list[str] = []
    numbers = 0
    for root in sorted(set(parents) | {target for targets in parents.values() for target in targets}):
        if root in order:
            continue
        work = [(root, iter(parents.get(root, ())))]
        order[root] = low[root] = len(order)
        stack.append(root)
        while work:
            node, targets = work[-1]
            advanced = False
            for target in targets:
                if target not in order:
                    order[target] = low[target] = len(order)
                    stack.append(target)
                    work.append((target, iter(parents.get(target, ()))))
                    advanced = True
                    break
                if target not in component:
                    low[node] = min(low[node], order[target])
            if advanced:
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == order[node]:
                while True:
                    member = stack.pop()
                    component[member] = numbers
                    if member == node:
                        break
                numbers += 1
    return component


def _drop_homeless_values(kept: dict[str, Concept], edges: list[Relation], problems: list[Problem]) -> None:
    attributes: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        if edge.type == "value_of":
            attributes[edge.source].append(edge.target)
    for id in [id for id, concept in kept.items() if concept.kind == "value"]:
        homes = attributes[id]
        if not homes:
            problems.append(Problem("value_without_attribute", (id,), f"value {id!r} has no attribute (value_of)"))
            del kept[id]
        elif len(homes) > 1:
            problems.append(
                Problem("value_of_several", (id,), f"value {id!r} belongs to several attributes: {', '.join(homes)}")
            )
            del kept[id]


def _within_attributes(edges: list[Relation], problems: list[Problem]) -> list[Relation]:
    """A value is narrower than values of its own attribute only; otherwise one facet would imply another."""
    home = {edge.source: edge.target for edge in edges if edge.type == "value_of"}
    kept = []
    for edge in edges:
        if edge.type == "broader" and home.get(edge.source) != home.get(edge.target):
            ends = (edge.source, edge.target)
            named = f"{edge.source!r} ({home[edge.source]}) broader {edge.target!r} ({home[edge.target]})"
            problems.append(Problem("broader_across_attributes", ends, f"{named}: values of different attributes"))
        else:
            kept.append(edge)
    return kept


def _without_unsatisfiable_exclusions(edges: list[Relation], problems: list[Problem]) -> list[Relation]:
    """An exclusion between a concept and its own ancestor, or between two ancestors of it, would forbid the concept."""
    narrower: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        if edge.type == "broader":
            narrower[edge.target].append(edge.source)

    def line(id: str) -> set[str]:
        seen = {id}
        todo = [id]
        while todo:
            fresh = [child for child in narrower.get(todo.pop(), ()) if child not in seen]
            seen.update(fresh)
            todo += fresh
        return seen

    kept = []
    for edge in edges:
        common = line(edge.source) & line(edge.target) if edge.type == "excludes" else set()
        ends = (edge.source, edge.target)
        named = f"{edge.source!r} excludes {edge.target!r}"
        if common & set(ends):
            problems.append(Problem("excludes_ancestor", ends, f"{named}, its own ancestor or descendant"))
        elif common:
            first = min(common)
            problems.append(Problem("excludes_common_narrower", (*ends, first), f"{named}, and {first!r} is both"))
        else:
            kept.append(edge)
    return kept


def _one_primary(edges: list[Relation]) -> list[Relation]:
    broader: dict[str, list[Relation]] = defaultdict(list)
    for edge in edges:
        if edge.type == "broader":
            broader[edge.source].append(edge)
    primary = {
        source: next((edge.target for edge in mine if edge.primary), mine[0].target) for source, mine in broader.items()
    }
    return [
        replace(edge, primary=primary[edge.source] == edge.target)
        if edge.type == "broader"
        else replace(edge, primary=False)
        for edge in edges
    ]
