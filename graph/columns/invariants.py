"""The invariants of a taxonomy: `sound` keeps the rows that satisfy them and reports the rest as problems.

An edit through kgtag that causes a problem is refused; an external edit that causes one is quarantined: left out of the
snapshot and reported.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow.compute as pc
from rapidfuzz.distance import OSA

from graph.columns.columns import CODE, DEFINITION, PREF, Columns, Flags, Ints, Longs, find, owners
from graph.columns.hierarchy import Csr, Hierarchy, cycles, unsatisfiable
from graph.model import Concept, Kind, Problem, ProblemCode, Relation, RelationType, UnknownEdge
from graph.model.concepts import CHOICES, KINDS, LANGUAGE_TAG, RELATION_TYPES, STATUSES

_ENDS: Mapping[RelationType, tuple[Kind, Kind]] = {
    "value_of": ("value", "attribute"),
    "applies_to": ("attribute", "category"),
}
_PLAIN_ID = r"^[!-~]([ -~]{0,298}[!-~])?$"
"""Ids that are certainly valid; others are checked one by one."""
_FAR = 2
"""Edit distance beyond which another word is meant than a relation type."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Columns without the problems, the problems in order, and the columns' hierarchy if exclusions needed it."""

    columns: Columns
    problems: tuple[Problem, ...]
    hierarchy: Hierarchy | None = None


def sound(columns: Columns) -> Sound:
    """Keep every concept and relation that breaks no invariant, and report the rest.

    Exactly one `broader` of a concept is primary in the result: the first by id when none or several are marked.
    Columns without problems are not copied.
    """
    check = _Check(columns)
    problems = {
        *map(_unknown_relation, columns.unknown),
        *check.duplicates(),
        *check.concepts(),
        *check.relations(),
        *check.cycles(),
    }
    problems |= {*check.values(), *check.across_attributes()}
    kept = columns.select(check.concept, check.edge)
    hierarchy = None
    if (kept.edges.type == CODE["excludes"]).any():
        hierarchy = hierarchy_of(kept)
        stays = np.ones(len(kept.edges), dtype=bool)
        for k, below in unsatisfiable(kept.edges, hierarchy):
            edge = kept.relation(k)
            ends = (edge.source, edge.target)
            shown = f"{edge.source!r} excludes {edge.target!r}"
            if below is None:
                message = f"{shown}, its own ancestor or descendant"
                problems.add(Problem("excludes_ancestor", ends, message, edges=(edge,)))
            else:
                first = kept.ids[below].as_py()
                message = f"{shown}, and {first!r} is both"
                problems.add(Problem("excludes_common_narrower", (*ends, first), message, edges=(edge,)))
            stays[k] = False
        kept = kept.select(np.ones(len(kept), dtype=bool), stays)
    return Sound(_with_one_primary(kept), tuple(sorted(problems)), hierarchy)


def hierarchy_of(columns: Columns) -> Hierarchy:
    broader = columns.edges.type == CODE["broader"]
    rows = Csr.sorted(len(columns), columns.edges.source[broader], columns.edges.target[broader])
    return Hierarchy(rows, rows.transposed())


class _Check:
    """One pass over whole columns. `concept` (n,) and `edge` (k,) mark what is still sound; every step clears some."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.concept: Flags = np.ones(len(columns), dtype=bool)
        self.edge: Flags = np.ones(len(columns.edges), dtype=bool)

    def duplicates(self) -> list[Problem]:
        why = "is in the store more than once; the first one counts"
        return [Problem("double_id", (id,), f"concept {id!r} {why}") for id in self.columns.duplicates]

    def concepts(self) -> list[Problem]:
        problems = []
        for i in np.flatnonzero(_suspect(self.columns)).tolist():
            found = _concept_problems(self.columns.concept(i))
            problems += found
            self.concept[i] = not found
        return problems

    def relations(self) -> list[Problem]:
        edges, columns = self.columns.edges, self.columns
        if not self.concept.all():
            self.edge &= self.concept[edges.source] & self.concept[edges.target]
        kind, scheme = columns.kind.codes, columns.scheme.codes
        wrong = edges.source == edges.target
        for type, (first, second) in _ENDS.items():
            ours = edges.type == CODE[type]
            fit = columns.kind.where(first)[edges.source[ours]] & columns.kind.where(second)[edges.target[ours]]
            wrong[ours] |= ~fit
        ours = edges.type == CODE["broader"]
        source, target = edges.source[ours], edges.target[ours]
        wrong[ours] |= (kind[source] != kind[target]) | (scheme[source] != scheme[target])
        wrong |= ~self.edge
        self.edge &= ~wrong
        if not wrong.any() and not columns.dangling:
            return []
        found = [*columns.dangling, *replace(columns, edges=edges.select(wrong)).relations()]
        row: Callable[[str], int | None] = partial(find, columns)
        if 40 * len(found) > len(columns):
            row = dict(zip(columns.ids.to_pylist(), range(len(columns)), strict=True)).get
        problems = (self._relation_problem(edge, row(edge.source), row(edge.target)) for edge in found)
        return [problem for problem in problems if problem is not None]

    def _relation_problem(self, edge: Relation, source: int | None, target: int | None) -> Problem | None:
        named = f"{edge.source!r} {edge.type} {edge.target!r}"

        def problem(code: ProblemCode, message: str) -> Problem:
            ends = tuple(dict.fromkeys((edge.source, edge.target)))
            return Problem(code, ends, f"{named}: {message}", edges=(edge,))

        if source is None or not self.concept[source] or target is None or not self.concept[target]:
            missing = edge.source if source is None or not self.concept[source] else edge.target
            return problem("dangling", f"there is no sound concept {missing!r}")
        if source == target:
            return problem("self_relation", "a concept can't stand in this relation to itself")
        columns, wanted = self.columns, _ENDS.get(edge.type)
        kinds = (columns.kind[source], columns.kind[target])
        if wanted is not None and kinds != wanted:
            return problem("wrong_kinds", f"it goes from {wanted[0]} to {wanted[1]}, not {kinds[0]} to {kinds[1]}")
        if edge.type == "broader":
            if kinds[0] != kinds[1]:
                return problem("wrong_kinds", f"a {kinds[0]} can't be narrower than a {kinds[1]}")
            if columns.scheme[source] != columns.scheme[target]:
                return problem("cross_scheme_broader", "across schemes use exact_match or close_match")
        return None

    def cycles(self) -> list[Problem]:
        """Clear every `broader` edge inside a strongly connected component."""
        edges, n = self.columns.edges, len(self.columns)
        ours = np.flatnonzero(self.edge & (edges.type == CODE["broader"]))
        source, target = edges.source[ours], edges.target[ours]
        groups = cycles(Csr.sorted(n, source, target))
        if not groups:
            return []
        component = np.full(n, -1)
        for number, group in enumerate(groups):
            component[group] = number
        inside = (component[source] == component[target]) & (component[source] >= 0)
        self.edge[ours[inside]] = False
        within: dict[int, list[Relation]] = defaultdict(list)
        for number, k in zip(component[source[inside]].tolist(), ours[inside].tolist(), strict=True):
            within[number].append(self.columns.relation(k))
        problems = []
        for number, group in enumerate(groups):
            names = tuple(self.columns.ids.take(group).to_pylist())
            shown = " → ".join(names[:6]) + (" …" if len(names) > 6 else "")
            message = f"{len(names)} concepts are broader than themselves: {shown}"
            problems.append(Problem("cycle", names, message, edges=tuple(within[number])))
        return problems

    def values(self) -> list[Problem]:
        """Clear values that do not have exactly one attribute."""
        edges, columns = self.columns.edges, self.columns
        ours = self.edge & (edges.type == CODE["value_of"])
        attributes = np.bincount(edges.source[ours], minlength=len(columns))
        wrong = np.flatnonzero(columns.kind.where("value") & self.concept & (attributes != 1))
        problems = []
        near = self._near(wrong)
        for row in wrong.tolist():
            id = columns.ids[row].as_py()
            code: ProblemCode = "value_of_several" if attributes[row] else "value_without_attribute"
            message = f"value {id!r} has no attribute (value_of)"
            if attributes[row]:
                names = ", ".join(columns.ids.take(edges.target[ours & (edges.source == row)]).to_pylist())
                message = f"value {id!r} belongs to several attributes: {names}"
            problems.append(Problem(code, (id,), message, columns.concept(row), tuple(near[id])))
        if len(wrong):
            self.concept[wrong] = False
            self.edge &= self.concept[edges.source] & self.concept[edges.target]
        return problems

    def _near(self, rows: Longs) -> dict[str, list[Relation]]:
        """Sound `broader` and `value_of` relations of these values, by id of either end."""
        edges = self.columns.edges
        types = (edges.type == CODE["broader"]) | (edges.type == CODE["value_of"])
        ours = self.edge & types & (np.isin(edges.source, rows) | np.isin(edges.target, rows))
        near: dict[str, list[Relation]] = defaultdict(list)
        for edge in self.columns.relations_at(np.flatnonzero(ours)) if len(rows) else ():
            near[edge.source].append(edge)
            near[edge.target].append(edge)
        return near

    def across_attributes(self) -> list[Problem]:
        """Clear `broader` between values of different attributes: one attribute would imply another."""
        edges, ids = self.columns.edges, self.columns.ids
        attribute: Ints = np.full(len(self.columns), -1, dtype=np.int32)
        ours = self.edge & (edges.type == CODE["value_of"])
        attribute[edges.source[ours]] = edges.target[ours]
        across = self.edge & (edges.type == CODE["broader"]) & (attribute[edges.source] != attribute[edges.target])
        problems = []
        for k in np.flatnonzero(across).tolist():
            source, target = edges.source[k], edges.target[k]
            a, b, first, second = ids.take([source, target, attribute[source], attribute[target]]).to_pylist()
            message = f"{a!r} ({first}) broader {b!r} ({second}): values of different attributes"
            problems.append(Problem("broader_across_attributes", (a, b), message, edges=(self.columns.relation(k),)))
        self.edge &= ~across
        return problems


def bad_id(id: str) -> bool:
    return not id or id != id.strip() or not id.isprintable() or len(id) > 300


def _suspect(columns: Columns) -> Flags:
    """(n,) concepts to check one by one: all that have a problem, and perhaps others."""
    suspect: Flags = ~pc.match_substring_regex(columns.ids, _PLAIN_ID).to_numpy(zero_copy_only=False)
    odd = np.flatnonzero(suspect)
    suspect[odd] = [bad_id(id) for id in columns.ids.take(odd).to_pylist()]
    for column, known in ((columns.kind, KINDS), (columns.status, STATUSES), (columns.choice, CHOICES)):
        bad = [code for code, value in enumerate(column.values) if value not in known]
        suspect |= np.isin(column.codes, bad)
    texts = columns.texts
    owner = owners(texts)
    named = np.zeros(len(columns), dtype=bool)
    named[owner[texts.kind == PREF]] = True
    blank = pc.or_(pc.utf8_is_space(texts.text), pc.equal(pc.binary_length(texts.text), 0))
    foreign = [code for code, tag in enumerate(texts.lang.values) if not LANGUAGE_TAG.fullmatch(tag)]
    wrong = blank.to_numpy(zero_copy_only=False) | np.isin(texts.lang.codes, foreign)
    suspect[owner[wrong & (texts.kind != DEFINITION)]] = True
    return suspect | ~named


def _concept_problems(concept: Concept) -> list[Problem]:
    label = f" ({concept.label()})" if concept.pref_label else ""
    found: list[Problem] = []

    def report(code: ProblemCode, message: str) -> None:
        found.append(Problem(code, (concept.id,), f"concept {concept.id!r}{label} {message}", concept))

    if bad_id(concept.id):
        report("bad_id", "has an id that is empty, padded, unprintable or longer than 300 characters")
    if concept.kind not in KINDS:
        report("bad_kind", f"is of kind {concept.kind!r}; one of {', '.join(KINDS)} was expected")
    if concept.status not in STATUSES:
        report("bad_status", f"has status {concept.status!r}; one of {', '.join(STATUSES)} was expected")
    if concept.choice not in CHOICES:
        report("bad_choice", f"has choice {concept.choice!r}; one of {', '.join(CHOICES)} was expected")
    if not concept.pref_label:
        report("no_label", "has no preferred label in any language")
    for text, tag, _ in concept.labels():
        if not LANGUAGE_TAG.fullmatch(tag):
            report("bad_language", f"has the label {text!r} in {tag!r}, which is not a language tag")
        if not text.strip():
            report("empty_label", f"has an empty label in {tag!r}")
    return found


def _unknown_relation(edge: UnknownEdge) -> Problem:
    meant = near_relation(edge.type)
    hint = f"; did you mean {meant.upper()}?" if meant else ""
    message = f"{edge.source!r} {edge.type} {edge.target!r}: there is no such relation{hint}"
    return Problem("unknown_relation", tuple(dict.fromkeys((edge.source, edge.target))), message, edges=(edge,))


def _with_one_primary(columns: Columns) -> Columns:
    edges = columns.edges
    ours = np.flatnonzero(edges.type == CODE["broader"])
    source, claimed = edges.source[ours], edges.primary[ours]
    first = np.ones(len(ours), dtype=bool)
    first[1:] = source[1:] != source[:-1]
    # The place of a concept's first primary edge, else of its first edge.
    place = np.arange(len(ours))
    group = np.cumsum(first) - 1
    chosen = place[first]
    marked, at = np.unique(group[claimed], return_index=True)
    chosen[marked] = place[claimed][at]
    primary = np.zeros(len(edges), dtype=bool)
    primary[ours[chosen]] = True
    same = np.array_equal(primary, edges.primary)
    return columns if same else replace(columns, edges=replace(edges, primary=primary))


def near_relation(type: str) -> RelationType | None:
    """The relation type that was probably meant by an unknown type, None when none is close.

    Close are types that differ in case and separators, in one letter, or in two letters but not the first:
    `INCLUDES` and `CREATED` are other people's types, near as they are.
    """

    def plain(type: str) -> str:
        return re.sub(r"[^a-z]+", "", type.lower()) or " "

    written = plain(type)
    near: list[tuple[int, bool, RelationType]] = []
    for known in RELATION_TYPES:
        wanted = plain(known)
        distance = OSA.distance(written, wanted)
        if distance <= 1 or (distance <= _FAR and written[0] == wanted[0]):
            near.append((distance, not wanted.startswith(written), known))
    return min(near)[2] if near else None
