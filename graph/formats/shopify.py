"""Shopify's product taxonomy: its `dist` files in JSON and text, and JSON of categories alone.

Categories, attributes and values are concepts with Shopify's ids; handles are notations. An attribute applies to every
category that lists it. An extended attribute ("Sandal colour") is another name of the attribute whose values it has.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from graph.errors import FileFormatError, InputError
from graph.formats import reading
from graph.formats.format import DEFAULTS, Exported, ExportOptions
from graph.formats.listings import Line, read_listing
from graph.formats.parsed import Parsed, note, parsed, under
from graph.formats.reading import Row
from graph.model import LANGUAGE_TAG, Concept, Kind, Relation
from graph.taxonomy import Taxonomy

_EXAMPLE = "en.json"
_LINE = Line(re.compile(r"(\S+) : (.+)"), "gid://shopify/TaxonomyCategory/aa-1 : Apparel & Accessories > Clothing")
_KINDS = {"attributes": "TaxonomyAttribute", "values": "TaxonomyValue"}


def read(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read files of one or more languages, joined on ids.

    `{verticals: [{categories: [{id, name, parent_id, attributes}]}]}`, `{attributes: [{id, name, values}]}`, both in
    one file, or lines `ID : Apparel > Clothing` (.txt). A file's language is `lang`, else in its name (zh-CN.json), or
    that of its folder (zh-CN/taxonomy.json).
    """
    tagged = [(file, _language(file, lang)) for file in files]
    seen: set[tuple[str, str]] = set()
    suffixes = {reading.suffixes(file)[0] for file in files}
    if suffixes & {".yml", ".yaml"}:
        message = f"{files[0]}: Shopify's YAML sources are not read; take dist/en/taxonomy.json, made of them"
        raise InputError(message)
    if suffixes == {".txt"}:
        for file, tag in tagged:
            _require_once(seen, ("lines", tag), file, files, lang)
        return read_listing(tagged, _LINE, scheme=scheme or "shopify", notation=False)
    found = _Dist(scheme or "shopify")
    for file, tag in tagged:
        document = _document(file)
        for part in ("verticals", "attributes"):
            if part in document:
                _require_once(seen, (part, tag), file, files, lang)
                found.add(part, file, tag, document)
    return found.parsed(str(files[0]))


def _language(file: Path, lang: str | None) -> str:
    folder = file.absolute().parent.name
    if (
        lang is None
        and not LANGUAGE_TAG.fullmatch(reading.stem(file).rpartition(".")[2])
        and LANGUAGE_TAG.fullmatch(folder)
    ):
        return folder
    return reading.language(file, lang, example=_EXAMPLE)


def _require_once(
    seen: set[tuple[str, str]], part: tuple[str, str], file: Path, files: Sequence[Path], lang: str | None
) -> None:
    """Raise InputError for a second file with the same part in the same language."""
    if part in seen and lang is not None:
        raise InputError(f"{len(files)} files but one language {lang!r}; name the files by language ({_EXAMPLE})")
    if part in seen:
        raise InputError(f"{file}: a second file for language {part[1]!r}")
    seen.add(part)


def _document(file: Path) -> dict[str, Any]:
    document = reading.json_value(reading.text(file), file)
    if isinstance(document, dict) and ("verticals" in document or "attributes" in document):
        return document
    shape = "{verticals: [{categories: [{id, name, parent_id}]}]} or {attributes: [{id, name, values: [{id, name}]}]}"
    hint = ""
    if isinstance(document, dict) and "values" in document:
        hint = "; values alone don't say which attribute they are of: take attributes.json"
    raise FileFormatError(str(file), f"{shape} was expected; there is no list 'verticals' or 'attributes'{hint}")


class _Dist:
    """Categories, attributes and values of files read one after the other; where they disagree, the first counts."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.kinds: dict[str, Kind] = {}
        self.handles: dict[str, str] = {}
        self.names: dict[str, dict[str, str]] = {}
        self.others: dict[str, dict[str, dict[str, None]]] = {}
        self.definitions: dict[str, dict[str, str]] = {}
        self.parents: dict[str, str | None] = {}
        self.owners: dict[str, str] = {}
        self.applies: dict[tuple[str, str], None] = {}
        self.moved: list[str] = []
        self.shared: list[str] = []
        self.languages: set[str] = set()

    def add(self, part: str, file: Path, tag: str, document: dict[str, Any]) -> None:
        """Read the `verticals` or the `attributes` of a document."""
        self.languages.add(tag)
        if part == "attributes":
            self._attributes(file, tag, document)
            return
        source = ""
        names: set[str] = set()
        for row in _verticals(document, file):
            id, name, parent = (row.fields.get(field) for field in ("id", "name", "parent_id"))
            if not isinstance(id, str) or not id:
                raise row.error(f"'id' must be a string, not {reading.kind_of(id)}")
            if not isinstance(name, str) or not name.strip() or id in names:
                source = reading.text(file)
                line, column = _place(source, id, 2 if id in names else 1)
                what = f"a second category {id!r}" if id in names else "'name' must be a string that is not blank"
                at = row.at if id in names else f"{row.at} ({id!r})"
                raise FileFormatError(str(file), f"{at}: {what}", line=line, column=column)
            if parent is not None and not isinstance(parent, str):
                message = f"{row.at} ({id!r}): 'parent_id' must be a string or null, not {reading.kind_of(parent)}"
                raise FileFormatError(str(file), message)
            names.add(id)
            self._name(id, "category", tag, name)
            if self.parents.setdefault(id, parent or None) != (parent or None):
                self.moved.append(f"{id!r} stands under {parent!r} in {file.name}")
            self._listed(id, row, file, tag)
        if not names:
            raise FileFormatError(str(file), "no category in the file")

    def _listed(self, category: str, row: Row, file: Path, tag: str) -> None:
        """The attributes that a category lists."""
        for number, one in enumerate(row.items("attributes")):
            attribute = Row.of(one, file, f"{row.at}.attributes[{number}]")
            id = attribute.text("id")
            if attribute.fields.get("extended") is True or id in self.kinds:
                self._also(id, tag, attribute.text("name"))
            if id not in self.kinds or tag not in self.names[id]:
                self._name(id, "attribute", tag, attribute.text("name"))
            self._handle(id, attribute)
            self.applies[id, category] = None

    def _attributes(self, file: Path, tag: str, document: dict[str, Any]) -> None:
        listed = Row.of(document, file, "").items("attributes")
        for number, one in enumerate(listed):
            row = Row.of(one, file, f"attributes[{number}]")
            id = row.text("id")
            former = self.names.get(id, {}).get(tag)
            self._name(id, "attribute", tag, row.text("name"))
            if former is not None:
                self._also(id, tag, former)
            self._handle(id, row)
            if (definition := row.optional("description")) is not None:
                self.definitions.setdefault(id, {})[tag] = definition
            for n, extended in enumerate(row.items("extended_attributes")):
                self._also(id, tag, Row.of(extended, file, f"{row.at}.extended_attributes[{n}]").text("name"))
            for n, inner in enumerate(row.items("values")):
                value = Row.of(inner, file, f"{row.at}.values[{n}]")
                value_id = value.text("id")
                self._name(value_id, "value", tag, value.text("name"))
                self._handle(value_id, value)
                if self.owners.setdefault(value_id, id) != id:
                    self.shared.append(f"{value_id!r} of {id!r}")

    def _name(self, id: str, kind: Kind, tag: str, name: str) -> None:
        if self.kinds.setdefault(id, kind) != kind:
            raise InputError(f"{id!r} is a {self.kinds[id]} and a {kind}; ids must differ")
        self.names.setdefault(id, {})[tag] = name

    def _also(self, id: str, tag: str, name: str) -> None:
        self.others.setdefault(id, {}).setdefault(tag, {})[name] = None

    def _handle(self, id: str, row: Row) -> None:
        if (handle := row.optional("handle")) is not None and row.fields.get("extended") is not True:
            self.handles.setdefault(id, handle)

    def parsed(self, file: str) -> Parsed:
        if not self.kinds:
            raise FileFormatError(file, "no category and no attribute in the file")
        relations, faults = under(self.parents)
        notes = list(faults)
        partial = [f"{id!r}" for id, labels in self.names.items() if len(labels) < len(self.languages)]
        notes += note("categories are missing in some of the languages", (p for p in partial))
        notes += note("categories have another parent in a later file; the first file counts", self.moved)
        notes += note("values are listed under a second attribute; the first counts", self.shared)
        relations += [Relation("value_of", id, owner) for id, owner in self.owners.items()]
        relations += [Relation("applies_to", id, category) for id, category in self.applies]
        return parsed(map(self._concept, self.names), relations, notes=notes, places={}, file=file, faults=faults)

    def _concept(self, id: str) -> Concept:
        names = dict(sorted(self.names[id].items()))
        others = {
            tag: rest
            for tag, found in sorted(self.others.get(id, {}).items())
            if (rest := tuple(sorted(name for name in found if name != names.get(tag))))
        }
        return Concept(
            id,
            self.scheme,
            self.kinds[id],
            names,
            others,
            definition=self.definitions.get(id, {}),
            notation=self.handles.get(id),
        )


def _verticals(document: Any, file: Path) -> Iterator[Row]:
    """The categories of all verticals."""
    shape = "{verticals: [{categories: [{id, name, parent_id}]}]}"
    if not isinstance(document, dict) or not isinstance(document.get("verticals"), list):
        raise FileFormatError(str(file), f"{shape} was expected; there is no list 'verticals'")
    for v, vertical in enumerate(document["verticals"]):
        if not isinstance(vertical, dict) or not isinstance(vertical.get("categories"), list):
            raise FileFormatError(str(file), f"verticals[{v}]: {shape} was expected; there is no list 'categories'")
        rows = enumerate(vertical["categories"])
        yield from (Row.of(row, file, f"verticals[{v}].categories[{c}]") for c, row in rows)


def _place(source: str, id: str, nth: int) -> tuple[int | None, int | None]:
    """Line and column of the nth declaration of an id, not counting uses as a parent."""
    found = list(re.finditer(rf'"id"\s*:\s*("{re.escape(id)}")', source))
    if len(found) < nth:
        return None, None
    at = found[nth - 1].start(1)
    return source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)


def write(taxonomy: Taxonomy, path: Path, options: ExportOptions = DEFAULTS) -> Exported:
    """Write a file per language into the directory `path`, or one file when it ends in .json or .json.gz.

    Raises InputError, before anything is written, for what the format can't hold, unless `lossy` is set.
    """
    lang = options.lang
    chosen = [concept for concept in taxonomy if options.scheme in (None, concept.scheme)]
    schemes = sorted({concept.scheme for concept in chosen})
    if len(schemes) > 1:
        raise InputError(f"Shopify's format holds one scheme; choose one with --scheme: {', '.join(schemes)}")
    categories = [concept for concept in chosen if concept.kind == "category"]
    if not categories:
        raise InputError("there is no category to export")
    named = {tag for concept in categories for tag in concept.pref_label}
    single = reading.suffixes(path)[0] == ".json"
    tags = [reading.language(path, lang, example=_EXAMPLE)] if single else sorted(named if lang is None else {lang})
    if missing := [tag for tag in tags if tag not in named]:
        raise InputError(f"no category has a name in {missing[0]!r}; there is {', '.join(sorted(named))}")
    lost = losses(taxonomy, chosen)
    if unnamed := sum(not any(tag in concept.pref_label for tag in tags) for concept in categories):
        lost.append(f"{unnamed} categories without a name in {tags[0]!r}")
    if lost and not options.lossy:
        raise InputError(
            f"Shopify's format holds names and one parent of categories, and nothing more: {', '.join(lost)} would be "
            "lost; export to jsonl or csv, or leave them out with --lossy"
        )
    if not single:
        path.mkdir(parents=True, exist_ok=True)
    for tag in tags:
        document = _shopify_document(taxonomy, [concept for concept in categories if tag in concept.pref_label], tag)
        reading.write(path if single else path / f"{tag}.json", [orjson.dumps(document, option=orjson.OPT_INDENT_2)])
    return Exported(len(categories) - unnamed)


def losses(taxonomy: Taxonomy, concepts: Sequence[Concept]) -> list[str]:
    """Counts of what Shopify's format can't hold: ["3 attributes", "12 alternative labels"]."""
    edges = [edge for concept in concepts for edge in taxonomy.relations_from(concept.id)]
    counted = {
        "attributes": sum(concept.kind == "attribute" for concept in concepts),
        "values": sum(concept.kind == "value" for concept in concepts),
        "alternative labels": sum(len(texts) for c in concepts for texts in c.alt_label.values()),
        "hidden labels": sum(len(texts) for c in concepts for texts in c.hidden_label.values()),
        "definitions": sum(len(concept.definition) for concept in concepts),
        "notations": sum(concept.notation is not None for concept in concepts),
        "candidate or deprecated statuses": sum(concept.status != "active" for concept in concepts),
        "choices": sum(concept.kind == "category" and concept.choice != "multiple" for concept in concepts),
        "further parents": sum(edge.type == "broader" and not edge.primary for edge in edges),
        "other relations": sum(edge.type != "broader" for edge in edges),
    }
    return [f"{count} {what}" for what, count in counted.items() if count]


def _shopify_document(taxonomy: Taxonomy, categories: Sequence[Concept], tag: str) -> dict[str, Any]:
    """A vertical for each top concept, with its descendants along primary parents."""
    verticals: dict[str, dict[str, Any]] = {}
    for concept in categories:
        *above, _ = path = taxonomy.path(concept.id)
        top = taxonomy[path[0]]
        vertical = verticals.setdefault(top.id, {"name": top.label(tag), "prefix": top.id, "categories": []})
        row = {"id": concept.id, "name": concept.pref_label[tag], "parent_id": above[-1] if above else None}
        vertical["categories"].append(row)
    return {"version": taxonomy.revision, "verticals": list(verticals.values())}
