"""The learned audit check: asserted `broader` edges that the rest of the graph makes implausible.

An edge is scored by vectors that were trained without it: training leaves out each third of the hierarchy in turn and
keeps those vectors with the export (`Folds`). Edges asserted since then are scored by the exported vectors.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from graph.audit import Check, Defect, Fixes, Report, audit, safe_fixes
from graph.editing import Signature
from graph.errors import InputError, StoreError
from graph.history.versions import reconciled
from graph.model import TaggedItem
from graph.repairs.repairs import dialect_of
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.embed.scorer import Scorer
from kgtag.embed.vectors import Vectors

NAME = "implausible_broader"
_BROADER = "broader"
_MIN_SHARE, _MIN_ALTERNATIVES, _MIN_EVIDENCE = 0.2, 5, 4
"""An edge is reported when that share of its alternatives, so many or more, score higher; concepts in fewer triples of
other relations are skipped."""


class _Ranking(NamedTuple):
    """`higher` of so many `alternatives` score higher than the asserted edge; `better` is the best of them."""

    higher: int
    alternatives: int
    better: str


def audit_store(
    store: TaxonomyStore,
    *,
    taxonomy: Taxonomy | None = None,
    items: Iterable[TaggedItem] | None = None,
    checks: Sequence[str] | None = None,
    scorer: Scorer | None = None,
) -> Report:
    """Audit a store: its taxonomy, its tagged items, and with embeddings the learned check.

    With a `taxonomy`, that snapshot is audited, without the items while the store is unavailable; with `items`, those
    in place of the store's.

    Raises:
        InputError: An unknown check, or the learned one without embeddings.
        StoreError: The store cannot be read and no `taxonomy` was given.
    """
    if scorer is None and checks is not None and NAME in checks:
        raise InputError(f"the check {NAME!r} needs embeddings; give --embeddings DIR")
    audited = taxonomy if taxonomy is not None else Taxonomy.of(store.read())
    learned = [implausible_broader(scorer.aligned(audited))] if scorer is not None else []
    dialect = dialect_of(store.url)
    try:
        return audit(audited, items=items or store.items(), checks=checks, extra=learned, dialect=dialect)
    except StoreError:
        if taxonomy is None:
            raise
        return audit(audited, checks=checks, extra=learned, dialect=dialect)


def fixes_of_store(store: TaxonomyStore, by: Signature, *, checks: Sequence[str] | None = None) -> Fixes:
    """Plan the safe repairs of a store, whose external edits are recorded in the history first.

    Args:
        store: The store, of which nothing else is changed.
        by: Author and reason of the changes.
        checks: Names of the checks whose findings are repaired; all by default. The learned one has no safe repairs.

    Raises:
        InputError: An unknown check.
        ConflictError: Other writers never pause.

    Example:
        >>> fixes = fixes_of_store(store, Signature("ann", "tidied up"))
        >>> apply(store, fixes.changes, expect_version=fixes.before.version).version
        7
    """
    reconciled(store)
    names = None if checks is None else [name for name in checks if name != NAME]
    return safe_fixes(store.read(), by, items=store.items(), checks=names, dialect=dialect_of(store.url))


def implausible_broader(scorer: Scorer) -> Check:
    """A check for `graph.audit.audit(…, extra=[…])`; severity "warning", the least plausible edge first. Alternatives
    are concepts of the same kind and scheme with narrower concepts, without the concept's ancestors and descendants."""

    def find(taxonomy: Taxonomy) -> list[Defect]:
        found: list[tuple[float, str, Defect]] = []
        for narrower, broader, ranking in _rankings(scorer, taxonomy):
            if (share := ranking.higher / ranking.alternatives) >= _MIN_SHARE:
                found.append((-share, narrower, _defect(taxonomy, narrower, broader, ranking)))
        return [defect for _, _, defect in sorted(found, key=lambda row: row[:2])]

    return Check(NAME, "warning", find)


def _rankings(scorer: Scorer, taxonomy: Taxonomy) -> Iterator[tuple[str, str, _Ranking]]:
    relation = scorer.find_relation(_BROADER)
    if relation < 0:
        return
    left_out = _left_out(scorer, relation)
    parents = [concept.id for i, concept in enumerate(taxonomy) if len(taxonomy.narrower[i]) and concept.id in scorer]
    kinds = {concept.id: (concept.kind, concept.scheme) for concept in taxonomy}
    for edge in taxonomy.relations:
        if edge.type != _BROADER or edge.source not in scorer or edge.target not in scorer:
            continue
        head, tail = scorer.find(edge.source), scorer.find(edge.target)
        vectors, evidence = left_out.get((head, tail), (scorer.vectors, _MIN_EVIDENCE))
        own = {edge.source, *taxonomy.ancestors(edge.source), *taxonomy.descendants(edge.source)}
        alternatives = [id for id in parents if id not in own and kinds[id] == kinds[edge.source]]
        if evidence < _MIN_EVIDENCE or len(alternatives) < _MIN_ALTERNATIVES:
            continue
        asked = np.array([tail, *map(scorer.find, alternatives)], dtype=np.int64)
        scores = vectors.tails(np.array([head]), np.array([relation]), asked)[0]
        higher = int((scores[1:] > scores[0]).sum())
        yield edge.source, edge.target, _Ranking(higher, len(alternatives), alternatives[int(np.argmax(scores[1:]))])


def _left_out(scorer: Scorer, relation: int) -> dict[tuple[int, int], tuple[Vectors, int]]:
    """By (narrower, broader): the vectors trained without that edge, and the narrower's degree in other relations."""
    if (folds := scorer.folds) is None:
        return {}
    rows = folds.held_out.tolist()
    return {(head, tail): (folds.vectors[fold], uses) for fold, head, of, tail, uses in rows if of == relation}


def _defect(taxonomy: Taxonomy, narrower: str, broader: str, ranking: _Ranking) -> Defect:
    labels = [taxonomy[id].label() for id in (narrower, broader, ranking.better)]
    message = (
        f"{labels[0]!r} under {labels[1]!r} is implausible: {ranking.higher} of {ranking.alternatives} "
        f"type-matched alternatives score higher; better parent: {labels[2]!r}"
    )
    repair = {
        "op": "move", "words": f"move {labels[0]!r} from {labels[1]!r} to {labels[2]!r}", "concept": narrower,
        "from": broader, "to": ranking.better,
    }  # fmt: skip
    return Defect((narrower, broader), message, ranking._asdict(), repair)
