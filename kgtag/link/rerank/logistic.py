"""The small model that weighs a candidate's features: logistic, calibrated, with a threshold for NIL. Kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit

from graph.errors import InputError
from kgtag.link.candidates.label_table import Ids
from kgtag.link.features.candidate_set import FEATURES, Floats


class Calibrated:
    """From log-odds to probabilities, by `slope` (positive) and `offset`."""

    __slots__ = ()
    slope: float
    offset: float

    def score(self, log_odds: Floats) -> Floats:
        """(n,) in [0, 1]: ranks, and is not calibrated."""
        score: Floats = expit(log_odds)
        return score

    def probability(self, log_odds: Floats) -> Floats:
        """(n,) in [0, 1], calibrated; rises with the score."""
        probability: Floats = expit(self.slope * log_odds + self.offset)
        return probability


@dataclass(frozen=True, slots=True)
class LinkModel(Calibrated):
    """`weights` by name of feature, raw; `slope` (positive) and `offset` turn its log-odds into calibrated ones.

    A best candidate of a probability under `threshold` is NIL. `metrics` says how it did on data it wasn't fitted on.
    """

    weights: Mapping[str, float]
    intercept: float
    slope: float
    offset: float
    threshold: float
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.weights) ^ set(FEATURES))
        if unknown:
            raise InputError(f"linker weights and features differ in {', '.join(unknown)}; train the linker again")
        if self.slope <= 0:
            raise InputError(
                f"the linker's calibration slope is {self.slope}, it must be above 0; train the linker again"
            )

    def log_odds(self, features: Floats, lookup: Ids) -> Floats:
        """(n, len(FEATURES)) → (n,), not calibrated; higher is better, within and across queries.

        Each candidate is weighed by itself: `lookup` (n,) changes nothing.
        """
        weights = np.array([self.weights[name] for name in FEATURES])
        # Summed row by row: a matrix product's rounding may depend on how many rows there are.
        odds: Floats = (features * weights).sum(axis=1) + self.intercept
        return np.round(odds, 9)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "weights": {name: self.weights[name] for name in FEATURES}}

    @classmethod
    def of_json(cls, raw: Any) -> LinkModel:
        """Raises InputError when the file is not what `as_json` gives."""
        try:
            numbers = {name: float(raw[name]) for name in ("intercept", "slope", "offset", "threshold")}
            weights = {str(name): float(value) for name, value in raw["weights"].items()}
            return cls(weights=weights, metrics=dict(raw.get("metrics", {})), **numbers)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"the linker's weights don't read ({error!r}); train the linker again") from error


DEFAULT_MODEL = LinkModel(
    weights={
        "exact": 2.130165,
        "light": 2.281284,
        "ratio": 1.336376,
        "jaro_winkler": 0.112949,
        "edits": -1.373561,
        "token_set": 3.613324,
        "grams": 4.445832,
        "cosine": 0.0,
        "words": 0.271809,
        "very_close": 1.738218,
        "very_similar": 0.0,
        "one_edit": 1.291031,
        "two_edits": -0.663959,
        "ends_with_label": 0.073988,
        "starts_with_label": -0.526943,
        "part_of_label": -1.155807,
        "numbers_differ": -4.110718,
        "shortness": 4.37685,
        "alt_label": -0.581612,
        "hidden_label": -0.195088,
        "same_language": 0.028144,
        "other_language": -0.338864,
        "attribute_given": 0.621786,
        "exact_unscoped": -2.765146,
        "applies": 0.63249,
        "does_not_apply": -3.136695,
        "depth": 1.689244,
        "is_attribute": 1.896573,
        "is_category": 1.177189,
        "rivals": -0.831389,
        "margin": 1.805461,
    },
    intercept=-8.567737,
    slope=0.967446,
    offset=-0.291312,
    threshold=0.44,
)
