"""What is kept aside: a fifth of all products, by a hash of what their titles have in common with their variants."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import csr_array

from graph.labels import words
from kgtag.types import AnnotatedProduct, Product

_ASIDE = 20
"""Percent of the products."""
_UNIT = 2
_NEAR = 0.8
"""Share of words in common (Jaccard) from which two titles are of one product."""


def cluster(title: str) -> frozenset[str]:
    """The words of a title, whatever their order, number and case, without sizes: words that hold a digit, and Latin
    ones of one or two letters.

    Example:
        >>> cluster("Trail shoe, size 42") == cluster("TRAIL SHOES size XL")
        True
    """
    found = {one.folded for one in words(title)}
    return frozenset(
        word for word in found if not any(map(str.isdigit, word)) and (len(word) > _UNIT or not word.isascii())
    )


def is_aside(title: str) -> bool:
    """Whether a product is kept aside for comparing models, on any machine, for ever."""
    return _hash(" ".join(sorted(cluster(title)))) % 100 < _ASIDE


def split(gold: Sequence[AnnotatedProduct]) -> tuple[list[AnnotatedProduct], list[AnnotatedProduct]]:
    """(to train on, kept aside)."""
    sides: tuple[list[AnnotatedProduct], list[AnnotatedProduct]] = [], []
    for one in gold:
        sides[is_aside(one.product.title)].append(one)
    return sides


def unlike(products: Sequence[AnnotatedProduct], aside: Sequence[AnnotatedProduct]) -> list[AnnotatedProduct]:
    """The products without variants of those kept aside: titles that share four fifths of their words are variants."""
    if not products or not aside:
        return list(products)
    here, there = ([cluster(one.product.title) for one in side] for side in (products, aside))
    numbers = {word: number for number, word in enumerate(sorted(frozenset().union(*here, *there)))}
    shared = (_matrix(here, numbers) @ _matrix(there, numbers).T).tocoo()
    sizes = [np.array([max(len(one), 1) for one in side]) for side in (here, there)]
    near = shared.data >= _NEAR * (sizes[0][shared.row] + sizes[1][shared.col] - shared.data)
    variants = set(shared.row[near].tolist())
    return [one for number, one in enumerate(products) if number not in variants]


def drawn(products: Iterable[Product], count: int, *, salt: str) -> list[Product]:
    """So many products by chance, each title once; the same for the same salt."""
    found: dict[str, Product] = {}
    rows = ((_hash(f"{salt} {one.title}"), number, one) for number, one in enumerate(products))
    for _, _, one in heapq.nsmallest(2 * count, rows):
        found.setdefault(one.title, one)
    return list(found.values())[:count]


def _matrix(rows: Sequence[frozenset[str]], numbers: dict[str, int]) -> csr_array:
    """(rows, words) of 0 and 1."""
    pairs = [(row, numbers[word]) for row, found in enumerate(rows) for word in sorted(found)]
    at = tuple(zip(*pairs, strict=True)) if pairs else ((), ())
    return csr_array((np.ones(len(pairs)), at), shape=(len(rows), len(numbers)))


def _hash(text: str) -> int:
    return int(hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12], 16)
