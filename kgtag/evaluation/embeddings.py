"""Link prediction: the rank of the right entity among all entities.

The protocol of published numbers (LibKGE, RotatE, CoDEx): both sides are ranked, other known answers of train, valid
and test are filtered out, and a tie counts as the mean of its best and worst place ("realistic rank"). A test triple
with an entity that train lacks is kept, as in LibKGE and RotatE, and counts as the middle of all entities; PyKEEN drops
such triples (`unseen="drop"`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from kgtag.embed.scorer import Scorer
from kgtag.embed.triples import Triples, read_triples
from kgtag.embed.vectors import Ids, Vectors

Side = Literal["head", "tail"]
Ranks = NDArray[np.float64]
BOTH: tuple[Side, Side] = ("head", "tail")


@dataclass(frozen=True, slots=True)
class RankReport:
    """`n` triples, each ranked once per side; `unseen` of them have an entity or relation that the model lacks."""

    mrr: float
    hits_at_1: float
    hits_at_3: float
    hits_at_10: float
    protocol: str
    n: int
    unseen: int = 0

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def evaluate_directory(model: Path | str, triples: Path | str, **options: bool) -> RankReport:
    """Evaluate an exported model on the test, else valid part of a directory of triples; InputError without either."""
    scorer, read = Scorer.load(model), read_triples(triples)
    test = read.test if len(read.test) else read.valid
    if not len(test):
        raise InputError(f"{str(triples)!r} has neither test nor valid triples to evaluate on")
    return evaluate_scorer(scorer, read, test, **options)


def evaluate_scorer(
    scorer: Scorer, data: Triples, test: Ids, *, filtered: bool = True, tail_only: bool = False, restrict: bool = False
) -> RankReport:
    """Evaluate an exported model on triples with a vocabulary of their own; entities are matched by id."""
    entity = np.array([scorer.find(name) for name in data.entities], dtype=np.int64)
    relation = np.array([scorer.find_relation(name) for name in data.relations], dtype=np.int64)
    extra = entity < 0
    # Entities the model lacks get numbers of their own behind the known ones.
    entity[extra] = len(scorer.entities) + np.arange(extra.sum())

    def renumbered(part: Ids) -> Ids:
        return np.stack([entity[part[:, 0]], relation[part[:, 1]], entity[part[:, 2]]], axis=1)

    return evaluate(
        scorer.vectors, renumbered(test), renumbered(data.known),
        num_entities=len(scorer.entities) + int(extra.sum()), filtered=filtered,
        sides=("tail",) if tail_only else BOTH, restrict_to=renumbered(data.train) if restrict else None,
    )  # fmt: skip


def evaluate(
    vectors: Vectors,
    test: Ids,
    known: Ids,
    *,
    num_entities: int | None = None,
    filtered: bool = True,
    sides: Sequence[Side] = BOTH,
    restrict_to: Ids | None = None,
    unseen: Literal["middle", "drop"] = "middle",
    batch_size: int = 512,
) -> RankReport:
    """Rank every triple of `test` (n, 3); numbers beyond the rows of `vectors`, and a negative relation, are unseen.
    `known`: (m, 3) triples, left out of the alternatives when `filtered`; `num_entities`: of the whole vocabulary,
    unseen ones included; `restrict_to`: only entities on that side of that relation in these triples are alternatives;
    `unseen`: how triples with unseen entities count."""
    total = num_entities or len(vectors.entity)
    seen = (test[:, [0, 2]] < len(vectors.entity)).all(axis=1) & (test[:, 1] >= 0)
    known_here = known[(known[:, [0, 2]] < len(vectors.entity)).all(axis=1)]
    parts: list[Ranks] = [np.zeros(0)]
    for side in sides:
        parts += _ranks(vectors, test[seen], known_here if filtered else None, side, restrict_to, batch_size)
    missed = int((~seen).sum())
    if unseen == "middle":
        parts.append(np.full(missed * len(sides), (total + 1) / 2))
    ranks = np.concatenate(parts)
    which = "both sides" if len(sides) == 2 else f"{sides[0]} side"
    among = ", among entities of that side of the relation" if restrict_to is not None else ""
    protocol = f"{'filtered' if filtered else 'unfiltered'}, {which}, realistic rank{among}"
    first, three, ten = (float((ranks <= k).mean()) if len(ranks) else 0.0 for k in (1, 3, 10))
    mrr = float((1 / ranks).mean()) if len(ranks) else 0.0
    return RankReport(mrr, first, three, ten, protocol, int(seen.sum()) + (missed if unseen == "middle" else 0), missed)


def _ranks(vectors: Vectors, test: Ids, known: Ids | None, side: Side, among: Ids | None, size: int) -> list[Ranks]:
    given, asked = (0, 2) if side == "tail" else (2, 0)
    answers = _Answers(known, given, asked) if known is not None else None
    ranks = []
    for start in range(0, len(test), size):
        batch = test[start : start + size]
        scores = vectors.tails(batch[:, 0], batch[:, 1]) if side == "tail" else vectors.heads(batch[:, 1], batch[:, 2])
        gold = scores[np.arange(len(batch)), batch[:, asked]].copy()
        if among is not None:
            for relation in np.unique(batch[:, 1]):
                out = np.ones(scores.shape[1], dtype=bool)
                out[among[among[:, 1] == relation, asked]] = False
                scores[np.ix_(batch[:, 1] == relation, out)] = -np.inf
        if answers is not None:
            rows, columns = answers.of(batch[:, given], batch[:, 1])
            scores[rows, columns] = -np.inf
        scores[np.arange(len(batch)), batch[:, asked]] = gold
        better = (scores > gold[:, None]).sum(axis=1)
        equal = (scores == gold[:, None]).sum(axis=1)
        ranks.append(better + (equal + 1) / 2)
    return ranks


class _Answers:
    """Known answers by (given entity, relation)."""

    def __init__(self, known: Ids, given: int, asked: int) -> None:
        self._span = int(known[:, 1].max(initial=0)) + 1
        keys = known[:, given] * self._span + known[:, 1]
        order = np.argsort(keys, kind="stable")
        self._keys, self._answers = keys[order], known[order, asked]

    def of(self, given: Ids, relation: Ids) -> tuple[Ids, Ids]:
        """Row numbers and columns of every known answer to each (given, relation)."""
        keys = given * self._span + relation
        first, last = np.searchsorted(self._keys, keys), np.searchsorted(self._keys, keys, side="right")
        columns = [self._answers[a:b] for a, b in zip(first, last, strict=True)]
        empty = np.zeros(0, dtype=np.int64)
        return np.repeat(np.arange(len(given)), last - first), np.concatenate(columns) if columns else empty
