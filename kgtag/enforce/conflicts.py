"""Facts about concepts, the conflicts between candidate tags that follow, and the best set without any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import combinations
from typing import TYPE_CHECKING

from graph.model import Choice, Concept, Kind
from graph.taxonomy import Taxonomy
from kgtag.types import CandidateTag, Plausibility, Proposal, Rule, Span

_CACHED = 20_000
"""Concepts; a fact takes about a kilobyte."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What enforcement needs of a concept.

    Attributes:
        choice: Of its attribute.
        above: Ids of its ancestors.
        line: The concept and its ancestors.
        excluded: Concepts that its line has an asserted `excludes` to.
        unfit: The rule by which it cannot be a tag at all.
    """

    concept: Concept
    attribute: str | None
    choice: Choice | None
    above: tuple[str, ...]
    line: frozenset[str]
    excluded: frozenset[str]
    unfit: Rule | None

    @property
    def id(self) -> str:
        return self.concept.id

    @property
    def kind(self) -> Kind:
        return self.concept.kind

    def excludes(self, other: Fact) -> bool:
        """Whether an asserted `excludes`, on them or anything broader, keeps the two apart."""
        return not self.excluded.isdisjoint(other.line)

    def competes(self, other: Fact) -> bool:
        """Whether both are values of one single-choice attribute and neither is broader than the other."""
        apart = self.id not in other.line and other.id not in self.line
        return apart and self.choice == "single" and self.attribute == other.attribute


class Facts:
    """The facts of one snapshot, and those that `plausibility` makes probable. All methods raise UnknownConcept."""

    def __init__(
        self, taxonomy: Taxonomy, plausibility: Plausibility | None = None, *, proposal_threshold: float = 1.0
    ) -> None:
        self._plausibility = plausibility
        self._threshold = proposal_threshold
        # The caches hold the taxonomy, not this object: a cache of its own methods would keep an old snapshot alive.
        self.of: Callable[[str], Fact] = lru_cache(_CACHED)(partial(_fact, taxonomy))
        """The fact of the concept itself, whatever replaces it."""
        self.everything = _everything(taxonomy)
        """The category that all others are below, if there is one: a tag that says nothing."""
        self.applies: Callable[[str, str], bool] = lru_cache(_CACHED)(partial(_applies, taxonomy))
        """Whether an attribute applies to a category or anything broader, or has no asserted category."""
        self._resolve: Callable[[str], str] = lru_cache(_CACHED)(taxonomy.resolve)

    def resolved(self, id: str) -> Fact:
        """The fact of the concept that the id's redirects end at."""
        return self.of(self._resolve(id))

    def proposal(self, attribute: str, category: str) -> Proposal | None:
        """A missing `applies_to`, when the embeddings find it plausible."""
        if self._plausibility is None:
            return None
        (probability,) = self._plausibility.probabilities([(attribute, "applies_to", category)])
        if probability is None or probability < self._threshold:
            return None
        return Proposal(attribute, "applies_to", category, probability)

    def applicable(self, value: Fact, category: str) -> bool:
        """Whether the value's attribute applies to the category: asserted, inherited, or plausible."""
        attribute = value.attribute
        return attribute is None or self.applies(attribute, category) or bool(self.proposal(attribute, category))


def _fact(taxonomy: Taxonomy, id: str) -> Fact:
    above = tuple(taxonomy.ancestors(id))
    line = (id, *above)
    attribute = taxonomy.attribute_of(id)
    excluded = frozenset(other for one in line for other in taxonomy.out(one, "excludes"))
    unfit: Rule | None = None
    if any(taxonomy[one].status == "deprecated" for one in line):
        unfit = "deprecated"
    elif not excluded.isdisjoint(line):
        unfit = "excluded"
    choice = taxonomy[attribute].choice if attribute is not None else None
    return Fact(taxonomy[id], attribute, choice, above, frozenset(line), excluded, unfit)


def _everything(taxonomy: Taxonomy) -> str | None:
    columns = taxonomy.columns
    tops = columns.kind.where("category") & ~columns.status.where("deprecated") & (taxonomy.depths == 0)
    found = [taxonomy.ids[int(at)] for at in tops.nonzero()[0][:2]]
    return found[0] if len(found) == 1 and taxonomy.into(found[0], "broader") else None


def _applies(taxonomy: Taxonomy, attribute: str, category: str) -> bool:
    categories = taxonomy.out(attribute, "applies_to")
    return not categories or not {category, *taxonomy.ancestors(category)}.isdisjoint(categories)


if TYPE_CHECKING:
    import networkx as nx

_EXACT = 24
"""Candidates in a connected conflict up to which the choice is exact, which may take exponential time."""

Conflicts = Mapping[tuple[int, int], Rule]
"""(i, j) with i < j → the rule that keeps candidates i and j apart."""


def conflicts(candidates: Sequence[CandidateTag], facts: Facts) -> Conflicts:
    """Every pair of candidates that exclude each other, with the rule."""
    placed = [(facts.of(one.concept), one.span) for one in candidates]
    pairs = combinations(enumerate(placed), 2)
    return {(i, j): rule for (i, a), (j, b) in pairs if (rule := _conflict(a, b, facts)) is not None}


def _conflict(one: tuple[Fact, Span | None], other: tuple[Fact, Span | None], facts: Facts) -> Rule | None:
    (a, span), (b, other_span) = one, other
    if a.id == b.id:
        return "duplicate"
    if a.excludes(b):
        return "excluded"
    if a.kind == b.kind == "category":
        return "single_choice"
    if span is not None and span == other_span:
        return "outranked"
    nested = within(span, other_span) or within(other_span, span)
    if nested and a.kind == b.kind == "value" and a.id not in b.line and b.id not in a.line:
        return "outranked"
    if a.competes(b):
        return "single_choice"
    for value, category in ((a, b), (b, a)):
        if (value.kind, category.kind) == ("value", "category") and not facts.applicable(value, category.id):
            return "not_applicable"
    return None


def within(inner: Span | None, outer: Span | None) -> bool:
    """Whether one span lies in another of the same field; False where either is missing."""
    if inner is None or outer is None or inner.field != outer.field:
        return False
    return outer.start <= inner.start and inner.end <= outer.end


def best_set(weights: Sequence[float], apart: Conflicts) -> set[int]:
    """Indices of the conflict-free set of greatest total weight (weights > 0); ties go to the earlier index. Exact by
    networkx's weighted clique search on the complement of each connected conflict, greedy on huge ones."""
    if not apart:
        return set(range(len(weights)))
    import networkx as nx  # Most items have no conflict, and most commands no items.

    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(weights)))
    graph.add_edges_from(apart)
    chosen: set[int] = set()
    for component in nx.connected_components(graph):
        members = sorted(component)
        if len(members) == 1:
            chosen.update(members)
        elif len(members) <= _EXACT:
            chosen |= _exact(nx.complement(graph.subgraph(members)), members, weights)
        else:
            for i in sorted(members, key=lambda i: (-weights[i], i)):
                if not chosen & set(graph.neighbors(i)):
                    chosen.add(i)
    return chosen


def _exact(compatible: nx.Graph[int], members: list[int], weights: Sequence[float]) -> set[int]:
    import networkx as nx

    n = len(members)
    for rank, i in enumerate(members):
        # Integer weights, as networkx wants them; the last digits prefer earlier candidates among equals.
        compatible.nodes[i]["weight"] = max(1, round(weights[i] * 1e6)) * (n + 1) * n + (n - rank)
    clique, _ = nx.max_weight_clique(compatible, weight="weight")
    return set(clique)
