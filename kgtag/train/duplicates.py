"""Near-duplicates: pairs of concepts of one scheme that mean the same, most likely first.

What makes two labels mean the same differs between taxonomies (plurals here, versions there), so it is learned from the
concepts that were merged already (`replaced_by`): a model learns to tell those pairs from the other pairs with similar
labels, and is asked about the pairs of each fifth of the concepts that it did not learn from. Most of the other pairs
are different concepts, and those that are not are few (positive-unlabelled learning, Elkan & Noto 2008). With fewer
than thirty merged concepts, pairs are listed whose labels are the same but for spelling, number or order of words, or
nearly so. Alternative labels teach nothing in their place: tried on a clean shop, they made "Spring" and
"Spring/autumn" the same. Figures: `benchmarks/duplicates.py`.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from graph.model import Concept
from graph.taxonomy import Taxonomy
from kgtag.link.candidates.ngrams import GramIndex
from kgtag.link.encoder import SentenceEncoder
from kgtag.text.alike import SAME, LabelForms

_CANDIDATES = 10
"""Similar labels that are compared with each, by letters and again by meaning."""
_FEWEST = 30
"""Merged concepts that a model learns from at least."""
_FOLDS = 5
_BLOCK = 1_000

_CLOSE = 0.8
"""Least similarity of letters that counts where nothing can be learned."""
_SAME_AT, _NUMBERS_AGREE = 2, 9
"""Places among the features of a pair."""

Examples = Sequence[tuple[str, int]]
"""Labels of merged concepts, and the number of the concept that each went into."""
Floats = NDArray[np.float64]
Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two concepts that probably mean the same. `concept` would be merged into `into`, which is used more.

    Attributes:
        score: Ranks; in [0, 1].
        letters, meaning: Cosines of the labels' character n-grams, and of their sentence vectors (None without).
        same: What makes the labels the same: "spelling", "plural", "words" in another order, another "ending", or None.
        shared: A label that both have.
        learned: Whether merged concepts taught the score; else a rule on the labels gave it.
    """

    concept: str
    into: str
    labels: tuple[str, str]
    score: float
    letters: float
    meaning: float | None
    same: str | None
    shared: str | None
    learned: bool

    def to_dict(self) -> dict[str, Any]:
        """The row of `kgtag dedupe`; `change` is what `kgtag proposals add` takes."""
        return {
            "concepts": [self.concept, self.into],
            "labels": list(self.labels),
            "score": round(self.score, 4),
            "why": self.why,
            "evidence": {
                "letters": round(self.letters, 4),
                "meaning": None if self.meaning is None else round(self.meaning, 4),
                "same": self.same,
                "shared_label": self.shared,
                "learned": self.learned,
            },
            "change": {"operation": "merge", "concept": self.concept, "into": self.into},
        }

    @property
    def why(self) -> str:
        """A sentence for an editor."""
        if self.shared is not None:
            return f"both have the label {self.shared!r}"
        reasons = {
            "spelling": "the labels differ in spaces, hyphens, accents or capitals alone",
            "plural": "the labels differ in number alone",
            "ending": "the labels differ in the ending of words alone",
            "words": "the labels have the same words in another order",
        }
        return reasons.get(self.same or "", f"the labels share letters ({self.letters:.2f})") + (
            f", and mean about the same ({self.meaning:.2f})" if self.meaning is not None and self.same is None else ""
        )


def _features(labels: LabelForms, i: int, j: int) -> list[float]:
    """What tells two labels apart; `i` is the one that would go."""
    one, two = labels.joined[i], labels.joined[j]
    mine, theirs = set(labels.stems[i]), set(labels.stems[j])
    both = len(mine | theirs) or 1
    initials = ["".join(word[0] for word in labels.words[k]) for k in (i, j)]
    same = labels.same(i, j)
    return [
        *(same == kind for kind in SAME),
        len(mine & theirs) / both, mine < theirs, theirs < mine,
        labels.numbers[i] == labels.numbers[j], bool(labels.numbers[i]), bool(labels.numbers[j]),
        len(labels.words[i]), len(labels.words[j]), len(one), len(two), one == initials[1], two == initials[0],
        two.startswith(one), one.startswith(two), two.endswith(one), one.endswith(two),
        one + "s" == two, two + "s" == one,
    ]  # fmt: skip


class Duplicates:
    """Finds near-duplicates among the concepts of a kind and scheme; values are compared within their attribute.

    Args:
        taxonomy: The snapshot.
        encoder: Compares labels by meaning, too.
        usage: Items of each concept: the less used of a pair is merged into the other.

    Example:
        >>> [(one.concept, one.into) for one in Duplicates(taxonomy).find(limit=1)]
        [('hooded-sweatshirt', 'hoodie')]
    """

    def __init__(
        self, taxonomy: Taxonomy, *, encoder: SentenceEncoder | None = None, usage: Mapping[str, int] | None = None
    ) -> None:
        self._taxonomy, self._encoder, self._usage = taxonomy, encoder, usage or {}

    def find(self, *, scheme: str | None = None, kind: str | None = None, limit: int = 100) -> list[Duplicate]:
        """The most likely pairs, best first; each concept goes once at most, into one that stays."""
        concepts = [c for c in self._taxonomy if scheme in (None, c.scheme) and kind in (None, c.kind)]
        active = [concept for concept in concepts if concept.status != "deprecated"]
        if len(active) < 2:
            return []
        extra = self._examples(concepts, active)
        labels = LabelForms.of([concept.label() for concept in active] + [text for text, _ in extra])
        vectors = self._encoder.encode_uncached(labels.texts) if self._encoder is not None else None
        near = _Near(GramIndex(labels.texts[: len(active)]), vectors, _pools(self._taxonomy, active))
        forms = [{text.casefold(): text for text, _, _ in concept.labels()} for concept in active]
        candidates = near.to(labels.texts[: len(active)], range(len(active)), near.pools)
        i, j = self._pairs(active, candidates | _sharing(forms, near.pools))
        if not len(i):
            return []
        pairs = list(zip(i.tolist(), j.tolist(), strict=True))
        shared = [min(forms[a].keys() & forms[b].keys(), default=None) for a, b in pairs]
        own = near.features(labels, i, j)
        kinds = own[:, _SAME_AT : _SAME_AT + len(SAME)] > 0
        same = [SAME[int(row.argmax())] if row.any() else None for row in kinds]
        score = _rule(own, same, shared)
        if extra:
            score = np.where([text is not None for text in shared], score, _learned(labels, extra, near, own, i))
        found: list[Duplicate] = []
        gone, kept = set[int](), set[int]()
        for k in np.argsort(-score, kind="stable").tolist():
            a, b = pairs[k]
            if len(found) == limit or score[k] <= 0:
                break
            if a in gone or a in kept or b in gone:
                continue
            gone.add(a)
            kept.add(b)
            text = shared[k]
            found.append(
                Duplicate(
                    active[a].id, active[b].id, (active[a].label(), active[b].label()), float(score[k]),
                    float(own[k, 0]), float(own[k, 1]) if vectors is not None else None, same[k],
                    None if text is None else forms[a][text], bool(extra),
                )
            )  # fmt: skip
        return found

    def _examples(self, concepts: Sequence[Concept], active: Sequence[Concept]) -> Examples:
        """Labels of merged concepts and what they were merged into; nothing where they are too few to learn from."""
        row = {concept.id: i for i, concept in enumerate(active)}
        merged = [
            (concept.label(), row[into])
            for concept in concepts
            if concept.status == "deprecated" and (into := self._taxonomy.resolve(concept.id)) in row
        ]
        return merged if len(merged) >= _FEWEST else []

    def _pairs(self, active: Sequence[Concept], near: set[tuple[int, int]]) -> tuple[Longs, Longs]:
        """Those of the near ones where neither is above the other; the second one stays."""
        used = [(self._usage.get(c.id, 0), len(c.labels()), -len(c.label()), c.id) for c in active]
        chosen = [
            (a, b) if used[a] < used[b] else (b, a)
            for a, b in sorted({(min(pair), max(pair)) for pair in near if pair[0] != pair[1]})
            if not self._taxonomy.is_ancestor(active[a].id, active[b].id)
            and not self._taxonomy.is_ancestor(active[b].id, active[a].id)
        ]
        found = np.array(chosen, dtype=np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]


def _pools(taxonomy: Taxonomy, active: Sequence[Concept]) -> list[Longs]:
    """The concepts that each is compared with: of its scheme and kind, and of its attribute."""
    members: dict[tuple[str, str, str | None], list[int]] = defaultdict(list)
    keys = [(c.scheme, c.kind, taxonomy.attribute_of(c.id) if c.kind == "value" else None) for c in active]
    for i, key in enumerate(keys):
        members[key].append(i)
    rows = {key: np.array(found, dtype=np.int64) for key, found in members.items()}
    return [rows[key] for key in keys]


def _sharing(forms: Sequence[Mapping[str, str]], pools: Sequence[Longs]) -> set[tuple[int, int]]:
    """Pairs of a pool that have a label in common, in any language."""
    owners: dict[tuple[int, str], list[int]] = defaultdict(list)
    for i, (texts, pool) in enumerate(zip(forms, pools, strict=True)):
        for text in texts:
            owners[id(pool), text].append(i)
    return {pair for rows in owners.values() for pair in combinations(rows[:_CANDIDATES], 2)}


@dataclass(frozen=True, slots=True)
class _Near:
    """Finds similar labels. `vectors`: (texts, d) of all labels, those of the concepts first, or None."""

    index: GramIndex
    vectors: Any
    pools: Sequence[Longs]

    def to(self, texts: Sequence[str], numbers: Sequence[int], pools: Sequence[Longs]) -> set[tuple[int, int]]:
        """(position in `texts`, concept) of similar labels within each text's pool, by letters and by meaning;
        `numbers` are the texts' rows of the vectors."""
        whole = len(self.pools)
        within = [None if len(pool) == whole else pool.astype(np.int32) for pool in pools]
        hits = self.index.search(texts, within, _CANDIDATES + 1)
        found = {(a, int(b)) for a, (others, _) in enumerate(hits) for b in others.tolist()}
        if self.vectors is None:
            return found
        by_pool: dict[int, list[int]] = defaultdict(list)
        for a, pool in enumerate(pools):
            by_pool[id(pool)].append(a)
        for members in by_pool.values():
            pool = pools[members[0]]
            most = min(_CANDIDATES + 1, len(pool))
            for start in range(0, len(members), _BLOCK):
                block = members[start : start + _BLOCK]
                cosines = self.vectors[[numbers[a] for a in block]] @ self.vectors[pool].T
                best = pool[np.argpartition(-cosines, most - 1, axis=1)[:, :most]]
                found |= {(a, b) for a, row in zip(block, best.tolist(), strict=True) for b in row}
        return found

    def features(self, labels: LabelForms, i: Longs, j: Longs) -> Floats:
        """(pairs, features): cosines by letters and by meaning, then what `_features` tells."""
        letters = self.index.cosines(labels.texts, (i, j))
        vectors = self.vectors
        meaning = np.zeros(len(i)) if vectors is None else np.einsum("ij,ij->i", vectors[i], vectors[j])
        seen = np.array([_features(labels, a, b) for a, b in zip(i.tolist(), j.tolist(), strict=True)], dtype=float)
        return np.column_stack([letters, meaning, seen.reshape(len(i), -1)])


def _rule(own: Floats, same: Sequence[str | None], shared: Sequence[str | None]) -> Floats:
    """(pairs,) scores where nothing can be learned: labels that are equal, or but for one letter or so; 0 else."""
    known = {"spelling": 0.95, "plural": 0.85, "words": 0.75}
    rank = [1.0 if text is not None else known.get(kind or "", 0.0) for text, kind in zip(shared, same, strict=True)]
    numbers_agree = own[:, _NUMBERS_AGREE] > 0
    close = np.where(numbers_agree & (own[:, 0] >= _CLOSE), 0.7 * own[:, 0], 0.0)
    found: Floats = np.maximum(np.where(numbers_agree, rank, 0.0), close)
    return found


def _learned(labels: LabelForms, extra: Examples, near: _Near, own: Floats, i: Longs) -> Floats:
    """(pairs,) scores of a model that did not learn from the pair."""
    concepts = len(near.pools)
    numbers = range(concepts, concepts + len(extra))
    right = {(k, into) for k, (_, into) in enumerate(extra)}
    texts, pools = labels.texts[concepts:], [near.pools[into] for _, into in extra]
    rows = np.array(sorted(near.to(texts, numbers, pools) | right), dtype=np.int64)
    seen = near.features(labels, rows[:, 0] + concepts, rows[:, 1])
    true = np.array([(a, b) in right for a, b in rows.tolist()])
    fold = np.array([zlib.crc32(labels.texts[a].encode()) % _FOLDS for a in i.tolist()])
    score = np.zeros(len(i))
    for number in range(_FOLDS):
        asked = fold == number
        if not asked.any():
            continue
        model = HistGradientBoostingClassifier(
            max_iter=120, learning_rate=0.06, max_leaf_nodes=12, min_samples_leaf=20, l2_regularization=1.0,
            early_stopping=False, random_state=0,
        )  # fmt: skip
        others = np.zeros(int((~asked).sum()), dtype=bool)
        model.fit(np.vstack([own[~asked], seen]), np.concatenate([others, true]))
        score[asked] = model.predict_proba(own[asked])[:, 1]
    return score
