from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from graph.errors import InputError
from kgtag.extract.inputs import tokenize
from kgtag.train.encoder.masking import (
    IGNORED,
    SPECIAL,
    Vocabulary,
    as_text,
    character_tokenizer,
    hide,
    read_texts,
    split_held_out,
)

TITLE = "Nike跑步鞋 2018新款"


def test_characters_stand_alone_and_latin_words_keep_their_borders() -> None:
    tokenizer = character_tokenizer([TITLE, TITLE])
    tokens = tokenize(tokenizer, [TITLE])[0]
    assert [TITLE[a:b] for a, b in zip(tokens.starts, tokens.ends, strict=True)] == list(TITLE.replace(" ", ""))
    assert tokens.continues.tolist() == [False, *[True] * 3, *[False] * 4, *[True] * 3, False, False]
    assert tokenizer.token_to_id("[UNK]") not in tokens.ids


def test_rare_characters_are_left_to_later_training() -> None:
    tokenizer = character_tokenizer(["鞋鞋", "鞋靴"])
    assert tokenizer.encode("靴鞋", add_special_tokens=False).tokens == ["[UNK]", "鞋"]


def test_words_are_hidden_whole() -> None:
    title = "waterproof jacket 防水外套男"
    tokenizer = character_tokenizer([title] * 2)
    text = as_text(title, tokenize(tokenizer, [title])[0], longest=64)
    vocabulary = Vocabulary(2, 3, 0, SPECIAL.index("[MASK]"), tokenizer.get_vocab_size())
    for seed in range(50):
        ids, labels = hide(text, vocabulary, random.Random(seed))
        hidden = [label != IGNORED for label in labels]
        assert any(hidden)
        assert not hidden[0] and not hidden[-1]
        for first, last in text.words:
            assert len({*hidden[first + 1 : last + 1]}) == 1
        assert [a if h else b for a, b, h in zip(labels[1:-1], ids[1:-1], hidden[1:-1], strict=True)] == (
            text.ids.tolist()
        )


def test_runs_of_characters_are_hidden_together() -> None:
    title = "防水透气外套男士秋冬季加厚连帽工装" * 3
    tokenizer = character_tokenizer([title] * 2)
    text = as_text(title, tokenize(tokenizer, [title])[0], longest=64)
    vocabulary = Vocabulary(2, 3, 0, 4, tokenizer.get_vocab_size())
    runs = 0
    for seed in range(20):
        _, labels = hide(text, vocabulary, random.Random(seed))
        hidden = [n for n, label in enumerate(labels) if label != IGNORED]
        runs += sum(b == a + 1 for a, b in pairwise(hidden))
        assert 1 <= len(hidden) <= 0.15 * len(text.ids) + 4
    assert runs > 20


def test_texts_of_several_files_each_once(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"title": "red shoe", "text": "soft"}\n{"title": "红鞋"}\n', encoding="utf-8")
    (tmp_path / "b.txt").write_text("red shoe\n蓝鞋\nx\n\n", encoding="utf-8")
    assert read_texts([tmp_path / "a.jsonl", tmp_path / "b.txt"]) == ["red shoe", "soft", "红鞋", "蓝鞋"]
    (tmp_path / "c.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"no text in .*c\.txt"):
        read_texts([tmp_path / "c.txt"])
    with pytest.raises(InputError, match="no format 'pdf'"):
        read_texts([tmp_path / "c.txt"], format="pdf")


def test_something_is_held_out_and_something_left() -> None:
    train, held = split_held_out(["a shoe", "a hat"])
    assert len(train) == len(held) == 1
    many = [f"shoe {n}" for n in range(500)]
    train, held = split_held_out(many)
    assert sorted([*train, *held]) == sorted(many)
    assert 5 <= len(held) <= 30
    with pytest.raises(InputError, match="too few"):
        split_held_out(["a shoe"])


def test_texts_of_character_tags(tmp_path: Path) -> None:
    file = tmp_path / "train.txt.bieos"
    file.write_text("红\tO\n鞋\tS-HC\n\n蓝\tO\n伞\tS-HC\n", encoding="utf-8")
    assert read_texts([file], format="bieos") == ["红鞋", "蓝伞"]
