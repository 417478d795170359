"""Training queries with their candidates, as the served linker would see them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgtag.evaluation.linking import LinkOutcome, linking_metrics
from kgtag.link.candidates.label_table import Ids
from kgtag.link.features.candidate_set import Floats
from kgtag.link.linker import CandidateFinder
from kgtag.link.models import RankModel
from kgtag.train.linker.queries import LinkPair
from kgtag.train.linker.rank import RankData

Floats32 = NDArray[np.float32]
_BATCH = 256
PARTS = 5


@dataclass(frozen=True, slots=True)
class Found:
    """Pairs and their candidates by (lookup, concept); `lookup` (n,) numbers the pairs, `concept` (n,) are indices.

    `features` (n, RICH_FEATURES) float32; `right`, `counts` (n,) bool: whether it is gold, and counts at all.
    """

    pairs: Sequence[LinkPair]
    lookup: Ids
    concept: Ids
    features: Floats32
    right: NDArray[np.bool_]
    counts: NDArray[np.bool_]

    def data(self, weight: NDArray[np.float32]) -> RankData:
        """For `fit_networks`; `weight` (pairs,)."""
        nil = np.array([pair.example.concept is None for pair in self.pairs], dtype=np.bool_)
        return RankData(self.features, self.lookup, self.right, self.counts, nil, weight)

    def where(self, wanted: NDArray[np.bool_]) -> Found:
        """The pairs that `wanted` (pairs,) says, numbered anew."""
        number = np.cumsum(wanted) - 1
        kept = wanted[self.lookup]
        return Found(
            [pair for pair, is_wanted in zip(self.pairs, wanted, strict=True) if is_wanted],
            number[self.lookup[kept]].astype(np.int32),
            self.concept[kept],
            self.features[kept],
            self.right[kept],
            self.counts[kept],
        )


def find(finder: CandidateFinder, pairs: Sequence[LinkPair]) -> Found:
    """All candidates of all pairs, each asked without what it must not see."""
    lookups, concepts, features, right, counts = [], [], [], [], []
    taxonomy = finder.taxonomy
    for start in range(0, len(pairs), _BATCH):
        batch = pairs[start : start + _BATCH]
        candidates = finder.find([pair.example.query for pair in batch], [pair.without for pair in batch])
        ids = [taxonomy.ids[index] for index in candidates.concept]
        asked = [batch[number] for number in candidates.lookup]
        right += [id == pair.example.concept for id, pair in zip(ids, asked, strict=True)]
        counts += [id not in pair.neutral for id, pair in zip(ids, asked, strict=True)]
        lookups.append(candidates.lookup + np.int32(start))
        concepts.append(candidates.concept)
        features.append(candidates.features.astype(np.float32))
    none = finder.find([])
    return Found(
        pairs,
        np.concatenate([none.lookup, *lookups]).astype(np.int32),
        np.concatenate([none.concept, *concepts]),
        np.concatenate([none.features.astype(np.float32), *features]),
        np.array(right, dtype=np.bool_),
        np.array(counts, dtype=np.bool_),
    )


def join(parts: Sequence[Found]) -> Found:
    """One after the other."""
    starts = np.cumsum([0, *(len(part.pairs) for part in parts)])
    lookups = [part.lookup + np.int32(start) for part, start in zip(parts, starts, strict=False)]
    return Found(
        [pair for part in parts for pair in part.pairs],
        np.concatenate(lookups).astype(np.int32),
        np.concatenate([part.concept for part in parts]),
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.counts for part in parts]),
    )


def best(model: RankModel, found: Found) -> tuple[Floats, NDArray[np.int64]]:
    """Log-odds of all candidates, and the best one of each pair that has any and whose best one counts."""
    odds = model.log_odds(found.features, found.lookup)
    order = np.lexsort((found.concept, -odds, found.lookup))
    first = np.searchsorted(found.lookup[order], np.unique(found.lookup))
    chosen = order[first]
    return odds, chosen[found.counts[chosen]]


def measured(model: RankModel, found: Found, ids: Sequence[str]) -> dict[str, Any]:
    """`linking_metrics` over all, and by kind of pair. `ids`: the taxonomy's, by index."""
    odds = model.log_odds(found.features, found.lookup)
    probability = model.probability(odds)
    order = np.lexsort((found.concept, -odds, found.lookup))
    starts = np.searchsorted(found.lookup[order], np.arange(len(found.pairs) + 1))
    outcomes: dict[str, list[LinkOutcome]] = defaultdict(list)
    for number, pair in enumerate(found.pairs):
        ranked = order[starts[number] : starts[number + 1]]
        if len(ranked) and not found.counts[ranked[0]]:
            continue
        first = float(probability[ranked[0]]) if len(ranked) else 0.0
        named = tuple(ids[found.concept[i]] for i in ranked)
        link = named[0] if named and first >= model.threshold else None
        outcome = LinkOutcome(pair.example.concept, named, first, link)
        outcomes["all"].append(outcome)
        outcomes[pair.kind].append(outcome)
    return {
        "all": linking_metrics(outcomes.pop("all", [])),
        **{k: linking_metrics(outcomes[k]) for k in sorted(outcomes)},
    }


def part_of(concept: str) -> int:
    """0…4 by the concept, so that no concept stands on two sides."""
    return hashlib.blake2b(concept.encode("utf-8", "surrogatepass"), digest_size=4).digest()[0] % PARTS
