"""Precision, recall and F1 of an extractor, and its mistakes by kind and attribute.

Strict spans count, or values per (product, attribute) as ExtractGPT counts.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from kgtag.data.annotated import locate
from kgtag.extract.implicit import ImplicitValueModel, with_inferred
from kgtag.normalise import Normaliser
from kgtag.text import clean_product, document, document_span
from kgtag.types import AnnotatedProduct, Extraction, Extractor, Mention, Product, Span

Protocol = Literal["spans", "extractgpt"]
LabelledSpan = tuple[int, int, str]
"""start, end (half-open characters), attribute."""
_BATCH = 256
_NOWHERE = Span(0, 0)
Kind = Literal["wrong boundary", "wrong attribute", "wrong value", "invented", "missed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The predicted value overlaps gold of its attribute; is gold of another attribute; stands elsewhere, while gold has a
value of the attribute; has no counterpart in gold. `missed`: gold without a prediction."""
_AROUND = 40
"""Characters of context on either side."""


def rates(correct: float, predicted: float, gold: float) -> dict[str, float]:
    """Rates of so many correct among the predicted and the gold; 0 where the divisor is."""
    return {
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / gold if gold else 0.0,
        "f1": 2 * correct / (predicted + gold) if predicted + gold else 0.0,
    }


def evaluate_extractor(extractor: Extractor, data: Sequence[AnnotatedProduct], *, protocol: Protocol) -> dict[str, Any]:
    """Extract from annotated products, with their category, and compare, as `kgtag evaluate extractor` answers."""
    return evaluate_extractions(data, extract_all(extractor, data), protocol=protocol)


def extract_all(extractor: Extractor, data: Sequence[AnnotatedProduct]) -> list[Extraction]:
    """One extraction per product, in order; the category is given."""
    products = [clean_product(item.product) for item in data]
    batches = (products[start : start + _BATCH] for start in range(0, len(products), _BATCH))
    return [extraction for batch in batches for extraction in extractor.extract(batch)]


def evaluate_extractions(
    data: Sequence[AnnotatedProduct], predicted: Sequence[Extraction], *, protocol: Protocol
) -> dict[str, Any]:
    """`evaluate_extractor` for finished extractions, one per product."""
    data, predicted = as_documents(data, predicted)
    if protocol == "spans":
        gold = [{(span.start, span.end, name) for name, span in item.spans} for item in data]
        found = [{(m.span.start, m.span.end, m.attribute) for m in extraction.mentions} for extraction in predicted]
        return evaluate_spans(gold, found)
    return evaluate_extractgpt(data, [best_values(extraction.mentions) for extraction in predicted])


def evaluate_spans(gold: Sequence[Iterable[LabelledSpan]], found: Sequence[Iterable[LabelledSpan]]) -> dict[str, Any]:
    """Strict: a predicted span is correct when start, end and label equal a gold span's."""
    correct, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for want, have in ((set(want), set(have)) for want, have in zip(gold, found, strict=True)):
        correct.update(label for _, _, label in want & have)
        wrong.update(label for _, _, label in have - want)
        missed.update(label for _, _, label in want - have)
    return {"n": len(gold), **_summary(correct, wrong, missed), "protocol": "strict spans"}


def evaluate_extractgpt(data: Sequence[AnnotatedProduct], predicted: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """One value per (product, attribute). `predicted`: attribute → value, for each product.

    VC correct (any of the gold values), VW wrong, NV a value where gold is absent, VN none where gold has one;
    precision = VC / (VC + VW + NV), recall = VC / (VC + VW + VN). Only attributes that gold lists count; in `strict`
    every predicted attribute that gold leaves out is an NV too.
    """
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    inventions: Counter[str] = Counter()
    for item, values in zip(data, predicted, strict=True):
        for name, gold in item.attributes.items():
            outcomes[name][_outcome(gold, values.get(name))] += 1
        inventions.update(name for name in values if name not in item.attributes)
    correct = Counter({name: found["VC"] for name, found in outcomes.items()})
    wrong = Counter({name: found["VW"] + found["NV"] for name, found in outcomes.items()})
    missed = Counter({name: found["VW"] + found["VN"] for name, found in outcomes.items()})
    strict = _summary(correct, wrong + inventions, missed)
    counts = {kind: sum(found[kind] for found in outcomes.values()) for kind in ("VC", "VW", "NV", "VN", "NN")}
    return {
        "n": len(data), **_summary(correct, wrong, missed), "counts": counts,
        "strict": {"micro": strict["micro"], "macro": strict["macro"]}, "protocol": "extractgpt",
    }  # fmt: skip


def best_values(mentions: Sequence[Mention]) -> dict[str, str]:
    """One value per attribute; see `best_mentions`."""
    return {name: mention.surface for name, mention in best_mentions(mentions).items()}


def best_mentions(mentions: Sequence[Mention]) -> dict[str, Mention]:
    """The most probable surface of each attribute, by its most probable mention. Mentions of one surface add up: it is
    wrong only when all of them are. Ties go to the first in the document."""
    ordered = sorted(mentions, key=lambda m: m.span.place)
    wrong: dict[str, dict[str, float]] = defaultdict(dict)
    for mention in ordered:
        of_surface = wrong[mention.attribute]
        of_surface[mention.surface] = of_surface.get(mention.surface, 1.0) * (1 - mention.probability)
    best = {name: min(of_surface, key=lambda s: of_surface[s]) for name, of_surface in wrong.items()}
    return {
        name: max((m for m in ordered if (m.attribute, m.surface) == (name, surface)), key=lambda m: m.probability)
        for name, surface in best.items()
    }


def as_documents(
    data: Sequence[AnnotatedProduct], predicted: Sequence[Extraction]
) -> tuple[list[AnnotatedProduct], list[Extraction]]:
    """The products with their document (title and text) as the title, and all spans as offsets into it."""
    gold, moved = [], []
    for one, extraction in zip(data, predicted, strict=True):
        length = len(one.product.title)
        product = replace(one.product, title=document(one.product.title, one.product.text), text=None)
        spans = tuple((name, document_span(span, length)) for name, span in one.spans)
        gold.append(replace(one, product=product, spans=spans))
        mentions = tuple(replace(mention, span=document_span(mention.span, length)) for mention in extraction.mentions)
        moved.append(replace(extraction, mentions=mentions))
    return gold, moved


def _outcome(gold: Sequence[str], value: str | None) -> str:
    wanted = {one.strip() for one in gold if one != "n/a"}
    if value is None:
        return "VN" if wanted else "NN"
    if not wanted:
        return "NV"
    return "VC" if value.strip() in wanted else "VW"


def _summary(correct: Counter[str], wrong: Counter[str], missed: Counter[str]) -> dict[str, Any]:
    predicted, gold = correct + wrong, correct + missed
    labels = {name: rates(correct[name], predicted[name], gold[name]) for name in sorted(predicted | gold)}
    micro = rates(correct.total(), predicted.total(), gold.total())
    macro = {rate: sum(found[rate] for found in labels.values()) / max(len(labels), 1) for rate in micro}
    per_label = {name: {**found, "support": gold[name]} for name, found in labels.items()}
    return {"micro": micro, "macro": macro, "per_label": per_label}


class ValueExtractor(Extractor):
    """An extractor whose mentions hold values: their `surface` may differ from the text of their span. A `normaliser`
    replaces surfaces that `extractor` finds; `implicit` adds values, on an empty span, to attributes without any."""

    def __init__(
        self, extractor: Extractor, *, normaliser: Normaliser | None = None, implicit: ImplicitValueModel | None = None
    ) -> None:
        self._extractor, self._normaliser, self._implicit = extractor, normaliser, implicit

    @property
    def version(self) -> str:
        return self._extractor.version

    @property
    def attributes(self) -> tuple[str, ...]:
        return self._extractor.attributes

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        found = self._extractor.extract(products)
        if self._implicit is not None:
            found = with_inferred(found, products, self._implicit)
        return [self._with_values(product, extraction) for product, extraction in zip(products, found, strict=True)]

    def _with_values(self, product: Product, extraction: Extraction) -> Extraction:
        mentions = extraction.mentions
        if self._normaliser is not None:
            apply = self._normaliser.apply
            mentions = tuple(
                replace(m, surface=apply(m.surface, attribute=m.attribute, category=product.category)) for m in mentions
            )
        inferred = (Mention(_NOWHERE, one.value, one.attribute, one.probability) for one in extraction.inferred)
        return replace(extraction, mentions=(*mentions, *inferred))


@dataclass(frozen=True, slots=True)
class Mistake:
    """`predicted` and `gold` are None where there is none; `probability` is 0 for what was missed. `context` is the
    text around, with the prediction in [ ] and gold in { }."""

    kind: Kind
    attribute: str
    product: str
    predicted: str | None
    gold: str | None
    probability: float
    context: str


def mistakes(
    data: Sequence[AnnotatedProduct], predicted: Sequence[Extraction], *, protocol: Protocol
) -> Iterator[Mistake]:
    """The mistakes in the order of the products. In the ExtractGPT protocol the most probable value of each attribute
    that gold lists counts, wherever it stands."""
    for one, extraction in zip(data, predicted, strict=True):
        gold = list(one.spans)
        chosen: Sequence[Mention] = extraction.mentions
        if protocol == "extractgpt":
            placed = {name for name, _ in gold}
            rest = {name: values for name, values in one.attributes.items() if name not in placed}
            gold += locate(one.product.title, rest)
            chosen = [mention for name, mention in sorted(best_mentions(chosen).items()) if name in one.attributes]
        for mention in chosen:
            values = {value.strip() for value in one.attributes.get(mention.attribute, ())}
            same_value = protocol == "extractgpt" and mention.surface.strip() in values
            if (mention.attribute, mention.span) not in gold and not same_value:
                yield _wrong(one, mention, gold)
        yield from _missed(one, gold, {mention.attribute for mention in chosen})


def error_table(found: Sequence[Mistake], *, examples: int = 3) -> dict[str, Any]:
    """Counts `by_kind` and `by_attribute`, most mistakes first, and up to `examples` of each, most probable first."""
    kinds = Counter(one.kind for one in found)
    by_attribute: dict[str, Counter[str]] = {}
    for one in found:
        by_attribute.setdefault(one.attribute, Counter())[one.kind] += 1
    ordered = sorted(by_attribute, key=lambda name: (-by_attribute[name].total(), name))
    shown: list[dict[str, Any]] = []
    for name in ordered:
        for kind in KINDS:
            same = [one for one in found if one.attribute == name and one.kind == kind]
            same.sort(key=lambda one: (-one.probability, one.product, one.context))
            shown += (asdict(one) | {"probability": round(one.probability, 4)} for one in same[:examples])
    return {
        "by_kind": {kind: kinds[kind] for kind in KINDS},
        "by_attribute": {name: {kind: by_attribute[name][kind] for kind in KINDS} for name in ordered},
        "examples": shown,
    }


def _wrong(one: AnnotatedProduct, mention: Mention, gold: Sequence[tuple[str, Span]]) -> Mistake:
    own = [span for name, span in gold if name == mention.attribute]
    touching = [span for span in own if span.start < mention.span.end and mention.span.start < span.end]
    other = [name for name, span in gold if span == mention.span and name != mention.attribute]
    values = [value for value in one.attributes.get(mention.attribute, ()) if value != "n/a"]
    kind: Kind = "invented"
    meant: str | None = None
    title = one.product.title
    if touching:
        kind, meant = "wrong boundary", title[touching[0].start : touching[0].end]
    elif other:
        kind, meant = "wrong attribute", f"{mention.surface} ({other[0]})"
    elif own or values:
        kind, meant = "wrong value", title[own[0].start : own[0].end] if own else values[0]
    context = _context(title, mention.span, next(iter((*touching, *own)), None))
    return Mistake(kind, mention.attribute, one.product.id, mention.surface, meant, mention.probability, context)


def _missed(one: AnnotatedProduct, gold: Sequence[tuple[str, Span]], predicted: set[str]) -> Iterator[Mistake]:
    """The first gold span, else the first value, of each attribute without a prediction."""
    title = one.product.title
    first: dict[str, Span] = {}
    for name, span in gold:
        first.setdefault(name, span)
    for name, span in first.items():
        if name not in predicted:
            surface = title[span.start : span.end]
            yield Mistake("missed", name, one.product.id, None, surface, 0.0, _context(title, None, span))
    for name, values in one.attributes.items():
        if name not in first and name not in predicted and any(value != "n/a" for value in values):
            yield Mistake("missed", name, one.product.id, None, values[0], 0.0, _context(title, None, None))


def _context(title: str, predicted: Span | None, gold: Span | None) -> str:
    """The text around both, cut to _AROUND characters on either side."""
    marks: list[tuple[int, int, str]] = []
    if gold is not None:
        marks += [(gold.start, 1, "{"), (gold.end, -1, "}")]
    if predicted is not None:
        marks += [(predicted.start, 2, "["), (predicted.end, -2, "]")]
    places = [place for place, _, _ in marks] or [_AROUND]
    first, last = max(min(places) - _AROUND, 0), max(places) + _AROUND
    marked = title[:last]
    for place, _, sign in sorted(marks, reverse=True):
        marked = marked[:place] + sign + marked[place:]
    return ("…" if first else "") + marked[first:] + ("…" if last < len(title) else "")
