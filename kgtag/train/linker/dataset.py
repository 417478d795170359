"""Training queries with their candidates, as the served linker would see them.

A taxonomy asks them of itself: labels held out, misspelt, asked of the wrong attribute, or NIL.
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from graph.labels import CJK, folded_form, normal_form
from kgtag.evaluation.tagging import LinkOutcome, linking_metrics
from kgtag.link.candidates.label_table import NOWHERE, Ids, LabelTable
from kgtag.link.candidates.retrieve import Without
from kgtag.link.features.candidate_set import Floats
from kgtag.link.linker import CandidateFinder, LinkExample
from kgtag.link.models import RankModel
from kgtag.types import Query

PairKind = Literal["exact", "held_out", "typo", "nil", "elsewhere", "gold", "mention"]
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
Floats32 = NDArray[np.float32]
_BATCH = 256
PARTS = 5


@dataclass(frozen=True, slots=True)
class LinkPair:
    """An example, what the linker must not see when it is asked, and the concept that decides its split. `neutral`:
    concepts that are neither right nor wrong: a held-out concept's broader and narrower ones."""

    example: LinkExample
    without: Without | None
    concept: str
    kind: PairKind
    neutral: frozenset[str] = frozenset()


def pairs_of(table: LabelTable, *, seed: int = 0, limit: int = 8000) -> list[LinkPair]:
    """About `limit` pairs: every kind, from as many concepts as that allows; one seed, one answer."""
    rng = random.Random(seed)
    maker = _Maker(table, rng)
    rng.shuffle(maker.concepts)
    found: list[LinkPair] = []
    for concept in maker.concepts:
        found.extend(maker.pairs(concept))
        if len(found) >= limit:
            break
    return found


class _Maker:
    def __init__(self, table: LabelTable, rng: random.Random) -> None:
        self._table, self._taxonomy, self._rng = table, table.taxonomy, rng
        self._labels: dict[int, list[tuple[int, int, int]]] = {}
        columns = (table.rows.text, table.rows.concept, table.rows.kind, table.rows.lang)
        for text, concept, kind, lang in zip(*(column.tolist() for column in columns), strict=True):
            self._labels.setdefault(concept, []).append((text, kind, lang))
        self.concepts = sorted(self._labels)
        self._attributes = sorted({int(a) for a in table.attribute[self.concepts] if a != NOWHERE})

    def pairs(self, concept: int) -> Iterator[LinkPair]:
        labels = self._labels[concept]
        id = self._taxonomy.ids[concept]
        some = self._rng.choice(labels)
        yield LinkPair(LinkExample(self._query(concept, some), id), None, id, "exact")
        others = [label for label in labels if label[1] != 0]
        if others and len({text for text, _, _ in labels}) > 1:
            label = self._rng.choice(others)
            yield LinkPair(LinkExample(self._query(concept, label), id), Without(concept, label[0]), id, "held_out")
        yield from self._typo(concept, self._rng.choice(labels))
        for label in self._rng.sample(labels, min(2, len(labels))):
            yield from self._nil(concept, label)
        if self._rng.random() < 0.5:
            yield from self._elsewhere(concept, self._rng.choice(labels))

    def _typo(self, concept: int, label: tuple[int, int, int]) -> Iterator[LinkPair]:
        text = misspelt(self._table.texts[label[0]], self._rng)
        if text is not None and not self._looked_up(text):
            id = self._taxonomy.ids[concept]
            yield LinkPair(LinkExample(self._query(concept, label, text), id), None, id, "typo")

    def _nil(self, concept: int, label: tuple[int, int, int]) -> Iterator[LinkPair]:
        """The concept's label where the concept is not: NIL, unless others carry the label too."""
        text = self._table.texts[label[0]]
        if self._looked_up(text) - {concept}:
            return
        id = self._taxonomy.ids[concept]
        line = frozenset([*self._taxonomy.ancestors(id), *self._taxonomy.descendants(id)])
        yield LinkPair(LinkExample(self._query(concept, label), None), Without(concept), id, "nil", line)

    def _elsewhere(self, concept: int, label: tuple[int, int, int]) -> Iterator[LinkPair]:
        """The label asked for as a value of an attribute that has no such value."""
        attribute = self._rng.choice(self._attributes) if self._attributes else None
        text = self._table.texts[label[0]]
        homes = {int(self._table.attribute[c]) for c in self._looked_up(text)}
        if attribute is None or attribute in homes or attribute == self._table.attribute[concept]:
            return
        ids = self._taxonomy.ids
        query = Query(text, attribute=ids[attribute], category=self._category(attribute), lang=self._lang(label))
        yield LinkPair(LinkExample(query, None), None, ids[concept], "elsewhere")

    def _looked_up(self, text: str) -> set[int]:
        """Concepts that carry the text in normal or folded form."""
        table = self._table
        numbers = set(table.folded.get(folded_form(text), ()))
        if text in table.exact:
            numbers.add(table.exact[text])
        return {int(c) for n in numbers for c in table.rows.concept[table.starts[n] : table.starts[n + 1]]}

    def _query(self, concept: int, label: tuple[int, int, int], text: str | None = None) -> Query:
        """The label, three times in four with its attribute, and mostly with a category and a language."""
        attribute = int(self._table.attribute[concept])
        given = attribute != NOWHERE and self._rng.random() < 0.75
        return Query(
            text if text is not None else self._table.texts[label[0]],
            attribute=self._taxonomy.ids[attribute] if given else None,
            category=self._category(attribute) if attribute != NOWHERE else None,
            lang=self._lang(label),
        )

    def _category(self, attribute: int) -> str | None:
        homes = self._taxonomy.out(self._taxonomy.ids[attribute], "applies_to")
        if not homes or self._rng.random() > 0.7:
            return None
        home = self._rng.choice(homes)
        return self._rng.choice([home, *self._taxonomy.descendants(home)])

    def _lang(self, label: tuple[int, int, int]) -> str | None:
        return self._table.languages[label[2]] if self._rng.random() < 0.7 else None


def misspelt(text: str, rng: random.Random) -> str | None:
    """One letter (no digit) dropped, doubled, replaced, or swapped with the next; None for texts that are too short."""
    places = [i for i, character in enumerate(text) if character.isalpha()]
    chinese = CJK.search(text) is not None
    if len(places) < (3 if chinese else 4):
        return None
    i = rng.choice(places[1:])
    kind = rng.choice(("drop", "swap") if chinese else ("drop", "double", "replace", "swap"))
    if kind == "swap":
        if i + 1 >= len(text) or not text[i + 1].isalpha() or text[i] == text[i + 1]:
            return None
        return text[:i] + text[i + 1] + text[i] + text[i + 2 :]
    letter = {"drop": "", "double": text[i] * 2, "replace": rng.choice(_LETTERS)}[kind]
    wrong = text[:i] + letter + text[i + 1 :]
    return wrong if wrong != text else None


def mention_pairs(
    table: LabelTable, mentions: Sequence[tuple[str, str]], *, seed: int = 0, limit: int = 12_000
) -> list[LinkPair]:
    """Each (text, concept id) asked as if the table had never heard it; `limit` of them when they are more."""
    found = []
    for mention, id in sorted(set(mentions)):
        if (number := table.exact.get(normal_form(mention))) is not None:
            hidden = Without(table.taxonomy.index(id), number)
            found.append(LinkPair(LinkExample(Query(mention), id), hidden, id, "mention"))
    return found if len(found) <= limit else random.Random(seed).sample(found, limit)


def gold_pairs(gold: Sequence[LinkExample]) -> list[LinkPair]:
    """Annotated examples as pairs; those without a concept are split by their surface."""
    return [LinkPair(e, None, e.concept if e.concept is not None else e.query.text, "gold") for e in gold]


@dataclass(frozen=True, slots=True)
class RankData:
    """Candidates of all queries, `lookup` (n,) sorted and numbering them from 0; `features` (n, features) float32.
    `right`, `counts` (n,) bool: whether a candidate is gold, and whether it counts at all. By query (queries,): `nil`
    bool, `weight` float32. Queries that are not NIL and whose gold isn't among the candidates teach nothing."""

    features: NDArray[np.float32]
    lookup: Ids
    right: NDArray[np.bool_]
    counts: NDArray[np.bool_]
    nil: NDArray[np.bool_]
    weight: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Found:
    """Pairs and their candidates by (lookup, concept); `lookup` (n,) numbers the pairs, `concept` (n,) are indices.
    `features` (n, RICH_FEATURES) float32; `right`, `counts` (n,) bool: whether it is gold, and counts at all."""

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
        pairs = [pair for pair, is_wanted in zip(self.pairs, wanted, strict=True) if is_wanted]
        columns = (self.concept[kept], self.features[kept], self.right[kept], self.counts[kept])
        return Found(pairs, number[self.lookup[kept]].astype(np.int32), *columns)

    def best(self, model: RankModel) -> tuple[Floats, NDArray[np.int64]]:
        """Log-odds of all candidates, and the best one of each pair that has any and whose best one counts."""
        odds = model.log_odds(self.features, self.lookup)
        order = np.lexsort((self.concept, -odds, self.lookup))
        first = np.searchsorted(self.lookup[order], np.unique(self.lookup))
        chosen = order[first]
        return odds, chosen[self.counts[chosen]]

    def measured(self, model: RankModel, ids: Sequence[str]) -> dict[str, Any]:
        """`linking_metrics` over all, and by kind of pair. `ids`: the taxonomy's, by index."""
        odds = model.log_odds(self.features, self.lookup)
        probability = model.probability(odds)
        order = np.lexsort((self.concept, -odds, self.lookup))
        starts = np.searchsorted(self.lookup[order], np.arange(len(self.pairs) + 1))
        outcomes: dict[str, list[LinkOutcome]] = defaultdict(list)
        for number, pair in enumerate(self.pairs):
            ranked = order[starts[number] : starts[number + 1]]
            if len(ranked) and not self.counts[ranked[0]]:
                continue
            first = float(probability[ranked[0]]) if len(ranked) else 0.0
            named = tuple(ids[self.concept[i]] for i in ranked)
            link = named[0] if named and first >= model.threshold else None
            outcome = LinkOutcome(pair.example.concept, named, first, link)
            outcomes["all"].append(outcome)
            outcomes[pair.kind].append(outcome)
        return {kind: linking_metrics(outcomes[kind]) for kind in ("all", *sorted(outcomes.keys() - {"all"}))}


def find(finder: CandidateFinder, pairs: Sequence[LinkPair]) -> Found:
    """All candidates of all pairs, each asked without what it must not see."""
    ids = finder.taxonomy.ids
    found = []
    for start in range(0, max(len(pairs), 1), _BATCH):
        batch = pairs[start : start + _BATCH]
        candidates = finder.find([pair.example.query for pair in batch], [pair.without for pair in batch])
        asked = [(batch[n], ids[i]) for n, i in zip(candidates.lookup, candidates.concept, strict=True)]
        right = np.array([id == pair.example.concept for pair, id in asked], dtype=np.bool_)
        counts = np.array([id not in pair.neutral for pair, id in asked], dtype=np.bool_)
        features = candidates.features.astype(np.float32)
        found.append(Found(batch, candidates.lookup, candidates.concept, features, right, counts))
    return join(found)


def join(parts: Sequence[Found]) -> Found:
    """One after the other."""
    starts = np.cumsum([0, *(len(part.pairs) for part in parts)])
    lookups = [part.lookup + np.int32(start) for part, start in zip(parts, starts, strict=False)]
    columns = [(part.concept, part.features, part.right, part.counts) for part in parts]
    pairs = [pair for part in parts for pair in part.pairs]
    return Found(pairs, np.concatenate(lookups).astype(np.int32), *map(np.concatenate, zip(*columns, strict=True)))


def part_of(concept: str) -> int:
    """0…4 by the concept, so that no concept stands on two sides."""
    return hashlib.blake2b(concept.encode("utf-8", "surrogatepass"), digest_size=4).digest()[0] % PARTS
