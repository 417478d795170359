"""Which two candidate tags can't both stand, and the best set of those that can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

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
    for i, j in combinations(range(len(candidates)), 2):
        rule = _conflict(candidates[i], candidates[j], taxonomy, applicability)
        if rule is not None:
            found[i, j] = rule
    return found


def _conflict(a: CandidateTag, b: CandidateTag, taxonomy: Taxonomy, applicability: Applicability) -> Rule | None:
    if a.concept == b.concept:
        return "duplicate"
    kinds = (taxonomy[a.concept].kind, taxonomy[b.concept].kind)
    if taxonomy.excluded(a.concept, b.concept):
        return "excluded"
    if kinds == ("category", "category"):
        return "single_choice"
    if a.span is not None and a.span == b.span and taxonomy.attribute_of(a.concept) == taxonomy.attribute_of(b.concept):
        return "outranked"
    if taxonomy.rival(a.concept, b.concept):
        return "single_choice"
    for value, category in ((a, b), (b, a)):
        ends = (taxonomy[value.concept].kind, taxonomy[category.concept].kind)
        if ends == ("value", "category") and applicability.verdict(value.concept, category.concept) == "not_applicable":
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
