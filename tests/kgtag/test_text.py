from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import TextError
from kgtag.text import MAX_TITLE, clean, clean_product, guess_language
from kgtag.types import Product


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("", "is empty"),
        (" \t\n\u3000", "no visible character"),
        ("\x00\x1b\u200b", "no visible character"),
        (None, "not NoneType"),
        (b"shoe", "not bytes"),
        (7, "not int"),
        ("shoe \ud800", r"U\+D800 at character 5"),
        ("x" * (MAX_TITLE + 1), "10,001 characters long; at most 10,000"),
    ],
)
def test_what_cannot_be_tagged_says_why(title: object, message: str) -> None:
    with pytest.raises(TextError, match=message):
        clean(title)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1))
def test_cleaning_moves_no_character(title: str) -> None:
    try:
        cleaned = clean(title)
    except TextError:
        return
    assert len(cleaned) == len(title)
    letters = [(a, b) for a, b in zip(title, cleaned, strict=True) if a.isascii() and a.isalnum() and "&" not in title]
    assert "<" in title or all(a == b for a, b in letters)
    assert not any(c in cleaned for c in "\x00\n\t\x85")


@pytest.mark.parametrize(
    ("title", "meant"),
    [
        ("<b>Tom&#39;s</b> tea &amp; cake", "Tom's tea & cake"),
        ("cups &amp;amp; saucers&nbsp;x", "cups & saucers x"),
        ("&lt;i&gt;Oolong&lt;/i&gt;", "Oolong"),
        ("a < b, 5 > 3 &c; R&D", "a < b, 5 > 3 &c; R&D"),
        ("Ｄｏｍｅ　ｔｅｎｔ　２", "Dome tent 2"),
        ("Tomâ€™s cafÃ©", "Tom’s café"),
        ("naïve déjà vu, ä ö", "naïve déjà vu, ä ö"),
        ("茶â€”cup", "茶—cup"),
    ],
)
def test_what_exports_do_to_text_is_undone(title: str, meant: str) -> None:
    cleaned = clean(title)
    assert len(cleaned) == len(title)
    assert " ".join(cleaned.replace("\u2060", "").split()) == meant


def test_chinese_is_read_in_simplified_characters() -> None:
    assert clean_product(Product("1", "連衣裙 紅色")).title == "连衣裙 红色"
    assert clean_product(Product("1", "紅色", lang="en")).title == "紅色"


@pytest.mark.parametrize(
    ("title", "lang"), [("Red shoes", "en"), ("红色跑步鞋", "zh"), ("Nike 耐克红色运动鞋", "zh"), ("42", "en")]
)
def test_language_goes_by_script(title: str, lang: str) -> None:
    assert guess_language(title) == lang
