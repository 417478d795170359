"""Features of two texts: the same words, words that substitute for others, the same letters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist

from kgtag.link.candidates.retrieve import Lookup, Pairs
from kgtag.link.candidates.words import BITS, MAX_PARTS, Substitutes, Words, parts

Floats = NDArray[np.float64]

TOKEN_FEATURES = (
    "together", "reordered", "numberless", "contained", "substituted", "initials", "query_covered", "label_covered",
    "query_explained", "label_explained", "query_left", "label_left", "heaviest_query_left", "heaviest_label_left",
    "number_left", "number_added", "first_alike", "last_alike", "edits_together", "label_inside", "query_inside",
    "label_length", "query_length", "lengths", "label_parts", "query_parts",
)  # fmt: skip
"""Columns of `token_features`; the names stand in trained linkers. Covered: share of the parts' weight that the other
side has. Explained: or has a substitute for. Left: parts (distinct) without either."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The queries' parts. By (lookup, origin), origin < MAX_PARTS: float64 `weight` (zero where there is none),
    `dropped` (how often labels go without), bool `is_number`. By entry, sorted by `key` and strongest first: int64
    `key` = lookup * `span` + token, int32 `origin`, float64 `strength` (1 for the part itself)."""

    found: tuple[tuple[str, ...], ...]
    weight: Floats
    dropped: Floats
    is_number: NDArray[np.bool_]
    key: NDArray[np.int64]
    origin: NDArray[np.int32]
    strength: Floats
    span: int


def token_features(known: Words, substitutes: Substitutes, lookups: Sequence[Lookup], pairs: Pairs) -> Floats:
    """(pairs, len(TOKEN_FEATURES))."""
    columns = np.zeros((len(pairs.text), len(TOKEN_FEATURES)))
    if not len(pairs.text):
        return columns
    queries = _asked(lookups, known, substitutes)
    for at, bit in enumerate(BITS):
        columns[:, at] = (pairs.bits & bit) > 0
    for first, last, block in (
        ("query_covered", "number_added", _shared(queries, known, pairs)),
        ("first_alike", "last_alike", _ends(queries, known, pairs)),
        ("edits_together", "query_parts", _written_together(queries, known, pairs)),
    ):
        columns[:, TOKEN_FEATURES.index(first) : TOKEN_FEATURES.index(last) + 1] = block
    return columns


def _asked(lookups: Sequence[Lookup], known: Words, substitutes: Substitutes) -> _Asked:
    found = tuple(tuple(dict.fromkeys(parts(lookup.normal))) for lookup in lookups)
    span = len(known.vocabulary) + 1
    weight, dropped = np.zeros((2, len(found), MAX_PARTS))
    is_number = np.zeros((len(found), MAX_PARTS), dtype=np.bool_)
    entries: list[tuple[int, float, int]] = []
    for number, own in enumerate(found):
        for origin, part in enumerate(own):
            token = known.vocabulary.get(part)
            weight[number, origin] = known.rarest if token is None else known.idf[token]
            is_number[number, origin] = part.isdigit()
            if token is not None:
                entries.append((number * span + token, -1.0, origin))
            for other, share in substitutes.of(part):
                if not other:
                    dropped[number, origin] = share
                elif (token := known.vocabulary.get(other)) is not None:
                    entries.append((number * span + token, -share, origin))
    entries.sort()
    keys = np.array([key for key, _, _ in entries], dtype=np.int64)
    origins = np.array([place for _, _, place in entries], dtype=np.int32)
    strengths = -np.array([share for _, share, _ in entries], dtype=np.float64)
    return _Asked(found, weight, dropped, is_number, keys, origins, strengths, span)


def _shared(queries: _Asked, known: Words, pairs: Pairs) -> Floats:
    """(pairs, 10): from "query_covered" to "number_added"."""
    n = len(pairs.text)
    starts = known.starts[pairs.text].astype(np.int64)
    counts = known.starts[pairs.text + 1] - starts
    pair = np.repeat(np.arange(n), counts)
    token = known.tokens[
        np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(starts, counts)
    ]
    keys = pairs.lookup[pair].astype(np.int64) * queries.span + token
    strength, origin = np.zeros(len(keys)), np.zeros(len(keys), dtype=np.int64)
    if len(queries.key):
        at = np.minimum(np.searchsorted(queries.key, keys), len(queries.key) - 1)
        hit = queries.key[at] == keys
        strength[hit] = queries.strength[at[hit]]
        origin[hit] = queries.origin[at[hit]]
    met = np.zeros((n, MAX_PARTS))
    np.maximum.at(met, (pair, origin), strength)
    asked, numeric = queries.weight[pairs.lookup], queries.is_number[pairs.lookup]
    there = asked > 0
    own = np.where(there, met >= 1, False)
    accounted = np.maximum(met, queries.dropped[pairs.lookup])
    idf, number = known.idf[token], known.is_number[token]
    full = np.maximum(asked.sum(axis=1), 1e-9)
    whole = np.maximum(np.bincount(pair, weights=idf, minlength=n), 1e-9)
    missing = strength < 1
    heaviest = np.zeros(n)
    np.maximum.at(heaviest, pair[missing], idf[missing])
    scale = known.rarest or 1.0
    return np.stack(
        [
            (asked * own).sum(axis=1) / full,
            np.bincount(pair, weights=idf * ~missing, minlength=n) / whole,
            (asked * accounted).sum(axis=1) / full,
            np.bincount(pair, weights=idf * strength, minlength=n) / whole,
            (there & ~own).sum(axis=1),
            np.bincount(pair, weights=missing, minlength=n),
            np.where(there & ~own, asked, 0).max(axis=1) / scale,
            heaviest / scale,
            (there & ~own & numeric).any(axis=1),
            np.bincount(pair, weights=missing & number, minlength=n) > 0,
        ],
        axis=1,
    )


def _ends(queries: _Asked, known: Words, pairs: Pairs) -> Floats:
    """(pairs, 2): whether query and label begin, and end, with the same part."""
    nothing = -2
    first = np.array([known.vocabulary.get(own[0], nothing) if own else nothing for own in queries.found])
    last = np.array([known.vocabulary.get(own[-1], nothing) if own else nothing for own in queries.found])
    return np.stack(
        [first[pairs.lookup] == known.first[pairs.text], last[pairs.lookup] == known.last[pairs.text]], axis=1
    ).astype(np.float64)


def _written_together(queries: _Asked, known: Words, pairs: Pairs) -> Floats:
    """(pairs, 8): from "edits_together" to "query_parts"."""
    wholes = ["".join(own) for own in queries.found]
    asked = [wholes[number] for number in pairs.lookup.tolist()]
    label = [known.together[text] for text in pairs.text.tolist()]
    asked_length = np.array([len(whole) for whole in wholes], dtype=np.float64)[pairs.lookup]
    label_length = np.fromiter(map(len, label), dtype=np.float64, count=len(label))
    inside = np.array([one in other for one, other in zip(label, asked, strict=True)])
    around = np.array([one in other for one, other in zip(asked, label, strict=True)])
    return np.stack(
        [
            cpdist(asked, label, scorer=OSA.normalized_similarity, dtype=np.float64),
            inside & (label_length > 0),
            around & (asked_length > 0),
            label_length / 20,
            asked_length / 20,
            label_length / np.maximum(asked_length, 1),
            known.sizes[pairs.text] / 4,
            np.array([len(own) for own in queries.found])[pairs.lookup] / 4,
        ],
        axis=1,
    )
