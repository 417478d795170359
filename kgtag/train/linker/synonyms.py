"""Statistics of synonyms: which words stand for one another, and a linear map of the encoder's space.

The map takes seconds, where a new encoder takes an hour.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graph.labels import normal_form
from kgtag.link.candidates.label_table import Ids, LabelTable
from kgtag.link.candidates.vectors import apply_linear_map
from kgtag.link.candidates.words import MOST, Substitutes, parts
from kgtag.link.encoder import Vectors
from kgtag.link.linker import CandidateFinder
from kgtag.train.linker.dataset import part_of

MIN_SYNONYMS = 200
"""With fewer the matrix learns them by heart."""
_EPOCHS, _MOST_STEPS = 6, 800
_BATCH, _NEGATIVES, _LEAST_NEGATIVES = 128, 2000, 500
_RATE, _DECAY = 1e-3, 1e-3
_SCALE = 20.0
_BACKWARDS = 0.5
"""How much a change counts in the other direction: a label's word in a mention is rarer than the reverse."""
_MOST = 20_000
_TRIED = 500
"""Queries that a linear map is tried on."""


def learn_linear_map(asked: Vectors, labels: Vectors, *, right: Ids, owner: Ids, seed: int) -> Vectors:
    """(dim, dim) float32 such that mapped query vectors are near their label and far from others'. `asked` (n, dim),
    `labels` (texts, dim); `right` (n,) the text each should be near, `owner` (texts,) a concept of each text: texts of
    one concept don't push each other away."""
    dim = labels.shape[1]
    steps = -(-len(asked) // _BATCH)
    negatives = min(_NEGATIVES, max(_LEAST_NEGATIVES, len(labels) // 4))
    draw = np.random.default_rng(seed)
    linear_map = torch.zeros((dim, dim), requires_grad=True)
    optimiser = torch.optim.AdamW([linear_map], lr=_RATE, weight_decay=_DECAY)
    for _ in range(max(1, min(_EPOCHS, _MOST_STEPS // max(steps, 1)))):
        order = draw.permutation(len(asked))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            texts = np.concatenate([right[batch], draw.integers(len(labels), size=negatives)])
            queries = _mapped(torch.from_numpy(asked[batch]), linear_map)
            scores = _SCALE * queries @ _mapped(torch.from_numpy(np.asarray(labels[texts])), linear_map).T
            same = torch.from_numpy(_same(owner, texts, len(batch)))
            loss = nn.functional.cross_entropy(scores.masked_fill(same, -1e4), torch.arange(len(batch)))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return np.asarray(linear_map.detach().numpy(), dtype=np.float32)


def _same(owner: Ids, texts: NDArray[np.integer], size: int) -> NDArray[np.bool_]:
    """(size, texts): other texts of the concept that row i is about."""
    same: NDArray[np.bool_] = owner[texts[:size], None] == owner[texts][None, :]
    same[np.arange(size), np.arange(size)] = False
    return same


def _mapped(vectors: Tensor, linear_map: Tensor) -> Tensor:
    return nn.functional.normalize(vectors + vectors @ linear_map, dim=-1)


def learn_substitutes(pairs: Iterable[tuple[str, str]]) -> Substitutes:
    """From (mention, label of its concept): shares out of one more than the times a part was changed at all."""
    changed: Counter[str] = Counter()
    into: Counter[tuple[str, str]] = Counter()
    for mention, label in pairs:
        own, other = set(parts(normal_form(mention))), set(parts(normal_form(label)))
        left, new = own - other, other - own
        for part in left:
            changed[part] += 1
            into.update((part, substitute) for substitute in new or {""})
    shares: dict[str, dict[str, float]] = defaultdict(dict)
    for (part, substitute), count in into.items():
        share = count / (changed[part] + 1)
        shares[part][substitute] = max(share, shares[part].get(substitute, 0.0))
        if substitute:
            shares[substitute][part] = max(_BACKWARDS * share, shares[substitute].get(part, 0.0))
    best = {part: sorted(found.items(), key=lambda p: (-p[1], p[0]))[:MOST] for part, found in sorted(shares.items())}
    return Substitutes({part: tuple((word, round(share, 4)) for word, share in found) for part, found in best.items()})


def synonym_statistics(
    finder: CandidateFinder, *, seed: int, excluding: int | None = None, mapped: bool = True
) -> tuple[Substitutes, Vectors | None]:
    """Statistics over all labels of a finder, but those of the concepts of one part; without `mapped` no linear map."""
    rows = [(mention, name) for mention, name, id in synonyms_of(finder.table) if part_of(id) != excluding]
    substitutes = learn_substitutes(rows)
    return substitutes, _linear_map(finder, rows, seed) if mapped else None


def map_helps(finder: CandidateFinder, queries: Sequence[tuple[str, str]], *, seed: int) -> bool:
    """Whether a linear map ranks the preferred labels of queries' concepts higher (mean reciprocal rank), learned in
    halves without the concepts that it is tried on. `queries`: (text, concept id); without any, yes."""
    if finder.vectors is None or finder.encoder is None or not queries:
        return True
    rows = synonyms_of(finder.table)
    names = {finder.taxonomy.ids[concept]: text for text, concept, _ in _preferred(finder.table)}
    asked = sorted({(text, id) for text, id in queries if id in names})
    if len(asked) > _TRIED:
        asked = [asked[i] for i in np.random.default_rng(seed).choice(len(asked), _TRIED, replace=False)]
    texts = np.unique(list(names.values()))
    labels, gain = np.asarray(finder.vectors.matrix[texts]), 0.0
    for half in range(2):
        mine = [row for row in asked if part_of(row[1]) % 2 == half]
        learned = _linear_map(finder, [(m, n) for m, n, id in rows if part_of(id) % 2 != half], seed)
        if learned is None or not mine:
            continue
        vectors = finder.encoder.encode([text for text, _ in mine])
        right = np.searchsorted(texts, [names[id] for _, id in mine])
        mapped = apply_linear_map(vectors, learned) @ apply_linear_map(labels, learned).T
        gain += _reciprocal_ranks(mapped, right) - _reciprocal_ranks(vectors @ labels.T, right)
    return gain >= 0


def _reciprocal_ranks(cosines: Vectors, right: NDArray[np.integer]) -> float:
    """Their sum; `cosines` (n, texts), `right` (n,) columns."""
    gold = cosines[np.arange(len(right)), right]
    return float((1 / (1 + (cosines > gold[:, None]).sum(axis=1))).sum())


def _linear_map(finder: CandidateFinder, rows: Sequence[tuple[str, str]], seed: int) -> Vectors | None:
    """From (mention, preferred label); None where they are too few, or nothing is encoded."""
    if finder.vectors is None or len(rows) < MIN_SYNONYMS:
        return None
    if len(rows) > _MOST:
        drawn = np.random.default_rng(seed).choice(len(rows), _MOST, replace=False)
        rows = [rows[i] for i in np.sort(drawn)]
    table, matrix = finder.table, finder.vectors.matrix
    asked = np.asarray(matrix[[table.exact[mention] for mention, _ in rows]])
    right = np.array([table.exact[name] for _, name in rows], dtype=np.int32)
    owner = table.rows.concept[table.starts[:-1]]
    return learn_linear_map(asked, matrix, right=right, owner=owner, seed=seed)


def _preferred(table: LabelTable) -> Iterator[tuple[int, int, int]]:
    """(text, concept, kind) of the preferred labels."""
    rows = zip(table.rows.text.tolist(), table.rows.concept.tolist(), table.rows.kind.tolist(), strict=True)
    return (row for row in rows if row[2] == 0)


def synonyms_of(table: LabelTable) -> list[tuple[str, str, str]]:
    """(other label, preferred label, concept id) of everything in the table."""
    names: dict[int, list[str]] = {}
    rows = list(zip(table.rows.text.tolist(), table.rows.concept.tolist(), table.rows.kind.tolist(), strict=True))
    for text, concept, kind in rows:
        if kind == 0:
            names.setdefault(concept, []).append(table.texts[text])
    return [
        (table.texts[text], name, table.taxonomy.ids[concept])
        for text, concept, kind in rows
        if kind != 0
        for name in names.get(concept, ())[:1]
    ]
