"""Cues: what a title denies, imitates, leaves out, and what the product is for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.model import Concept
from graph.taxonomy import Taxonomy
from kgtag.extract.scope import Name, Topic, modifies, scopes, topics
from kgtag.types import Span


def _names(text: str, **topics: Topic) -> list[Name]:
    """Each name as it is written, underscores for spaces."""
    found = []
    for written, topic in topics.items():
        start = text.casefold().index(written.replace("_", " ").casefold())
        found.append(Name(Span(start, start + len(written)), topic))
    return found


@pytest.mark.parametrize(
    ("text", "names", "rules"),
    [
        ("anything but navy, quilted", {"navy": "look", "quilted": "other"}, {"navy": "negated"}),
        ("velcro instead of laces", {"laces": "other"}, {"laces": "negated"}),
        ("除黑色外均有货", {"黑色": "look"}, {"黑色": "negated"}),
        ("去除黑色", {"黑色": "look"}, {}),
        ("拒绝塑料 环保水杯", {"塑料": "material"}, {"塑料": "negated"}),
        ("6-pack, wool-free socks", {"6-pack": "size", "wool": "material"}, {"wool": "negated"}),
        ("egg, nut and soy free", dict.fromkeys(("egg", "nut", "soy"), "other"),
         dict.fromkeys(("egg", "nut", "soy"), "negated")),
        ("Canvas-textured case", {"canvas": "material", "case": "category"}, {"canvas": "imitated"}),
        ("soap that smells like roses", {"roses": "look"}, {}),
        ("soap that smells like honey", {"honey": "other"}, {"honey": "imitated"}),
        ("rack for coats, scarves, gloves", dict.fromkeys(("coats", "scarves", "gloves"), "category"),
         dict.fromkeys(("coats", "scarves", "gloves"), "intended_for")),
        ("box holds 12 bulbs, lamps & candles", dict.fromkeys(("bulbs", "lamps", "candles"), "category"),
         dict.fromkeys(("bulbs", "lamps", "candles"), "intended_for")),
        ("Case for ACME Boom 5 wireless radio", {"radio": "category"}, {"radio": "intended_for"}),
        ("Dome tent, not insulated", {"insulated": "other"}, {"insulated": "negated"}),
        ("Non-insulated flask", {"insulated": "other"}, {"insulated": "negated"}),
        ("Flask without a real lid", {"lid": "other"}, {"lid": "negated"}),
        ("bread free of nuts, soy and eggs, seeded", dict.fromkeys(("nuts", "soy", "eggs", "seeded"), "other"),
         dict.fromkeys(("nuts", "soy", "eggs"), "negated")),
        ("coat without hood, quilted", {"hood": "other", "quilted": "other"}, {"hood": "negated"}),
        ("lactose-free milk", {"lactose": "other"}, {"lactose": "negated"}),
        ("cotton free shipping", {"cotton": "material"}, {}),
        ("not only quilted but warm", {"quilted": "other", "warm": "other"}, {}),
        ("no-show socks", {"no-show": "other", "socks": "category"}, {}),
        ("No. 5 cotton", {"cotton": "material"}, {}),
        ("Suede-look pouch", {"suede": "material", "pouch": "category"}, {"suede": "imitated"}),
        ("faux suede pouch", {"suede": "material", "pouch": "category"}, {"suede": "imitated"}),
        ("boho style pouch", {"boho": "look"}, {}),
        ("Pouch for tents", {"pouch": "category", "tents": "category"}, {"tents": "intended_for"}),
        ("Socks for men, wool", {"men": "purpose", "wool": "material"}, {}),
        ("Insoles for men's boots brown", {"men's": "purpose", "boots": "category", "brown": "look"},
         {"boots": "intended_for"}),
        ("strap for Acme X5 black", {"acme": "maker", "black": "look"}, {"Acme": "intended_for"}),
        ("tent pads", {"tent": "category"}, {"tent": "intended_for"}),
        ("Coat with belt, red", {"coat": "category", "belt": "category", "red": "look"}, {"belt": "accessory"}),
        ("Remote (batteries not included)", {"batteries": "category"}, {"batteries": "not_included"}),
        ("帐篷 不保温", {"保温": "other"}, {"保温": "negated"}),
        ("无糖饼干", {"糖": "other", "饼干": "category"}, {"糖": "negated"}),
        ("非常保温的水壶", {"保温": "other"}, {}),
        ("不锈钢杯", {"钢": "material"}, {}),
        ("仿皮沙发", {"皮": "material", "沙发": "category"}, {"皮": "imitated"}),
        ("适用于帐篷的地垫", {"帐篷": "category", "地垫": "category"}, {"帐篷": "intended_for"}),
        ("适用于艾克X5手机壳", {"手机壳": "category"}, {}),
        ("Laces, fits hiking boots", {"boots": "category"}, {"boots": "intended_for"}),
        ("dimmer not supported", {"dimmer": "other"}, {"dimmer": "negated"}),
        ("炒锅 不适用电磁炉", {"炒锅": "category", "电磁炉": "other"}, {"电磁炉": "negated"}),
        ("《红帐篷》 手袋", {"红": "look", "帐篷": "category", "手袋": "category"},
         {"红": "modifier", "帐篷": "modifier"}),
        ("Pullover ohne Kapuze", {"Kapuze": "other"}, {"Kapuze": "negated"}),
        ("thé sans sucre", {"sucre": "other"}, {"sucre": "negated"}),
    ],
)  # fmt: skip
def test_cues(text: str, names: dict[str, Topic], rules: dict[str, str]) -> None:
    given = _names(text, **names)
    found = scopes(text, given, {name.span for name in given})
    assert {text[name.span.start : name.span.end].casefold(): rule for name, rule in found.items()} == {
        name.casefold(): rule for name, rule in rules.items()
    }


@pytest.mark.parametrize(
    ("text", "label", "mention"),
    [
        ("socks, no wool", "wool", "no wool"),
        ("台灯 不可调光", "可调光", "可调光"),
        ("silicone-free balm", "silicone-free", "silicone"),
        ("non-magnetic case", "case", "non-magnetic"),
    ],
)  # fmt: skip
def test_only_a_label_may_hold_a_cue(text: str, label: str, mention: str) -> None:
    names = _names(text, **{label: "other", mention: "material"})
    found = scopes(text, names, {name.span for name in names if text[name.span.start : name.span.end] == label})
    asked = next(name for name in names if text[name.span.start : name.span.end] == mention)
    assert found.get(asked) == "negated"


@pytest.mark.parametrize(
    ("text", "end", "start", "expected"),
    [
        ("tea towel", 3, None, True),
        ("tea towel", 3, 4, True),
        ("tea, towel", 3, 5, False),
        ("tents tarp", 5, 6, False),
        ("tea with spoon", 3, None, False),
        ("茶几 实木", 1, None, True),
        ("乌龙茶 100g", 3, None, False),
        ("sock yarn, wool", 4, None, True),
        ("sandals hook & loop", 7, None, False),
        ("sandals wall hook", 7, None, True),
        ("帐篷防水喷雾", 2, None, True),
        ("帐篷 防水喷雾", 2, None, False),
        ("毛衣去球器 电动", 2, None, True),
        ("毛衣男纽扣V领", 2, None, False),
        ("猫粮量勺", 2, None, True),
        ("tent ground liner", 4, None, True),
        ("cat food storage container", 8, None, True),
        ("tents repair with glue", 5, None, False),
        ("雨伞防尘罩", 2, None, True),
        ("汤锅盖", 2, None, True),
        ("大衣干洗", 2, None, True),
        ("茶杯带勺", 2, None, False),
    ],
)
def test_what_only_describes_the_next_noun(text: str, end: int, start: int | None, expected: bool) -> None:
    assert modifies(text, end, start) == expected


def test_topics_by_the_labels_of_attributes() -> None:
    named = {"a": "Fabric", "b": "Farbe", "c": "适用人群", "d": "Brand name", "e": "Capacity"}
    data = TaxonomyData.of(1, tuple(Concept(id, "s", "attribute", {"en": name}) for id, name in named.items()), ())
    assert topics(Taxonomy.of(data)) == {"a": "material", "b": "look", "c": "purpose", "d": "maker", "e": "other"}


_WORDS = st.sampled_from(
    ["not", "no", "free of", "for", "faux", "tent", "red", ",", "and", "不", "无", "的", "-free", "look"]
)
_SPANS = st.tuples(st.integers(0, 40), st.integers(1, 8), st.sampled_from(["category", "look", "purpose", "other"]))


@given(st.lists(_WORDS, max_size=10), st.lists(_SPANS, max_size=6))
def test_any_text_and_any_names(words: list[str], spans: list[tuple[int, int, Topic]]) -> None:
    text = " ".join(words)
    names = [
        Name(Span(start, min(start + size, len(text))), topic) for start, size, topic in spans if start < len(text)
    ]
    assert set(scopes(text, names, {name.span for name in names[::2]})) <= set(names)
