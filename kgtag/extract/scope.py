"""Readings in context: values that a title denies, imitates or leaves out, and what the product is for.

A cue reaches from its own words to the next name, and on to names that are joined to it ("no nuts or soy"). What it
means depends on what is named: "for women" says who wears it, "for boots" what it goes with.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from graph.labels import CJK, CJK_CLASS
from graph.model import Concept
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


def attributes_of(taxonomy: Taxonomy) -> list[Concept]:
    """All attributes, by id; of a million concepts, no other is built."""
    return [taxonomy[taxonomy.ids[int(at)]] for at in taxonomy.columns.kind.where("attribute").nonzero()[0]]


def topics(taxonomy: Taxonomy) -> dict[str, Topic]:
    """The topic of each attribute, by its labels."""
    found: dict[str, Topic] = {}
    for attribute in attributes_of(taxonomy):
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
        r"\b(?:not(?!\s+(?:only|just|merely|incl\w*|sold|suppl\w*|part)\b)|never|neither|nor|cannot|can[’'`]?t|won[’'`]?t|"
        r"(?:is|are|does|do)n[’'`]?t|unsuitable|nicht|keine?[nrsm]?|pas)\b|\bnon(?=[\s-])"), _ALL, joined=_OR),
    _Cue("negated", _words(
        r"\b(?:no(?!\.|\s*\d)|without|w/o|free\s+(?:of|from)|lacks?|minus|zero|0\s?%|ohne|frei\s+von|sans|senza|sin)(?!\w)"),
        _ALL, joined=_LIST),
    _Cue("negated", _words(
        r"(?:绝|并|均|一概)?(?:不是|没有|没|未|免|零(?!食|钱|件|售)|(?<![\d.])0(?=[\u4e00-\u9fff])|"
        r"[不无非](?!常|洲|锈|仅|但|只|止|同|论|线|少|比|管|断|人机|凡|缝|粘|配|送|附))"
        r"(?:含有?|带有?|添加|加|有|支持|具备|具有|掺|放|会|能|可|用|使用|适用于?|适合|适于|任何|额外){0,2}"),
        _ALL, joined=_LIST),
    _Cue("negated", _words(
        r"(?:-[a-z]+)?(?:-\s?|\s)(?:free|frei)\b"
        r"(?!\s+(?:shipping|delivery|gifts?|returns?|samples?|size|people|spirit|of|from)\b)"),
        _VALUES, before=True, joined=_LIST),
    _Cue("negated", _words(r"\s+(?:(?:is|are)\s+)?not\s+(?:supported|available|possible|usable)"), _VALUES,
        before=True),
    _Cue("negated", _words(
        r"\b(?:(?:anything|everything|all)\s+but|except(?:\s+for)?|instead\s+of|rather\s+than|goodbye\s+to|"
        r"(?:au(?:ß|ss)er|sauf))(?!\w)|拒绝|告别|切?勿|谢绝|杜绝|(?<!清|去|消|祛|解|拆|移|剔|扫)除(?!了|尘|湿|臭|味|螨|垢|草|锈|菌)"),
        _VALUES, joined=_LIST),
    _Cue("negated", _words(r"(?:均|都|一概|全部)不(?:含|带|添加|加|用)"), _ALL, before=True, joined=_OR),
    _Cue("not_included", _words(
        r"\s*(?:(?:is|are)\s+)?(?:(?:not|n[’'`]t)\s+(?:incl\w*|suppl\w*|part)|isn[’'`]?t\s+part|sold\s+separately|excluded|"
        r"nicht\s+enthalten|non\s+incl\w*|除外|需?另购|需?另售|需?自备|不包括在内)"), _ALL, before=True, joined=_OR),
    _Cue("not_included", _words(
        r"\b(?:excl(?:udes?|uding|\.)?|(?:does\s+not|doesn[’'`]?t)\s+(?:include|come\s+with)|not\s+including)(?!\w)"
        r"|不包[括含]|[不无](?:配|送|附)(?!色|搭)"), _ALL, joined=_LIST),
    _Cue("imitated", _words(r"\b(?:faux|fake|imitation|simulated|artificial|kunst|replica|"
        r"(?:looks?|smells?|tastes?|feels?)\s+like)\b|仿|人造|假|"
        r"(?<![A-Za-z品种分各])类"), frozenset(("material", "other"))),
    _Cue("imitated", _words(r"\b(?:vegan|pu|synthetic|mock|man-?made|as\s+soft\s+as)\b|合成|人工"),
        frozenset(("material",))),
    _Cue("imitated", _words(
        r"[\s-]?(?:look|effect|feel|touch|textured?|optik|imitation|alternative)\b|-like\b|[质触手]感"),
        frozenset(("material", "other", "category")), before=True),
    _Cue("imitated", _words(r"[\s-]?(?:style|inspired|grain|effekt|shaped?|themed)\b(?!\s+like)|造型|形状"),
        frozenset(("material", "category")), before=True),
    _Cue("imitated", _words(r"[\s-]?(?:scented|flavou?red|infused)\b|味|香型"),
        frozenset(("material", "category", "look")), before=True),
    _Cue("imitated", _words(r"纹|效果|风|款|色"), frozenset(("material",)), before=True),
    _Cue("modifier", _words(r"[\s-]?(?:prints?|printed|pattern(?:ed)?|design|motif|graphic|cartoon|logo)\b|图案|印花|"
        r"卡通|主题|氛围"), _CATEGORY, before=True),
    _Cue("modifier", _words(r"\b(?:shaped\s+like|in\s+the\s+shape\s+of|print\s+of|cartoon)\b"), _CATEGORY, gap=2),
    _Cue("intended_for", _words(
        r"\b(?:for|fits?(?=\s+(?:your|any|all|most|the|an?|over|in|on)\b)|(?:to|that|which|will)\s+fit|holds?|"
        r"goes\s+(?:under|in|into|over|on)|attach(?:es)?\s+to|tops\s+up|charges|compatible\s+with|(?:works?|used?)\s+with|"
        r"suitable\s+for|replaces|für|passend\s+zu|pour|para)\b|适用于?|适配|兼容|用于|专为|可[装放]|替换|(?<![\u4e00-\u9fff])[给装放]"),
        frozenset(("category", "material", "look", "maker")), gap=5, joined=_BESIDE),
    _Cue("intended_for", _words(r"\b(?:fits?|suits?)\b(?!\s+true)"), _CATEGORY, gap=3, joined=_BESIDE),
    _Cue("intended_for", _words(
        r"[\s-]*(?:(?:carrying|replacement|cleaning|storage|travel|spare|drying)\s+)?(?:cases?|covers?|chargers?|straps?|stands?|"
        r"holders?|cleaners?|racks?|organi[sz]ers?|pads?|parts?|filters?|cables?|adapters?|protectors?|mounts?|laces|insoles?|"
        r"polish|removers?|stickers?|accessor(?:y|ies)|replacements?|cushions?|hangers?|stretchers?|cos(?:y|ies)|pegs?|seals?)\b"
        r"|(?:都能|可|通|专)?用(?![品户餐于])|配件|保护套|保护壳|壳|套(?!装|餐|盒)|支架|架|清洁|充电|收纳|替换|贴?膜|防潮垫|鞋垫|鞋带|"
        r"表带|底座|罐|密封圈|地钉|肩带|配[饰件]|盒(?!装)|都能"), _CATEGORY, before=True, joined=_OR),
    _Cue("accessory", _words(
        r"\b(?:with|w/|incl(?:udes?|uding|\.)?|plus|mit|avec|con)(?!\w)|附|(?<![\u4e00-\u9fff])[带配]"),
        _CATEGORY, gap=2, joined=_LIST),
)  # fmt: skip
"""In the order of precedence."""

_STOP = re.compile(
    r"[.,;:!?|()\[\]{}<>，、；：！？。（）【】\n]|\s[-–—]\s|的|\b(?:but|aber|mais|with|mit)\b|[但而且]", re.IGNORECASE
)
_PLURAL = re.compile(r"[A-Za-z]{2}[^SsUuIi\W]s$", re.IGNORECASE)
_HEADS = re.compile(
    r"[ -](?:(?!(?:with|and|or|for|in|of|by|from|on|plus)\b)[a-z]+[ -]){0,2}(?:towel|table|"
    r"desk|chair|stool|bench|shelf|cabinet|machine|maker|grinder|mill|press|roaster|frother|"
    r"pot|kettle|cup|mug|tray|spoon|scoop|strainer|infuser|filter|mat|rug|carpet|curtain|cover|holder|rack|ladder|hook(?!\s*(?:&|and|\+|n)\s*loop)|"
    r"stand|lamp|lampshade|brush|balm|oil|soap|candle|snuffer|lotion|scrub|spray|mist|perfume|scent|syrup|mold|mould|cutter|"
    r"slicer|peeler|opener|grater|timer|thermometer|clock|dispenser|warmer|cooler|dryer|fountain|feeder|toy|puzzle|poster|"
    r"sticker|magnet|badge|calendar|novel|notebook|costume|apron|glove|wallet|keychain|earring|bracelet|necklace|mount|tree|"
    r"yarn|thread|loom|glue|adhesive|paint|varnish|primer|detergent|fertili[sz]er|repellent|seedling|"
    r"drum|pump|hose|wheel|tyre|sensor|detector|antenna|stroller|"
    r"liner|footprint|stake|patch(?:\s+kit)?|repair\s+kit|container|lid|bin|replacement|polish)"
    r"(?:s|es)?(?!\w)|[ -]shade(?!\w)|(?<=[\u4e00-\u9fff])(?:[几巾具盖线级壶杯盘桌台机架器勺漏椅柜灯刀板毯帘布箱]|"
    r"[\u4e00-\u9fff]{0,6}(?:(?<![带配送含纽排搭卡系双单])(?:器|勺|膏|扣)(?![\u4e00-\u9fff])|模具|纸样|背带|空管|空瓶|除味[包盒剂]|替换(?![\u4e00-\u9fff]*款)|"
    r"喷雾|脚垫|毛线|胶水|锅盖|壶盖|杯盖|外壳|链条|防[雨尘]罩|灯罩|除垢剂|干洗|清洗服务|护理[膏剂液]|油漆|清洁剂|洗涤剂|修复剂|[储收][存粮纳物]?[桶罐]|挂画|海报|贴纸|花瓶|小说))",
    re.IGNORECASE,
)
"""Nouns that say what a thing is, whatever stands before them. Of the commonest in shops' titles; no list is whole."""
_PHRASE_END = re.compile(
    r"[.,;:!?|()\[\]{}<>，、；：！？。（）【】\n+/&]|\s[-–—]\s|(?<=[\u4e00-\u9fff])\s|的|\b(?:but|with|and|or|in|of|by|on|from|for)\b|[但而且和与]",
    re.IGNORECASE,
)
_TITLE = re.compile(r"《[^《》]*》")
"""What stands between these is the name of a book, a film or a game."""
_CLAUSE = re.compile(r"[,;(|，；（【]|\s[-–—]\s|(?<=[\u4e00-\u9fff])\s")
FUNCTION_WORD = re.compile(r"and|or|with|for|in|of|by|from|on|plus|to|the|an?|your")
_BETWEEN_WORD = re.compile(rf"[{CJK_CLASS}]|[^\W{CJK_CLASS}]+")
_FILLERS = re.compile(
    r"(?:an?|the|any|all|your|most|new|added|artificial|real|genuine|true|extra|of|from|made|really|fully|very|truly|"
    r"quite|completely|100|actually|at|be|to|intended|as|meant|suitable|for|contain(?:s|ing)?|supports?|have|has|uses?|"
    r"offers?|provides?|more|visible|de[nr]?|die|das|"
    r"les?|la|une?)"
)


def scopes(text: str, names: Sequence[Name], labels: Collection[Span]) -> dict[Name, Rule]:
    """The rule by which a name says nothing of the product, for each that has one. `names` are of this text; those that
    are `labels` may begin with a cue ("no-show socks"), the others may not ("no plastic")."""
    ordered = sorted(names, key=lambda name: (name.span.start, -name.span.end))
    titles = [match.span() for match in _TITLE.finditer(text)]
    found: dict[Name, Rule] = {
        name: "modifier" for name in ordered if any(a < name.span.start and name.span.end < b for a, b in titles)
    }
    for cue in _CUES:
        for match in cue.words.finditer(text):
            first, last = match.span()
            own = [name for name in ordered if name.span.start < last and first < name.span.end]
            known = [name.span.start for name in own if name.span in labels]
            if any(start <= first for start in known):
                if cue.before:  # "silicone" of "silicone-free"
                    found |= {name: cue.rule for name in ordered if name.span.end == first and name.span not in labels}
                continue
            if not cue.before:
                last = min(
                    (start for start in known if start < last), default=last
                )  # "不可调光", where "可调光" is one
            if cue.rule == "negated" and not cue.before:
                found |= {name: cue.rule for name in own if name.span.start == first}
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


def head(text: str, names: Sequence[Span]) -> Span | None:
    """Which of the categories that a title names it is: of its first phrase that has any, the last, but a plural before
    others ("socks" in "socks cartoon tent")."""
    phrase = list(names[:1])
    for name in names[1:]:
        if _PHRASE_END.search(text, phrase[-1].end, name.start):
            break
        phrase.append(name)
    plural = (name for name in phrase if _PLURAL.search(text, 0, name.end))
    return next(plural, phrase[-1] if phrase else None)


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
            joined = cue.joined is not None and cue.joined.fullmatch(between) is not None
            if cue.rule == "intended_for" and name.topic == last == "category" and _LIST.fullmatch(between):
                joined = True
            if cue.gap and name.topic == "category" and not _STOP.search(between) and not CJK.search(between):
                joined = True
            if not joined or (last == "category" != name.topic and not between.strip(" -")):
                return
            if _COMMA.fullmatch(between):
                waiting.append(name)
                at = name.span.end
                if cue.rule == "intended_for" and sum(one.topic == "category" for one in waiting) > 1:
                    yield from waiting  # "for jackets, hats, bags"
                    waiting = []
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
    """The names that end where a cue begins, then those to their left that are joined to them. What is not included is
    all that stands in a clause of its own."""
    clause = max((match.end() for match in _CLAUSE.finditer(text, 0, start)), default=0)
    if cue.rule == "not_included" and clause:
        yield from (name for name in names if clause <= name.span.start and name.span.end <= start)
        return
    own = [name for name in names if name.span.end == start]
    yield from own
    at = min((name.span.start for name in own), default=-1)
    joined = cue.joined if cue.joined is not _LIST else _OR  # "4-pack, cotton-free" is a pack
    for name in reversed(names):
        if name.span.end <= at and joined is not None and joined.fullmatch(text[name.span.end : at]):
            yield name
            at, joined = name.span.start, cue.joined
