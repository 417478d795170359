"""Readings in context: values that a title denies, imitates or leaves out, and what the product is for.

A cue reaches from its own words to the next name, and on to names that are joined to it ("no nuts or soy"). What it
means depends on what is named: "for women" says who wears it, "for boots" what it goes with.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from graph.labels import CJK, CJK_CLASS
from graph.taxonomy import Taxonomy
from kgtag.types import Rule, Span

Topic = Literal["category", "purpose", "material", "look", "maker", "other"]
"""What is named: a category, or a value by its attribute. A purpose is what a product may be *for* (people, occasions,
sports), a look (style, colour, pattern) is not imitated, and a maker may be that of what the product fits."""

_TOPICS: tuple[tuple[Topic, re.Pattern[str]], ...] = (
    ("purpose", re.compile(
        r"gender|department|audience|\bage|\buser|occasion|event|season|sport|activit|\buse\b|usage|purpose|skin|hair|room|"
        r"compatib|recipient|holiday|holder|fits|target|性别|人群|对象|年龄|场合|场景|季|用途|运动|适用|肤质|geschlecht|zielgruppe|"
        r"anlass|genre|sexe", re.I)),
    ("look", re.compile(
        r"style|theme|pattern|colou?r|finish|aesthetic|shape|silhouette|fit|length|neck|sleeve|风格|款式|图案|颜色|色系|版型|"
        r"farbe|muster|couleur|motif", re.I)),
    ("material", re.compile(r"material|fabric|leather|textile|upholster|stone|metal|wood|材|面料|皮|stoff|"
        r"mati[eè]re", re.I)),
    ("maker", re.compile(r"brand|manufacturer|maker|vendor|model|device|品牌|型号|机型|marke|hersteller|marque", re.I)),
)  # fmt: skip


def topics(taxonomy: Taxonomy) -> dict[str, Topic]:
    """The topic of each attribute, by its labels."""
    found: dict[str, Topic] = {}
    for attribute in (concept for concept in taxonomy if concept.kind == "attribute"):
        named = " ".join(text for text, _, _ in attribute.labels())
        found[attribute.id] = next((topic for topic, pattern in _TOPICS if pattern.search(named)), "other")
    return found


@dataclass(frozen=True, slots=True)
class Name:
    """A span that names something of a topic."""

    span: Span
    topic: Topic


@dataclass(frozen=True, slots=True)
class _Cue:
    """A rule for the names after a cue, at most `gap` words away, or before it, at most blanks away. `joined`: what may
    stand between two names that it reaches."""

    rule: Rule
    words: re.Pattern[str]
    topics: frozenset[Topic]
    before: bool = False
    gap: int = 0
    joined: re.Pattern[str] | None = None


def _words(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_ALL: frozenset[Topic] = frozenset(get_args(Topic))
_VALUES = _ALL - {"category"}
_CATEGORY: frozenset[Topic] = frozenset(("category",))
_OR = _words(r"\s*(?:/|or|nor|and|&|und|oder|et|ou|、|和|与|或|及)\s*(?:any\b|no\b)?\s*")
_LIST = _words(r"\s*(?:,|/|or|nor|and|&|,\s*(?:and|or)|und|oder|et|ou|、|，|和|与|或|及)\s*(?:any\b|no\b)?\s*")
_BESIDE = _words(r"[\s-]*(?:(?:/|and|or|&|、|和|及|与)\s*)?")
_COMMA = re.compile(r"\s*[,，]\s*")

_CUES = (
    _Cue("negated", _words(
        r"\b(?:not(?!\s+(?:only|just|merely|incl\w*|sold|suppl\w*|part)\b)|never|isn[’'`]?t|aren[’'`]?t|nicht|keine?[nrsm]?"
        r"|pas)\b|\bnon(?=[\s-])"), _ALL, joined=_OR),
    _Cue("negated", _words(
        r"\b(?:no(?!\.|\s*\d)|without|w/o|free\s+(?:of|from)|lacks?|minus|ohne|frei\s+von|sans|senza|sin)(?!\w)"),
        _ALL, joined=_LIST),
    _Cue("negated", _words(
        r"(?:不是|没有|未|免|零(?!食|钱|件|售)|[不无非](?!常|洲|锈|仅|但|只|止|同|论|线|少|比|管|断|人机|凡|缝|粘)|0(?=[糖脂卡]))"
        r"(?:含|带|添加|加|有|任何)?"), _ALL, joined=_LIST),
    _Cue("negated", _words(
        r"(?:-\s?|\s)(?:free|frei)\b(?!\s+(?:shipping|delivery|gifts?|returns?|samples?|size|people|spirit|of|from)\b)"),
        _VALUES, before=True, joined=_LIST),
    _Cue("not_included", _words(
        r"\s*(?:(?:is|are)\s+)?(?:not\s+(?:incl\w*|suppl\w*|part)|sold\s+separately|excluded|nicht\s+enthalten|"
        r"non\s+incl\w*|除外|另购|另售|不包括|不包含|不含)"), _ALL, before=True, joined=_LIST),
    _Cue("not_included", _words(
        r"\b(?:excl(?:udes?|uding|\.)?|does\s+not\s+include|not\s+including)(?!\w)|不包括|不包含"), _ALL, joined=_LIST),
    _Cue("imitated", _words(r"\b(?:faux|fake|imitation|simulated|artificial|kunst|replica)\b|仿真?|人造|假"),
        frozenset(("material", "other"))),
    _Cue("imitated", _words(r"\b(?:vegan|pu|synthetic|mock|man-?made)\b|合成|人工"), frozenset(("material",))),
    _Cue("imitated", _words(r"[\s-]?(?:look|effect|optik|imitation|alternative)\b|-like\b|质感"),
        frozenset(("material", "other", "category")), before=True),
    _Cue("imitated", _words(r"[\s-]?(?:style|inspired|print(?:ed)?|pattern|grain|effekt)\b"),
        frozenset(("material", "category")), before=True),
    _Cue("imitated", _words(r"纹|效果|风|款|色"), frozenset(("material",)), before=True),
    _Cue("intended_for", _words(
        r"\b(?:for|fits|compatible\s+with|works?\s+with|suitable\s+for|replaces|für|passend\s+zu|pour|para)\b"
        r"|适用于?|适配|兼容|用于|专为"),
        frozenset(("category", "material", "look", "maker")), gap=3, joined=_BESIDE),
    _Cue("intended_for", _words(
        r"[\s-]*(?:cases?|covers?|chargers?|straps?|stands?|holders?|cleaners?|racks?|organi[sz]ers?|pads?|parts?|filters?|"
        r"cables?|adapters?|protectors?|mounts?|laces|insoles?|polish|stickers?|accessor(?:y|ies)|replacements?|cushions?|"
        r"hangers?|stretchers?)\b|专用|配件|保护套|保护壳|壳|套(?!装|餐|盒)|支架|架|清洁|充电|收纳|替换|贴?膜|鞋垫|鞋带|表带|"
        r"底座|罐|盒(?!装)"), _CATEGORY, before=True),
    _Cue("accessory", _words(
        r"\b(?:with|w/|incl(?:udes?|uding|\.)?|plus|mit|avec|con)(?!\w)|配|附|(?<![\u4e00-\u9fff])带"),
        _CATEGORY, gap=2, joined=_LIST),
)  # fmt: skip
"""In the order of precedence."""

_STOP = re.compile(
    r"[.,;:!?|()\[\]{}<>，、；：！？。（）【】\n]|\s[-–—]\s|的|\b(?:but|aber|mais|with|mit)\b|[但而且]", re.IGNORECASE
)
_PLURAL = re.compile(r"[A-Za-z]{2}[^SsUuIi\W]s$", re.IGNORECASE)
_HEADS = re.compile(
    r"[ -](?:(?!(?:with|and|or|for|in|of|by|from|on|plus)\b)[a-z]+[ -])?(?:towel|table|"
    r"desk|chair|stool|bench|shelf|cabinet|machine|maker|grinder|press|roaster|frother|"
    r"pot|kettle|cup|mug|tray|spoon|strainer|infuser|filter|mat|rug|carpet|curtain|cover|holder|rack|"
    r"stand|lamp|brush|balm|oil|soap|candle|lotion|scrub|spray|perfume|scent|syrup|mold|mould|cutter|slicer|peeler|"
    r"dispenser|warmer|cooler|fountain|toy|puzzle|poster|sticker|costume|apron|glove|wallet|keychain|mount|tree)"
    r"(?:s|es)?(?!\w)|(?<=[\u4e00-\u9fff])[几巾具壶杯盘桌台机架器勺漏椅柜灯刀板毯帘布箱]",
    re.IGNORECASE,
)
"""Nouns that say what a thing is, whatever stands before them. Of the commonest in shops' titles; no list is whole."""
_BETWEEN_WORD = re.compile(rf"[{CJK_CLASS}]|[^\W{CJK_CLASS}]+")
_FILLERS = re.compile(
    r"(?:an?|the|any|all|your|most|new|added|artificial|real|genuine|true|extra|of|from|made|really|fully|very|truly|"
    r"quite|completely|100|actually|at|be|to|intended|as|meant|suitable|for|contain(?:s|ing)?|more|visible|de[nr]?|die|das|"
    r"les?|la|une?)"
)


def scopes(text: str, names: Sequence[Name]) -> dict[Name, Rule]:
    """The rule by which a name says nothing of the product, for each that has one. `names` are of this text."""
    ordered = sorted(names, key=lambda name: (name.span.start, -name.span.end))
    found: dict[Name, Rule] = {}
    for cue in _CUES:
        for match in cue.words.finditer(text):
            first, last = match.span()
            if any(name.span.start < last and first < name.span.end for name in ordered):
                continue  # "no-show socks": the cue is a part of the name
            reached = _before(cue, text, first, ordered) if cue.before else _after(cue, text, last, ordered)
            for name in reached:
                if name.topic in cue.topics and not (cue.gap and _head(text, name, ordered)):
                    found.setdefault(name, cue.rule)
    return found


def _head(text: str, name: Name, names: Sequence[Name]) -> bool:
    """Whether a Chinese category ends a phrase and is the last one: "适用于X5手机壳" is a case, without a 的."""
    end = name.span.end
    last = all(other.span.start <= name.span.start for other in names if other.topic == "category")
    return last and name.topic == "category" and CJK.match(text, end - 1) is not None and text[end : end + 1] != "的"


def modifies(text: str, end: int, start: int | None) -> bool:
    """Whether a category's name that ends there stands before the noun that it only describes: "tea" in "tea towel",
    "茶" in "茶几". `start` is where the next category's name begins, if there is one."""
    beside = start is not None and not text[end:start].strip(" -")
    return (beside and not _PLURAL.search(text, 0, end)) or _HEADS.match(text, end) is not None


def _after(cue: _Cue, text: str, end: int, names: Sequence[Name]) -> Iterator[Name]:
    """The names that a cue reaches rightwards. A purpose ends the reach of "for" but for categories beside it."""
    start, at, last = -1, end, None
    waiting: list[Name] = []  # joined by commas: reached only if the list ends with "and" or "or"
    purpose = False
    for name in names:
        if name.span.start < end:
            continue
        if start < 0:
            between = text[end : name.span.start]
            if _STOP.search(between) or not _near(between, cue, name):
                return
        elif name.span.start >= at:
            between = text[at : name.span.start]
            joined = cue.joined is not None and cue.joined.fullmatch(between)
            if not joined or (last == "category" and not between.strip(" -")):
                return
            if _COMMA.fullmatch(between):
                waiting.append(name)
                at = name.span.end
                continue
            yield from waiting
            cue = replace(cue, joined=_OR) if cue.joined is _LIST else cue
            waiting = []
        elif waiting:
            waiting.append(name)
            continue
        if not purpose or name.topic == "category":
            yield name
        purpose = purpose or (cue.rule == "intended_for" and name.topic == "purpose")
        start, at, last = name.span.start, max(at, name.span.end), name.topic


def _near(between: str, cue: _Cue, name: Name) -> bool:
    words = [word.lower() for word in _BETWEEN_WORD.findall(between)]
    return all(map(_FILLERS.fullmatch, words)) or (name.topic == "category" and len(words) <= cue.gap)


def _before(cue: _Cue, text: str, start: int, names: Sequence[Name]) -> Iterator[Name]:
    """The names that end where a cue begins, then those to their left that are joined to them."""
    own = [name for name in names if name.span.end == start]
    yield from own
    at = min((name.span.start for name in own), default=-1)
    for name in reversed(names):
        if name.span.end <= at and cue.joined is not None and cue.joined.fullmatch(text[name.span.end : at]):
            yield name
            at = name.span.start
