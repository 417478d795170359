"""What a linker learns from besides the store, as tables of two columns with a tab between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from graph.errors import InputError
from graph.taxonomy import Taxonomy


def read_mentions(path: Path, taxonomy: Taxonomy) -> list[tuple[str, str]]:
    """(mention, concept id). Raises InputError naming the line that doesn't read, or whose concept isn't known."""
    return [(mention, _concept(taxonomy, name, path, number)) for number, mention, name in _rows(path)]


def read_usage(path: Path, taxonomy: Taxonomy) -> dict[str, float]:
    """Counts by concept id. Raises InputError naming the line whose concept isn't known, or whose count is none."""
    found: dict[str, float] = {}
    for number, name, written in _rows(path):
        try:
            count = float(written)
        except ValueError:
            count = -1.0
        if not 0 <= count < float("inf"):
            raise InputError(f"{path}, line {number}: {written!r} is not a count; give a number of uses")
        concept = _concept(taxonomy, name, path, number)
        found[concept] = found.get(concept, 0.0) + count
    return found


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Numbered rows of two fields; empty lines are passed over."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{str(path)!r} does not read ({error})") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != 2 or not all(fields):
            raise InputError(f"{path}, line {number} is not two fields with a tab between them: {line.strip()!r:.80}")
        yield number, fields[0], fields[1]


def _concept(taxonomy: Taxonomy, name: str, path: Path, number: int) -> str:
    """An id as it is, or the one concept that carries the label."""
    if name in taxonomy:
        return name
    found = taxonomy.lookup(name)
    if len(found) != 1:
        many = f"is a label of {', '.join(found[:3])}; give the id" if found else "is not the id or label of a concept"
        raise InputError(f"{path}, line {number}: {name!r} {many}")
    return found[0]
