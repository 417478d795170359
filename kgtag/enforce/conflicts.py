"""Which two candidate tags can't both stand, and the best set of those that can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from kgtag.enforce.applicability import Applicability
from kgtag.enforce.facts import Fact, Facts
from kgtag.types import CandidateTag, Rule, Span

if TYPE_CHECKING:
    import networkx as nx

_EXACT = 24
"""Connected conflicts of more candidates than this are settled greedily; an exact choice may take exponential time."""

Conflicts = Mapping[tuple[int, int], Rule]
"""(i, j) with i < j → the rule that keeps candidates i and j apart."""


def conflicts(
    candidates: Sequence[CandidateTag], facts: Facts, applicability: Applicability
) -> dict[tuple[int, int], Rule]:
    """Every pair of candidates that can't both stand, with the reason."""
    found = {}
    seen = [(facts.of(one.concept), one.span) for one in candidates]
    for (i, one), (j, other) in combinations(enumerate(seen), 2):
        rule = _conflict(one, other, applicability)
        if rule is not None:
            found[i, j] = rule
    return found


def _conflict(
    one: tuple[Fact, Span | None], other: tuple[Fact, Span | None], applicability: Applicability
) -> Rule | None:
    (a, place), (b, other_place) = one, other
    if a.id == b.id:
        return "duplicate"
    if a.excludes(b):
        return "excluded"
    if a.kind == b.kind == "category":
        return "single_choice"
    if place is not None and place == other_place and a.attribute == b.attribute:
        return "outranked"
    if a.rivals(b):
        return "single_choice"
    for value, category in ((a, b), (b, a)):
        if (value.kind, category.kind) != ("value", "category"):
            continue
        if applicability.verdict(value, category.id) == "not_applicable":
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
