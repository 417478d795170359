"""Paths of categories in a cell: `Apparel > Shoes`, and several of them, `Apparel > Shoes, Sale`."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice

DEFAULT = " > "
DEEPEST = 50
_OTHERS = (">", "/", "»", "|", "\\")
_SAMPLE = 2_000
_ESCAPED = re.compile(r"\\(.)")


def split(cell: str, separator: str = DEFAULT) -> tuple[str, ...]:
    """The levels of a path, stripped; a backslash before the separator's sign keeps it, and before another backslash.

    A separator with spaces around it needs them: "Low fat (> 5%)" is one level. Empty levels stay.
    """
    sign = separator.strip() or separator
    spaced = separator != sign
    if sign not in cell:
        return (_plain(cell, sign),) if cell.strip() else ()
    first, *parts = cell.split(sign)
    levels: list[str] = []
    current = [first]
    for part in parts:
        last = current[-1]
        before = last[-1:] or (sign if len(current) > 1 else " ")
        escaped = sign != "\\" and (len(last) - len(last.rstrip("\\"))) % 2 == 1
        if escaped or (spaced and not (before.isspace() and (part[:1] or " ").isspace())):
            current += (sign, part)
        else:
            levels.append("".join(current))
            current = [part]
    return tuple(_plain(level, sign) for level in (*levels, "".join(current)))


def several(cell: str) -> list[str]:
    """The paths of a cell, separated by commas, or by bars or line ends; `\\,` is a comma of a name."""
    parts, last = [], ""
    for part in re.split(r"(?<!\\)[,|\n]", cell):
        last = part.strip().replace("\\,", ",")
        if last:
            parts.append(last)
    return parts


def separator_of(cells: Iterable[str], *, least: int = 2) -> str | None:
    """Another separator than the default that the cells seem to have, None for the default.

    No cell has the default, at least half have the other, and levels above recur or have cells of their own.
    """
    sample = [cell for cell in islice(cells, _SAMPLE) if cell.strip()]
    if len(sample) < least or any(len(split(cell)) > 1 for cell in sample):
        return None
    for sign in _OTHERS:
        found = [levels for cell in sample if len(levels := split(cell, sign)) > 1 and all(levels)]
        firsts = Counter(levels[0] for levels in found)
        single = {cell.strip() for cell in sample if sign not in cell}
        shared = sum(count for first, count in firsts.items() if count > 1 or first in single)
        if 2 * len(found) >= len(sample) and 2 * shared >= len(found):
            return sign
    return None


def _plain(level: str, sign: str) -> str:
    """The level without outer spaces and escapes of the sign and of backslashes."""
    if "\\" not in level or sign == "\\":
        return level.strip()
    return _ESCAPED.sub(lambda found: found[1] if found[1] in (sign, "\\", ",") else found[0], level).strip()
