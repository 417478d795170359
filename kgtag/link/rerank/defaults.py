"""Weights for a linker that nobody trained.

Fitted once with `kgtag.train.linker.run` (seed 0, no encoder) on kgtag's own hand-written sample:
the labels of its 661 concepts and the gold mentions of every second product title (2,960 mentions, English and
Chinese). Of the other half (3,021 mentions) it decided 96.8 % right: 99.9 % of the surfaces that equal a label of their
attribute, and 91.5 % of the rest, where nine in ten are NIL.
"""

from __future__ import annotations

from kgtag.link.rerank.logistic import LinkModel

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
