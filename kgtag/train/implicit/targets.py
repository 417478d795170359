"""Annotated values that a model of implicit values can be trained on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kgtag.train.extractor.dataset import locate
from kgtag.types import AnnotatedProduct

LEAST_VALUE = 5
"""Products a value must have; fewer can be neither learned nor measured."""
LEAST_ATTRIBUTE = 30
"""Products an attribute must have."""


@dataclass(frozen=True, slots=True)
class Target:
    """`product`: its number in the data; `value`: None when it is known to have none."""

    product: int
    value: str | None


def targets(data: Sequence[AnnotatedProduct]) -> dict[str, list[Target]]:
    """Return the training products by attribute, sorted, without attributes of too few products or one outcome.

    A product whose texts state one of the attribute's values is left to the extractor.
    """
    found: dict[str, list[Target]] = defaultdict(list)
    for number, item in enumerate(data):
        stated = {name for name, _ in item.spans}
        for name, values in item.attributes.items():
            if name in stated or any(_states(item, value) for value in values):
                continue
            named: list[str | None] = [value.strip() for value in values if value.strip()]
            found[name] += [Target(number, value) for value in named or [None]]
    learnable = {name: _learnable(rows) for name, rows in sorted(found.items())}
    return {name: rows for name, rows in learnable.items() if rows}


def categories(data: Sequence[AnnotatedProduct], rows: Mapping[str, Sequence[Target]]) -> dict[str, frozenset[str]]:
    """By attribute, casefolded, the categories of its products; empty when one of them has none."""
    found = {}
    for name, kept in rows.items():
        named = [data[row.product].product.category for row in kept]
        found[name] = frozenset() if None in named else frozenset(one.casefold() for one in named if one)
    return found


def _states(item: AnnotatedProduct, value: str) -> bool:
    text = item.product.text
    return bool(locate(item.product.title, value) or (text is not None and locate(text, value)))


def _learnable(rows: Sequence[Target]) -> list[Target]:
    counts = Counter(row.value for row in rows)
    kept = [row for row in rows if counts[row.value] >= LEAST_VALUE]
    outcomes = {row.value for row in kept}
    return kept if len(kept) >= LEAST_ATTRIBUTE and len(outcomes) > 1 and outcomes != {None} else []
