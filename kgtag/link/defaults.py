"""Weights for a linker that nobody trained."""

from __future__ import annotations

from kgtag.link.features import FEATURES
from kgtag.link.model import LinkModel

DEFAULT_MODEL = LinkModel(
    weights={
        **dict.fromkeys(FEATURES, 0.0),
        "closeness": 6.0,
        "exact": 3.0,
        "light": 2.0,
        "applies": 1.0,
        "does_not_apply": -1.0,
        "numbers_differ": -4.0,
    },
    intercept=-5.0,
    slope=1.0,
    offset=0.0,
    threshold=0.5,
)
