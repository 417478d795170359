"""The taxonomy's own labels, found as they are written in titles: a baseline extractor, without training."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from functools import cached_property
from itertools import chain, pairwise
from typing import get_args

from graph.labels import CJK, joined, normal_form, words
from graph.model import Kind
from graph.taxonomy import Taxonomy, find_concept
from kgtag.extract.lexicon import SURE
from kgtag.extract.scope import attributes_of
from kgtag.link.candidates.label_table import LabelTable
from kgtag.types import Extraction, Extractor, Field, Mention, Product, Span

BASELINE = "labels-"
"""Versions of the baseline begin so."""
_LONGEST = 16
"""Words, or Chinese characters, of a label that is looked for."""
_LETTER = 0.7
"""`SURE` for labels of a single character (a size, say), counted on 37 mentions; for those of a text, not counted."""
_SHADE = re.compile(r"[大小深浅亮暗纯正全]")
"""What may stand before a label of one Chinese character, and is not a part of another word."""
_APART = re.compile(r"[,;:!?|()\[\]{}<>，、；：！？。（）【】]|\.\s")
"""What a label reaches over only where it is written so: "bags, cases" may be a label."""


class LabelFinder:
    """Finds the labels of one kind of concept in titles, compared as the linker compares: whatever case, accents,
    number, apostrophes, spaces and hyphens, and in traditional or simplified characters."""

    def __init__(self, table: LabelTable, kind: Kind) -> None:
        self._table = table
        self._ids = table.taxonomy.ids
        self._of_kind = table.taxonomy.columns.kind.where(kind)
        self._mapped = len(table.taxonomy.adjacency("exact_match").targets) > 0

    def find(self, title: str, *, admitted: Callable[[str], bool] = lambda _: True) -> Iterator[tuple[Span, list[str]]]:
        """Where `admitted` concepts are named and which, from left to right; a name inside a longer one doesn't count
        ("boots" in "hiking boots"), nor a part of a word with a hyphen and one letter ("shirt" in "T-shirt")."""
        tokens = list(words(title))
        whole = [_whole(title, one.end, two.start) for one, two in pairwise(tokens)]
        after = 0
        for first in range(len(tokens)):
            if first < after or (first and not whole[first - 1]):
                continue
            folded, best = "", (0, list[str]())
            for last in range(first, min(first + _LONGEST, len(tokens))):
                folded = joined(folded, tokens[last].folded) if folded else tokens[last].folded
                if not self._table.begins(folded):
                    break
                if last < len(whole) and not whole[last]:
                    continue
                named = self._named(folded, title[tokens[first].start : tokens[last].end])
                if found := [concept for concept in named if admitted(concept)]:
                    best = last + 1, found
            if best[1]:
                after = best[0]
                yield Span(tokens[first].start, tokens[after - 1].end), best[1]

    def _named(self, folded: str, text: str) -> list[str]:
        """The concepts that a run of words names; those that are labelled just so, if there are any."""
        table = self._table
        exact = table.exact.get(normal_form(text))
        if exact is None and _APART.search(text):
            return []
        for texts in ((exact,) if exact is not None else (), table.folded.get(folded, ())):
            if found := [self._ids[at] for at in table.concepts_of(texts) if self._of_kind[at]]:
                return self._distinct(found) if self._mapped and len(found) > 1 else found
        return []

    def _distinct(self, concepts: list[str]) -> list[str]:
        """Without those that mean the same as another one: of concepts that are mapped as exact matches, the one whose
        scheme has more attributes and values, which is the shop's own rather than a marketplace's tree."""
        taxonomy, kept = self._table.taxonomy, list[str]()
        for concept in sorted(concepts, key=lambda id: (-self._described[taxonomy[id].scheme], id)):
            if not any(other in kept for other in taxonomy.out(concept, "exact_match")):
                kept.append(concept)
        return [concept for concept in concepts if concept in kept]

    @cached_property
    def _described(self) -> Counter[str]:
        """Attributes and values by scheme."""
        return Counter(one.scheme for one in self._table.taxonomy if one.kind != "category")


def _in_a_word(text: str, span: Span, names: Sequence[Span]) -> bool:
    """Whether a label of one Chinese character has neighbours that belong to no name: "3米", "米其林", "显白"."""
    if span.end - span.start > 1 or not CJK.match(text, span.start):
        return False
    before, after = text[span.start - 1 : span.start], text[span.end : span.end + 1]
    begun = any(one.end == span.start for one in names) or _SHADE.match(before) is not None
    begun = begun or text[span.start] in "男女童"  # "阔腿裤女"
    ended = any(one.start == span.end for one in names) or after in "色的"
    if before.isdigit():
        return True
    return (CJK.match(before) is not None and not begun) or (CJK.match(after) is not None and not ended)


def _whole(title: str, end: int, start: int) -> bool:
    """Whether a name may end or begin between two words, at the characters end..start: not beside the hyphen of
    "T-shirt" or "V-neck"."""
    alone = end == 1 or not title[end - 2].isalnum()
    return not (title[end:start] == "-" and alone and title[end - 1].isascii() and title[end - 1].isalpha())


class LabelExtractor(Extractor):
    """Finds the labels of a snapshot's values. Attributes are named by their concepts' ids. Trusts every label that it
    finds: a start, and something to beat."""

    def __init__(self, taxonomy: Taxonomy, table: LabelTable | None = None) -> None:
        self._taxonomy = taxonomy
        table = table or LabelTable(taxonomy)
        self._titles, self._categories = LabelFinder(table, "value"), LabelFinder(table, "category")
        self._attributes = tuple(attribute.id for attribute in attributes_of(taxonomy))

    @property
    def version(self) -> str:
        return f"{BASELINE}{self._taxonomy.revision[:12]}"

    @property
    def attributes(self) -> tuple[str, ...]:
        return self._attributes

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        """One extraction per product, in order; only values of attributes that apply to a product's category, when the
        taxonomy knows it. The text is read for attributes that the title says nothing of."""
        return [Extraction(tuple(self._mentions(product))) for product in products]

    def _mentions(self, product: Product) -> Iterator[Mention]:
        """One mention for each attribute that has the label; the more there are, the less sure is each."""
        given = find_concept(self._taxonomy, product.category, "category") if product.category else None
        categories = list(self._categories.find(product.title))
        heads = [span for span, _ in categories]
        likely = [given] if given else [concept for _, concepts in categories for concept in concepts]
        fitting = frozenset(chain.from_iterable(self._taxonomy.attributes_for(category) for category in likely))
        named = set[str]()

        def admitted(value: str) -> bool:
            attribute = self._taxonomy.attribute_of(value)
            return attribute not in named and (given is None or attribute in fitting)

        for field in get_args(Field):
            found = list(self._in(product, field, admitted, fitting, heads if field == "title" else ()))
            yield from found
            named |= {mention.attribute for mention in found}

    def _in(
        self,
        product: Product,
        field: Field,
        admitted: Callable[[str], bool],
        fitting: Set[str],
        categories: Sequence[Span],
    ) -> Iterator[Mention]:
        """Of several attributes that have a label, those that are `fitting`, if any are. Left out are the
        noun of a category's name ("cream" of "face cream") and characters of other Chinese words (红 of 红鸟)."""
        text = product.title if field == "title" else product.text or ""
        named = list(self._titles.find(text, admitted=admitted))
        spans = [*categories, *(span for span, _ in named)]
        for span, values in named:
            if any(one.start < span.start and span.end == one.end for one in categories) or _in_a_word(
                text, span, spans
            ):
                continue
            every = {home for value in values if (home := self._taxonomy.attribute_of(value)) is not None}
            homes = sorted(every & fitting or every)
            surface = text[span.start : span.end]
            score = _LETTER if len(surface) == 1 or field == "text" else SURE
            place = Span(span.start, span.end, field)
            yield from (Mention(place, surface, home, round(score / len(homes), 4)) for home in homes)
