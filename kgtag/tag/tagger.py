"""The spine: product ──▶ extract ──▶ link ──▶ enforce ──▶ tags."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain

from graph.errors import InputError
from graph.taxonomy import Taxonomy
from kgtag.enforce import Enforcer, EnforceSettings
from kgtag.extract.implicit.model import ValueModel, with_inferred
from kgtag.tag.category import Categoriser
from kgtag.tag.label_map import Binding
from kgtag.text import clean, guess_language
from kgtag.types import (
    Candidate,
    CandidateTag,
    Extraction,
    Extractor,
    Inferred,
    Linked,
    Linker,
    Mention,
    Nil,
    Plausibility,
    Product,
    Query,
    Tagging,
)

_BATCH = 512
"""Products that go through the stages together; titles of like length are read at once, so more are quicker."""
_CANDIDATES = 5
"""Links considered per mention: enforcement may prefer the second best when the best contradicts the rest."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A product fit for the extractor; `category` is the concept it names."""

    product: Product
    category: str | None


@dataclass(frozen=True, slots=True)
class _Read:
    """A product on its way: what was extracted, and the category to read its mentions in."""

    product: Product
    extraction: Extraction
    categories: tuple[CandidateTag, ...]

    @property
    def category(self) -> str | None:
        best = max(self.categories, key=lambda c: (c.method == "given", c.probability), default=None)
        return best.concept if best else None


class Tagger:
    """Tags products against one taxonomy snapshot. Stateless between calls; same products, same answer."""

    def __init__(
        self,
        extractor: Extractor,
        linker: Linker,
        taxonomy: Taxonomy,
        *,
        binding: Binding,
        plausibility: Plausibility | None = None,
        settings: EnforceSettings | None = None,
        values: ValueModel | None = None,
    ) -> None:
        self._values = values
        self._extractor = extractor
        self._linker = linker
        self._taxonomy = taxonomy
        self._binding = binding
        self._categoriser = Categoriser(taxonomy, binding)
        self._enforcer = Enforcer(taxonomy, plausibility=plausibility, settings=settings)

    @property
    def taxonomy(self) -> Taxonomy:
        return self._taxonomy

    @property
    def linker(self) -> Linker:
        return self._linker

    @property
    def version(self) -> str:
        """The extractor's, and where there is one behind a dash that of the model of implied values."""
        own = self._extractor.version
        return own if self._values is None else f"{own}-{self._values.version}"

    def tag(self, products: Sequence[Product]) -> list[Tagging]:
        """One tagging per product, in order. Raises the InputError of the first product that can't be tagged."""
        taggings = []
        for outcome in self.attempt(products):
            if isinstance(outcome, InputError):
                raise outcome
            taggings.append(outcome)
        return taggings

    def attempt(self, products: Sequence[Product]) -> list[Tagging | InputError]:
        """Like `tag`, but a product that can't be tagged leaves its error in its place and the others go on."""
        if len(products) <= _BATCH:
            return self._finish(self._begin(products))
        batches = (products[start : start + _BATCH] for start in range(0, len(products), _BATCH))
        return list(chain.from_iterable(self.attempt_each(batches)))

    def attempt_each(self, batches: Iterable[Sequence[Product]]) -> Iterator[list[Tagging | InputError]]:
        """`attempt` for batch after batch: the next one is extracted from while one is linked and made consistent.

        What breaks off the batches is raised after the answers to those before it.
        """
        rest, begun = iter(batches), deque[Future[list[_Read | InputError]]]()
        ended: Exception | None = None
        with ThreadPoolExecutor(1) as ahead:
            while begun or ended is None:
                while len(begun) < 2 and ended is None:
                    try:
                        begun.append(ahead.submit(self._begin, next(rest)))
                    except Exception as error:  # StopIteration, or whatever the source of the batches raises
                        ended = error
                if begun:
                    yield self._finish(begun.popleft().result())
        if not isinstance(ended, StopIteration):
            raise ended

    def _begin(self, products: Sequence[Product]) -> list[_Read | InputError]:
        """What is in the products' texts."""
        outcomes: list[_Ready | InputError] = [self._prepare(product) for product in products]
        ready = [outcome for outcome in outcomes if isinstance(outcome, _Ready)]
        extractions = self._extractor.extract([r.product for r in ready])
        if self._values is not None:
            extractions = with_inferred(extractions, [r.product for r in ready], self._values)
        read = iter([self._read(r, found) for r, found in zip(ready, extractions, strict=True)])
        return [outcome if isinstance(outcome, InputError) else next(read) for outcome in outcomes]

    def _finish(self, outcomes: Sequence[_Read | InputError]) -> list[Tagging | InputError]:
        """What it means."""
        queries = [query for one in outcomes if isinstance(one, _Read) for query in self._queries(one)]
        links = iter(self._linker.link(queries))
        return [one if isinstance(one, InputError) else self._enforce(one, links) for one in outcomes]

    def _prepare(self, product: Product) -> _Ready | InputError:
        """The product as the extractor wants it: checked text, a language, the category by the model's name for it."""
        try:
            title = clean(product.title)
            category = self._binding.given_category(product.category) if product.category else None
        except InputError as error:
            return error
        name = self._binding.category_name(category) if category else None
        lang = product.lang or guess_language(title)
        return _Ready(replace(product, title=title, lang=lang, category=name), category)

    def _read(self, ready: _Ready, extraction: Extraction) -> _Read:
        if ready.category is not None:
            return _Read(ready.product, extraction, (CandidateTag(ready.category, 1.0, "given"),))
        return _Read(ready.product, extraction, self._categoriser.candidates(ready.product.title, extraction))

    def _queries(self, read: _Read) -> Iterator[Query]:
        """Of the mentions, then of the inferred values."""
        said = [(mention.surface, mention.attribute) for mention in read.extraction.mentions]
        for text, name in (*said, *((one.value, one.attribute) for one in read.extraction.inferred)):
            attribute = self._binding.attribute(name)
            yield Query(text, attribute=attribute, category=read.category, lang=read.product.lang)

    def _enforce(self, read: _Read, links: Iterator[Linked]) -> Tagging:
        candidates = list(read.categories)
        nil = []
        for mention in read.extraction.mentions:
            linked = next(links)
            if linked.link is None:
                attribute = self._binding.attribute(mention.attribute)
                nil.append(Nil(mention.span, mention.surface, attribute, mention.score))
            else:
                candidates += _candidates(mention, linked)
        for inferred in read.extraction.inferred:
            # One without a concept is no day-zero tag: nobody wrote it.
            if (link := next(links).link) is not None:
                candidates.append(_implied(inferred, link))
        consistent = self._enforcer.enforce(candidates, lang=read.product.lang)
        return Tagging(
            id=read.product.id,
            tags=consistent.tags,
            dropped=consistent.dropped,
            nil=tuple(nil),
            model=self.version,
            revision=self._taxonomy.revision,
            proposals=consistent.proposals,
        )


def _candidates(mention: Mention, linked: Linked) -> list[CandidateTag]:
    """The mention's links as candidate tags: a tag is right when both the span and the link are."""
    return [
        CandidateTag(
            concept=candidate.concept,
            probability=mention.score * candidate.probability,
            method=candidate.method,
            span=mention.span,
            surface=mention.surface,
            extract_score=mention.score,
            link_score=candidate.score,
        )
        for candidate in linked.candidates[:_CANDIDATES]
    ]


def _implied(inferred: Inferred, link: Candidate) -> CandidateTag:
    """A tag without a span: the text doesn't say it."""
    return CandidateTag(
        concept=link.concept,
        probability=inferred.score * link.probability,
        method=link.method,
        extract_score=inferred.score,
        link_score=link.score,
    )
