"""The tagging pipeline: product ──▶ extract ──▶ link ──▶ enforce ──▶ tags."""

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from itertools import chain, islice

from graph.claims import Claim, Claims
from graph.errors import InputError
from graph.taxonomy import Taxonomy
from kgtag.enforce import Enforcer, EnforceSettings
from kgtag.enforce.enforce import Mode
from kgtag.extract.implicit import ImplicitValueModel, with_inferred
from kgtag.extract.named import ValueNames
from kgtag.extract.names import NameGuesser
from kgtag.link import TaxonomyLinker
from kgtag.link.candidates.label_table import LabelTable
from kgtag.tag.groups import groups_of, pooled, shared
from kgtag.tag.label_map import CategoryPredictor, LabelMap
from kgtag.tag.reading import Reader, Reading, with_whole_numbers
from kgtag.tag.watch import Watch
from kgtag.text import MAX_TEXT, MAX_TITLE, clean_product
from kgtag.text.personal import is_masked, mask_product
from kgtag.types import (
    CandidateTag,
    Extraction,
    Extractor,
    Field,
    Linked,
    Linker,
    Nil,
    Plausibility,
    Product,
    Query,
    Span,
    Tag,
    Tagging,
)

_BATCH = 512
"""Products that go through the stages together; the extractor batches titles of similar length."""
_CANDIDATES = 5
"""Links considered per mention: enforcement may prefer the second best when the best contradicts the rest."""


@dataclass(frozen=True, slots=True)
class _Extracted:
    """A product as given and clean, its category a concept id; what the extractor found in it, and how it reads."""

    given: Product
    product: Product
    extraction: Extraction
    reading: Reading


class Tagger:
    """Tags products against one taxonomy snapshot. Stateless between calls: same products, same tags.

    Args:
        extractor, linker: Find mentions and the category, and the concepts of mentions.
        label_map: The extractor's names as concepts of the snapshot.
        plausibility, settings: Of enforcement; the former from embeddings.
        values: Infers values that the text does not state, and categories.
        value_names: For models without spans: finds the values that titles name.
        masks: Read products without the personal data in their texts, so that none of it gets into an answer.
        claims: Terms to flag in titles and texts.
        watch: Is told of stages and products.
    """

    def __init__(
        self,
        extractor: Extractor,
        linker: Linker,
        taxonomy: Taxonomy,
        *,
        label_map: LabelMap,
        plausibility: Plausibility | None = None,
        settings: EnforceSettings | None = None,
        values: ImplicitValueModel | None = None,
        value_names: ValueNames | None = None,
        masks: bool = True,
        claims: Claims | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.taxonomy = taxonomy
        self.masks = masks
        self._claims = claims
        self.linker = linker
        self._extractor = extractor
        self._values = values
        self._value_names = value_names
        self._watch = watch
        self._label_map = label_map
        self._predictor = CategoryPredictor(taxonomy, label_map, head=values.category if values is not None else None)
        table = linker.table if isinstance(linker, TaxonomyLinker) else LabelTable(taxonomy)
        self._reader, self._names = Reader(taxonomy, table), NameGuesser(taxonomy, table)
        self._enforcer = Enforcer(taxonomy, plausibility=plausibility, settings=settings)

    @property
    def version(self) -> str:
        return model_version(self._extractor, self._values)

    def tag(self, products: Sequence[Product]) -> list[Tagging]:
        """One tagging per product, in order. Raises the InputError of the first product that can't be tagged."""
        return [_tagging(outcome) for outcome in self.attempt(products)]

    def tag_by_mode(self, products: Sequence[Product], modes: Iterable[Mode]) -> dict[Mode, list[Tagging]]:
        """`tag` under each mode of enforcement, which share what was extracted."""
        extracted, found = self._extract(products), dict[Mode, list[Tagging]]()
        for mode in modes:
            other = copy(self)
            other._enforcer = self._enforcer.in_mode(mode)
            found[mode] = [_tagging(one) for one in other._link_and_enforce(extracted)]
        return found

    def attempt(self, products: Sequence[Product]) -> list[Tagging | InputError]:
        """Like `tag`, with the error of a product that can't be tagged in its place."""
        if len(products) <= _BATCH:
            return self._link_and_enforce(self._extract(products))
        batches = (products[start : start + _BATCH] for start in range(0, len(products), _BATCH))
        return list(chain.from_iterable(self.attempt_each(batches)))

    def attempt_each(self, batches: Iterable[Sequence[Product]]) -> Generator[list[Tagging | InputError], None, None]:
        """`attempt` batch by batch: the next batch is in extraction while one is linked and enforced. An error of
        `batches` itself is raised after the results of the batches before it."""
        rest, begun = iter(batches), deque[Future[list[_Extracted | InputError]]]()
        ended: Exception | None = None
        with ThreadPoolExecutor(1) as ahead:
            while begun or ended is None:
                while len(begun) < 2 and ended is None:
                    try:
                        begun.append(ahead.submit(self._extract, next(rest)))
                    except Exception as error:  # StopIteration, or whatever the source of the batches raises
                        ended = error
                if begun:
                    yield self._link_and_enforce(begun.popleft().result())
        if not isinstance(ended, StopIteration):
            raise ended

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        if self._watch is not None:
            self._watch.stage(stage, time.perf_counter() - started)

    def _extract(self, products: Sequence[Product]) -> list[_Extracted | InputError]:
        with self._timed("extract"):
            return self._extracted(products)

    def _extracted(self, products: Sequence[Product]) -> list[_Extracted | InputError]:
        products = [_bounded(product, masks=self.masks) for product in products]
        prepared = [self._prepare(product) for product in products]
        given = iter([product for product, one in zip(products, prepared, strict=True) if isinstance(one, Product)])
        ready = [product for product in prepared if isinstance(product, Product)]
        read = [replace(product, category=self._label_map.category_name(product.category)) for product in ready]
        extractions = self._extractor.extract(read)
        if self._watch is not None:
            for product, extraction in zip(read, extractions, strict=True):
                if product.category is None:
                    self._watch.extracted(product, extraction)
        if self._values is not None:
            named = self._value_names.find_all(read) if self._value_names is not None else ()
            extractions = with_inferred(extractions, read, self._values, everywhere=True, named=named)
        extractions = [with_whole_numbers(one, product) for one, product in zip(extractions, ready, strict=True)]
        found = map(self._read, given, ready, extractions)
        return [one if isinstance(one, InputError) else next(found) for one in prepared]

    def _read(self, given: Product, product: Product, extraction: Extraction) -> _Extracted:
        """With the names that the title is guessed to have besides."""
        here = self._label_map.attribute
        named = [replace(one, attribute=here(one.attribute) or one.attribute) for one in extraction.mentions]
        reading = self._reader.read(product, [(one.span, here(one.attribute)) for one in named])
        guessed = tuple(self._names.find(product.title, named, [one.span for one in reading.categories]))
        extraction = replace(extraction, mentions=(*extraction.mentions, *guessed)) if guessed else extraction
        return _Extracted(given, product, extraction, reading)

    def _flags(self, product: Product) -> Iterator[tuple[Field, Claim]]:
        if self._claims is not None:
            yield from (("title", claim) for claim in self._claims.find(product.title))
            yield from (("text", claim) for claim in self._claims.find(product.text or ""))

    def _prepare(self, product: Product) -> Product | InputError:
        """Clean, and with the id of the category that the product names."""
        try:
            given = self._label_map.given_category(product.category) if product.category else None
            return replace(clean_product(product), category=given)
        except InputError as error:
            return error

    def _link_and_enforce(self, outcomes: Sequence[_Extracted | InputError]) -> list[Tagging | InputError]:
        extracted = [one for one in outcomes if not isinstance(one, InputError)]
        categories = [self._predictor.candidates(one.product, one.extraction, one.reading) for one in extracted]
        groups = groups_of([one.product for one in extracted])
        for group in groups:
            for at, found in zip(group, pooled([categories[at] for at in group]), strict=True):
                categories[at] = found
        queries = [self._queries(one, _best(found)) for one, found in zip(extracted, categories, strict=True)]
        with self._timed("link"):
            each = iter(self._link(list(chain.from_iterable(queries))))
        links = [list(islice(each, len(own))) for own in queries]
        with self._timed("enforce"):
            taggings = list(map(self._enforce, extracted, categories, links))
            for group in groups:
                for member, more in shared([taggings[at] for at in group]).items():
                    at = group[member]
                    taggings[at] = self._enforce(extracted[at], (*categories[at], *more), links[at])
        tagged = iter(taggings)
        return [one if isinstance(one, InputError) else next(tagged) for one in outcomes]

    def _link(self, queries: Sequence[Query]) -> list[Linked]:
        """With a second look: what its attribute lacks may be a label of another one that applies to the category."""
        found = self.linker.link(queries)
        missed = [
            at
            for at, (one, query) in enumerate(zip(found, queries, strict=True))
            if one.link is None and query.attribute and query.category
        ]
        again = self.linker.link([replace(queries[at], attribute=None) for at in missed])
        for at, one in zip(missed, again, strict=True):
            if one.link is not None and one.link.method == "exact":
                attribute = self.taxonomy.attribute_of(one.link.concept)
                if attribute in self.taxonomy.attributes_for(str(queries[at].category)):
                    found[at] = one
        return found

    def _queries(self, one: _Extracted, category: str | None) -> list[Query]:
        """One for each mention, then one for each inferred value."""
        product, extraction = one.product, one.extraction
        named = [(mention.surface, mention.attribute) for mention in extraction.mentions]
        named += [(inferred.value, inferred.attribute) for inferred in extraction.inferred]
        return [Query(text, self._label_map.attribute(name), category, product.lang) for text, name in named]

    def _enforce(self, one: _Extracted, categories: Sequence[CandidateTag], links: Sequence[Linked]) -> Tagging:
        candidates, nil = list(categories), []
        mentions, denied = one.extraction.mentions, dict(one.reading.denied)
        stated = set[str]()
        for mention, linked in zip(mentions, links, strict=False):
            attribute = self._label_map.attribute(mention.attribute)
            rule = one.reading.rules.get((mention.span, attribute))
            if linked.link is not None:
                stated.add(mention.attribute)
                best = linked.candidates[:_CANDIDATES]
                candidates += [replace(CandidateTag.linked(mention, candidate), rule=rule) for candidate in best]
                if rule is not None:
                    denied.setdefault(linked.link.concept, rule)
            elif rule is None and not (self.masks and is_masked(_text(one.given, mention.span), mention.span)):
                nil.append(Nil(mention.span, mention.surface, attribute, mention.probability))
        for inferred, linked in zip(one.extraction.inferred, links[len(mentions) :], strict=True):
            # A mention without a concept silences no inferred value, and an inferred one without is not a NIL mention.
            if linked.link is not None and inferred.attribute not in stated:
                surface = one.product.cut(inferred.span) if inferred.span is not None else None
                tag = CandidateTag.inferred(inferred, linked.link, surface=surface)
                line = (tag.concept, *self.taxonomy.ancestors(tag.concept))
                candidates.append(replace(tag, rule=next((denied[id] for id in line if id in denied), None)))
        if (language := one.reading.unsupported_language) is not None:
            candidates, nil = [_as_labelled(candidate) for candidate in candidates], []
        found = self._enforcer.enforce(candidates, lang=one.product.lang)
        model, revision = self.version, self.taxonomy.revision
        tagging = Tagging(
            one.product.id,
            found.tags,
            found.dropped,
            _one_each(nil),
            model,
            revision,
            found.proposals,
            language,
            not one.given.text or getattr(self._extractor, "reads_text", True),
            tuple(self._flags(one.given)),
            one.given.at,
        )
        return tagging if one.given.title == one.product.title and not one.given.text else _as_given(tagging, one.given)


def _bounded(product: Product, *, masks: bool) -> Product:
    """The product as far as it is read, and masked: looking through a megabyte would hold up all other threads for a
    tenth of a second. A title that is too long stays as it is, and is refused."""
    if product.text is not None and len(product.text) > MAX_TEXT:
        product = replace(product, text=product.text[:MAX_TEXT])
    too_long = isinstance(product.title, str) and len(product.title) > MAX_TITLE
    return mask_product(product) if masks and not too_long else product


def model_version(*parts: Extractor | ImplicitValueModel | None) -> str:
    """The extractor's version, with that of the implicit-value model behind a dash where there is one."""
    return "-".join(part.version for part in parts if part is not None)


def _one_each(nil: Sequence[Nil]) -> tuple[Nil, ...]:
    """The likeliest of each span."""
    best = {one.span: one for one in sorted(nil, key=lambda one: one.probability)}
    return tuple(one for one in nil if best[one.span] is one)


def _text(product: Product, span: Span) -> str:
    return product.title if span.field == "title" else product.text or ""


def _tagging(outcome: Tagging | InputError) -> Tagging:
    if isinstance(outcome, InputError):
        raise outcome
    return outcome


def _as_labelled(candidate: CandidateTag) -> CandidateTag:
    """In a language without labels only what stands there as a label has it is a tag."""
    meant = (
        candidate.rule is not None or candidate.method == "given" or (candidate.method == "exact" and candidate.span)
    )
    return candidate if meant else replace(candidate, rule="unsupported_language")


def _as_given(tagging: Tagging, product: Product) -> Tagging:
    """With surfaces as they stand in the product, which was cleaned before it was read."""

    def tag(one: Tag) -> Tag:
        return one if one.span is None else replace(one, surface=product.cut(one.span))

    return replace(
        tagging,
        tags=tuple(map(tag, tagging.tags)),
        dropped=tuple(replace(dropped, tag=tag(dropped.tag)) for dropped in tagging.dropped),
        nil=tuple(replace(nil, surface=product.cut(nil.span)) for nil in tagging.nil),
    )


def _best(categories: Sequence[CandidateTag]) -> str | None:
    """The category in whose context mentions are linked."""
    meant = (candidate for candidate in categories if candidate.rule is None)
    best = max(meant, key=lambda c: (c.method == "given", c.probability), default=None)
    return best.concept if best is not None else None
