"""What a product's own words name, and which of it says nothing of the product (see `kgtag.extract.scope`)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from graph.labels import words
from graph.taxonomy import Taxonomy
from kgtag.extract.dictionary import LabelFinder
from kgtag.extract.scope import FUNCTION_WORD, Name, Topic, head, modifies, scopes, topics
from kgtag.link.candidates.label_table import LabelTable
from kgtag.types import Extraction, Mention, Product, Rule, Span


@dataclass(frozen=True, slots=True)
class Named:
    """A category that the title names, and the rule by which that says nothing of the product, if there is one. Of
    several names one is the `head`."""

    span: Span
    concept: str
    rule: Rule | None
    head: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """The names in a product.

    Attributes:
        categories: Of the title, from left to right.
        rules: By span and attribute (its concept id): why a value there is none of the product's.
        denied: Concepts whose every name in the product says nothing of it, with the rule of the first.
        own: Log-odds that the product is of this taxonomy's kind at all, by the share of the title that is read.
        unsupported_language: The product's language, if the taxonomy has no labels in it.
    """

    categories: tuple[Named, ...]
    rules: dict[tuple[Span, str | None], Rule]
    denied: dict[str, Rule]
    own: float
    unsupported_language: str | None


class Reader:
    """Reads products against the labels of one snapshot."""

    def __init__(self, taxonomy: Taxonomy, table: LabelTable) -> None:
        self._taxonomy = taxonomy
        self._topics = topics(taxonomy)
        self._languages = {*table.languages, "und", ""}
        self._categories, self._values = LabelFinder(table, "category"), LabelFinder(table, "value")

    def read(self, product: Product, mentions: Sequence[tuple[Span, str | None]]) -> Reading:
        """`product` is clean; `mentions` are those of an extractor, with the concept ids of their attributes."""
        categories = list(self._categories.find(product.title))
        values = [
            (span, concept, self._taxonomy.attribute_of(concept))
            for span, concepts in self._values.find(product.title)
            for concept in concepts
        ]
        longer = {span for span, *_ in values}
        categories = [one for one in categories if not any(_inside(one[0], span) for span in longer)]
        asked = {(span, attribute) for span, attribute in mentions}
        asked |= {(span, attribute) for span, _, attribute in values}
        found: dict[Name, Rule] = {}
        labels = {*longer, *(span for span, _ in categories)}
        for field, text in (("title", product.title), ("text", product.text or "")):
            here = {Name(span, self._topic(attribute)) for span, attribute in asked if span.field == field}
            if field == "title":
                here |= {Name(span, "category") for span, _ in categories}
            found.update(scopes(text, sorted(here, key=lambda name: (name.span, name.topic)), labels) if here else {})
        rules = {
            (span, attribute): rule
            for span, attribute in asked
            if (rule := found.get(Name(span, self._topic(attribute)))) is not None
        }
        scoped = list(self._scoped(product.title, categories, found))
        main = head(product.title, [one.span for one in scoped if one.rule is None])
        scoped = [one if one.span == main else replace(one, head=False) for one in scoped]
        denied = _denied(
            chain(
                ((one.concept, one.rule) for one in scoped),
                ((concept, rules.get((span, attribute))) for span, concept, attribute in values),
            )
        )
        language = (product.lang or "").replace("_", "-").split("-")[0].lower()
        own = self._own(product.title, scoped, values)
        return Reading(tuple(scoped), rules, denied, own, None if language in self._languages else language)

    def _own(self, title: str, categories: Sequence[Named], values: Sequence[tuple[Span, str, str | None]]) -> float:
        """Without attributes that apply to the category too little of a title can be read to say anything."""
        fitting = [set(self._taxonomy.attributes_for(one.concept)) for one in categories if one.head]
        if not self._topics or not all(fitting):
            return _OWN[2]
        spans = [*(one.span for one in categories), *(span for span, *_ in values)]
        read = [
            any(span.start <= word.start and word.end <= span.end for span in spans)
            for word in words(title)
            if word.folded[0].isalpha()
            and not FUNCTION_WORD.fullmatch(word.folded)
            and not (len(word.folded) <= _SHORT and _NUMBER_BEFORE.search(title, 0, word.start))
        ]
        fits = any(attribute in found for _, _, attribute in values for found in fitting or (self._topics,))
        return _OWN[0] * read.count(False) / max(len(read), 1) + _OWN[1] * fits + _OWN[2]

    def _scoped(
        self, title: str, categories: Sequence[tuple[Span, list[str]]], found: Mapping[Name, Rule]
    ) -> Iterator[Named]:
        """With the rules of what is named; and what describes the next noun, unless that is broader or the same."""
        for number, (span, concepts) in enumerate(categories):
            rule = found.get(Name(span, "category"))
            after, others = categories[number + 1] if number + 1 < len(categories) else (None, [])
            alike = any(self._alike(one, other) for one in concepts for other in others)
            if rule is None and not alike and modifies(title, span.end, after.start if after is not None else None):
                rule = "modifier"
            yield from (Named(span, concept, rule) for concept in self._taxonomy.deepest(concepts))

    def _alike(self, one: str, other: str) -> bool:
        return one == other or self._taxonomy.is_ancestor(one, other) or self._taxonomy.is_ancestor(other, one)

    def _topic(self, attribute: str | None) -> Topic:
        return self._topics.get(attribute, "other") if attribute is not None else "other"


_OWN = (-11.9, 1.9, 6.1)
"""Log-odds by the share of words outside all names, whether a value applies to the category, and 1. Fitted on 710
titles of the sample and 103 of other goods that have a category's name by chance ("wheel nut"), as if there were five
of the former for each of the latter."""
_SHORT = 4
"""Letters of a unit, which says as little of the goods behind a space as it does within "20kg"."""
_DIGITS_BEFORE = re.compile(r"\d[\d.,]*$")
_DIGITS_AFTER = re.compile(r"[\d.,]*\d")
_NUMBER_BEFORE = re.compile(r"(?<![\w.,])\d[\d.,]*\s{1,2}$")
_UNITS = frozenset({"l", "ml", "cl", "g", "kg", "mg", "m", "cm", "mm", "km", "oz", "lb", "w", "v"})
"""Units that may be other names: of "1.7 l", "l" is not a size."""


def with_whole_numbers(extraction: Extraction, product: Product) -> Extraction:
    """With mentions that begin or end within a number, or are the unit behind one, stretched to the whole of it:
    "2.1kg" for "1kg", "1.7 l" for "l"."""
    mentions = tuple(_whole_number(mention, product) for mention in extraction.mentions)
    return replace(extraction, mentions=mentions) if mentions != extraction.mentions else extraction


def _whole_number(mention: Mention, product: Product) -> Mention:
    text = product.title if mention.span.field == "title" else product.text or ""
    start, end = mention.span.start, mention.span.end
    if text[start : start + 1].isdigit() and (before := _DIGITS_BEFORE.search(text, 0, start)):
        start = before.start()
    elif mention.surface.casefold() in _UNITS and (number := _NUMBER_BEFORE.search(text, 0, start)):
        start = number.start()
    if text[end - 1 : end].isdigit() and (after := _DIGITS_AFTER.match(text, end)):
        end = after.end()
    if (start, end) == (mention.span.start, mention.span.end):
        return mention
    return replace(mention, span=Span(start, end, mention.span.field), surface=text[start:end])


def _inside(one: Span, other: Span) -> bool:
    return one != other and other.start <= one.start and one.end <= other.end


def _denied(named: Iterable[tuple[str, Rule | None]]) -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    meant = set[str]()
    for concept, rule in named:
        if rule is None:
            meant.add(concept)
        else:
            found.setdefault(concept, rule)
    return {concept: rule for concept, rule in found.items() if concept not in meant}
