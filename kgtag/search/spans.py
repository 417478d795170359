"""Where a query names concepts: labels, and words that are nearly labels; and the words that are left."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from rapidfuzz.distance import OSA

from graph.labels import CJK, CJK_CLASS, folded_form, normal_form
from graph.labels import words as label_words
from graph.model import KINDS
from graph.taxonomy import Taxonomy
from kgtag.extract.dictionary import LabelFinder
from kgtag.extract.scope import Topic
from kgtag.link.candidates.label_table import LabelTable
from kgtag.search.amounts import Amount, find_amounts
from kgtag.types import Linker, Query, Rule, Span

_WORD = re.compile(rf"(?:(?!的)[{CJK_CLASS}])+|[^\W_{CJK_CLASS}]+(?:['’.+&][^\W_{CJK_CLASS}]+)*")
FUNCTION = re.compile(
    r"and|or|with|for|in|of|by|from|on|plus|to|the|an?|your|my|that|which|is|are|no|not|without|w|o|minus|except|"
    r"excluding|but|non|und|oder|mit|für|ohne|der|die|das|et|avec|pour|sans|de|la|le|les|s",
    re.IGNORECASE,
)
"""Words that a remainder leaves out."""
_CJK_EDGES = re.compile(
    r"^(?:不要|不想要|别要|不含有?|不带|没有|适合|适用于?|给|用|的|和|与|或|带|有|买|想要|一[个双件条款])+|"
    r"(?:的|款|用|专用|们)+$"
)
_NEGATORS = re.compile(r"(?:不是|不|非|无|没|除了|除|以外|之外)+")
EITHER_WAY = re.compile("有没有|是不是|有无|能不能|可不可以|是否有?")
"""Questions, which deny nothing."""
_WISHES = re.compile(r"不想要|不要|别要|除了|不是|除(?=[^了]{1,12}?(?:以外|之外))")
"""Written as the negations that titles use, which are as long."""
_HANDY = re.compile(r"免(?=[洗烫熨打安])")
"""Of words that deny nothing a product has, as "免洗"."""
_DENIAL = re.compile(r"^(?:不含有?|不带|不是|没有?|无|非|零)(?=.)")
_MINUS = re.compile(r"(?<!\S)-(?=[^\W\d_])")
_MILD = re.compile(
    r"(?:\b(?:that|which)\s+(?:is|are)\s+)?\bnot\s+(?:too|so|that|very|overly)\s+[^\W\d_]+|\b100\s?%"
    rf"|(?:不|不要|别|不能|不想要)太[{CJK_CLASS}]{{1,2}}(?=的|\s|$)",
    re.IGNORECASE,
)
"""Wishes of a degree, which no tag has; they neither exclude nor require a word."""
_LONGEST_RUN = 4
_RUNS = 8
"""Runs of words that the linker is asked about."""
_MORE, _PARTIAL = 2, 0.9
_TYPO = 5
"""Letters of a word from which on it may be misspelt."""
_LIKELY = 0.2
"""Least probability of what a misspelt word means: "dairy" is not "daily"."""

_BEFORE_NOUN, _SINGULAR = 0.7, 0.4
"""What the head counts for when an unknown word follows it, and where it is no plural: "shoe horn" names no shoe."""
GENERIC = re.compile(
    r"sale|deals?|offers?|online|cheap|best|new|sets?|kits?|gifts?|store|shop|reviews?|price|"
    r"便宜|特价|促销|新款|推荐|礼物|好用|热卖|正品|包邮",
    re.I,
)
"""Words after a head that do not change what it is."""


@dataclass(slots=True)
class Draft:
    """A span while the query is being read: the concepts that it may name, each with the linker's probability."""

    span: Span
    concepts: dict[str, float] = field(default_factory=dict)
    amount: Amount | None = None
    rule: Rule | None = None
    fuzzy: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A word, or run of CJK characters, outside all spans."""

    span: Span
    text: str


class SpanFinder:
    """Finds spans against the labels of one snapshot."""

    def __init__(self, taxonomy: Taxonomy, table: LabelTable, linker: Linker, topics: dict[str, Topic]) -> None:
        self._taxonomy = taxonomy
        self._table = table
        self._linker = linker
        self._topics = topics
        self._finders = [LabelFinder(table, kind) for kind in KINDS]

    def find(self, text: str, lang: str | None) -> list[Draft]:
        """The spans of a clean query, left to right, without overlap. A label wins over an amount inside of it, and an
        amount over labels inside of it, which it keeps if they are its own ("size XL")."""
        found: dict[Span, set[str]] = {}
        for finder in self._finders:
            for span, named in finder.find(text):
                found.setdefault(span, set()).update(named)
        amounts = {amount.span: amount for amount in find_amounts(text)}
        drafts: list[Draft] = []
        for span in sorted({*found, *amounts}, key=lambda one: (one.start - one.end, one.start)):
            if any(one.span.start < span.end and span.start < one.span.end for one in drafts):
                continue
            ids = found.get(span, set()) or self._inside(span, found, amounts[span])
            drafts.append(Draft(span, dict.fromkeys(sorted(ids), 0.0), amounts.get(span)))
        drafts.sort(key=lambda one: one.span)
        self._link([draft for draft in drafts if draft.concepts], text, lang)
        drafts = [draft for draft in drafts if not self._part_of_word(draft, text, drafts)]
        return self._with_misspelt(text, self._with_partial(text, drafts), lang)

    def _inside(self, span: Span, found: dict[Span, set[str]], amount: Amount) -> set[str]:
        """Values of sizes and quantities that a label within the amount's span names; not where it is a bound."""
        if amount.type == "price" or amount.bounded:
            return set()
        inner = (ids for one, ids in found.items() if span.start <= one.start and one.end <= span.end)
        return {id for ids in inner for id in ids if self._taxonomy[id].kind == "value"}

    def _link(self, drafts: Sequence[Draft], text: str, lang: str | None) -> None:
        """Fill in the linker's probabilities; what it does not list is as doubtful as its last candidate."""
        surfaces = [text[one.span.start : one.span.end] for one in drafts]
        for draft, linked in zip(drafts, self._linker.link([Query(s, lang=lang) for s in surfaces]), strict=True):
            probable = {one.concept: one.probability for one in linked.candidates}
            least = min(probable.values(), default=0.5)
            draft.concepts = {id: probable.get(id, least) for id in draft.concepts}

    def _part_of_word(self, draft: Draft, text: str, drafts: Sequence[Draft]) -> bool:
        """Whether a label of one character is most likely a part of a longer Chinese word ("轻" in "年轻人")."""
        span = draft.span
        if span.end - span.start > 1 or not CJK.match(text, span.start):
            return False
        if any(self._topics.get(self._taxonomy.attribute_of(id) or "") == "purpose" for id in draft.concepts):
            return False
        taken = {at for one in drafts if one is not draft for at in range(one.span.start, one.span.end)}
        beside = (at for at in (span.start - 1, span.end) if 0 <= at < len(text) and at not in taken)
        return any(CJK.match(text, at) and text[at] != "的" for at in beside)

    def _with_partial(self, text: str, drafts: list[Draft]) -> list[Draft]:
        """With runs of words that are most of a category's label and end like it, as "baby car seat" of "Baby & Toddler
        Car Seats". They take the place of labels inside of them."""
        categories = [one for one in drafts if one.amount is None and self._is_category(one)]
        words = [*left(text, drafts), *(Word(one.span, text[one.span.start : one.span.end]) for one in categories)]
        taken: list[Span] = []
        for run in _runs(sorted((word for word in words if word.text.isascii()), key=lambda word: word.span)):
            span = Span(run[0].span.start, run[-1].span.end)
            asked = tuple(one.folded for one in label_words(text[span.start : span.end]))
            if len(run) < 2 or any(one.start < span.end and span.start < one.end for one in taken):
                continue
            if found := self._containing(asked):
                taken.append(span)
                drafts = [one for one in drafts if one.span.end <= span.start or span.end <= one.span.start]
                drafts.append(Draft(span, found))
        return sorted(drafts, key=lambda one: one.span)

    def _is_category(self, draft: Draft) -> bool:
        return all(self._taxonomy[id].kind == "category" for id in draft.concepts)

    def _containing(self, asked: tuple[str, ...]) -> dict[str, float]:
        """Categories with a label of few more words than these, the same last; the fewer, the more probable."""
        texts = set.intersection(*(self._by_word.get(word, set()) for word in set(asked)))
        found: dict[str, float] = {}
        for text in texts:
            words = [one.folded for one in label_words(self._table.texts[text]) if not FUNCTION.fullmatch(one.folded)]
            more = len(set(words)) - len(set(asked))
            if 0 < more <= _MORE and words[-1] == asked[-1]:
                for at in self._table.concepts_of([text]):
                    found[self._taxonomy.ids[at]] = _PARTIAL * len(set(asked)) / len(set(words))
        best = max(found.values(), default=0.0)
        return {id: probability for id, probability in sorted(found.items()) if probability == best}

    @cached_property
    def _by_word(self) -> dict[str, set[int]]:
        """Numbers of the texts of categories that have a word, by its folded form."""
        found: dict[str, set[int]] = {}
        table = self._table
        for number in np.unique(table.rows.text[table.is_category[table.rows.concept]]).tolist():
            for word in label_words(table.texts[number]):
                found.setdefault(word.folded, set()).add(number)
        return found

    def warm(self) -> None:
        """Build now what the first query would wait for."""
        _ = self._by_word

    def _with_misspelt(self, text: str, drafts: list[Draft], lang: str | None) -> list[Draft]:
        """With words that are labels but for a letter or two."""
        runs = [run for run in _runs(left(text, drafts)) if any(self._unknown(word.text) for word in run)][:_RUNS]
        spans = [Span(run[0].span.start, run[-1].span.end) for run in runs]
        surfaces = [text[span.start : span.end] for span in spans]
        taken: list[Draft] = []
        answers = self._linker.link([Query(surface, lang=lang) for surface in surfaces]) if surfaces else []
        for span, surface, linked in zip(spans, surfaces, answers, strict=True):
            if any(one.span.start < span.end and span.start < one.span.end for one in taken):
                continue
            near = {one.concept: one.probability for one in linked.candidates if self._misspells(surface, one.concept)}
            if max(near.values(), default=0.0) >= _LIKELY:
                taken.append(Draft(span, near, fuzzy=True))
        return sorted([*drafts, *taken], key=lambda one: one.span)

    def _unknown(self, word: str) -> bool:
        """Whether a word may be misspelt: long enough, without digits, and no label begins so."""
        folded = folded_form(normal_form(word))
        return len(word) >= _TYPO and word.isalpha() and not self._table.begins(folded)

    def _misspells(self, surface: str, id: str) -> bool:
        folded = folded_form(normal_form(surface))
        most = 1 if len(folded) < 2 * _TYPO else 2
        labels = (folded_form(normal_form(text)) for text, _, _ in self._taxonomy[id].labels())
        return any(
            label[:1] == folded[:1] and OSA.distance(folded, label, score_cutoff=most) <= most
            for label in labels
            if len(label) >= _TYPO - 1
        )


def without_denial(word: str) -> str:
    """A denied word without what denies it: "糖" of "无糖". Empty for a word that has no meaning without ("免洗")."""
    return "" if re.match("[免未不](?!含|带|是)", word) else _DENIAL.sub("", word)


def without_mild(text: str) -> tuple[str, list[str]]:
    """The query with wishes of a degree ("not too heavy", "100%") blanked out, of the same length, and the wishes."""
    return _MILD.sub(lambda match: " " * len(match.group()), text), [one.strip() for one in _MILD.findall(text)]


def as_titles_write(text: str) -> str:
    """The query with wishes as titles have them, character for character: "不要" as "不含", "-wool" as "–wool"."""
    text = _HANDY.sub("快", EITHER_WAY.sub(lambda match: " " * len(match.group()), text))
    return _WISHES.sub(lambda match: "非" if match.group() == "除" else "不含" + "有" * (len(match.group()) - 2), text)


def excluded_by_minus(text: str) -> set[int]:
    """Where a word begins that a minus excludes, as search engines read "socks -wool"."""
    return {match.end() for match in _MINUS.finditer(text)}


def is_cue(text: str, word: Word, denied: set[Span]) -> bool:
    """Whether the word is the "free" of "gluten free"; `denied`: what the query excludes."""
    before = (text[span.end : word.span.start] for span in denied if span.end <= word.span.start)
    return word.text.lower() in ("free", "frei") and any(not between.strip(" -") for between in before)


def head_weight(text: str, head: Span, words: Sequence[Word]) -> float:
    """Less than 1 where an unknown word comes right after the head, in one phrase and without digits."""
    after = next((word for word in words if word.span.start >= head.end), None)
    if after is None or CJK.search(text) or GENERIC.fullmatch(after.text) or not after.text.isalpha():
        return 1.0
    if text[head.end : after.span.start] != " ":
        return 1.0
    return _BEFORE_NOUN if text[head.end - 1] in "sS" else _SINGULAR


def left(text: str, drafts: Sequence[Draft]) -> list[Word]:
    """The words outside the spans, function words left out; of runs of CJK characters without cues at their edges."""
    found = []
    gaps = zip((0, *(one.span.end for one in drafts)), (*(one.span.start for one in drafts), len(text)), strict=True)
    for start, end in gaps:
        for match in _WORD.finditer(text, start, end):
            first, last = match.span()
            if CJK.match(match.group()):
                head = _CJK_EDGES.match(text[first:last])
                first += head.end() if head and head.end() else 0
                tail = re.search(r"(?:的|款|用|专用|们)+$", text[first:last])
                last -= len(tail.group()) if tail else 0
                if _NEGATORS.fullmatch(text, first, last):
                    continue
            elif FUNCTION.fullmatch(match.group()):
                continue
            if first < last:
                found.append(Word(Span(first, last), text[first:last]))
    return found


def _runs(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Runs of neighbouring words, longest first."""
    for length in range(min(_LONGEST_RUN, len(words)), 0, -1):
        for start in range(len(words) - length + 1):
            run = list(words[start : start + length])
            if all(two.span.start - one.span.end == 1 for one, two in pairwise(run)):
                yield run
