"""A trained recommender of items, served from plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kgtag.artifacts import Kind, ModelDirectory, new_directory, write_json

FORMAT = 1
KIND = Kind(
    "recommender",
    ("recommender.json", "items.txt", "starts.npy", "targets.npy", "weights.npy", "counts.npy"),
    "recommender.json",
    FORMAT,
    "make one with kgtag train recommender",
)


class RecommenderModel:
    """Item-item weights, the strongest of each item, and what popularity counts.

    Args:
        items: Ids.
        starts: (items + 1,) int64 into `targets` and `weights`.
        targets: (k,) int32, numbers of the items that go with an item.
        weights: (k,) float32; higher ranks first.
        counts: (items,) int64, users of each item.
        popularity: Weight of log(1 + users) beside the sum of weights.
    """

    def __init__(
        self,
        items: tuple[str, ...],
        starts: NDArray[np.int64],
        targets: NDArray[np.int32],
        *,
        weights: NDArray[np.float32],
        counts: NDArray[np.int64],
        popularity: float,
        version: str = "",
    ) -> None:
        self.items, self.version = items, version
        self._starts, self._targets, self._weights = starts, targets, weights
        self._counts, self._popularity = counts, popularity
        self._number = {id: i for i, id in enumerate(items)}

    @classmethod
    def load(cls, path: Path | str) -> RecommenderModel:
        """Memory-map a directory. Raises InputError when it is missing or damaged."""
        found = ModelDirectory.open(Path(path), KIND)
        items = tuple((found.path / "items.txt").read_text(encoding="utf-8").splitlines())
        starts = found.read_array("starts.npy", np.int64, (len(items) + 1,))
        return cls(
            items,
            starts,
            found.read_array("targets.npy", np.int32, (int(starts[-1]),)),
            weights=found.read_array("weights.npy", np.float32, (int(starts[-1]),)),
            counts=found.read_array("counts.npy", np.int64, (len(items),)),
            popularity=float(found.config["popularity"]),
            version=found.version,
        )

    def save(self, out: Path, settings: Mapping[str, object]) -> None:
        """Write the directory, whole or not at all. Raises InputError when something else stands there."""
        with new_directory(out) as fresh:
            (fresh / "items.txt").write_text("".join(f"{id}\n" for id in self.items), encoding="utf-8")
            np.save(fresh / "starts.npy", self._starts)
            np.save(fresh / "targets.npy", self._targets)
            np.save(fresh / "weights.npy", self._weights)
            np.save(fresh / "counts.npy", self._counts)
            config = {"format": FORMAT, "popularity": self._popularity, **settings}
            write_json(fresh / "recommender.json", config)

    def __contains__(self, item: object) -> bool:
        return item in self._number

    def scores(self, items: Mapping[str, float]) -> dict[str, float]:
        """Scores above 0 by id of the items that go with `items`, which have weights; they themselves are left out, and
        unknown ones count nothing."""
        total: dict[int, float] = {}
        given = {self._number[id]: weight for id, weight in items.items() if id in self._number}
        for i, weight in given.items():
            start, end = int(self._starts[i]), int(self._starts[i + 1])
            targets, weights = self._targets[start:end].tolist(), self._weights[start:end].tolist()
            for j, strength in zip(targets, weights, strict=True):
                total[j] = total.get(j, 0.0) + weight * strength
        scale = self._popularity
        found = {j: score + scale * float(np.log1p(self._counts[j])) for j, score in total.items() if j not in given}
        return {self.items[j]: score for j, score in found.items() if score > 0}
