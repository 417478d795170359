"""Items for concepts, items and visitors: by their tags, by behaviour, or by both, each with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.recommend.cooccurrence import CoOccurrence, has_one_value, with_broader
from kgtag.recommend.rankers import unit_rows
from kgtag.rows.items import RecommendedItemRow

if TYPE_CHECKING:
    from scipy import sparse

    from kgtag.recommend.model import RecommenderModel
    from kgtag.recommend.profile import Profile

_DEPTH = 0.15
"""What a step below the top adds to a tag's weight: "hiking boots" says more than "footwear"."""
_REASONS = 4
_DECAY = 0.8
"""Factor for each item further back in a visit."""
_BEHAVIOUR = 0.6
"""Weight of behaviour beside content."""
_COLD = 0.7
"""Weight of content for an item that the model has never seen chosen: above one that others leave aside, below one that
they take."""


@dataclass(frozen=True, slots=True)
class RecommendedItem:
    """An item. `score` in [0, 1]: cosine of the weighted tags, mixed with behaviour; `shared` ids by weight, with their
    `labels`."""

    item: str
    title: str
    score: float
    shared: tuple[str, ...]
    labels: tuple[str, ...]
    behaviour: float | None = None

    @property
    def why(self) -> str:
        """Such as "same: merino, crew; chosen with it"."""
        reasons = [f"same: {', '.join(self.labels).lower()}"] if self.labels else []
        return "; ".join([*reasons, "chosen with it"] if self.behaviour else reasons)

    def to_dict(self) -> RecommendedItemRow:
        row: RecommendedItemRow = {
            "item": self.item,
            "title": self.title,
            "score": round(self.score, 6),
            "shared": list(self.shared),
            "why": self.why,
        }
        if self.behaviour is not None:
            row["behaviour"] = round(self.behaviour, 6)
        return row


class ItemTags:
    """The items of a store and their tags, by number. Items with no tag that the taxonomy knows are left out.

    Args:
        taxonomy: The snapshot.
        ids, titles: Of the items.
        certainty: (items, concepts) float32, the probability of each tag, broader concepts included.

    Attributes:
        ids, titles: By number.
    """

    def __init__(
        self, taxonomy: Taxonomy, ids: Sequence[str], titles: Sequence[str], certainty: sparse.csr_array
    ) -> None:
        from scipy import sparse

        self._taxonomy = taxonomy
        self.ids, self.titles = tuple(ids), tuple(titles)
        self._number = {id: i for i, id in enumerate(self.ids)}
        carried = certainty.copy()
        carried.data = np.ones_like(carried.data)
        self._carried = carried
        self.cooccurrence = CoOccurrence(carried)
        counts = np.bincount(certainty.indices, minlength=len(taxonomy))
        rarity = np.log((len(self.ids) + 1) / (counts + 0.5)).clip(min=0)
        self._weight = (rarity * (1 + _DEPTH * taxonomy.depths)).astype(np.float32)
        self._units = unit_rows(sparse.csr_array(certainty @ sparse.diags_array(self._weight)))
        self._by_concept = self._units.tocsc()
        self._unseen: tuple[RecommenderModel, NDArray[np.bool_]] | None = None

    @classmethod
    def of(cls, taxonomy: Taxonomy, items: Iterable[TaggedItem]) -> ItemTags:
        """Read the accepted tags; redirects are followed."""
        from scipy import sparse

        ids, titles, starts, columns, values = [], [], [0], [], []
        above: dict[str, list[int]] = {}
        for item in items:
            present: dict[int, float] = {}
            for tag in item.tags:
                if tag.status == "accepted":
                    if tag.concept not in above:
                        above[tag.concept] = with_broader(taxonomy, tag.concept)
                    for i in above[tag.concept]:
                        present[i] = max(present.get(i, 0.0), tag.probability)
            if present:
                ids.append(item.id)
                titles.append(item.title)
                columns += sorted(present)
                values += [present[i] for i in sorted(present)]
                starts.append(len(columns))
        arrays = (np.array(values, dtype=np.float32), np.array(columns, dtype=np.int32), np.array(starts))
        return cls(taxonomy, ids, titles, sparse.csr_array(arrays, shape=(len(ids), len(taxonomy))))

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, item: object) -> bool:
        return item in self._number

    def having(self, concept: str) -> list[int]:
        """Numbers of the items with the concept or a narrower one, ascending. Raises UnknownConcept."""
        numbers: list[int] = self._carriers[:, [self._taxonomy.index(concept)]].nonzero()[0].tolist()
        return numbers

    def counts(self, items: Iterable[str]) -> NDArray[np.int64]:
        """(concepts,) how many of the items have each, by number, narrower ones included. Unknown items are skipped."""
        rows = [self._number[id] for id in items if id in self._number]
        return np.asarray(self._carried[rows].sum(axis=0), dtype=np.int64).ravel()

    @cached_property
    def _carriers(self) -> sparse.csc_array:
        return self._carried.tocsc()

    def tags_of(self, item: str) -> list[str]:
        """Ids of the item's tags, broader ones included, by id. Raises InputError for an unknown item."""
        row = self._row(item)
        return self._taxonomy.ids_of(sorted(row.indices.tolist()))

    def recommend(
        self,
        concepts: Sequence[str] = (),
        items: Sequence[str] = (),
        *,
        profile: Profile | None = None,
        model: RecommenderModel | None = None,
        limit: int = 20,
        lang: str | None = None,
    ) -> list[RecommendedItem]:
        """Items like `items`, the latest last, that have `concepts`; best first, ties by id.

        With a `profile`, what its visitor did counts beside them, and the items that they know are left out.

        An item that contradicts one of `concepts` is left out: excluded by it, in another category, or with another
        value of an attribute of which items have one. With a `model`, what others chose with `items` counts as well.

        Raises:
            UnknownConcept: A concept that the taxonomy lacks.
            InputError: An item that neither the store nor the model knows, or nothing is given.
        """
        if not concepts and not items and not profile:
            raise InputError("recommend needs concepts or items")
        taxonomy = self._taxonomy
        given = [taxonomy.index(taxonomy.resolve(id)) for id in concepts]
        unknown = [id for id in items if id not in self and (model is None or id not in model)]
        if unknown:
            raise InputError(untagged(unknown[0]))
        seen = {**(profile.items if profile is not None else {}), **_decayed(items)}
        wanted = {**(profile.concepts if profile is not None else {}), **{taxonomy.ids[i]: 1.0 for i in given}}
        query = self._query(seen, wanted)
        content = self._content(query)
        total, behaviour = content, None
        if model is not None and seen:
            behaviour = self._behaviour(model, seen)
            if behaviour.any():
                total = np.where(
                    self._unseen_by(model), _COLD * content, (1 - _BEHAVIOUR) * content + _BEHAVIOUR * behaviour
                )
        total = np.where(self._contradicting(given), 0, total)
        total[[self._number[id] for id in seen if id in self]] = 0
        best = [i for i in np.argsort(-total, kind="stable")[:limit].tolist() if total[i] > 0]
        return [self._found(i, float(total[i]), query, behaviour, lang) for i in best]

    def tag_weights(self, profile: Profile) -> dict[str, float]:
        """What a profile says of each concept, by id, the strongest 1 and first: its items' tags by rarity, level and
        probability, and its concepts, those above included. Unknown items and concepts count nothing."""
        query = self._query(profile.items, profile.concepts)
        most = max(float(query.max(initial=0.0)), 1e-9)
        order = np.argsort(-query, kind="stable").tolist()
        return {self._taxonomy.ids[i]: float(query[i]) / most for i in order if query[i] > 0}

    def _query(self, items: Mapping[str, float], concepts: Mapping[str, float]) -> NDArray[np.float32]:
        """(concepts,) the weighted sum of the items' tags and of the concepts with those above."""
        taxonomy = self._taxonomy
        query = np.zeros(len(taxonomy), dtype=np.float32)
        for id, weight in items.items():
            if id in self:
                row = self._row(id)
                query[row.indices] += np.float32(weight) * row.data
        for id, weight in concepts.items():
            if id in taxonomy:
                i = taxonomy.index(taxonomy.resolve(id))
                line = [i, *taxonomy.ancestor_indices(i).tolist()]
                length = max(float(np.linalg.norm(self._weight[line])), 1e-9)
                query[line] += np.float32(weight) * self._weight[line] / length
        return query

    def _row(self, item: str) -> sparse.csr_array:
        if item not in self._number:
            raise InputError(untagged(item))
        return self._units[[self._number[item]]]

    def _content(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """(items,) cosine with the query."""
        length = float(np.linalg.norm(query))
        asked = np.flatnonzero(query)
        if not length or not len(asked):
            return np.zeros(len(self), dtype=np.float32)
        found: NDArray[np.float32] = self._by_concept[:, asked] @ (query[asked] / length)
        return np.minimum(found, 1)

    def _unseen_by(self, model: RecommenderModel) -> NDArray[np.bool_]:
        """(items,) whether the model has never seen one chosen."""
        if self._unseen is None or self._unseen[0] is not model:
            mask = np.fromiter((id not in model for id in self.ids), dtype=bool, count=len(self))
            self._unseen = model, mask
        return self._unseen[1]

    def _behaviour(self, model: RecommenderModel, items: Mapping[str, float]) -> NDArray[np.float32]:
        """(items,) in [0, 1]: the model's scores over the best of them."""
        found = np.zeros(len(self), dtype=np.float32)
        scored = model.scores(items)
        if scored:
            most = max(scored.values())
            for id, score in scored.items():
                if id in self._number and score > 0:
                    found[self._number[id]] = score / most
        return found

    def _contradicting(self, given: Sequence[int]) -> NDArray[np.bool_]:
        """(items,) whether one lacks a given concept and has something that excludes it."""
        taxonomy = self._taxonomy
        out = np.zeros(len(self), dtype=bool)
        excludes = taxonomy.adjacency("excludes")
        for i in given:
            line = [i, *taxonomy.ancestor_indices(i).tolist()]
            against = {j for above in line for j in excludes.row(above)}
            attribute = taxonomy.attribute_of(taxonomy.ids[i])
            fitting = {*line, *(taxonomy.index(id) for id in taxonomy.descendants(taxonomy.ids[i]))}
            if attribute is not None and has_one_value(taxonomy, attribute, self.cooccurrence):
                against |= {taxonomy.index(id) for id in taxonomy.values_of(attribute)} - fitting
            elif taxonomy[taxonomy.ids[i]].kind == "category":
                against |= set(np.flatnonzero(taxonomy.columns.kind.where("category")).tolist()) - fitting
            if against:
                has = np.asarray(self._by_concept[:, [i]].sum(axis=1)).ravel() > 0
                clashes = np.asarray(self._by_concept[:, sorted(against)].sum(axis=1)).ravel() > 0
                out |= clashes & ~has
        return out

    def _found(
        self, i: int, score: float, query: NDArray[np.float32], behaviour: NDArray[np.float32] | None, lang: str | None
    ) -> RecommendedItem:
        row = self._units[[i]]
        parts = row.data * query[row.indices]
        order = [k for k in np.lexsort((row.indices, -parts)).tolist() if parts[k] > 0]
        shared: list[str] = []
        for id in self._taxonomy.ids_of([int(row.indices[k]) for k in order]):
            # An ancestor of a reason is not another one.
            if len(shared) < _REASONS and not any(self._taxonomy.is_ancestor(id, other) for other in shared):
                shared.append(id)
        chosen = float(behaviour[i]) if behaviour is not None and behaviour[i] > 0 else None
        labels = tuple(self._taxonomy[id].label(lang) for id in shared)
        return RecommendedItem(self.ids[i], self.titles[i], score, tuple(shared), labels, chosen)


def _decayed(items: Sequence[str]) -> dict[str, float]:
    """Weights of a visitor's last items, the latest last."""
    return {id: _DECAY ** (len(items) - 1 - at) for at, id in enumerate(items)}


def untagged(item: str) -> str:
    """Why nothing can be recommended for an item."""
    return f"no item {item!r} with a tag is known; tag it first (POST /v1/tag?store=true, or kgtag tag --record)"
