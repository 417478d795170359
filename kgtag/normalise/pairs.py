"""Pairs of raw and canonical values from the same products annotated twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graph.errors import InputError
from kgtag.normalise.learn import ValuePair
from kgtag.types import AnnotatedProduct


def paired(raw: Iterable[AnnotatedProduct], canonical: Iterable[AnnotatedProduct]) -> Iterator[ValuePair]:
    """One by one in order, where a product has as many canonical values of an attribute as raw ones.

    Products are matched by id; those that only one side has are passed over. Raises InputError when no id is in both.
    """
    made = {one.product.id: one for one in canonical}
    matched = False
    for one in raw:
        other = made.get(one.product.id)
        if other is None:
            continue
        matched = True
        for attribute, values in one.attributes.items():
            wanted = other.attributes.get(attribute, ())
            if len(wanted) == len(values):
                for value, name in zip(values, wanted, strict=True):
                    yield ValuePair(value, name, attribute, one.product.category)
    if not matched:
        raise InputError("no product id is in both files; the same products with raw and with canonical values pair up")
