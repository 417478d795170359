"""Normal forms of whole columns, against the one function that decides."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.columns.derived import normal_forms
from graph.labels import normalise

SPECIAL = "\t\n\x1c\x1f -‐–—_/·・\xa0\u3000aZİßẞﬁＡｶ鞋靴\u4e00\u9fff\ua000é\u0301\u200b"


@settings(max_examples=60)
@given(st.lists(st.text(st.sampled_from(SPECIAL) | st.characters(codec="utf-8"), max_size=12), max_size=8))
def test_a_column_of_normal_forms(texts: list[str]) -> None:
    assert normal_forms(pa.array(texts, pa.large_string())).to_pylist() == [normalise(text) for text in texts]


def test_every_plain_character() -> None:
    texts = [f"A{chr(c)}b{chr(c)}{chr(c)}" for c in (*range(0x80), *range(0x4E00, 0xA000))]
    assert normal_forms(pa.array(texts, pa.large_string())).to_pylist() == [normalise(text) for text in texts]
