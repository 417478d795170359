"""A made-up product taxonomy of any size, the same one for the same seed: what the benchmarks of scale share.

`columns(n)` has about 70 % categories, 30 % values and a few attributes, labels in English and Chinese, categories
eight or so deep with some of them under two parents, and three relations a concept. A million take some seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.columns.assemble import RawEdges, RawTexts, assemble
from graph.columns.columns import ALT, DEFINITION, PREF, TYPES, Columns
from graph.model import RelationType

DEPTH = 8
SCHEME = "made"
_SYLLABLES = "ba be bo ca ce co da de fa fi ga go ka la le li lo ma me mi mo na no pa pe ra re ri ro sa se ta te to va"
_ENDS = ("shoe", "boot", "coat", "lamp", "case", "pan", "set", "kit", "bag", "belt", "tool", "mat", "bowl", "hose")
_CHINESE = "鞋靴衣灯箱锅套包带具垫碗管帽裤裙杯盘椅桌床柜架刀笔纸书布棉皮木石金银铜铁红蓝绿黑白黄大小新旧长短男女"


def columns(n: int, *, seed: int = 7) -> Columns:
    """(n,) concepts without one broken invariant; `n` at least 100."""
    rng = np.random.default_rng(seed)
    attributes = max(4, n // 500)
    values = int(n * 0.3)
    categories = n - attributes - values
    kinds = np.repeat([0, 1, 2], [categories, attributes, values])
    place = rng.permutation(n)  # Ids say nothing about where a concept stands in the tree.
    status = np.where(rng.random(n) < 0.01, 1, 0)
    concepts = [
        _numbered("m", place, len(str(n))),
        pa.array([SCHEME]).take(pa.array(np.zeros(n, dtype=np.int64))),
        pa.array(["category", "attribute", "value"]).take(pa.array(kinds)),
        pa.array(["active", "candidate"]).take(pa.array(status)),
        pa.array(["multiple", "single"]).take(pa.array(rng.integers(0, 2, n))),
        pa.nulls(n, pa.large_string()),
    ]
    return assemble(concepts, _texts(rng, n), _edges(rng, categories, attributes, values))


def _numbered(prefix: str, numbers: NDArray[Any], width: int) -> Any:
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.large_string()), width, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix, pa.large_string()), digits, pa.scalar("", pa.large_string()))


def _texts(rng: np.random.Generator, n: int) -> RawTexts:
    """Two preferred labels each, an alternative for 40 % and a definition for 20 %."""
    everyone = np.arange(n)
    other, defined = everyone[rng.random(n) < 0.4], everyone[rng.random(n) < 0.2]
    english = _english(rng, n + len(other) + len(defined))
    sizes = [n, len(other), len(defined), n]
    return RawTexts(
        owner=np.concatenate([everyone, other, defined, everyone]),
        kind=np.repeat([PREF, ALT, DEFINITION, PREF], sizes).astype(np.int8),
        lang=pa.array(["en", "zh"]).take(pa.array(np.repeat([0, 1], [sum(sizes[:3]), n]))),
        text=pa.concat_arrays([english, _chinese(rng, n)]),
    )


def _english(rng: np.random.Generator, n: int) -> Any:
    """One or two made words and a thing: "Balo Ramote Boots"."""
    syllables = _SYLLABLES.split()
    words = [a + b + c for a in syllables for b in syllables for c in syllables[:4]]
    vocabulary = pa.array([*(word.capitalize() for word in words), ""], pa.large_string())
    things = pa.array([f"{end.capitalize()}{s}" for end in _ENDS for s in ("", "s")], pa.large_string())
    first = vocabulary.take(pa.array(rng.integers(0, len(words), n)))
    second = vocabulary.take(pa.array(np.where(rng.random(n) < 0.5, rng.integers(0, len(words), n), len(words))))
    thing = things.take(pa.array(rng.integers(0, len(things), n)))
    joined = pc.binary_join_element_wise(first, second, thing, pa.scalar(" ", pa.large_string()))
    return pc.replace_substring(joined, "  ", " ")


def _chinese(rng: np.random.Generator, n: int) -> Any:
    """Three to six characters."""
    characters = pa.array([*_CHINESE, ""], pa.large_string())
    picks = rng.integers(0, len(_CHINESE), (6, n))
    picks[3:][rng.random((3, n)) < 0.5] = len(_CHINESE)
    columns = [characters.take(pa.array(row)) for row in picks]
    return pc.binary_join_element_wise(*columns, pa.scalar("", pa.large_string()))


def _edges(rng: np.random.Generator, categories: int, attributes: int, values: int) -> RawEdges:
    """Ends are rows: categories first, then attributes, then values."""
    n = categories + attributes + values
    parts: list[tuple[RelationType, NDArray[Any], NDArray[Any], bool]] = []
    child, parent, other = _tree(rng, categories)
    parts.append(("broader", child, parent, True))
    second = (rng.random(len(child)) < 0.06) & (other != parent)
    parts.append(("broader", child[second], other[second], False))
    value = np.arange(values)
    home = value % attributes
    parts.append(("value_of", value + categories + attributes, home + categories, False))
    narrower = value[(rng.random(values) < 0.2) & (value >= attributes)]
    # The broader value is an earlier one of the same attribute, among its first few.
    wider = home[narrower] + attributes * rng.integers(0, np.minimum(narrower // attributes, 12))
    parts.append(("broader", narrower + categories + attributes, wider + categories + attributes, True))
    applies = rng.integers(0, attributes, n // 2), rng.integers(0, categories, n // 2)
    parts.append(("applies_to", applies[0] + categories, applies[1], False))
    ends = rng.integers(0, categories, (2, 3 * n - sum(len(part[1]) for part in parts)))
    ends = ends[:, ends[0] != ends[1]]
    parts.append(("related", ends[0], ends[1], False))
    return RawEdges(
        type=np.concatenate([np.full(len(source), TYPES.index(name), dtype=np.int8) for name, source, _, _ in parts]),
        source=np.concatenate([source for _, source, _, _ in parts]).astype(np.int64),
        target=np.concatenate([target for _, _, target, _ in parts]).astype(np.int64),
        primary=np.concatenate([np.full(len(source), primary) for _, source, _, primary in parts]),
    )


def _tree(rng: np.random.Generator, n: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Rows that have a parent, that parent, and another of the same level; levels grow by an even factor."""
    sizes = np.maximum(1, np.round(n ** (np.arange(1, DEPTH + 1) / DEPTH))).astype(np.int64)
    stops = np.minimum(np.cumsum(sizes), n)
    stops[-1] = n
    starts = np.concatenate([[0], stops[:-1]])
    level = np.searchsorted(stops, np.arange(n), side="right")
    child = np.flatnonzero(level > 0)
    above, until = starts[level[child] - 1], stops[level[child] - 1]
    return child, rng.integers(above, until), rng.integers(above, until)
