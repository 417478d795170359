"""Other words for the concepts of a query, and the facets of its category."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from graph.labels import folded_form, normal_form
from graph.model import RelationType
from graph.taxonomy import Taxonomy
from kgtag.link import TaxonomyLinker
from kgtag.search.parsed import Expansion, Facet, QuerySpan, Why

_WEIGHTS: dict[Why, float] = {"synonym": 1.0, "translation": 0.9, "narrower": 0.7, "close": 0.5}
_MOST: dict[Why, int] = {"synonym": 10, "translation": 4, "narrower": 10, "close": 4}
_MATCHES: tuple[RelationType, ...] = ("exact_match", "close_match")
_CLOSE = 0.6
"""Least cosine of close values' names."""
_FACETS, _VALUES = 20, 12
_SIBLINGS = 200


class Expander:
    """Expansions and facets from one snapshot. `popularity`: items by concept number; `within`: of those of a
    concept."""

    def __init__(
        self,
        taxonomy: Taxonomy,
        *,
        linker: object = None,
        popularity: Callable[[int], int] = lambda _: 0,
        within: Callable[[int], Mapping[int, int]] = lambda _: {},
    ) -> None:
        self._taxonomy = taxonomy
        self._linker = linker if isinstance(linker, TaxonomyLinker) else None
        self._popularity, self._within = popularity, within

    def expansions(self, spans: Sequence[QuerySpan], lang: str) -> Iterator[Expansion]:
        """For what is wanted, the best concept of each span; weights fall with the concept's probability. `lang` is the
        base language of the query."""
        seen = {folded_form(normal_form(span.surface)) for span in spans}
        for span in spans:
            if span.rule is not None or not span.concepts:
                continue
            best = span.concepts[0]
            counts: dict[Why, int] = {}
            for text, why, of in self._others(best.concept, lang):
                form = folded_form(normal_form(text))
                if counts.get(why, 0) >= _MOST[why] or form in seen:
                    continue
                seen.add(form)
                counts[why] = counts.get(why, 0) + 1
                yield Expansion(text, _WEIGHTS[why] * min(1.0, max(best.probability, 0.05)), why, of)

    def _others(self, id: str, lang: str) -> Iterator[tuple[str, Why, str]]:
        """(text, why, concept that it expands)."""
        taxonomy = self._taxonomy
        for text, tag, kind in taxonomy[id].labels():
            if kind != "hidden" and _base(tag) in (lang, "und", ""):
                yield text, "synonym", id
        for text, tag, kind in taxonomy[id].labels():
            if kind == "pref" and _base(tag) not in (lang, "und", ""):
                yield text, "translation", id
        for other in self._ranked(taxonomy.into(id, "broader")):
            yield taxonomy[other].label(lang), "narrower", id
        for relation in _MATCHES:
            for other in taxonomy.out(id, relation):
                yield taxonomy[other].label(lang), "close", id
        for other in self._close(id, lang):
            yield taxonomy[other].label(lang), "close", id

    def _ranked(self, ids: list[str]) -> list[str]:
        active = [id for id in ids if self._taxonomy[id].status != "deprecated"]
        return sorted(active, key=lambda id: (-self._popularity(self._taxonomy.index(id)), id))

    def _close(self, id: str, lang: str) -> list[str]:
        """Other values of the attribute whose names mean nearly the same; needs a trained linker."""
        taxonomy, encoder = self._taxonomy, self._linker.encoder if self._linker is not None else None
        home = taxonomy.attribute_of(id)
        if encoder is None or home is None:
            return []
        others = [other for other in taxonomy.values_of(home) if other != id][:_SIBLINGS]
        if not others:
            return []
        vectors = encoder.encode([taxonomy[one].label(lang) for one in (id, *others)])
        cosines = vectors[1:] @ vectors[0]
        return [others[i] for i in np.argsort(-cosines, kind="stable") if cosines[i] >= _CLOSE]

    def facets(self, category: str | None, lang: str | None) -> tuple[Facet, ...]:
        """Attributes that apply to the category: most used on its items first, then those that are declared nearest to
        it, with the values that its items have. Where it has no items, values are in the order of the whole store."""
        if category is None:
            return ()
        taxonomy, found = self._taxonomy, []
        above = {category, *taxonomy.ancestors(category)}
        used, here = self._popularity, self._within(taxonomy.index(category))
        for attribute in taxonomy.attributes_for(category):
            numbers = [taxonomy.index(id) for id in taxonomy.values_of(attribute)]
            numbers.sort(key=lambda i: (-here.get(i, 0), -used(i), taxonomy.ids[i]))
            total = (sum(here.get(i, 0) for i in numbers), sum(map(used, numbers)))
            if here:
                numbers = [i for i in numbers if i in here]
            if not numbers:
                continue
            ids = [(taxonomy.ids[i], here.get(i, 0)) for i in numbers[:_VALUES]]
            shown = tuple((id, taxonomy[id].label(lang), count) for id, count in ids)
            declared = (taxonomy.depth(home) for home in taxonomy.out(attribute, "applies_to") if home in above)
            found.append((*total, max(declared), Facet(attribute, taxonomy[attribute].label(lang), shown)))
        found.sort(key=lambda row: (*(-count for count in row[:3]), row[3].attribute))
        return tuple(facet for *_, facet in found[:_FACETS])


def _base(tag: str) -> str:
    return tag.split("-")[0].lower()
