"""Precision of stored tags from a sample that people check: what to check, and what it comes to, with an interval."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from graph.errors import InputError
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.compute.intervals import wilson
from kgtag.rows.analytics import CheckRow, PrecisionEstimate, StratumRow

By = Literal["category", "attribute"]
_LEAST = 10
"""Checks of each stratum, where there are as many tags."""
_DOUBT = 0.1
"""Least standard deviation that a stratum is given: probabilities of 1 may be wrong as well."""
VERDICTS = ("right", "wrong")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tag that may be drawn. `probability` is the tag's own."""

    item: str
    title: str
    concept: str
    probability: float
    stratum: str


def candidates(taxonomy: Taxonomy, items: Iterable[TaggedItem], *, by: By = "category") -> list[Candidate]:
    """The accepted tags of stored items, but for implied ones, by the top category of their item or by attribute. A
    single category above all others is not a part."""
    found: list[Candidate] = []
    roots = [one.id for one in taxonomy if one.kind == "category" and not taxonomy.out(one.id, "broader")]
    for item in items:
        own = [
            tag
            for tag in item.tags
            if tag.status == "accepted" and tag.method not in ("implied", "given") and tag.concept in taxonomy
        ]
        top = _top(taxonomy, item, below=int(len(roots) == 1)) if by == "category" else ""
        for tag in own:
            id = taxonomy.resolve(tag.concept)
            stratum = top if by == "category" else taxonomy.attribute_of(id) or taxonomy[id].kind
            found.append(Candidate(item.id, item.title, id, tag.probability, stratum))
    return found


def draw(population: Sequence[Candidate], count: int, *, seed: int = 0, taxonomy: Taxonomy) -> list[CheckRow]:
    """A stratified random sample of `count` tags, in random order, for people to check.

    Each stratum gets ten where it has as many; the rest goes where most tags are in doubt by their probabilities
    (Neyman allocation), so that the whole estimate is as narrow as it can be.
    """
    members: dict[str, list[Candidate]] = defaultdict(list)
    for one in population:
        members[one.stratum].append(one)
    rng, rows = random.Random(seed), list[CheckRow]()
    for stratum, share in allocate(members, count).items():
        for one in rng.sample(members[stratum], share):
            concept = taxonomy[one.concept]
            attribute = taxonomy.attribute_of(one.concept)
            rows.append(
                {
                    "item": one.item,
                    "title": one.title,
                    "concept": one.concept,
                    "label": concept.label(),
                    "attribute": None if attribute is None else taxonomy[attribute].label(),
                    "stratum": stratum,
                    "stratum_size": len(members[stratum]),
                    "verdict": None,
                }
            )
    rng.shuffle(rows)
    return rows


def allocate(members: Mapping[str, Sequence[Candidate]], count: int) -> dict[str, int]:
    """How many of each stratum are checked. Raises InputError for fewer checks than strata."""
    if count < len(members):
        raise InputError(f"{count} checks are fewer than the {len(members)} parts; check more, or part by attribute")
    names = sorted(members)
    sizes = np.array([len(members[name]) for name in names])
    if count >= sizes.sum():
        return dict(zip(names, sizes.tolist(), strict=True))
    mean = np.array([np.mean([one.probability for one in members[name]]) for name in names])
    want = sizes * np.maximum(np.sqrt(mean * (1 - mean)), _DOUBT)
    least = np.minimum(sizes, min(_LEAST, count // max(len(names), 1)))
    given = least.copy()
    while (left := count - int(given.sum())) > 0:
        room = given < sizes
        more = np.floor(left * np.where(room, want, 0) / want[room].sum()).astype(int)
        if not more.any():
            more[np.argsort(np.where(room, -want / (given + 1), 0), kind="stable")[:left]] = 1
        given = np.minimum(given + more, sizes)
    return dict(zip(names, given.tolist(), strict=True))


def estimate(rows: Iterable[Mapping[str, Any]]) -> PrecisionEstimate:
    """The precision of all tags from checked ones, and of each stratum, with 95% intervals.

    Each stratum counts by its size. The interval of the whole is Wilson's for the number of plain random checks that
    would have the same variance (Korn and Graubard, Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data, 1998), narrower where much of a stratum was checked. Rows without a
    verdict are left out. Raises InputError.
    """
    sizes, right, of = dict[str, int](), Counter[str](), Counter[str]()
    for number, row in enumerate(rows, 1):
        verdict, stratum = row.get("verdict"), str(row.get("stratum", ""))
        size = row.get("stratum_size")
        if not isinstance(size, int):
            raise InputError(f"row {number}: not a row of kgtag evaluate sample; 'stratum_size' is missing")
        sizes[stratum] = size
        if verdict in (None, ""):
            continue
        if verdict not in VERDICTS:
            raise InputError(f"row {number}: {str(verdict)[:40]!r} is not a verdict; right or wrong was expected")
        of[stratum] += 1
        right[stratum] += verdict == "right"
    if not of:
        raise InputError('no row has a verdict; write "right" or "wrong" into each, or give feedback on the items')
    strata = [_stratum(name, sizes[name], right[name], of[name]) for name in sorted(sizes)]
    checked = [one for one in strata if one["checks"]]
    total = sum(one["population"] for one in checked)
    weight = np.array([one["population"] / total for one in checked])
    columns = [(float(one["right"]), float(one["checks"]), float(one["population"])) for one in checked]
    hits, n, size = np.array(columns).T
    middle, share = float(weight @ (hits / n)), (hits + 0.5) / (n + 1)
    variance = float(weight**2 @ (share * (1 - share) / n * (1 - n / size)))
    typical = float(weight @ share)
    effective = typical * (1 - typical) / variance if variance > 0 else np.inf
    low, high = wilson(middle * effective, effective) if variance > 0 else (middle, middle)
    return {
        "precision": round(middle, 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "checks": sum(of.values()),
        "population": sum(sizes.values()),
        "unchecked": sum(one["population"] for one in strata if not one["checks"]),
        "strata": strata,
    }


def _stratum(name: str, size: int, right: int, of: int) -> StratumRow:
    if not of:
        return {"name": name, "population": size, "checks": 0, "right": 0, "precision": 0.0, "low": 0.0, "high": 1.0}
    ends, share = wilson(right, of), right / of
    left = np.sqrt(max(0.0, 1 - of / size))
    low, high = (share + (float(end) - share) * float(left) for end in ends)
    return {
        "name": name,
        "population": size,
        "checks": of,
        "right": right,
        "precision": round(share, 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }


def _top(taxonomy: Taxonomy, item: TaggedItem, *, below: int) -> str:
    """The label of the concept of a level above the item's most specific category; "" without one."""
    accepted = (tag.concept for tag in item.tags if tag.status == "accepted" and tag.concept in taxonomy)
    categories = sorted({id for id in map(taxonomy.resolve, accepted) if taxonomy[id].kind == "category"})
    deepest = max(categories, key=taxonomy.depth, default=None)
    if deepest is None:
        return ""
    path = taxonomy.path(deepest)
    return taxonomy[path[min(below, len(path) - 1)]].label()
