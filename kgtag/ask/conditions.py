"""Conditions that a question puts on items, read by the parser of search queries, and whether an item meets them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from graph.errors import TextError
from graph.labels import CJK, CJK_CLASS, folded_form, normal_form
from graph.taxonomy import Taxonomy
from kgtag.ask.shelf import Fact, Facts
from kgtag.recommend.cooccurrence import CoOccurrence, has_one_value
from kgtag.search.amounts import Amount, find_amounts
from kgtag.search.parsed import DENIED
from kgtag.search.query import QueryParser
from kgtag.search.spans import EITHER_WAY

_ASKING = re.compile(
    # wh-words, auxiliaries, pronouns
    r"which|what|what[’']s|who|whose|whom|where|how|when|why|is|are|am|was|were|be|being|been|do|does|did|done|can|could|will|"
    r"would|should|might|may|have|has|had|having|got|get|gets|getting|i|i[’'](?:m|d|ve)|me|my|we|us|our|you|your|it|its|it[’']s|"
    r"they|them|their|this|that|that[’']s|these|those|there|here|one|ones|some|any|all|every|each|either|both|"
    # function words
    r"a|an|the|of|for|in|on|at|to|from|by|with|as|and|or|but|so|than|if|whether|about|among|across|within|under|into|too|also|"
    r"only|just|else|not|please|kindly|thanks|hi|hello|s|yes|no|ok|"
    # goods in general, and what one does with them
    r"items?|products?|goods|things?|something|anything|everything|articles?|offers?|stock|shop|store|catalogue|catalog|range|"
    r"assortment|come|comes|coming|made|make|sell|sold|buy|carry|keep|available|exists?|existing|cost|costs?|priced?|"
    # asking
    r"show|list|listed|find|give|given|name|named|called|tell|know|known|say|says|said|see|check|confirm|look|looking|up|search|"
    r"searching|want|wanted|need|needed|like|wonder|wondering|interested|after|true|right|correct|really|actually|exactly|"
    r"currently|recorded|tagged|labelled|labeled|marked|stated|states?|mentioned|specified|described|registered|noted|entered|"
    r"happen|details?|information|info|value|values|attributes?|property|properties|field|data|options?|choices?|variants?|"
    r"different|various|possible|display|pull|fetch|return|report|total|number|count|overall|altogether|"
    r"sure|let|whatever|whichever|someone|somebody|anybody|everybody|customers?|clients?|claims?|claimed|remind|asks?|asked|"
    r"asking|questions?|equals?|insists?|describe|regarding|concerning|since|because|though|however|still|yet|maybe|perhaps|"
    r"probably|certainly|surely|instead|suitable|intended|meant|suit|suits|well|kinds?|types?|sorts?|considered|counts?|counted|classed|regarded",
    re.I,
)
"""Words of a question that name nothing."""
_ASKING_ZH = (
    r"(?:哪些|哪款|哪种|哪个|什么|多少|有没有|商品|产品|东西|是不是|是否|可以|推荐|你们|我们|店里|这里|一共|总共|价格|价钱|而且|并且|同时|但是|"
    r"还有|以及|请问|麻烦|查一下|查|看|帮我|帮|告诉|知道|想要|需要|列出|显示|所有|全部|属于|标注|记录|一下|怎么样|怎样|如何|哪里|"
    r"有|的|款|是|我|想|要|买|找|和|与|且|个|们|卖|里|都|还|能|吗|呢|啊|又|也|但|不|用|做|件|双|种|带|适合|一|在|给|了|色|只|条|元|块|"
    r"请|为|它|这|那|您|你|写|上|呀|吧|对|其|被|说|到|得|地)+"
)
_DENIES = re.compile(
    r"\b(?:not|no|none|never|nothing|without|except|excluding|neither|nor|lacks?|cannot)\b|n[’']t\b"
    r"|没|不|无|未|别|除[了外]",
    re.I,
)
_ALL = re.compile(r"\b(?:all|every|each|both)\b|所有|全部|每[一个件款双]|都", re.I)
_OF_MANY = re.compile(
    r"features?|functions?|benefits?|propert\w+|claims?|certificat\w+|ingredients?|occasions?|uses?|compatib\w+|styles?"
    r"|特点|特性|功能|用途|场合|成分|适用|认证|风格",
    re.I,
)
"""Names of attributes whose values go together, though titles mostly state one: silence denies nothing."""
_CACHED = 500
_TRIED = 60
"""Parts of a text that are looked up."""
_AROUND = " \t,.;:?!\"'“”()[]<>-–—…，。？！、：；（）"


@dataclass(frozen=True, slots=True)
class Condition:
    """A concept (any of several, where a label names several), or an amount; `denied` where it is excluded."""

    text: str
    concepts: tuple[str, ...] = ()
    amount: Amount | None = None
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an item meets a condition: None where nothing says; and what says so."""

    holds: bool | None
    facts: tuple[Fact, ...] = ()
    rejected: str | None = None


class ConditionReader:
    """Reads conditions against one snapshot, and compares items with them."""

    def __init__(self, taxonomy: Taxonomy, parser: QueryParser, counted: CoOccurrence) -> None:
        self._taxonomy, self._parser, self._counted = taxonomy, parser, counted
        self.read = lru_cache(maxsize=_CACHED)(self._read)

    def _read(self, text: str) -> tuple[Sequence[Condition], Sequence[str]]:
        """The conditions of a description, and the words that name nothing known."""
        text = EITHER_WAY.sub(" ", text)
        if (exact := self.exact(self.core(text))) is not None:
            return [exact], []
        try:
            parsed = self._parser.parse(text[:300])
        except TextError:
            return [], [text] if text else []
        found, unknown, end = list[Condition](), list[str](), 0
        for span in parsed.spans:
            if _ASKING.fullmatch(span.surface):  # "can" of "can I get", where there are cans
                continue
            if span.concepts and (span.rule is None or span.rule in DENIED):
                concepts: tuple[str, ...] = (span.concepts[0].concept,)
                between, surface = text[end : span.start], span.surface
                if found and found[-1].denied == span.negated and self._either(between, found[-1], concepts[0]):
                    before = found.pop()
                    concepts, surface = (*before.concepts, *concepts), f"{before.text}{between}{surface}"
                found.append(Condition(surface, concepts, denied=span.negated))
            elif span.amount is not None and not span.concepts:
                found.append(Condition(span.surface, amount=span.amount))
            else:
                unknown.append(span.surface)
            end = span.end
        unknown += [left for word in parsed.remainder.split() if (left := _without_asking(word))]
        homes = {self._taxonomy.attribute_of(id) for one in found for id in one.concepts}
        return [one for one in found if not homes.intersection(one.concepts)], unknown  # "color red", "made of wool"

    def _either(self, between: str, before: Condition, concept: str) -> bool:
        """Whether two concepts are alternatives: of one attribute, with "or" between them."""
        homes = {self._taxonomy.attribute_of(id) for id in (*before.concepts, concept)} if before.concepts else ()
        return len(homes) == 1 and between.strip(" ,，、").lower() in ("or", "或", "或者", "或是", "and/or")

    def core(self, text: str, attributes: Sequence[str] | None = None) -> str:
        """The text without words of the question, and marks, at either end: the longest part that is a label (of a
        value of the attributes), else without all of them."""
        words = [part for word in text.split() for part in _parts(word)]
        first = next((i for i, word in enumerate(words) if _without_asking(word)), len(words))
        last = next((i for i, word in enumerate(reversed(words)) if _without_asking(word)), len(words))
        ends = [(a, b) for a in range(first + 1) for b in range(last + 1) if a + b < len(words)]
        for a, b in sorted(ends, key=lambda one: (sum(one), one))[:_TRIED]:
            part = _joined(words[a : len(words) - b])
            if any(self.exact(part, one) for one in (attributes or (None,))):
                return part
        return _joined(words[first : len(words) - last])

    def exact(self, text: str, attribute: str | None = None) -> Condition | None:
        """The condition of a label, or of a value of the attribute written otherwise."""
        taxonomy = self._taxonomy
        if not (form := folded_form(normal_form(text))):
            return None
        ids = [id for id in taxonomy.lookup(text) if taxonomy[id].status != "deprecated"]
        if attribute == "category":
            ids = [id for id in ids if taxonomy[id].kind == "category"]
        elif attribute is not None:
            ids = [id for id in ids if taxonomy.attribute_of(id) == attribute] or [
                id for id in taxonomy.values_of(attribute)
                if any(folded_form(normal_form(label)) == form for label, _, _ in taxonomy[id].labels())
            ]  # fmt: skip
        return Condition(text, tuple(ids)) if ids else None

    def check(self, item: Facts, condition: Condition) -> Verdict:
        """Three values: another value of an attribute of which items have one is a no, silence is not."""
        if condition.amount is not None:
            return self._amount(item, condition.amount)
        verdicts = [self._concept(item, id) for id in condition.concepts]
        verdicts.sort(key=lambda one: (one.holds is not True, one.holds is None))
        best = verdicts[0] if verdicts else Verdict(None)
        if not condition.denied or best.holds is None:
            return best
        return replace(best, holds=not best.holds)

    def mention(self, item: Facts, text: str) -> Verdict:
        """Whether the item has a mention of these words that no concept stands for."""
        form = folded_form(normal_form(text))
        facts = tuple(
            one for one in item.accepted if one.concept is None and folded_form(normal_form(one.text)) == form
        )
        return Verdict(True if facts and form else None, facts)

    def _concept(self, item: Facts, id: str) -> Verdict:
        taxonomy = self._taxonomy
        id = taxonomy.resolve(id)
        kind = taxonomy[id].kind
        if kind == "attribute":
            facts = item.of(id)
            return Verdict(True if facts else None, tuple(facts))
        tagged = [one for one in item.accepted if one.concept is not None]
        if facts := [one for one in tagged if one.concept == id or taxonomy.is_ancestor(id, str(one.concept))]:
            return Verdict(True, tuple(facts))
        if id in item.rejected:
            return Verdict(False, rejected=id)
        if against := [one for one in tagged if taxonomy.excluded(id, str(one.concept))]:
            return Verdict(False, tuple(against))
        home = "category" if kind == "category" else taxonomy.attribute_of(id)
        others = item.of(home) if home is not None else []
        single = kind == "category" or (home is not None and self._has_one(home))
        unsure = any(one.concept is None or taxonomy.is_ancestor(one.concept, id) for one in others)
        return Verdict(False, tuple(others)) if others and single and not unsure else Verdict(None)

    def _has_one(self, attribute: str) -> bool:
        """Whether another value of the attribute is a no."""
        concept = self._taxonomy[attribute]
        named = any(_OF_MANY.search(label) for label, _, _ in concept.labels())
        return concept.choice == "single" or (not named and has_one_value(self._taxonomy, attribute, self._counted))

    def _amount(self, item: Facts, wanted: Amount) -> Verdict:
        within, outside = list[Fact](), list[Fact]()
        for fact in item.accepted:
            for one in find_amounts(fact.text) or _bare_size(fact, wanted):
                if one.type == wanted.type and one.dimension == wanted.dimension and _same_unit(one, wanted):
                    (within if _meets(one, wanted) else outside).append(fact)
        return Verdict(True, tuple(within)) if within else Verdict(False if outside else None, tuple(outside))


def overlooks_denial(question: str, conditions: Sequence[Condition]) -> bool:
    """Whether a question denies something and none of its conditions does."""
    if any(one.denied for one in conditions):
        return False
    rest = EITHER_WAY.sub(" ", question)
    for one in sorted(conditions, key=lambda one: -len(one.text)):
        rest = rest.replace(one.text, " ")
    return _DENIES.search(rest) is not None


def asks_of_all(question: str) -> bool:
    """Whether a question asks for every item, and not for any."""
    return _ALL.search(question) is not None


def _parts(word: str) -> list[str]:
    """A word; a run of Chinese in the words of the question at its ends, and the rest."""
    if not CJK.search(word):
        return [word]
    return [
        part
        for part in re.split(rf"(^{_ASKING_ZH}|{_ASKING_ZH}$|(?<=[!-~]){_ASKING_ZH}|{_ASKING_ZH}(?=[!-~]))", word)
        if part
    ]


def _joined(words: Sequence[str]) -> str:
    text = " ".join(words).strip(_AROUND)
    return re.sub(rf"(?<=[{CJK_CLASS}]) (?=[{CJK_CLASS}])", "", text) if CJK.search(text) else text


def _without_asking(word: str) -> str:
    """What is left of a word, or run of Chinese, without what belongs to the question."""
    word = word.strip(_AROUND)
    if _ASKING.fullmatch(word):
        return ""
    word = re.sub(f"^{_ASKING_ZH}", "", word)
    return re.sub(f"{_ASKING_ZH}$", "", word)


def _bare_size(fact: Fact, wanted: Amount) -> Sequence[Amount]:
    """A size without the word "size": the value of an attribute called so."""
    if wanted.type != "size" or not re.fullmatch(r"\d{1,3}(?:\.5)?|[XSML]{1,4}|\dXL", fact.text.strip(), re.I):
        return ()
    return (replace(wanted, text=fact.text.strip().upper(), low=None, high=None),)


def _same_unit(one: Amount, wanted: Amount) -> bool:
    return one.unit == wanted.unit or (wanted.type == "price" and (wanted.unit is None or one.unit is None))


def _meets(one: Amount, wanted: Amount) -> bool:
    if wanted.type == "size":
        return one.text == wanted.text
    amount = (one.low or 0.0) if one.bounded or one.type != "price" else _middle(one)
    return (wanted.low is None or amount >= wanted.low) and (wanted.high is None or amount <= wanted.high)


def _middle(one: Amount) -> float:
    """The price itself, of the range around it."""
    return ((one.low or 0.0) + (one.high or 0.0)) / 2
