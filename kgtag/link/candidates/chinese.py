"""Traditional Chinese as simplified, by OpenCC's phrases: "黑色連衣裙" → "黑色连衣裙"."""

from __future__ import annotations

from functools import cache

import opencc


def simplified(text: str) -> str:
    """Only ever compared with itself: Japanese characters that have a simplified form change, too."""
    written: str = _converter().convert(text)
    return written


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")
