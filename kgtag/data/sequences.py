"""Texts with a tag a token: BIO in JSON, and BIEOS a character a line."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from graph.errors import FileFormatError
from graph.formats import reading
from graph.formats.reading import Row
from kgtag.types import AnnotatedProduct, Product, Span


def bio(row: Row) -> AnnotatedProduct:
    """`{"tokens": […], "labels": […]}`; the title is the tokens with a space between them."""
    tokens, tags = row.fields.get("tokens"), row.fields.get("labels")
    for name, value in (("tokens", tokens), ("labels", tags)):
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise row.error(f"{name!r} must be a list of strings with something in them")
    assert isinstance(tokens, list) and isinstance(tags, list)
    if not tokens or len(tokens) != len(tags):
        raise row.error(f"{len(tokens)} tokens but {len(tags)} labels; one label a token was expected")
    try:
        id = row.id("example_id" if "example_id" in row.fields else "id")
        product = Product(id, " ".join(tokens), category=row.optional("category"), lang=row.optional("lang"))
        return _annotated(product, _spans(tags, _offsets(tokens, gap=1)))
    except _BadTag as error:
        raise row.error(str(error)) from None


def bieos(path: Path) -> Iterator[AnnotatedProduct]:
    """One character, TAB, tag a line; a blank line ends a sentence. The sentence's number is its id."""
    characters: list[str] = []
    tags: list[str] = []
    found = first = 0
    for number, line in reading.lines(path):
        content = line.rstrip("\r\n")
        if not content and characters:
            found += 1
            yield _sentence(path, first, found, (characters, tags))
            characters, tags = [], []
        elif content:
            character, tab, tag = content.rpartition("\t")
            if not tab or len(character) != 1:
                message = f"one character, TAB, tag was expected, not {content!r}"
                raise FileFormatError(str(path), message, line=number, column=1)
            first = number if not characters else first
            characters.append(character)
            tags.append(tag)
    if characters:
        found += 1
        yield _sentence(path, first, found, (characters, tags))
    if not found:
        raise FileFormatError(str(path), "the file is empty; lines of a character, TAB, tag were expected")


class _BadTag(ValueError):
    """A tag that isn't O or B-, I-, E-, S- and a label; `at` is its place in the sequence."""

    def __init__(self, tag: str, at: int) -> None:
        super().__init__(f"the tag {tag!r} is neither O nor B-, I-, E- or S- followed by a label")
        self.at = at


def _sentence(path: Path, line: int, number: int, rows: tuple[list[str], list[str]]) -> AnnotatedProduct:
    characters, tags = rows
    try:
        return _annotated(Product(str(number), "".join(characters)), _spans(tags, _offsets(characters, gap=0)))
    except _BadTag as error:
        raise FileFormatError(str(path), str(error), line=line + error.at) from None


def _offsets(tokens: Sequence[str], *, gap: int) -> list[Span]:
    starts = accumulate((len(token) + gap for token in tokens), initial=0)
    return [Span(at, at + len(token)) for at, token in zip(starts, tokens, strict=False)]


def _spans(tags: Sequence[str], offsets: Sequence[Span]) -> list[tuple[str, Span]]:
    """Spans of a tag sequence in BIO or BIEOS. An I- or E- that continues nothing begins a span, as scorers read it."""
    found: list[tuple[str, Span]] = []
    open_label: str | None = None
    for at, (tag, offset) in enumerate(zip(tags, offsets, strict=True)):
        prefix, dash, label = tag.partition("-")
        if tag == "O":
            open_label = None
            continue
        if prefix not in ("B", "I", "E", "S") or not dash or not label:
            raise _BadTag(tag, at)
        if prefix in ("I", "E") and label == open_label:
            found[-1] = (label, Span(found[-1][1].start, offset.end))
        else:
            found.append((label, offset))
        open_label = None if prefix in ("E", "S") else label
    return found


def _annotated(product: Product, spans: list[tuple[str, Span]]) -> AnnotatedProduct:
    attributes: dict[str, dict[str, None]] = defaultdict(dict)
    for label, span in spans:
        attributes[label][product.cut(span)] = None
    return AnnotatedProduct(product, {name: tuple(values) for name, values in attributes.items()}, tuple(spans))
