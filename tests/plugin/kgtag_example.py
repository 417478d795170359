"""An example of a package that extends kgtag: an extractor, a format and an audit check.

Its `pyproject.toml` would declare them so:

    [project.entry-points."kgtag.extractors"]
    words = "kgtag_example:words"

    [project.entry-points."kgtag.formats"]
    outline = "kgtag_example:OUTLINE"

    [project.entry-points."kgtag.checks"]
    shouting = "kgtag_example:SHOUTING"
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from graph.audit import Check, Defect
from graph.errors import FileFormatError
from graph.formats.format import Exported, ExportOptions, Format
from graph.formats.parsed import Parsed
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag import Extractor, Product
from kgtag.types import Extraction, Mention, Span


class WordExtractor(Extractor):
    """Finds single words that a file lists as `{"attribute": ["word", …]}`."""

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        self._attributes = {word.casefold(): name for name, found in words.items() for word in found}

    @property
    def version(self) -> str:
        return f"words-{len(self._attributes)}"

    @property
    def attributes(self) -> tuple[str, ...]:
        return tuple(sorted(set(self._attributes.values())))

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        return [Extraction(tuple(self._mentions(product.title))) for product in products]

    def _mentions(self, title: str) -> Iterator[Mention]:
        start = 0
        for word in title.split(" "):
            bare = word.strip(",.")
            if (attribute := self._attributes.get(bare.casefold())) is not None:
                yield Mention(Span(start, start + len(bare)), bare, attribute, 0.9)
            start += len(word) + 1


def words(argument: str) -> WordExtractor:
    """The extractor of `--model words:FILE`."""
    return WordExtractor(json.loads(Path(argument).read_text(encoding="utf-8")))


def read_outline(files: Sequence[Path], *, scheme: str | None, lang: str | None) -> Parsed:
    """Read categories as an outline: a label per line, two spaces deeper than its broader category."""
    concepts, relations = [], []
    for file in files:
        line_up: list[str] = []
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            label, depth = line.strip(), (len(line) - len(line.lstrip(" "))) // 2
            if depth > len(line_up):
                raise FileFormatError(str(file), f"{label!r} is indented too far", line=number)
            id = label.casefold().replace(" ", "-")
            line_up[depth:] = [id]
            concepts.append(Concept(id, scheme or "outline", "category", {lang or "en": label}))
            if depth:
                relations.append(Relation("broader", id, line_up[depth - 1], primary=True))
    return Parsed(tuple(sorted(concepts, key=lambda concept: concept.id)), tuple(sorted(relations)))


def write_outline(taxonomy: Taxonomy, path: Path, options: ExportOptions) -> Exported:
    """Write the categories as an outline."""
    lines = [
        "  " * taxonomy.depth(concept.id) + concept.label(options.lang)
        for concept in sorted(taxonomy, key=lambda concept: taxonomy.path(concept.id))
        if concept.kind == "category" and options.scheme in (None, concept.scheme)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Exported(len(lines))


def find_shouting(taxonomy: Taxonomy) -> Iterator[Defect]:
    """Find labels that are written in capitals alone."""
    for concept in taxonomy:
        if concept.label().isupper():
            yield Defect((concept.id,), f"the label {concept.label()!r} is in capitals")


OUTLINE = Format("outline", read=read_outline, write=write_outline, suffixes=(".outline",))
SHOUTING = Check("shouting", "info", find_shouting)
