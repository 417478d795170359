"""Synonym files for search engines, in the notation of Solr, Elasticsearch and OpenSearch (Lucene's).

A line per concept: `trainers, sneakers, gym shoes` are equivalent; `trainers => sneakers` replaces. Case is kept: the
engine's analyzer folds it, as that of the text.
"""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from graph.errors import InputError
from graph.formats import reading
from graph.formats.format import DEFAULTS, Exported, ExportOptions
from graph.formats.parsed import counted
from graph.model import Concept
from graph.taxonomy import Taxonomy

_SPECIAL = re.compile(r"[\\,#]|=(?=>)")
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_WORD = frozenset({"Lu", "Ll", "Lt", "Lo", "Nd", "Nl"})


def write(taxonomy: Taxonomy, path: Path, options: ExportOptions = DEFAULTS) -> Exported:
    """Write the rules of every concept in use; notes count labels that no engine can index.

    `options.lang` selects labels of that language, its regions and no language; narrower labels don't find wider ones.
    """
    if options.narrower < 0 or (options.narrower and options.expand == "oneway"):
        raise InputError("narrower labels widen a search and one-way rules narrow it; take one of the two")
    unusable: list[str] = []
    lines = [
        line
        for concept in taxonomy
        if options.scheme in (None, concept.scheme) and concept.status != "deprecated"
        if (line := _line(concept, taxonomy, options, unusable)) is not None
    ]
    if not lines:
        raise InputError("no concept has two labels, so there are no synonyms; try without --lang or --scheme")
    reading.write(path, (line.encode() + b"\n" for line in lines))
    what = "labels without a letter or digit were left out, for engines refuse a file with them"
    return Exported.of(taxonomy, options, counted(what, unusable))


def _line(concept: Concept, taxonomy: Taxonomy, options: ExportOptions, unusable: list[str]) -> str | None:
    preferred, *others = _usable(concept, options.lang, unusable) or [""]
    if not preferred:
        return None
    if options.expand == "oneway":
        return f"{_joined(others)} => {escaped(preferred)}" if others else None
    mine = [preferred, *others]
    below = [
        label
        for id in _below(taxonomy, concept.id, options.narrower)
        for label in _usable(taxonomy[id], options.lang, [])
    ]
    wider = list(dict.fromkeys([*mine, *below]))
    if len(wider) > len(mine):
        return f"{_joined(mine)} => {_joined(wider)}"
    return _joined(mine) if others else None


def _below(taxonomy: Taxonomy, id: str, levels: int) -> Iterator[str]:
    """Ids of narrower concepts in use, level by level, each once."""
    level, seen = [id], {id}
    for _ in range(levels):
        level = list(dict.fromkeys(c for parent in level for c in taxonomy.into(parent, "broader") if c not in seen))
        seen.update(level)
        yield from (child for child in level if taxonomy[child].status != "deprecated")


def _usable(concept: Concept, lang: str | None, unusable: list[str]) -> list[str]:
    """Distinct labels, each in one line, the preferred one of the language first."""
    first = concept.label(lang)
    found = []
    for text, tag, _ in sorted(concept.labels(), key=lambda label: label[0] != first):
        if lang is not None and tag not in ("und", "zxx", lang) and not tag.startswith(f"{lang}-"):
            continue
        tidy = _BREAKS.sub(" ", text).strip()
        if any(unicodedata.category(c) in _WORD for c in tidy):
            found.append(tidy)
        else:
            unusable.append(f"{text!r} of {concept.id}")
    return list(dict.fromkeys(found))


def _joined(labels: list[str]) -> str:
    return ", ".join(map(escaped, labels))


def escaped(label: str) -> str:
    """The label with commas, arrows, backslashes and number signs escaped."""
    return _SPECIAL.sub(lambda found: "\\" + found[0], label)
