"""Search queries parsed: spans that name concepts, the category by its head noun, bounds, exclusions, expansions."""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import zip_longest

from graph.errors import TextError
from graph.labels import CJK, CJK_CLASS, folded_form, normal_form
from graph.taxonomy import Taxonomy
from kgtag.extract.scope import Name, Topic, modifies, scopes, topics
from kgtag.link import TaxonomyLinker
from kgtag.link.candidates.label_table import LabelTable
from kgtag.link.linker import UNTRAINED
from kgtag.search.elastic import query_body
from kgtag.search.expansions import Expander
from kgtag.search.parsed import DENIED, NamedConcept, ParsedQuery, QuerySpan
from kgtag.search.spans import (
    GENERIC,
    Draft,
    SpanFinder,
    Word,
    as_titles_write,
    excluded_by_minus,
    head_weight,
    is_cue,
    left,
    without_denial,
    without_mild,
)
from kgtag.search.tagged import QueryTagger, Tagged, check_query_model, overlap
from kgtag.text import clean
from kgtag.types import Extractor, Linker, Query, Span

MAX_QUERY = 300
_CONCEPTS = 3
"""Concepts named per span at most."""
_BREAK = re.compile(
    r"[,;|，；、]|(?<!\w)(?:for|with|without|in|of|by|from|on|under|to|no|and|or|für|mit|ohne|pour|avec|sans)(?!\w)",
    re.I,
)
_AUDIENCE = re.compile(
    r"(?:men|man|women|woman|kids?|child(?:ren)?|boys?|girls?|bab(?:y|ies)|toddlers?|infants?|ladies|unisex|teens?|adults?)"
    r"(?:['’]?s)?|[男女]士?|儿童|宝宝|婴儿|女童|男童",
    re.I,
)
"""Whom a thing is for; the head of a query only where nothing else is named."""
_MODEL = re.compile(rf"[{CJK_CLASS}]\d")
"""The end of a name with a number: "苹果" of "手机壳 苹果15"."""
_MISFIT = 0.1
"""What a value counts for whose attribute does not apply to the category."""
_LEAST = 0.2
"""Least probability of a category that no label names."""


class QueryParser:
    """Parses queries against one snapshot; built at the first query. Safe to share between threads.

    Args:
        taxonomy: The snapshot.
        linker: Makes the linker, which gives concepts their probabilities; a trained one also links whole queries.
        popularity: Items by concept number, for the order of narrower concepts.
        within: Items by concept number among those of a concept, for facets.
        tagger: An extractor trained on queries (see `kgtag.search.tagged`), whose spans decide which labels are meant.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        linker: Callable[[], Linker] | None = None,
        *,
        popularity: Callable[[int], int] = lambda _: 0,
        within: Callable[[int], Mapping[int, int]] = lambda _: {},
        tagger: Extractor | None = None,
    ) -> None:
        self._taxonomy = taxonomy
        self._make_linker = linker or (lambda: TaxonomyLinker(taxonomy))
        self._popularity, self._within, self._extractor = popularity, within, check_query_model(tagger)
        self._lock = threading.Lock()

    @property
    def built(self) -> bool:
        """Whether a query has been parsed, or `warm` called."""
        return "_finder" in self.__dict__

    def warm(self) -> None:
        """Build the indexes now."""
        with self._lock:
            _ = self._expander
            self._finder.warm()

    def parse(self, query: str, *, lang: str | None = None) -> ParsedQuery:
        """Parse a query.

        Args:
            query: As typed, at most MAX_QUERY characters.
            lang: Language of the labels in the answer; that of the query by default.

        Raises:
            TextError: The query is empty or too long.
        """
        text, mild = without_mild(clean(query, limit=MAX_QUERY, what="query"))
        if not self.built:
            self.warm()
        drafts, tagged = self._finder.find(text, lang), Tagged()
        if self._tagger is not None and not CJK.search(text):
            tagged = self._tagger.read(text)
            drafts = self._tagger.revise(text, drafts, tagged, lang)
        words = left(text, drafts)
        denied = self._read(text, drafts, words)
        head = self._head(text, drafts, tagged)
        if head is None:
            head = self._linked_head(text, drafts, words, lang)
            drafts.sort(key=lambda draft: draft.span)
            words = left(text, drafts)
        category = None
        if head is not None:
            doubt = head_weight(text, head.span, words)
            head.concepts = {id: p * doubt for id, p in head.concepts.items()}
            category = self._best(head, None, True)[0]
        language = lang or self._language(text, drafts)
        spans = [self._span(text, draft, category, draft is head, language) for draft in drafts]
        for word in (word for word in words if word.span in denied):
            start = word.span.start + len(word.text) - len(without_denial(word.text))
            spans.append(QuerySpan(start, word.span.end, text[start : word.span.end], "text", rule="negated"))
        spans.sort(key=lambda span: span.start)
        cued = denied | {draft.span for draft in drafts if draft.rule in DENIED}
        unknown = [word.text for word in words if word.span not in denied and not is_cue(text, word, cued)]
        expansions = tuple(self._expander.expansions(spans, language.split("-")[0].lower()))
        facets = self._expander.facets(category, language)
        named = next((one for span in spans for one in span.concepts if one.concept == category), None)
        wanted = " ".join(word for word in unknown if not GENERIC.fullmatch(word))
        body = query_body(spans, wanted, expansions, facets)
        return ParsedQuery(query, tuple(spans), named, " ".join([*unknown, *mild]), expansions, facets, body)

    def values(self, text: str) -> list[str]:
        """The values that a concept's label names: "cashmere" of "Cashmere scarves". None in a text that is empty or
        too long for a query."""
        try:
            spans = self.parse(text).spans
        except TextError:
            return []
        best = [span.concepts[0].concept for span in spans if span.rule is None and span.concepts]
        return [id for id in best if self._taxonomy[id].kind == "value"]

    def _read(self, text: str, drafts: Sequence[Draft], words: Sequence[Word]) -> set[Span]:
        """Set the rules of the spans; the words that the query excludes."""
        names = {Name(draft.span, self._topic(draft)): draft for draft in drafts if draft.concepts}
        others = [Name(word.span, "other") for word in words]
        labels = {draft.span for draft in drafts if draft.concepts and not draft.fuzzy}
        found = scopes(as_titles_write(text), [*names, *others], labels)
        minus = excluded_by_minus(text)
        for name, draft in names.items():
            draft.rule = "negated" if name.span.start in minus else found.get(name)
            if draft.rule == "imitated" and name.topic == "category":  # "grain" of "dog food grain free"
                draft.rule = None
            values = {id: p for id, p in draft.concepts.items() if self._taxonomy[id].kind == "value"}
            if draft.rule == "accessory" and values:  # "with laptop sleeve", a feature
                draft.concepts, draft.rule = values, None
        denied = {
            word.span for name, word in zip(others, words, strict=True)
            if name.span.start in minus or (found.get(name) == "negated" and without_denial(word.text))
        }  # fmt: skip
        categories = [draft for draft in drafts if draft.rule is None and self._topic(draft) == "category"]
        for draft in (one for one in categories if _MODEL.match(text, one.span.end - 1)):
            draft.rule = "modifier"
        categories = [draft for draft in categories if draft.rule is None]
        for draft, after in zip_longest(categories, categories[1:]):
            if draft is None or (after is not None and self._alike(draft, after)):
                continue
            if modifies(text, draft.span.end, after.span.start if after is not None else None):
                draft.rule = "modifier"
        return denied

    def _head(self, text: str, drafts: Sequence[Draft], tagged: Tagged) -> Draft | None:
        """The category that is looked for: the last of the first phrase that names any, in Chinese the last of all.
        Other categories describe it, as do all that a tagger does not take for what is looked for."""
        named = [draft for draft in drafts if draft.rule is None and self._topic(draft) == "category"]
        things = [one for one in named if not _AUDIENCE.fullmatch(text[one.span.start : one.span.end])] or named
        if tagged.heads:
            things = [one for one in things if any(overlap(one.span, span) for span in tagged.heads)]
        if not things:
            for one in named:
                one.rule = "modifier"
            return None
        phrase = things[:1]
        for one in things[1:]:
            if not CJK.search(text) and _BREAK.search(text, phrase[-1].span.end, one.span.start):
                break
            phrase.append(one)
        head = phrase[-1]
        for one in named:
            if one is not head and not self._alike(one, head):
                one.rule = "modifier"
        return head

    def _linked_head(self, text: str, drafts: list[Draft], words: Sequence[Word], lang: str | None) -> Draft | None:
        """Without a category's label: what a trained linker makes of the first phrase."""
        described = [draft for draft in drafts if draft.rule == "modifier"]
        parts = [*(word.span for word in words), *(draft.span for draft in described)]
        if parts and self._trained:
            start, end = min(one.start for one in parts), max(one.end for one in parts)
            stop = _BREAK.search(text, start)
            end = min(end, stop.start()) if stop and stop.start() > start else end
            surface = text[start:end].strip()
            linked = self._linker.link([Query(surface, lang=lang)])[0] if surface else None
            likely = [one for one in (linked.candidates if linked else ()) if one.probability >= _LEAST]
            found = {one.concept: one.probability for one in likely if self._taxonomy[one.concept].kind == "category"}
            inside = [one for one in drafts if one.span.start < end and start < one.span.end]
            if found and all(one in described for one in inside):
                for one in inside:
                    drafts.remove(one)
                drafts.append(Draft(Span(start, start + len(surface)), found))
                return drafts[-1]
        return None

    def _span(self, text: str, draft: Draft, category: str | None, head: bool, lang: str) -> QuerySpan:
        start, end, amount = draft.span.start, draft.span.end, draft.amount
        surface = text[start:end]
        if not draft.concepts:
            assert amount is not None
            return QuerySpan(start, end, surface, amount.type, amount=amount)
        ranked = self._best(draft, category, head)[:_CONCEPTS]
        taxonomy = self._taxonomy
        concepts = tuple(NamedConcept(id, taxonomy[id].label(lang), draft.concepts[id]) for id in ranked)
        attribute = taxonomy.attribute_of(ranked[0])
        kind = amount.type if amount is not None else taxonomy[ranked[0]].kind
        return QuerySpan(start, end, surface, kind, concepts, attribute, draft.rule, amount)

    def _best(self, draft: Draft, category: str | None, head: bool) -> list[str]:
        """The span's concepts, best first, with probabilities that fit the category and add up to one at most."""
        taxonomy = self._taxonomy
        fitting = set(taxonomy.attributes_for(category)) if category is not None and not head else None
        mass = sum(draft.concepts.values())
        for id, probability in draft.concepts.items():
            kind = taxonomy[id].kind
            wrong = (head and kind != "category") or (
                fitting is not None and kind == "value" and self._misfit(id, fitting)
            )
            if wrong and len(draft.concepts) > 1:
                draft.concepts[id] = probability * _MISFIT
        total = sum(draft.concepts.values())
        draft.concepts = {id: p * min(mass, 1.0) / max(total, 1e-9) for id, p in draft.concepts.items()}
        ranked = sorted(draft.concepts, key=lambda id: (-round(draft.concepts[id], 1), *self._preference(id)))
        draft.concepts = dict(zip(ranked, sorted(draft.concepts.values(), reverse=True), strict=True))
        return ranked

    def _preference(self, id: str) -> tuple[int, int, str]:
        """Of concepts that are about as probable: much used before little used, broad before narrow."""
        i = self._taxonomy.index(id)
        return -self._popularity(i), int(self._taxonomy.depths[i]), id

    def _misfit(self, value: str, fitting: set[str]) -> bool:
        home = self._taxonomy.attribute_of(value)
        return home is not None and home not in fitting

    def _topic(self, draft: Draft) -> Topic:
        """A category where one of the concepts is one; else that of the most probable value's attribute."""
        taxonomy = self._taxonomy
        if any(taxonomy[id].kind == "category" for id in draft.concepts):
            return "category"
        best = max(sorted(draft.concepts), key=lambda id: draft.concepts[id], default=None)
        home = taxonomy.attribute_of(best) if best is not None else None
        return self._topics.get(home, "other") if home is not None else "other"

    def _alike(self, one: Draft, other: Draft) -> bool:
        above = self._taxonomy.is_ancestor
        return any(a == b or above(a, b) or above(b, a) for a in one.concepts for b in other.concepts)

    def _language(self, text: str, drafts: Sequence[Draft]) -> str:
        """That of most labels that the query has as they are; English without any, Chinese in Chinese characters."""
        counts: dict[str, int] = {}
        for draft in drafts:
            folded = folded_form(normal_form(text[draft.span.start : draft.span.end]))
            tags = {
                tag for id in draft.concepts for label, tag, _ in self._taxonomy[id].labels()
                if folded_form(normal_form(label)) == folded
            }  # fmt: skip
            for tag in tags:
                counts[tag] = counts.get(tag, 0) + 1
        default = "zh" if CJK.search(text) else "en"
        return max(sorted(counts), key=lambda tag: (counts[tag], tag.split("-")[0] == default), default=default)

    @property
    def _trained(self) -> bool:
        return isinstance(self._linker, TaxonomyLinker) and self._linker.version != UNTRAINED

    @cached_property
    def _linker(self) -> Linker:
        return self._make_linker()

    @cached_property
    def _tagger(self) -> QueryTagger | None:
        return QueryTagger(self._extractor, self._taxonomy, self._linker) if self._extractor is not None else None

    @cached_property
    def _topics(self) -> Mapping[str, Topic]:
        return topics(self._taxonomy)

    @cached_property
    def _finder(self) -> SpanFinder:
        linker = self._linker
        table = linker.table if isinstance(linker, TaxonomyLinker) else LabelTable(self._taxonomy)
        return SpanFinder(self._taxonomy, table, linker, dict(self._topics))

    @cached_property
    def _expander(self) -> Expander:
        return Expander(self._taxonomy, linker=self._linker, popularity=self._popularity, within=self._within)
