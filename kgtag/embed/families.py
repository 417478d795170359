"""Misplaced concepts by what their labels say: is a concept nearer to other parents' families than to its own?

A parent's family is its label and those of its narrower concepts, without the one asked about; its vector is the sum of
theirs. Nothing is trained but the sentence encoder. On public product taxonomies with one edge in a hundred made wrong
this finds six in ten of them in as many findings as there are wrong edges (`benchmarks/misplaced.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from graph.taxonomy import Taxonomy

Floats = NDArray[np.float32]
_RIVALS = 10
"""Other parents that must fit better. One or two often do by chance: "See Saws" is near "Hand Saws"."""
_LEAST = 20
"""Other parents without which there are no findings: among a handful, some fit better by chance."""
_ROWS = 512


class Misplaced(NamedTuple):
    """`narrower` under `broader` while `higher` of `alternatives` other parents fit better, the best ones in `better`;
    `margin`, in cosine, is how much better the tenth of them fits, or the first quarter's last where there are few."""

    narrower: str
    broader: str
    margin: float
    higher: int
    alternatives: int
    better: tuple[str, ...]


def misplaced(taxonomy: Taxonomy, vectors: dict[str, Floats]) -> list[Misplaced]:
    """Every broader edge whose margin is above zero, the greatest first. Compared are concepts of one kind and scheme,
    values of one attribute. `vectors`: (k,) float32 of length 1 by concept id; concepts without one are left out."""
    groups: dict[tuple[str, str, str | None], list[str]] = defaultdict(list)
    for concept in taxonomy:
        if concept.id in vectors:
            groups[concept.kind, concept.scheme, taxonomy.attribute_of(concept.id)].append(concept.id)
    found = [one for ids in groups.values() for one in _of_group(taxonomy, ids, np.stack([vectors[i] for i in ids]))]
    return sorted(found, key=lambda one: (-one.margin, one.narrower, one.broader))


def _of_group(taxonomy: Taxonomy, ids: list[str], texts: Floats) -> Iterator[Misplaced]:
    at = {id: row for row, id in enumerate(ids)}
    edges = [(row, at[up]) for row, id in enumerate(ids) for up in taxonomy.out(id, "broader") if up in at]
    if not edges:
        return
    child, parent = np.array(edges).T
    parents, column = np.unique(parent, return_inverse=True)
    place = {int(row): number for number, row in enumerate(parents)}
    family = texts[parents].astype(np.float64)
    np.add.at(family, column, texts[child])
    lengths = np.maximum(np.linalg.norm(family, axis=1), 1e-9)
    for start in range(0, len(edges), _ROWS):
        rows, columns = child[start : start + _ROWS], column[start : start + _ROWS]
        fits = (texts[rows] @ family.T) / lengths
        without = family[columns] - texts[rows]
        lengths_without = np.maximum(np.linalg.norm(without, axis=1), 1e-9)
        own = np.einsum("nk,nk->n", texts[rows], without) / lengths_without
        for fit, mine, row, number in zip(fits, own, rows, columns, strict=True):
            id = ids[row]
            related = {id, *taxonomy.ancestors(id), *taxonomy.descendants(id)}
            fit[[place[at[one]] for one in related if one in at and at[one] in place]] = -np.inf
            alternatives = int(np.isfinite(fit).sum())
            if alternatives < _LEAST:
                continue
            rivals = min(_RIVALS, alternatives // 4)
            best = np.argsort(-fit, kind="stable")[:rivals]
            if (margin := float(fit[best[-1]] - mine)) > 0:
                better = tuple(ids[parents[i]] for i in best[:3])
                higher = int((fit > mine).sum())
                yield Misplaced(id, ids[parents[number]], round(margin, 6), higher, alternatives, better)
