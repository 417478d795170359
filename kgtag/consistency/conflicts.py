"""Which two candidate tags can't both stand, and the best set of those that can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from graph.model import Kind
from graph.taxonomy import Taxonomy
from kgtag.consistency.applicability import Applicability
from kgtag.types import CandidateTag, Rule

if TYPE_CHECKING:
    import networkx as nx

_EXACT = 24
"""Connected conflicts of more candidates than this are settled greedily; an exact choice may take exponential time."""

Conflicts = Mapping[tuple[int, int], Rule]
"""(i, j) with i < j → the rule that keeps candidates i and j apart."""


def conflicts(
    candidates: Sequence[CandidateTag], taxonomy: Taxonomy, applicability: Applicability
) -> dict[tuple[int, int], Rule]:
    """Every pair of candidates that can't both stand, with the reason."""
    found = {}
    seen = [_Seen(one, taxonomy[one.concept].kind, taxonomy.attribute_of(one.concept)) for one in candidates]
    for i, j in combinations(range(len(candidates)), 2):
        rule = _conflict(seen[i], seen[j], taxonomy, applicability)
        if rule is not None:
            found[i, j] = rule
    return found


@dataclass(frozen=True, slots=True)
class _Seen:
    """A candidate with what every pair of it asks about."""

    tag: CandidateTag
    kind: Kind
    attribute: str | None


def _conflict(one: _Seen, other: _Seen, taxonomy: Taxonomy, applicability: Applicability) -> Rule | None:
    a, b = one.tag, other.tag
    if a.concept == b.concept:
        return "duplicate"
    if taxonomy.excluded(a.concept, b.concept):
        return "excluded"
    if one.kind == other.kind == "category":
        return "single_choice"
    if a.span is not None and a.span == b.span and one.attribute == other.attribute:
        return "outranked"
    if taxonomy.rival(a.concept, b.concept):
        return "single_choice"
    for value, category in ((one, other), (other, one)):
        if (value.kind, category.kind) != ("value", "category"):
            continue
        if applicability.verdict(value.tag.concept, category.tag.concept) == "not_applicable":
            return "not_applicable"
    return None


def best_set(weights: Sequence[float], apart: Conflicts) -> set[int]:
    """Indices of the conflict-free set of greatest total weight (weights > 0); ties go to the earlier index.

    Exact by networkx's weighted clique search on the complement of each connected conflict, greedy on huge ones.
    """
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
            chosen.add(members[0])
        elif len(members) <= _EXACT:
            chosen |= _exact(graph, members, weights)
        else:
            chosen |= _greedy(graph, members, weights)
    return chosen


def _exact(graph: nx.Graph[int], members: list[int], weights: Sequence[float]) -> set[int]:
    import networkx as nx

    friends = nx.complement(graph.subgraph(members))
    n = len(members)
    for rank, i in enumerate(members):
        # Integer weights, as networkx wants them; the last digits prefer earlier candidates among equals.
        friends.nodes[i]["weight"] = max(1, round(weights[i] * 1e6)) * (n + 1) * n + (n - rank)
    clique, _ = nx.max_weight_clique(friends, weight="weight")
    return set(clique)


def _greedy(graph: nx.Graph[int], members: list[int], weights: Sequence[float]) -> set[int]:
    chosen: set[int] = set()
    for i in sorted(members, key=lambda i: (-weights[i], i)):
        if not chosen & set(graph.neighbors(i)):
            chosen.add(i)
    return chosen
