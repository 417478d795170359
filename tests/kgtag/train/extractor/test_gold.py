from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from graph.errors import InputError
from kgtag.train.calibration import fit_platt
from kgtag.train.extractor.dataset import examples, label_map, learn_trims, locate, split_dev
from kgtag.train.extractor.run import train_extractor
from kgtag.types import AnnotatedProduct, Product, Span


def tokenizer() -> Tokenizer:
    words = ("[UNK]", "red", "shoes", "jerseys", "acme", "on", "##e")
    made = Tokenizer(models.WordPiece({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


def product(title: str, **attributes: tuple[str, ...]) -> AnnotatedProduct:
    return AnnotatedProduct(Product(title, title, category="Shoe"), attributes)


def test_values_are_found_as_whole_words_first() -> None:
    assert locate("redone red", "red") == [Span(7, 10)]
    assert locate("jerseys", "jersey") == [Span(0, 6)]
    assert locate("红色鞋红色", "红色") == [Span(0, 2), Span(3, 5)]
    assert locate("Red Shoes", "red") == [Span(0, 3)]
    assert locate("shoes", "") == locate("shoes", "bag") == []


def test_examples_say_what_is_listed_placed_and_missing() -> None:
    data = [product("red shoes", color=("red",), brand=(), style=("sporty",)), product(" ", color=("red",))]
    labels = label_map(data)
    (made,), report = examples(data, labels, tokenizer(), max_tokens=8)
    assert labels.attributes == ("brand", "color", "style")
    assert (made.spans, made.listed, made.unplaced) == ({1: ((0, 0),)}, {0, 1, 2}, {2})
    assert (report.products, report.unreadable, report.values, report.not_in_text) == (2, 1, 2, 1)
    assert report.labels_seen_once == ("style",)


def test_overlapping_gold_of_two_attributes_is_kept_and_counted() -> None:
    data = [product("red shoes", color=("red",), item=("red shoes",))]
    (made,), report = examples(data, label_map(data), tokenizer(), max_tokens=8)
    assert made.spans == {0: ((0, 0),), 1: ((0, 1),)}
    assert report.overlapping == 1


def test_the_habit_of_cutting_a_word_is_learned() -> None:
    data = [product("red jerseys", fabric=("jersey",)), product("acme jerseys", fabric=("jersey",))]
    made, _ = examples(data, label_map(data), tokenizer(), max_tokens=8)
    assert learn_trims(data, made) == {"fabric": {"jerseys": (0, 6)}}


def test_the_dev_split_goes_by_title_and_is_never_empty() -> None:
    data = [product(f"shoe {n}", color=()) for n in range(300)]
    train, dev = split_dev(data)
    assert 10 < len(dev) < 60
    assert sorted(one.product.id for one in [*train, *dev]) == sorted(one.product.id for one in data)
    assert [len(part) for part in split_dev(data[:2])] == [1, 1]


def test_calibration_learns_that_spans_are_overrated() -> None:
    rng = np.random.default_rng(0)
    marginals = np.full(4000, 0.95)
    slope, intercept = fit_platt(marginals, rng.random(4000) < 0.7)
    odds = slope * np.log(0.95 / 0.05) + intercept
    assert 1 / (1 + np.exp(-odds)) == pytest.approx(0.7, abs=0.03)
    assert fit_platt(marginals[:5], np.ones(5, dtype=bool)) == (1.0, 0.0)


def test_calibration_keeps_its_feet_on_overconfident_spans() -> None:
    rng = np.random.default_rng(1)
    marginals = 1 - 10 ** rng.uniform(-9, -0.1, size=800)
    truth = 0.5 + 0.45 * (marginals > 0.99)
    slope, intercept = fit_platt(marginals, rng.random(800) < truth)
    assert 0.05 <= slope < 1
    assert abs(intercept) < 1


def test_nothing_to_learn_from_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of the 1 training products"):
        train_extractor([product("red shoes", color=())], dev=[product("red", color=())], out=tmp_path / "model")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="other files"):
        train_extractor([product("red shoes", color=("red",))], out=tmp_path / "taken")
    assert (tmp_path / "taken" / "notes.txt").read_text() == "mine"
