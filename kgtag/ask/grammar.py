"""What a question may ask: templates of intents with slots, English and Chinese. Resolving the slots decides between them.

Slots: `p` and `q` are items, by title, id or description; `a` an attribute; `v` a value; `pv` an item and a value one
after the other; `c` a concept; `s` a search query.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from graph.labels import CJK

Intent = Literal["difference", "goes_with", "count", "kinds", "value", "has", "items", "concept"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a question: the intent and the texts of its slots."""

    intent: Intent
    slots: dict[str, str]


_POLITE = re.compile(
    r"^(?:(?:hi|hello|hey|please|so|and|ok(?:ay)?)\b[,!]?\s*|(?:can|could|would|will) (?:you|i|anyone) (?:please |kindly )?"
    r"(?:tell me|say|let me know|explain|check|show me|know)\b[,:]?\s*(?:if|whether)?\s*|(?:please )?tell me\b\s*(?:if|whether)?\s*|"
    r"do you (?:happen to )?know\b\s*(?:if|whether)?\s*|i(?:['’]d| would) (?:like|love|want) to know\b\s*(?:if|whether)?\s*|"
    r"i(?:['’]m| am) wondering (?:if|whether)?\s*|i wonder (?:if|whether)?\s*|(?:any idea|just curious)\b[,:]?\s*)+"
    r"|^(?:请问|你好|您好|麻烦|请|帮我看看|帮我查一下|帮我|我想知道|想知道|想问一下|问一下|能告诉我|告诉我|[，,]|\s)+",
    re.I,
)
_TAIL = re.compile(
    r"(?:\s*(?:[?？!！。.…]+|,? please|,? thanks|thank you|呢|呀|啊|谢谢)\s*)+$"
    r"|(?<=\w)\s+(?:exactly|anyway|at all|at the moment|right now|in stock|in your (?:shop|store)|here)[?.!]*$",
    re.I,
)
_HAVE = r"(?:have|has|had|got|come|comes|use|uses|offer|offers|support|supports|contain|contains|include|includes|feature|features|fit|fits|work|works|carry|carries)"
_BE = r"(?:is|are|was|were|['’]s|['’]re)"
_THING = r"(?:items?|products?|ones?|things?|articles?|offers?|goods)"
_PREPOSITION = r"(?:of|for|on|in|from|at)"

MEASURES = {
    "tall": "height", "high": "height", "wide": "width", "broad": "width", "deep": "depth", "long": "length",
    "thick": "thickness", "heavy": "weight", "big": "size", "large": "size", "old": "age range", "fast": "speed",
    "powerful": "power", "strong": "power", "warm": "warmth",
    "高": "高度", "宽": "宽度", "深": "深度", "长": "长度", "重": "重量", "大": "尺码", "厚": "厚度",
}  # fmt: skip
"""Attributes that an adjective asks for."""

_FIXED = (
    (rf"who (?:makes|made|manufactures|manufactured|produces|produced|sells)\s+(?P<p>.+)|who (?:is|was) (?P<p2>.+?) made by", "brand"),
    (rf"who(?:{_BE}|\s+{_BE}) the (?:maker|manufacturer|producer|brand) of (?P<p>.+)", "brand"),
    (rf"which (?:company|firm|maker) (?:makes|made|manufactures|produces) (?P<p>.+)", "brand"),
    (rf"what\s*{_BE} (?P<p>.+?) (?:made|composed|built|constructed)(?: out)? (?:of|from|with)", "material"),
    (rf"what does (?P<p>.+?) consist of", "material"),
    (rf"(?:for who|who)m?\s*{_BE} (?P<p>.+?)(?: (?:made|meant|designed|intended|suitable|good))?(?: for)?", "audience"),
    (rf"where (?:{_BE}|does|do) (?P<p>.+?) (?:made|produced|manufactured|grown|come from|from)", "origin"),
    (rf"how much (?:does|do) (?P<p>.+?) weigh", "weight"),
    (rf"what does (?P<p>.+?) weigh", "weight"),
    (rf"how much (?:does|do) (?P<p>.+?) cost|how (?:much|expensive) {_BE} (?P<p2>.+)", "price"),
    (rf"how much (?:does|do|can|will) (?P<p>.+?) (?:hold|store|carry)", "capacity"),
    (rf"how many (?:people|persons) (?:does|do|can|will|fit in) (?P<p>.+?)(?: (?:sleep|fit|hold|take|seat|have room for))?", "persons"),
    (rf"what does (?P<p>.+?) taste (?:of|like)", "flavor"),
    (rf"what does (?P<p>.+?) smell (?:of|like)", "scent"),
    (rf"what (?:kind|type|sort) of (?:{_THING}|thing) {_BE} (?P<p>.+)", "product type"),
    (r"(?P<p>.+?)是?(?:用)?(?:什么|啥)(?:材料|东西)?(?:做|制|制成|做成)的", "材质"),
    (r"(?P<p>.+?)是?(?:由)?(?:谁|哪家|哪个公司|哪家公司)(?:公司|厂家)?(?:生产|制造|出品?|做)的?", "品牌"),
    (r"(?P<p>.+?)(?:是|在)?(?:哪里|哪儿|什么地方|哪国)(?:产|生产|制造|出产)?的?", "产地"),
    (r"(?P<p>.+?)(?:适合|是给)(?:谁|什么人|哪些人|哪类人)(?:用|穿|使用)?的?", "适用人群"),
    (r"(?P<p>.+?)(?:多少钱|什么价格?|价格(?:是)?多少|卖多少)", "价格"),
    (r"(?P<p>.+?)(?:适合|能睡|可以睡|睡|住)?几(?:个)?人(?:使用|用|住|睡)?的?", "适用人数"),
    (r"(?P<p>.+?)(?:能装|装得下|可以装)多少", "容量"),
)  # fmt: skip
"""Questions for an attribute that they do not name."""

_ENGLISH: tuple[tuple[Intent, str], ...] = (
    ("difference", rf"(?:what(?:\s+is|\s+are|['’]s|\s+would be)? (?:the )?)?(?:main )?differences? between (?P<p>.+?) and (?P<q>.+)"),
    ("difference", r"(?:in what way|how) (?:do|does|is|are) (?P<p>.+?) (?:differ|different|differs|compare)(?: (?:from|to|with|than)) (?P<q>.+)"),
    ("difference", r"(?:in what way|how) (?:do|does|are) (?P<p>.+?) and (?P<q>.+?) (?:differ|different|compare)"),
    ("difference", r"(?:please )?compare (?P<p>.+?) (?:and|with|to|against) (?P<q>.+)"),
    ("difference", r"(?P<p>.+?) (?:vs\.?|versus|compared (?:to|with)) (?P<q>.+)"),
    ("difference", r"what (?:distinguishes|separates|sets) (?P<p>.+?)(?: apart)? from (?P<q>.+)"),
    ("goes_with", rf"what(?: else)? (?:goes?|fits|pairs|matches|combines|works)(?: well| best| nicely)?(?: together)?(?: with)? (?P<p>.+)"),
    ("goes_with", r"what (?:else )?(?:can|could|should|do|would) (?:i|we|you|one) (?:wear|combine|pair|use|buy|match|get)(?: together)? with (?P<p>.+)"),
    ("goes_with", rf"(?:which |what )?{_THING} (?:that )?(?:go|fit|pair|match)(?:es)?(?: well)?(?: with)? (?P<p>.+)"),
    ("goes_with", r"what to (?:wear|combine|pair|use|buy) with (?P<p>.+)"),
    ("value", rf"how many (?P<a>.+?) (?:does|do) (?P<p>.+?) {_HAVE}(?: in)?"),
    ("value", rf"how many (?P<a>.+?) (?:{_BE}|{_BE} there) (?:on|in|of) (?P<p>.+)"),
    ("kinds", r"(?:what|which) (?:kinds?|types?|sorts?) of (?P<c>.+?)(?: (?:do you have|are there|do you sell|exist|are available|can i (?:get|buy)))?"),
    ("value", rf"(?:what|which) (?P<a>\S+(?: \S+)?) (?:of|for) (?P<p>.+?) (?:do you (?:have|sell|stock)|are there|exist|(?:are|is) available|can i (?:get|buy))"),
    ("value", rf"(?:in |for |of )?(?:what|which) (?P<a>.+?) (?:does|do|can|will) (?P<p>.+?) (?:{_HAVE}|belong|fall)(?: (?:in|with|to|into|under))?"),
    ("value", rf"(?:in |for |of )?(?:what|which) (?P<a>.+?) (?:does|do|can) (?:i|you|we) (?:get|have|sell|buy|offer) (?P<p>.+?)(?: in)?"),
    ("value", rf"(?:in |for |of )?(?:what|which) (?P<a>.+?)\s*{_BE} (?P<p>.+?)(?: (?:available|sold|offered|made|made for|meant for|in|from|of))*"),
    ("value", rf"(?:what|which)\s*{_BE} (?:the )?(?P<a>.+?) {_PREPOSITION} (?P<p>.+)"),
    ("value", rf"(?:what|which)\s*{_BE} (?P<p>.+?)['’]s? (?P<a>.+)"),
    ("value", rf"(?:the )?(?P<a>.+?) {_PREPOSITION} (?P<p>.+)"),
    ("value", rf"(?:(?:give|show|find) me|list|name|get|i (?:need|want)) (?:the |all )?(?P<a>.+?) {_PREPOSITION} (?P<p>.+)"),
    ("value", rf"(?:what|which) (?P<a>.+?) (?P<p>.+?) (?:{_BE}|{_HAVE})(?: (?:in|with))?"),
    ("has", rf"(?:is|are) the (?P<a>.+?) {_PREPOSITION} (?P<pv>.+)"),
    ("has", rf"(?:is|are) there (?:an? |any )?(?P<v>.+?) (?:in|on|with|at|for) (?P<p>.+)"),
    ("has", rf"(?:does|do|did|will|can) (?!you |i |we )(?P<p>.+?) {_HAVE}(?: (?:in|with|for))? (?P<v>.+)"),
    ("has", r"(?:does|do|did|will|can) (?!you |i |we )(?P<p>.+?) \w+(?: for| to| with| in)? (?P<v>.+)"),
    ("has", rf"(?:has|have) (?P<p>.+?) (?:got )?(?P<v>\S+(?: \S+){{0,5}})"),
    ("has", r"(?:is|are|was) (?!there )(?P<pv>.+)"),
    ("has", rf"(?P<p>\S.*?) {_HAVE} (?P<v>.+?),? (?:right|correct|doesn['’]t it|don['’]t they)"),
    ("has", rf"(?P<pv>.+?),? (?:right|correct|isn['’]t it|aren['’]t they)"),
    ("concept", rf"what\s*(?:{_BE}|does|do) (?:an? |the |meant by )?(?P<c>.+?)(?: mean| stand for)?"),
    ("concept", r"(?:define|explain|describe|(?:what is )?(?:the )?(?:definition|meaning) of|tell me about|about) (?:an? |the )?(?P<c>.+)"),
)  # fmt: skip

_CHINESE: tuple[tuple[Intent, str], ...] = (
    ("difference", r"(?P<p>.+?)(?:和|与|跟|同)(?P<q>.+?)(?:之间)?(?:有什么|有何|有啥|的|有哪些|哪里)(?:主要)?(?:区别|不同|差别|差异|不一样)(?:是什么|在哪里?|有哪些)?"),
    ("difference", r"(?:比较|对比)(?:一下)?(?P<p>.+?)(?:和|与|跟)(?P<q>.+)"),
    ("goes_with", r"(?:什么|哪些|啥)(?:商品|产品|东西)?(?:可以|能|适合|应该)?(?:搭配|配|搭)(?P<p>.+)"),
    ("goes_with", r"(?P<p>.+?)(?:可以|能|应该|适合|要)?(?:怎么|如何)?(?:搭配|配|搭)(?:什么|哪些|啥)?(?:好|比较好|好看)?"),
    ("kinds", r"(?P<c>.+?)(?:有|分)(?:为)?(?:哪些|哪几|几|什么)(?:种类|种|类|类型|类别|款式)"),
    ("kinds", r"有(?:哪些|什么)(?:种类|类型|类)的(?P<c>.+)"),
    ("value", r"(?P<p>.+?)有(?:几|多少)(?:个|种|款)?(?P<a>.+?)(?:可选|可以选)?"),
    ("value", r"(?P<p>.+?)的(?P<a>[^的]+?)(?:是|为|有)?(?:什么|多少|哪些|哪个|哪种|几|几种|啥)?(?:样的|的)?"),
    ("value", r"(?P<p>.+?)(?:是|为|有|属于|用的?是?)?(?:什么|哪些|哪种|哪个|哪几种|哪一?款|啥|几种|多少)(?P<a>.+?)(?:的|可选|可以选|可供选择|制成的?|做的)?"),
    ("value", r"(?P<p>.+?)有?多(?P<m>高|宽|深|长|重|大|厚)"),
    ("concept", r"(?:什么是|什么叫|何为|何谓|解释一?下?|介绍一?下?)(?P<c>.+)"),
    ("concept", r"(?P<c>.+?)(?:是什么|是啥|是指什么|指的是什么)(?:意思|东西)?"),
    ("has", r"(?!哪|什么|有没有|多少|有哪)(?P<p>.+?)的(?P<a>[^的]+?)(?:是不是|是否是?|是)(?P<v>.+?)的?吗?"),
    ("has", r"(?!哪|什么|有没有|多少|有哪)(?P<p>.+?)(?:是不是|是否是?|是否为|是)(?P<v>.+?)(?:的|色的|做的|材质的)?吗?"),
    ("has", r"(?!哪|什么|有没有|多少|有哪)(?P<p>.+?)(?:有没有|是否有|是否带|有无|带有|含有|带不带|支不支持|支持|适合|采用|有|带|含|能|可以)(?P<v>.+?)(?:的|功能)?吗?"),
    ("has", r"(?P<pv>.+?)吗"),
)  # fmt: skip

_TEMPLATES = {
    lang: [(intent, re.compile(pattern, re.I)) for intent, pattern in templates]
    for lang, templates in (("en", _ENGLISH), ("zh", _CHINESE))
}
_UNNAMED = [(re.compile(pattern, re.I), attribute) for pattern, attribute in _FIXED]
_HOW = re.compile(
    rf"how (?P<m>{'|'.join(word for word in MEASURES if word.isascii())})\s*(?:{_BE}|does|do) (?P<p>.+?)(?: {_HAVE}| get)?",
    re.I,
)
_ARTICLES = re.compile(
    r"^(?:the|an?|this|that|these|those|your|any|some|all|each|every)\b\s*(?=\S)"
    r"|^(?:product|item|article|model|offer)\b(?: (?:called|named|with (?:the )?id))?\s*(?=[\ue000-\uf8ff\"'“#\d])"
    r"|^(?:这款|这个|这件|这双|那款|那个|这|该|商品|产品|款)\s*(?=\S)",
    re.I,
)  # fmt: skip


def language_of(question: str) -> str:
    """ "zh" for a question with Chinese characters, else "en"."""
    return "zh" if CJK.search(question) else "en"


def readings(question: str) -> Iterator[Reading]:
    """The ways to read a question, the likeliest first. Items may be single characters that stand for them.

    Example:
        >>> next(readings("What is the colour of the dome tent?"))
        Reading(intent='value', slots={'a': 'colour', 'p': 'dome tent'})
    """
    text = plain(question)
    if found := _HOW.fullmatch(text):
        yield Reading("value", {"a": MEASURES[found["m"].lower()], "p": without_article(found["p"])})
    for pattern, attribute in _UNNAMED:
        if found := pattern.fullmatch(text):
            item = next(slot for slot in found.groups() if slot)
            yield Reading("value", {"a": attribute, "p": without_article(item)})
    for intent, template in _TEMPLATES[language_of(text)]:
        if found := template.fullmatch(text):
            slots = {name: without_article(slot) for name, slot in found.groupdict().items() if slot}
            if "m" in slots:
                slots["a"] = MEASURES[slots.pop("m")]
            yield Reading(intent, slots)


def plain(question: str) -> str:
    """The question on one line, without politeness and final marks."""
    text, before = " ".join(question.split()), ""
    while text != before:
        before, text = text, _POLITE.sub("", _TAIL.sub("", text)).strip(" ,，、:：")
    return text


def without_article(text: str) -> str:
    """The text without articles, demonstratives and "item" before it."""
    text, before = text.strip(" ,，、\"'“”"), ""
    while text != before:
        before, text = text, _ARTICLES.sub("", text).strip()
    return text
