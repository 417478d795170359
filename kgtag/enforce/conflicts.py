"""Conflicts between candidate tags, and the best set without any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from kgtag.enforce.facts import Applicability, Fact, Facts
from kgtag.types import CandidateTag, Rule, Span

if TYPE_CHECKING:
    import networkx as nx

_EXACT = 24
"""Candidates in a connected conflict up to which the choice is exact, which may take exponential time."""

Conflicts = Mapping[tuple[int, int], Rule]
"""(i, j) with i < j → the rule that keeps candidates i and j apart."""


def conflicts(candidates: Sequence[CandidateTag], facts: Facts, applicability: Applicability) -> Conflicts:
    """Every pair of candidates that exclude each other, with the rule."""
    placed = [(facts.of(one.concept), one.span) for one in candidates]
    pairs = combinations(enumerate(placed), 2)
    return {(i, j): rule for (i, a), (j, b) in pairs if (rule := _conflict(a, b, applicability)) is not None}


def _conflict(
    one: tuple[Fact, Span | None], other: tuple[Fact, Span | None], applicability: Applicability
) -> Rule | None:
    (a, span), (b, other_span) = one, other
    if a.id == b.id:
        return "duplicate"
    if a.excludes(b):
        return "excluded"
    if a.kind == b.kind == "category":
        return "single_choice"
    if span is not None and span == other_span and a.attribute == b.attribute:
        return "outranked"
    if a.competes(b):
        return "single_choice"
    for value, category in ((a, b), (b, a)):
        if (value.kind, category.kind) == ("value", "category") and not applicability.applicable(value, category.id):
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
