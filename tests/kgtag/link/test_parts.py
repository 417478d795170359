"""Forms, grams and the model's arithmetic."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.labels import ends_with, folded_form, normal_form, numbers
from kgtag.link.candidates.label_table import LabelTable
from kgtag.link.candidates.ngrams import GramIndex
from kgtag.link.models import DEFAULT_MODEL
from kgtag.train.linker.dataset import misspelt, pairs_of
from tests.kgtag.link.small import small_taxonomy


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("500ml", "500 ml"),
        ("Men's", "mens"),
        ("women’s", "Women"),
        ("kids'", "Kid"),
        ("T-Shirts", "tshirt"),
        ("berries", "berry"),
        ("Boxes", "box"),
        ("crème", "creme"),
        ("waterproof!", "water-proof"),
        ("5–6 years", "5-6 year"),
        ("黑色連衣裙", "黑色连衣裙"),
        ("ＵＳＢ滑鼠", "usb滑鼠"),
    ],
)
def test_folded_forms_ignore_small_differences(one: str, other: str) -> None:
    assert folded_form(normal_form(one)) == folded_form(normal_form(other)) != ""


@pytest.mark.parametrize(
    ("one", "other"), [("5 6", "56"), ("XS", "X"), ("c#", "c"), ("dress", "dres"), ("0.5 l", "5 l"), ("か", "が")]
)
def test_folded_forms_keep_what_differs(one: str, other: str) -> None:
    assert folded_form(normal_form(one)) != folded_form(normal_form(other))


@given(st.text())
def test_forms_are_stable(text: str) -> None:
    normal = normal_form(text)
    assert len(normal) <= 200
    assert "\x00" not in normal
    assert folded_form(normal) == folded_form(normal)


def test_numbers_and_ends() -> None:
    assert numbers("2 x 0.5 l") == ("0.5", "2")
    assert ends_with("recycled mesh", "mesh")
    assert not ends_with("armesh", "mesh")
    assert ends_with("纯棉", "棉")
    assert not ends_with("mesh", "mesh")


def test_the_gram_index_ranks_the_text_itself_first() -> None:
    texts = sorted(
        {normal_form(f"{a} {b}") for a in ("dark", "light", "pale", "黑") for b in ("green", "blue", "色", "pink")}
    )
    index = GramIndex(texts)
    for (found, scores), text in zip(index.search(texts, [None] * len(texts), 3), texts, strict=True):
        assert texts[found[0]] == text
        assert scores[0] == pytest.approx(1, abs=1e-5)
        assert list(scores) == sorted(scores, reverse=True)
    only = np.array([2, 5], dtype=np.int32)
    assert set(index.search(["dark green"], [only], 9)[0][0]) <= {2, 5}
    assert len(index.search(["dark green"], [only[:0]], 9)[0][0]) == 0
    assert len(GramIndex([]).search(["dark"], [None], 5)[0][0]) == 0


def test_swapped_letters_still_meet() -> None:
    index = GramIndex(["pink", "grey", "black"])
    assert [int(index.search([typo], [None], 1)[0][0][0]) for typo in ("pnik", "gery", "balck")] == [0, 1, 2]


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=20))
def test_calibration_is_monotone(odds: list[float]) -> None:
    ordered = np.sort(np.array(odds))
    assert (np.diff(DEFAULT_MODEL.probability(ordered)) >= 0).all()
    assert (np.diff(DEFAULT_MODEL.score(ordered)) >= 0).all()


def test_training_pairs_are_of_every_kind_and_the_same_each_time() -> None:
    table = LabelTable(small_taxonomy())
    pairs = pairs_of(table, seed=1)
    assert {pair.kind for pair in pairs} == {"exact", "held_out", "typo", "nil", "elsewhere"}
    assert pairs == pairs_of(LabelTable(small_taxonomy()), seed=1)
    for pair in pairs:
        assert (pair.example.concept is None) == (pair.kind in ("nil", "elsewhere"))


def test_misspellings_leave_numbers_and_short_words_alone() -> None:
    rng = random.Random(0)
    assert misspelt("xl", rng) is None
    assert all(numbers(m) == ("500",) for m in (misspelt("500 grams", rng) for _ in range(50)) if m)
