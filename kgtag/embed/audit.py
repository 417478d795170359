"""The learned audit check: asserted `broader` edges that labels, or the rest of the graph, make implausible.

Embeddings that were trained with texts compare labels (see `kgtag.embed.families`). Those trained with `--audit-folds`
also score an edge by vectors that were trained without it: training leaves out each part of the hierarchy in turn and
keeps those vectors with the export (`Folds`), which finds what is misplaced by what it occurs with on items.
"""

import contextlib
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from graph.audit import Check, Defect, Earlier, Fixes, Report, audit, item_checks, safe_fixes
from graph.editing import Signature
from graph.errors import InputError, StoreError
from graph.history.versions import reconciled
from graph.model import TaggedItem
from graph.repairs.repairs import dialect_of
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.embed.families import Misplaced, misplaced
from kgtag.embed.scorer import Scorer
from kgtag.embed.vectors import Floats, Vectors

NAME = "implausible_broader"
BUDGET = 0.01
"""Findings that are reported, as a share of the edges: about as many as a large taxonomy has wrong."""
_MIN_MARGIN = 0.12
"""Cosine by which others must fit better: less is chance in small taxonomies; the worst 1% of large ones have .23."""
_ITEMS_SECONDS = 600.0
_SHOWN = 4
"""Siblings named in a message."""
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
    budget: float = BUDGET,
    extra: Sequence[Check] = (),
    earlier: Earlier | None = None,
) -> Report:
    """Audit a store: its taxonomy, its tagged items, and with embeddings the learned check of broader edges.

    With a `taxonomy`, that snapshot is audited, without the items while the store is unavailable; with `items`, those
    in place of the store's. `budget` bounds the findings of the learned check, as a share of the broader edges; `extra`
    are further checks, such as `kgtag.train.wrong_tags.implausible_tag`; `earlier` as for `graph.audit.audit`.

    Raises:
        InputError: An unknown check, the learned one without embeddings, or a budget outside 0 to 1.
        StoreError: The store cannot be read and no `taxonomy` was given.
    """
    if scorer is None and checks is not None and NAME in checks:
        raise InputError(f"the check {NAME!r} needs embeddings; give --embeddings DIR")
    if not 0 <= budget <= 1:
        raise InputError(f"the budget is {budget}; give a share of the edges, from 0 to 1")
    audited = taxonomy if taxonomy is not None else Taxonomy.of(store.read())
    further = [*_learned(scorer, audited, budget), *extra]
    dialect = dialect_of(store.url)
    try:
        read = items or store.items()
        return audit(audited, items=read, checks=checks, extra=further, dialect=dialect, earlier=earlier)
    except StoreError:
        if taxonomy is None:
            raise
        return audit(audited, checks=checks, extra=further, dialect=dialect, earlier=earlier)


def _learned(scorer: Scorer | None, taxonomy: Taxonomy, budget: float) -> list[Check]:
    return [implausible_broader(scorer.aligned(taxonomy), budget=budget)] if scorer is not None else []


class Auditor:
    """Audits a store's snapshots one after the other, each only where it differs from the one before.

    Tagged items are read again when kgtag has changed some, and after ten minutes, for external edits of them.
    """

    def __init__(self, store: TaxonomyStore) -> None:
        self._store = store
        self._items: tuple[Check, ...] = ()
        self._read: tuple[int, float] | None = None
        self._last: Earlier | None = None

    @property
    def started(self) -> bool:
        """Whether there was an audit."""
        return self._last is not None

    def audit(self, taxonomy: Taxonomy, scorer: Scorer | None = None) -> Report:
        """The report on the next snapshot; while the store is unavailable, with the items as they were."""
        with contextlib.suppress(StoreError):
            number, now = self._store.item_seq(), time.monotonic()
            if self._read is None or number != self._read[0] or now > self._read[1] + _ITEMS_SECONDS:
                self._items, self._read = item_checks(self._store.items()), (number, now)
        further = [*self._items, *_learned(scorer, taxonomy, BUDGET)]
        found = audit(taxonomy, extra=further, dialect=dialect_of(self._store.url), earlier=self._last)
        self._last = Earlier(taxonomy, found)
        return found


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


def implausible_broader(scorer: Scorer, *, budget: float = 1.0) -> Check:
    """A check for `graph.audit.audit(…, extra=[…])`; severity "warning", the least plausible edge first, so many as
    `budget` allows, a share of the edges. Alternatives are concepts of the same kind and scheme, values of the same
    attribute, with narrower concepts, without the concept's ancestors and descendants."""

    def find(taxonomy: Taxonomy) -> list[Defect]:
        limit = math.ceil(budget * sum(edge.type == _BROADER for edge in taxonomy.relations))
        by_labels = [one for one in misplaced(taxonomy, _texts(scorer)) if one.margin >= _MIN_MARGIN][:limit]
        found = [_misplaced(taxonomy, one) for one in by_labels]
        if scorer.folds is None or len(found) == limit:
            return found
        named = {defect.concepts for defect in found}
        ranked: list[tuple[float, str, Defect]] = []
        for narrower, broader, ranking in _rankings(scorer, taxonomy):
            share = ranking.higher / ranking.alternatives
            if share >= _MIN_SHARE and (narrower, broader) not in named:
                ranked.append((-share, narrower, _defect(taxonomy, narrower, broader, ranking)))
        found += [defect for _, _, defect in sorted(ranked, key=lambda row: row[:2])]
        return found[:limit]

    return Check(NAME, "warning", find)


def _texts(scorer: Scorer) -> dict[str, Floats]:
    """Vectors of labels by concept id; none when the embeddings were trained without texts."""
    if scorer.texts is None:
        return {}
    return {id: row for id, row in zip(scorer.entities, scorer.texts, strict=True) if np.isfinite(row).all()}


def _misplaced(taxonomy: Taxonomy, one: Misplaced) -> Defect:
    siblings = [taxonomy[id].label() for id in taxonomy.into(one.broader, "broader") if id != one.narrower]
    beside = ", ".join(map(repr, siblings[:_SHOWN]))
    more = f" and {len(siblings) - _SHOWN} more" if len(siblings) > _SHOWN else ""
    better = ", ".join(repr(taxonomy[id].label()) for id in one.better)
    message = (
        f"{taxonomy[one.narrower].label()!r} under {taxonomy[one.broader].label()!r} is implausible: "
        + (f"its siblings are {beside}{more}; " if siblings else "it has no siblings there; ")
        + f"{one.higher} of {one.alternatives} other parents fit better: {better}"
    )
    evidence = {"by": "labels", "higher": one.higher, "alternatives": one.alternatives, "margin": one.margin}
    repair = _move(taxonomy, one.narrower, one.broader, one.better[0])
    return Defect((one.narrower, one.broader), message, {**evidence, "better": list(one.better)}, repair)


def _move(taxonomy: Taxonomy, narrower: str, broader: str, better: str) -> dict[str, str]:
    labels = [taxonomy[id].label() for id in (narrower, broader, better)]
    words = f"move {labels[0]!r} from {labels[1]!r} to {labels[2]!r}"
    return {"op": "move", "words": words, "concept": narrower, "from": broader, "to": better}


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
    evidence = {"by": "graph", **ranking._asdict(), "better": [ranking.better]}
    return Defect((narrower, broader), message, evidence, _move(taxonomy, narrower, broader, ranking.better))
