"""The learned check of tags on a catalogue whose wrong tags are known."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from graph.audit import audit
from graph.columns.assemble import TaxonomyData
from graph.errors import InputError
from graph.model import Concept, ItemTag, Relation, TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.train.wrong_tags import implausible_tag, wrong_tags

GOODS = {
    "socks": ("merino", "wool"),
    "kettle": ("steel", "glass"),
    "tent": ("nylon", "canvas"),
    "mug": ("clay", "glass"),
}
CHINESE = {"socks": "袜子", "kettle": "水壶", "tent": "帐篷", "mug": "杯子"}
MATERIALS = sorted({material for both in GOODS.values() for material in both})


def taxonomy() -> Taxonomy:
    concepts = [
        Concept("goods", "shop", "category", {"en": "Goods"}),
        Concept("material", "shop", "attribute", {"en": "Material"}),
    ]
    concepts += [Concept(id, "shop", "category", {"en": id.title(), "zh": CHINESE[id]}) for id in GOODS]
    concepts += [Concept(id, "shop", "value", {"en": id.title()}) for id in MATERIALS]
    relations = [Relation("broader", id, "goods") for id in GOODS]
    relations += [Relation("value_of", id, "material") for id in MATERIALS]
    return Taxonomy.of(TaxonomyData.of(1, tuple(concepts), tuple(relations)))


def catalogue(count: int = 400) -> list[TaggedItem]:
    """Items whose titles name the goods, and the material three times in four; every seventh title is Chinese."""
    draw = random.Random(5)
    items = []
    for number in range(count):
        goods = draw.choice(sorted(GOODS))
        material = draw.choice(GOODS[goods])
        stated = f"{material} " if draw.random() < 0.75 else ""
        title = f"{draw.choice(('Nordvik', 'Alder', 'Quay'))} {stated}{goods} {draw.randrange(9)}"
        if number % 7 == 0:
            title = f"新款{CHINESE[goods]}{draw.randrange(9)}个"
        tags = (ItemTag(goods, 0.9, "exact"), ItemTag("goods", 0.9, "implied"), ItemTag(material, 0.9, "exact"))
        items.append(TaggedItem(f"i{number}", title, None, "m", "r", tags))
    return items


def spoilt(items: list[TaggedItem]) -> dict[str, tuple[str, str]]:
    """Give every fortieth item another category; by item, the wrong and the right one."""
    wrong = {}
    for number in range(3, len(items), 40):
        item, right = items[number], items[number].tags[0].concept
        other = next(id for id in sorted(GOODS) if id != right and item.tags[2].concept not in GOODS[id])
        items[number] = replace(item, tags=(ItemTag(other, 0.9, "exact"), *item.tags[1:]))
        wrong[item.id] = (other, right)
    return wrong


def test_wrong_tags_come_first_with_the_right_one_named() -> None:
    items = catalogue()
    wrong = spoilt(items)
    found = wrong_tags(taxonomy(), items, budget=len(wrong) / 800)
    hits = [one for one in found if wrong.get(one.item, ("", ""))[0] == one.concept]
    assert len(found) <= len(wrong)
    assert len(hits) >= 0.8 * len(wrong)
    assert all(one.better[0][0] == wrong[one.item][1] for one in hits)
    assert all(one.probability < one.better[0][1] for one in found)
    assert found == wrong_tags(taxonomy(), items, budget=len(wrong) / 800)


def test_the_check_says_why_and_what_to_do() -> None:
    items = catalogue()
    wrong = spoilt(items)
    report = audit(
        taxonomy(), items=items, checks=["implausible_tag"], extra=[implausible_tag(lambda: items, budget=0.01)]
    )
    first = next(one for one in report.to_json()["findings"] if one["item"] in wrong)
    tag, right = wrong[first["item"]]
    assert (first["check"], first["concepts"], first["evidence"]["better"][0]) == ("implausible_tag", [tag], right)
    assert f"{right.title()!r} fits better" in first["message"]
    assert first["repair"]["to"] == right
    assert len(first["evidence"]["similar_items"]) == 10
    assert first["evidence"]["agreeing"] <= 2


def test_too_little_to_learn_from_is_no_finding() -> None:
    items = catalogue(60)
    assert wrong_tags(taxonomy(), items) == []
    assert wrong_tags(taxonomy(), []) == []
    untitled = [replace(item, title="!") for item in catalogue(200)]
    assert len(wrong_tags(taxonomy(), untitled, budget=0.01)) <= 4


def test_what_a_person_rejected_and_what_is_unknown_is_passed_over() -> None:
    items = catalogue(200)
    gone = ItemTag("gone", 0.9, "exact")
    items = [
        replace(item, tags=(*item.tags, gone, replace(item.tags[0], concept="mug", status="rejected")))
        for item in items
    ]
    assert all(one.concept != "gone" for one in wrong_tags(taxonomy(), items))


@pytest.mark.parametrize("budget", [-0.1, 1.5])
def test_a_budget_is_a_share(budget: float) -> None:
    with pytest.raises(InputError, match="from 0 to 1"):
        implausible_tag(list, budget=budget)
