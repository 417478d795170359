"""The quality of tags: how far each concept is used, right, distinct from its siblings, and stable over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from math import prod

import numpy as np

from graph.errors import InputError
from graph.labels import folded_form, normal_form
from graph.model import Concept, Feedback, Kind, TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.compute.intervals import Floats, wilson
from kgtag.discover.feedback import precision_of_tags
from kgtag.evaluation.analytics.by_category import by_category
from kgtag.evaluation.analytics.lookalikes import LookAlike, families, look_alikes
from kgtag.evaluation.analytics.table import ItemTable
from kgtag.evaluation.tagging import closed, gold_concepts
from kgtag.extract.dictionary import LabelFinder
from kgtag.link.candidates.label_table import LabelTable
from kgtag.rows.analytics import QualityReport, TagQuality
from kgtag.types import AnnotatedProduct

_PRIOR = 4.0
"""Verdicts as usual that count beside those on a tag."""
_EXPECTED = 9, 10
"""Right verdicts, of all, that count beside those given before the usual precision is known."""
_USED = 1.0
"""Items at which a tag's score is half of what it is on many."""
_ALIKE = 0.1
"""Confusability that is shown, and counts."""
_SEEN = 0.3
"""Confusability that is given as a reason."""
_BARE = 0.1
"""Added to shares of titles that state a tag, before they are compared."""


@dataclass(slots=True)
class Stated:
    """What the titles of a concept's items say: `own` name it, `other` name a sibling instead; of `items`."""

    items: Counter[str] = field(default_factory=Counter)
    own: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Checked:
    """Tags that people or gold confirm and refute, and what should stand in place of the latter, with counts."""

    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    instead: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


def tag_quality(
    taxonomy: Taxonomy,
    items: Iterable[TaggedItem],
    *,
    feedback: Iterable[Feedback] = (),
    gold: Mapping[str, AnnotatedProduct] | None = None,
    kind: Kind | None = None,
    scheme: str | None = None,
    lang: str | None = None,
) -> QualityReport:
    """Every category and value, the worst first, those on no item last.

    The score, in [0, 1], is a product: support (n / (n + 1)), precision by verdicts and gold (with four verdicts as
    usual beside them), one less the confusability by label, one less the share of items whose title names a sibling
    instead, how often titles state it compared with its siblings, and one less its drift. What is not known leaves it
    as it is.

    Args:
        taxonomy: The snapshot.
        items: Stored ones.
        feedback: Verdicts; see `precision_of_tags`.
        gold: Annotated products by the id of an item.
        kind: Only such concepts.
        scheme: Only concepts of it.
        lang: Of labels shown and compared.
    """
    if scheme is not None and scheme not in taxonomy.schemes:
        raise InputError(f"no scheme {scheme!r}; there is {', '.join(sorted(taxonomy.schemes))}")
    stated, checked = Stated(), _from_feedback(feedback)
    seen = _reading(items, taxonomy, stated, checked, gold or {})
    table = ItemTable.of(taxonomy, seen, timed=False)
    concepts = [
        c for c in taxonomy if c.status != "deprecated" and c.kind != "attribute" and scheme in (None, c.scheme)
    ]
    rows = np.array([taxonomy.index(concept.id) for concept in concepts], dtype=np.int64)
    used = np.asarray(table.carried.sum(axis=0)).ravel()
    support = used[rows]
    alike = look_alikes(taxonomy, concepts, support, lang=lang)
    figures = by_category(table, rows)
    usual = _usual_agreement(taxonomy, concepts, stated)
    verdicts = checked.right.total() + checked.wrong.total()
    typical = (checked.right.total() + _EXPECTED[0]) / (verdicts + _EXPECTED[1]) if verdicts else 1.0
    found: list[TagQuality] = []
    for at, concept in enumerate(concepts):
        if kind in (None, concept.kind):
            row = _row(concept, int(support[at]), taxonomy.attribute_of(concept.id), lang)
            factors = [
                row["support"] / (row["support"] + _USED),
                _precision(row, checked, typical),
                _distinct(row, alike[at], checked),
                _agreement(row, stated, float(usual[at])),
            ]
            if concept.kind == "value":
                figures.add(row, at)
            elif (path := taxonomy.path(concept.id))[:-1] and (above := int(used[taxonomy.index(path[-2])])):
                row["coverage"] = _round(row["support"] / above)
            row["score"] = _round(prod(factors) * (1 - row.get("drift", 0.0)))
            found.append(row)
    found.sort(key=lambda row: (not row["support"], row["score"], row["concept"]))
    return {"items": len(table), "verdicts": verdicts, "tags": found, "revision": taxonomy.revision}


def _row(concept: Concept, support: int, attribute: str | None, lang: str | None) -> TagQuality:
    row: TagQuality = {
        "concept": concept.id,
        "label": concept.label(lang),
        "kind": concept.kind,
        "score": 0.0,
        "support": support,
    }
    return row if attribute is None else {**row, "attribute": attribute}


def _precision(row: TagQuality, checked: Checked, typical: float) -> float:
    """Enter the verdicts on a tag; its precision, drawn to the `typical` one where they are few."""
    right = checked.right[row["concept"]]
    of = right + checked.wrong[row["concept"]]
    if not of:
        return typical
    low, high = wilson(right, of)
    row["precision"] = {"right": right, "of": of, "share": _round(right / of), "low": _round(low), "high": _round(high)}
    return (right + _PRIOR * typical) / (of + _PRIOR)


def _distinct(row: TagQuality, alike: LookAlike | None, checked: Checked) -> float:
    """Enter what a tag is taken for; one less the confusability."""
    instead = checked.instead.get(row["concept"])
    if instead:
        row["confused_with"] = min(instead, key=lambda id: (-instead[id], id))
    if alike is None or alike.score < _ALIKE:
        return 1.0
    row.setdefault("confused_with", alike.concept)
    row["confusability"] = _round(alike.score)
    return 1 - min(alike.score, 0.99)


def _agreement(row: TagQuality, stated: Stated, usual: float) -> float:
    """Enter what titles say of a tag; lower where they name a sibling, or name it less often than is `usual`."""
    id = row["concept"]
    if not (of := stated.items[id]):
        return 1.0
    own, other = stated.own[id] / of, stated.other[id]
    row["agreement"], row["conflict"] = _round(own), _round(other / of)
    known = of / (of + _PRIOR)
    return float((1 - other / (of + _PRIOR)) * min(1.0, (own + _BARE) / (usual + _BARE)) ** known)


def why(row: TagQuality, label: str | None = None) -> str:
    """What weighs most against a tag, in words; `label` is that of `confused_with`."""
    items = f"{row['support']} items" if row["support"] != 1 else "1 item"
    reasons: list[tuple[float, str]] = [(1 / (1 + row["support"]), f"on {items}" if row["support"] else "on no item")]
    if (precision := row.get("precision")) is not None:
        wrong = precision["of"] - precision["right"]
        reasons.append((1 - precision["share"], f"wrong in {wrong} of {precision['of']} verdicts"))
    if (conflict := row.get("conflict")) is not None:
        reasons.append((conflict, f"{conflict:.0%} of its titles name another one"))
    if (confusable := row.get("confusability")) is not None:
        reasons.append((confusable if confusable > _SEEN else 0.0, f"looks like {label or row.get('confused_with')}"))
    if (drift := row.get("drift")) is not None:
        reasons.append((drift, "its categories have changed over time"))
    if (agreement := row.get("agreement")) is not None:
        reasons.append(((1 - agreement) / 4, f"its label stands in {agreement:.0%} of the titles"))
    return "; ".join(text for weight, text in sorted(reasons, reverse=True)[:2] if weight >= 0.1)


def _from_feedback(feedback: Iterable[Feedback]) -> Checked:
    """Verdicts, and what people said is missing where they called another tag wrong."""
    found, given = Checked(), list(feedback)
    for one in precision_of_tags(given):
        found.right[one.concept], found.wrong[one.concept] = one.right, one.wrong
    by_item: dict[str, list[Feedback]] = defaultdict(list)
    for verdict in given:
        if verdict.item is not None:
            by_item[verdict.item].append(verdict)
    for verdicts in by_item.values():
        for wrong in (one.concept for one in verdicts if one.verdict == "wrong"):
            found.instead[wrong].update(one.concept for one in verdicts if one.verdict == "missing")
    return found


def _reading(
    items: Iterable[TaggedItem],
    taxonomy: Taxonomy,
    stated: Stated,
    checked: Checked,
    gold: Mapping[str, AnnotatedProduct],
) -> Iterator[TaggedItem]:
    """The items as they come, with what their titles and gold say counted."""
    table = LabelTable(taxonomy)
    labels = cache(partial(_folded_labels, taxonomy))
    finders = [LabelFinder(table, "category"), LabelFinder(table, "value")]
    for item in items:
        yield item
        own = {
            taxonomy.resolve(tag.concept)
            for tag in item.tags
            if tag.status == "accepted" and tag.method != "implied" and tag.concept in taxonomy
        }
        named = {id for finder in finders for _, ids in finder.find(item.title) for id in ids}
        _count_named(taxonomy, own, named, labels, stated)
        if item.id in gold:
            _count_gold(taxonomy, own, gold[item.id], checked)


def _folded_labels(taxonomy: Taxonomy, id: str) -> frozenset[str]:
    return frozenset(folded_form(normal_form(text)) for text, _, _ in taxonomy[id].labels())


def _count_named(
    taxonomy: Taxonomy, own: set[str], named: set[str], labels: Callable[[str], frozenset[str]], stated: Stated
) -> None:
    """A tag is named by its labels, whichever concept the words are taken for, and by anything narrower."""
    words = frozenset[str]().union(*map(labels, named))
    for id in own:
        stated.items[id] += 1
        attribute = taxonomy.attribute_of(id)
        if not words.isdisjoint(labels(id)) or any(taxonomy.is_ancestor(id, one) for one in named):
            stated.own[id] += 1
        elif any(
            one not in own and taxonomy.attribute_of(one) == attribute and taxonomy[one].kind == taxonomy[id].kind
            and not taxonomy.is_ancestor(one, id)
            for one in named
        ):  # fmt: skip
            stated.other[id] += 1


def _count_gold(taxonomy: Taxonomy, own: set[str], gold: AnnotatedProduct, checked: Checked) -> None:
    """A tag of an attribute that gold says nothing of is neither right nor wrong."""
    wanted = closed(gold_concepts(gold, taxonomy), taxonomy)
    homes = {(taxonomy[id].kind, taxonomy.attribute_of(id)) for id in wanted}
    for id in own:
        if id in wanted:
            checked.right[id] += 1
        elif (taxonomy[id].kind, taxonomy.attribute_of(id)) in homes:
            checked.wrong[id] += 1
            home = taxonomy[id].kind, taxonomy.attribute_of(id)
            checked.instead[id].update(w for w in wanted if (taxonomy[w].kind, taxonomy.attribute_of(w)) == home)


def _usual_agreement(taxonomy: Taxonomy, concepts: list[Concept], stated: Stated) -> Floats:
    """(concepts,) how often titles state the concepts beside each: the median, weighed by items."""
    usual = np.zeros(len(concepts))
    for members in families(taxonomy, concepts):
        shares = [(stated.own[concepts[at].id] / n, n) for at in members if (n := stated.items[concepts[at].id])]
        if shares:
            shares.sort()
            half = np.searchsorted(np.cumsum([n for _, n in shares]), sum(n for _, n in shares) / 2)
            usual[members] = shares[int(half)][0]
    return usual


def _round(value: float | Floats) -> float:
    return round(float(value), 4)
