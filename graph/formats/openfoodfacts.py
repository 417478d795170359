"""Open Food Facts' taxonomies: blocks of lines `<en:Parent`, `en:Name, synonym`, `wikidata:en:Q1`."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from graph.errors import FileFormatError, InputError
from graph.formats import reading
from graph.formats.parsed import CYCLES, Parsed, Place, note, parsed, shortened
from graph.model import Concept, Relation

_PARENT = re.compile(r"<\s*([a-z]{2,3}(?:[-_][A-Za-z]{2,4})?)\s*:\s*(.+)")
_PROPERTY = re.compile(r"([\w.\-/]+?)\s*:\s*([a-z]{2})\s*:\s*(.*)")
_NAMES = re.compile(r"([a-z]{2,3}(?:[-_][A-Za-z]{2,4})?)\s*:\s*(.*)")
_COMMA = re.compile(r"(?<!\\)(?:(?<!\d),|,(?!\d))")
"""A comma between names: not an escaped one, nor one between digits ("1,5% fat")."""

_UNACCENTED = frozenset({"ca", "en", "es", "fr", "it", "nl", "pt", "sk", "xx"})
"""Languages in which Open Food Facts drops accents to make an id."""

_PUNCTUATION = re.compile(r"[\s\x00-\x27\u200b!\"#$%&'()*+,/:;<=>?@\[\\\]^_`{|}~¡-©«-±´¶-¸»¿×ˆ˜–—‘’‚“”„†‡•…‰‹›€™.-]+")
_LONGEST_NAME = 250


@dataclass(slots=True)
class _Entry:
    """A block; `names` keep the order of languages and names, parents are (language, name, line)."""

    file: Path
    line: int
    names: dict[str, dict[str, None]] = field(default_factory=dict)
    parents: list[tuple[str, str, int]] = field(default_factory=list)
    definition: dict[str, str] = field(default_factory=dict)
    wikidata: str | None = None


@dataclass(slots=True)
class _Found:
    """All blocks, and what was left out."""

    entries: list[_Entry] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    rules: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def read(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read files. Ids are Open Food Facts' own: language and slug of an entry's first name, such as `en:fruit-juices`.

    An entry's first parent is primary. Unknown parents, cycles, and most properties are left out with a note. `lang`
    has no effect: every line has its language.
    """
    if len(files) > 1 and scheme is None:
        raise InputError(
            f"{len(files)} files, each a taxonomy of its own; import one after the other, or join them with --scheme"
        )
    found = _Found()
    for file in files:
        before = len(found.entries)
        _read(file, found)
        if len(found.entries) == before:
            raise FileFormatError(str(file), "no entry in the file; blocks with lines such as `en:Name` were expected")
    into = scheme or f"openfoodfacts-{reading.stem(files[0])}"
    entries, notes = _joined(found)
    relations, dangling = _relations(entries)
    notes += note("parents are unknown names and were left out", dangling)
    notes += note("lines of synonyms and stopwords are rules, not names, and were left out", found.rules)
    if found.dropped:
        shown = ", ".join(f"{shortened(name)} {count}" for name, count in found.dropped.most_common(5))
        notes.append(f"{found.dropped.total()} properties of {len(found.dropped)} kinds were left out ({shown}, …)")
    notes += note("lines are neither names, parents nor properties and were left out", found.unread)
    concepts = [_concept(id, entry, into) for id, entry in entries.items()]
    places = {id: Place(str(entry.file), entry.line) for id, entry in entries.items()}
    return parsed(concepts, relations, notes=notes, places=places, file=str(files[0]), tolerate=CYCLES)


def tag_id(lang: str, name: str) -> str:
    """Open Food Facts' id of a name: `("fr", "Crème brûlée")` → `fr:creme-brulee`; in German accents stay."""
    text = unicodedata.normalize("NFC", name).lower()
    if lang in _UNACCENTED:
        text = text.replace("œ", "oe").replace("æ", "ae").replace("ß", "ss")
        bare = (char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))
        text = unicodedata.normalize("NFC", "".join(bare))
    return f"{lang}:{_PUNCTUATION.sub('-', text).strip('-')}"


def _read(file: Path, found: _Found) -> None:
    entry = _Entry(file, 1)
    for number, line in chain(reading.lines(file), [(0, "")]):  # A blank line ends the last entry too.
        text = line.strip().replace("’", "'")
        if text and not text.startswith("#"):
            if not entry.names and not entry.parents:
                entry.line = number
            _take(text, number, entry, found)
        elif not text:
            if entry.names:
                found.entries.append(entry)
            elif entry.parents:
                found.unread.append(f"line {entry.line} of {entry.file.name} (parents of nothing)")
            entry = _Entry(file, number + 1)


def _take(text: str, number: int, entry: _Entry, found: _Found) -> None:
    """Add a line to its entry."""
    if parent := _PARENT.fullmatch(text):
        entry.parents.append((parent[1], parent[2], number))
        return
    about = _PROPERTY.fullmatch(text)
    if about and len(about[1]) > 2:
        name, lang, value = about[1].lower(), about[2], about[3]
        if name in ("synonyms", "stopwords"):
            found.rules.append(f"{name}:{lang}:{value}")
        elif name == "description" and value and lang not in entry.definition:
            entry.definition[lang] = value
        elif name == "wikidata" and value and entry.wikidata is None:
            entry.wikidata = value
        else:
            found.dropped[name] += 1
        return
    names = _NAMES.fullmatch(text)
    if not names or not any(map(str.strip, names[2].split(","))):
        found.unread.append(f"line {number} of {entry.file.name} ({text!r})")
        return
    for name in _split(names[2]):
        if len(name) > _LONGEST_NAME:
            message = f"a name of {len(name)} characters, {name[:40]!r}…; at most {_LONGEST_NAME} were expected"
            raise FileFormatError(str(entry.file), message, line=number)
        entry.names.setdefault(names[1], {})[name] = None


def _split(text: str) -> Iterator[str]:
    """The names of a line; `\\,` is a comma within a name."""
    return (name for part in _COMMA.split(text) if (name := part.strip().replace("\\,", ",")))


def _joined(found: _Found) -> tuple[dict[str, _Entry], list[str]]:
    """Entries by id, those with one id joined, and notes."""
    entries: dict[str, _Entry] = {}
    twice: list[str] = []
    nameless: list[str] = []
    for entry in found.entries:
        lang, names = next(iter(entry.names.items()))
        name = next(iter(names))
        id = tag_id(lang, name)
        if id.endswith(":"):
            nameless.append(f"{name!r} in line {entry.line} of {entry.file.name}")
        elif id in entries:
            first = entries[id]
            twice.append(f"{id!r} in line {entry.line} of {entry.file.name}")
            for tag, more in entry.names.items():
                first.names.setdefault(tag, {}).update(more)
            first.parents += entry.parents
            first.definition = {**entry.definition, **first.definition}
            first.wikidata = first.wikidata or entry.wikidata
        else:
            entries[id] = entry
    return entries, [
        *note("entries have the id of an earlier one and were joined with it", twice),
        *note("entries have names of punctuation alone and were left out", nameless),
    ]


def _relations(entries: dict[str, _Entry]) -> tuple[list[Relation], list[str]]:
    """Relations to the entries with a parent's name, canonical ids first, and unknown parents."""
    by_name: dict[str, str] = {id: id for id in entries}
    for id, entry in entries.items():
        for lang, names in entry.names.items():
            for name in names:
                by_name.setdefault(tag_id(lang, name), id)
    edges: list[Relation] = []
    dangling: list[str] = []
    for id, entry in entries.items():
        parents: dict[str, None] = {}
        for lang, name, number in entry.parents:
            # Brands and some others have a parent's synonyms on its line as well.
            tries = (tag_id(lang, name), *(tag_id(lang, one) for one in _split(name)))
            target = next((by_name[one] for one in tries if one in by_name), None)
            if target is None:
                dangling.append(f"{lang}:{name} in line {number} of {entry.file.name}")
            else:
                parents[target] = None
        edges += [Relation("broader", id, parent, primary=at == 0) for at, parent in enumerate(parents)]
    return edges, dangling


def _concept(id: str, entry: _Entry, scheme: str) -> Concept:
    """The concept of an entry; names under equivalent tags (nl_be, nl-BE) are joined."""
    joined: dict[str, dict[str, None]] = defaultdict(dict)
    for lang, names in entry.names.items():
        joined[_language(lang)].update(names)
    labels = {tag: tuple(joined[tag]) for tag in sorted(joined)}
    return Concept(
        id,
        scheme,
        "category",
        {tag: names[0] for tag, names in labels.items()},
        {tag: names[1:] for tag, names in labels.items() if names[1:]},
        definition={_language(lang): text for lang, text in sorted(entry.definition.items())},
        notation=f"wikidata:{entry.wikidata}" if entry.wikidata else None,
    )


def _language(lang: str) -> str:
    """`nl_be` → nl-BE; `xx`, for names in all languages, → und."""
    base, _, region = lang.replace("_", "-").partition("-")
    if base == "xx":
        return "und"
    return f"{base}-{region.upper() if len(region) == 2 else region}" if region else base
