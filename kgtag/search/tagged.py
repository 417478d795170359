"""What a model trained on queries says of one: what is looked for, which words are names, values by their attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from graph.errors import InputError
from graph.labels import normal_form
from graph.taxonomy import Taxonomy
from kgtag.extract.scope import attributes_of
from kgtag.search.spans import Draft
from kgtag.types import Extractor, Linker, Product, Query, Span

HEAD = "core_product_type"
"""The type of what is looked for, as in QueryNER (Palen-Michel et al. 2024), whose types these are."""
NAMES = frozenset(("creator", "product_name", "content", "product_number"))
"""Types of brands, titles and the like: a value's label inside of one means nothing ("red" in "red bull")."""
_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "color": ("color", "colour", "颜色"),
    "material": ("material", "材质"),
    "department": ("audience", "gender", "target gender", "人群"),
    "occasion": ("occasion", "场合"),
    "shape": ("shape", "形状"),
}
"""Labels of the attribute that a type names, the first that the taxonomy has."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """Spans of a query. `values`: those whose type is an attribute of the taxonomy, with its id."""

    heads: tuple[Span, ...] = ()
    names: tuple[Span, ...] = ()
    values: tuple[tuple[Span, str], ...] = ()


class QueryTagger:
    """Reads queries with an extractor that was trained on them, for one snapshot."""

    def __init__(self, extractor: Extractor, taxonomy: Taxonomy, linker: Linker) -> None:
        self._extractor, self._taxonomy, self._linker = extractor, taxonomy, linker

    def read(self, text: str) -> Tagged:
        """The spans of a query."""
        (found,) = self._extractor.extract([Product("query", text)])
        typed = sorted((mention.span, mention.attribute) for mention in found.mentions)
        return Tagged(
            tuple(span for span, type in typed if type == HEAD),
            tuple(span for span, type in typed if type in NAMES),
            tuple((span, self._attributes[type]) for span, type in typed if type in self._attributes),
        )

    def revise(self, text: str, drafts: Sequence[Draft], tagged: Tagged, lang: str | None) -> list[Draft]:
        """Without values inside of longer names; values of the tagged attributes before others, and those that are
        linked within them where no label stands."""

        def named(span: Span) -> bool:
            return any(_inside(span, name) for name in tagged.names)

        kept = [one for one in drafts if not (self._is_value(one) and named(one.span))]
        for span, attribute in tagged.values:
            if named(span):
                continue
            here = [one for one in kept if overlap(one.span, span)]
            for draft in here:
                fitting = {id: p for id, p in draft.concepts.items() if self._taxonomy.attribute_of(id) == attribute}
                share = sum(draft.concepts.values()) / (sum(fitting.values()) or 1.0)
                draft.concepts = {id: p * share for id, p in fitting.items()} or draft.concepts
            if not here:
                surface = text[span.start : span.end]
                best = self._linker.link([Query(surface, attribute=attribute, lang=lang)])[0].link
                if best is not None:
                    kept.append(Draft(span, {best.concept: best.probability}))
        return sorted(kept, key=lambda one: one.span)

    def _is_value(self, draft: Draft) -> bool:
        return bool(draft.concepts) and all(self._taxonomy[id].kind == "value" for id in draft.concepts)

    @cached_property
    def _attributes(self) -> dict[str, str]:
        """The taxonomy's attribute of each type that has one."""
        ids = {normal_form(text): one.id for one in attributes_of(self._taxonomy) for text, _, _ in one.labels()}
        named = {type: [ids[label] for label in labels if label in ids] for type, labels in _ATTRIBUTES.items()}
        return {type: found[0] for type, found in named.items() if found}


def check_query_model(extractor: Extractor | None) -> Extractor | None:
    """The extractor. Raises InputError when it was trained on something else than queries."""
    if extractor is not None and HEAD not in extractor.attributes:
        known = ", ".join(extractor.attributes[:5])
        raise InputError(
            f"the query model finds {known}, …, not {HEAD!r}; give one that was trained on queries:"
            " kgtag train extractor --config benchmarks/configs/queryner.toml"
        )
    return extractor


def overlap(one: Span, other: Span) -> bool:
    """Whether two spans share a character."""
    return one.start < other.end and other.start < one.end


def _inside(one: Span, other: Span) -> bool:
    return other.start <= one.start and one.end <= other.end and one != other
