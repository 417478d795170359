"""The learned check of tags: items with a tag that neither their title nor their other tags make likely.

Models of each attribute's values, and of categories, are trained on four fifths of the items and asked about the last
fifth, five times over, from the titles alone and from titles and other tags. How unlikely a wrong tag looks is learned
from wrong ones put in on purpose: some tags get another value, drawn as often as values occur, and a second model
learns to tell them from the rest (cf. Northcutt et al., Confident learning, 2021). Figures: `benchmarks/wrong_tags.py`.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from graph.audit import Check, Defect
from graph.audit.report import suggest
from graph.errors import InputError
from graph.labels import CJK_CLASS, normal_form
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy

NAME = "implausible_tag"
CATEGORY = "category"
_FOLDS = 5
_LEAST_TAGS, _LEAST_USES, _MOST_VALUES = 100, 3, 1_000
"""Fields with fewer tags are left alone, as are values with fewer uses and all but the most used values."""
_LEARNED_FROM = 30_000
"""Tags that one model of a field learns from, at most."""
_SPOILT, _PASSES = 0.03, 2
"""Share of the tags that get another value, and how often that is done, to learn what wrong ones look like."""
_OTHER_TAGS = 0.5
"""Weight of a tag beside a title of length 1."""
_BETTER, _SIMILAR, _MOST_SHOWN = 3, 10, 1_000
"""Better values and similar items that are named; similar ones for so many findings."""
_FLOOR = 1e-6
_WORD = re.compile(rf"[^\W_{CJK_CLASS}]+|[{CJK_CLASS}]+")
_CJK_WORD = re.compile(rf"[{CJK_CLASS}]")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WrongTag:
    """A tag that is probably wrong. `probability`: of the tag, from the title and the other tags; `better`: concept ids
    with theirs, best first; `similar`: items with the most similar titles, `agreeing` of which have the tag."""

    item: str
    title: str
    concept: str
    score: float
    probability: float
    better: tuple[tuple[str, float], ...]
    similar: tuple[str, ...]
    agreeing: int


def implausible_tag(items: Callable[[], Iterable[TaggedItem]], *, budget: float = 0.01) -> Check:
    """Make the check, for `graph.audit.audit(…, extra=[…])`; severity "warning", the least plausible tag first.

    Args:
        items: Gives the tagged items, as `TaxonomyStore.items` does.
        budget: Findings at most, as a share of the tags.

    Example:
        >>> check = implausible_tag(store.items, budget=0.03)
        >>> audit(taxonomy, items=store.items(), extra=[check]).findings[0].message
        "'Sandals' on 'Casio Kids White Dial Watch' (item 7) is implausible: 'Watches' fits better; ..."
    """
    if not 0 <= budget <= 1:
        raise InputError(f"the budget is {budget}; give a share of the tags, from 0 to 1")

    def find(taxonomy: Taxonomy) -> Iterator[Defect]:
        """Tags of items that neither the title nor the other tags make likely."""
        yield from (_defect(taxonomy, one) for one in wrong_tags(taxonomy, items(), budget=budget))

    return Check(NAME, "warning", find)


def wrong_tags(
    taxonomy: Taxonomy, items: Iterable[TaggedItem], *, budget: float = 1.0, seed: int = 0
) -> list[WrongTag]:
    """The tags that are most probably wrong, worst first, at most `budget` of all, a share. Only tags of fields with a
    hundred or more, and values with three or more, are looked at, and none that the title names; deterministic for a
    seed."""
    catalogue = Catalogue.of(taxonomy, items)
    if not catalogue.fields:
        return []
    scores, odds = suspicions(catalogue, seed=seed)
    total = sum(len(field.item) for field in catalogue.fields)
    rows = [(name, row) for name, field in enumerate(catalogue.fields) for row in range(len(field.item))]
    order = np.argsort(-np.concatenate(scores), kind="stable")
    near = _Nearest(catalogue)
    held = [field.held() for field in catalogue.fields]
    found = list[WrongTag]()
    for at in order.tolist():
        if len(found) == math.ceil(budget * total):
            break
        number, row = rows[at]
        field, row_odds = catalogue.fields[number], odds[number][row]
        item, own = int(field.item[row]), int(field.value[row])
        if own in field.stated[row]:
            continue
        others = [k for k in np.argsort(-row_odds, kind="stable").tolist() if k not in held[number][item]][:_BETTER]
        if not others or row_odds[others[0]] <= row_odds[own]:
            continue
        similar = near.of(number, item) if len(found) < _MOST_SHOWN else []
        found.append(
            WrongTag(
                catalogue.ids[item], catalogue.titles[item], field.values[own], float(scores[number][row]),
                float(row_odds[own]), tuple((field.values[k], float(row_odds[k])) for k in others),
                tuple(catalogue.ids[i] for i in similar), sum(own in held[number][i] for i in similar),
            )
        )  # fmt: skip
    return found


def _defect(taxonomy: Taxonomy, one: WrongTag) -> Defect:
    label = taxonomy[one.concept].label()
    better = [taxonomy[id].label() for id, _ in one.better]
    message = f"{label!r} on {one.title!r} (item {one.item}) is implausible: {better[0]!r} fits better"
    if one.similar:
        message += f"; of the {len(one.similar)} items with the most similar titles {one.agreeing or 'none'} have it"
    evidence = {
        "probability": round(one.probability, 4), "score": round(one.score, 4),
        "better": [id for id, _ in one.better], "probabilities": [round(p, 4) for _, p in one.better],
        "similar_items": list(one.similar), "agreeing": one.agreeing,
    }  # fmt: skip
    words = f"give the item {better[0]!r} in place of {label!r}"
    repair = suggest("retag", words, item=one.item, concept=one.concept, to=one.better[0][0])
    return Defect((one.concept,), message, evidence, repair, item=one.item)


@dataclass(frozen=True, slots=True)
class _Field:
    """An attribute, or the category: row by row the number of an item (n,) and of its value (n,) in `values`, which are
    concept ids; `stated` are row by row the values that the item's title names."""

    values: tuple[str, ...]
    stated: tuple[frozenset[int], ...]
    item: Ints
    value: Ints

    def spoilt(self, share: float, rng: np.random.Generator) -> tuple[_Field, NDArray[np.bool_]]:
        """With other values in a share of the rows, drawn as often as they occur; which rows (n,)."""
        chosen = rng.random(len(self.value)) < share
        value = self.value.copy()
        for row in np.flatnonzero(chosen).tolist():  # a field has two values or more
            while value[row] == self.value[row]:
                value[row] = self.value[rng.integers(len(value))]
        return replace(self, value=value), chosen

    def held(self) -> Mapping[int, set[int]]:
        """By item, its values."""
        found: dict[int, set[int]] = defaultdict(set)
        for item, value in zip(self.item.tolist(), self.value.tolist(), strict=True):
            found[item].add(value)
        return found


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Items with titles and fields; `words` (items, words) are weighted and of length 1."""

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    words: sparse.csr_matrix
    fields: tuple[_Field, ...]

    @classmethod
    def of(cls, taxonomy: Taxonomy, items: Iterable[TaggedItem]) -> Catalogue:
        ids, titles = list[str](), list[str]()
        tags: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for item in items:
            own = {taxonomy.resolve(t.concept) for t in item.tags if t.status == "accepted" and t.concept in taxonomy}
            implied = {above for id in own for above in taxonomy.ancestors(id)}
            for id in sorted(own - implied):
                name = CATEGORY if taxonomy[id].kind == "category" else taxonomy.attribute_of(id)
                if name is not None:
                    tags[name].append((len(ids), id))
            ids.append(item.id)
            titles.append(item.title)
        parts = list(map(_parts, titles))
        fields = [field for name in sorted(tags) if (field := _field(taxonomy, tags[name], parts)) is not None]
        words = TfidfVectorizer(analyzer=_grams, sublinear_tf=True, dtype=np.float64)
        try:
            counted = words.fit_transform(titles)
        except ValueError:  # no title has a word
            counted = sparse.csr_matrix((len(ids), 1))
        return cls(tuple(ids), tuple(titles), counted.tocsr(), tuple(fields))


def _field(taxonomy: Taxonomy, tags: Sequence[tuple[int, str]], titles: Sequence[frozenset[str]]) -> _Field | None:
    """`titles`: the parts of each item's title. None for a field with too little to learn from."""
    uses = Counter(id for _, id in tags)
    values = sorted(id for id, count in uses.most_common(_MOST_VALUES) if count >= _LEAST_USES)
    at = {id: number for number, id in enumerate(values)}
    kept = [(item, at[id]) for item, id in tags if id in at]
    if len(kept) < _LEAST_TAGS or len(values) < 2:
        return None
    rows = np.array(kept, dtype=np.int64)
    by_word: dict[str, list[tuple[int, frozenset[str]]]] = defaultdict(list)
    for id in values:
        for text, _, _ in taxonomy[id].labels():
            if label := _parts(text):
                by_word[min(label)].append((at[id], label))
    stated = tuple(
        frozenset(value for part in titles[item] for value, label in by_word.get(part, ()) if label <= titles[item])
        for item, _ in kept
    )
    return _Field(tuple(values), stated, rows[:, 0], rows[:, 1])


def _parts(text: str) -> frozenset[str]:
    return frozenset(_grams(text))


def _grams(text: str) -> list[str]:
    """Words and pairs of words; of texts without spaces, characters, pairs and triples of them."""
    words = _WORD.findall(normal_form(text))
    found = [word for word in words if not _CJK_WORD.match(word)]
    found += [f"{one} {other}" for one, other in pairwise(found)]
    for word in words:
        if _CJK_WORD.match(word):
            found += [word[i : i + size] for size in (1, 2, 3) for i in range(len(word) - size + 1)]
    return found


def suspicions(catalogue: Catalogue, *, seed: int) -> tuple[list[Floats], list[Floats]]:
    """By field, (n,) how much each tag looks like a wrong one and (n, values) probabilities of the values."""
    rng = np.random.default_rng(seed)
    features, wrong = [], []
    for _ in range(_PASSES):
        spoilt = [field.spoilt(_SPOILT, rng) for field in catalogue.fields]
        fields = [field for field, _ in spoilt]
        features += _features(fields, cross_fitted(catalogue, fields, rng))
        wrong += [chosen for _, chosen in spoilt]
    own = cross_fitted(catalogue, catalogue.fields, rng)
    asked = _features(catalogue.fields, own)
    if not (labels := np.concatenate(wrong)).any():
        return [np.zeros(len(rows)) for rows in asked], [found[-1] for found in own]
    model = HistGradientBoostingClassifier(
        max_iter=300, learning_rate=0.04, max_leaf_nodes=31, min_samples_leaf=40, l2_regularization=1.0,
        random_state=seed,
    )  # fmt: skip
    model.fit(np.concatenate(features), labels)
    return [model.predict_proba(rows)[:, 1] for rows in asked], [found[-1] for found in own]


def cross_fitted(catalogue: Catalogue, fields: Sequence[_Field], rng: np.random.Generator) -> list[tuple[Floats, ...]]:
    """By field, probabilities (n, values) from titles, and from titles and other tags, of models without the item."""
    fold = rng.integers(_FOLDS, size=len(catalogue.ids))
    blocks = [
        sparse.csr_matrix(
            (np.full(len(one.item), _OTHER_TAGS), (one.item, one.value)), shape=(len(catalogue.ids), len(one.values))
        )
        for one in fields
    ]
    found = []
    for number, field in enumerate(fields):
        others = [block for at, block in enumerate(blocks) if at != number]
        tags = sparse.hstack(others).tocsr() if others else catalogue.words[:, :0]
        both = sparse.hstack([catalogue.words, tags]).tocsr()
        found.append(tuple(_held_out(field, known, fold, rng) for known in (catalogue.words, tags, both)))
    return found


def _held_out(field: _Field, features: sparse.csr_matrix, fold: Ints, rng: np.random.Generator) -> Floats:
    margins = np.full((len(field.item), len(field.values)), -1.5)
    part = fold[field.item]
    for number in range(_FOLDS):
        apart, rest = np.flatnonzero(part == number), np.flatnonzero(part != number)
        if len(rest) > _LEARNED_FROM:
            rest = rng.choice(rest, _LEARNED_FROM, replace=False)
        known = np.unique(field.value[rest])
        if not len(apart) or len(known) < 2 or not features.shape[1]:
            continue
        model = LinearSVC(C=1.0, tol=1e-2, random_state=0).fit(features[field.item[rest]], field.value[rest])
        scores = model.decision_function(features[field.item[apart]])
        margins[np.ix_(apart, known)] = np.c_[-scores, scores] / 2 if scores.ndim == 1 else scores
    rows = np.arange(len(margins))

    def loss(slope: float) -> float:
        found = softmax(np.exp(slope) * margins, axis=1)[rows, field.value]
        return -float(np.log(found + _FLOOR).mean())

    slope = float(np.exp(minimize_scalar(loss, bounds=(-1.0, 3.0), method="bounded").x))
    return np.asarray(softmax(slope * margins, axis=1))


def _features(fields: Sequence[_Field], found: Sequence[tuple[Floats, ...]]) -> list[Floats]:
    """By field, (n, 12): what tells wrong tags from right ones."""
    return [_features_of(number, *both) for number, both in enumerate(zip(fields, found, strict=True))]


def _features_of(number: int, field: _Field, found: tuple[Floats, ...]) -> Floats:
    rows = np.arange(len(field.item))
    shares = np.bincount(field.value, minlength=len(field.values)) / len(rows)
    columns = [np.full(len(rows), float(number)), np.log(shares[field.value] + _FLOOR)]
    for probabilities in found:
        own = np.log(probabilities[rows, field.value] + _FLOOR)
        others = probabilities.copy()
        others[rows, field.value] = 0.0
        spread = -(probabilities * np.log(probabilities + _FLOOR)).sum(axis=1)
        columns += [own, np.log(others.max(axis=1) + _FLOOR) - own, own - columns[1], spread]
    named = np.zeros((len(rows), 2))
    for row, stated in enumerate(field.stated):
        value = int(field.value[row])
        named[row] = value in stated, len(stated - {value})
    return np.column_stack([*columns, named])


class _Nearest:
    """Items with similar titles."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._words = catalogue.words
        self._having = [np.unique(field.item) for field in catalogue.fields]

    def of(self, number: int, item: int) -> list[int]:
        """The items with a value of the field whose titles are most similar, best first."""
        having = self._having[number]
        likeness = np.asarray((self._words[having] @ self._words[item].T).todense())[:, 0]
        likeness[having == item] = 0.0
        best = np.argsort(-likeness, kind="stable")[:_SIMILAR]
        return [int(having[k]) for k in best if likeness[k] > 0]
