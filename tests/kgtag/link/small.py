"""A small shop whose labels collide on purpose: "orange" and "mint" are colors, scents and flavors."""

from __future__ import annotations

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy

_CATEGORIES = {
    "clothing": "Clothing",
    "t-shirts": "T-shirts",
    "socks": "Socks",
    "tea": "Tea",
    "face-creams": "Face creams",
}
_BROADER = {"t-shirts": "clothing", "socks": "clothing"}
_APPLIES = {
    "color": ["clothing"],
    "material": ["clothing"],
    "audience": ["clothing"],
    "pattern": ["clothing"],
    "flavor": ["tea"],
    "scent": ["face-creams"],
    "capacity": ["face-creams"],
}
_VALUES = {
    "color": [
        "Orange|橙色|tangerine",
        "Mint|薄荷绿|mint green",
        "Navy|藏青色|navy blue",
        "Black|黑色|jet black",
        "Pink|粉色|blush",
        "Dark green|墨绿色|forest green",
        "Red|红色|crimson",
        "Grey|灰色|gray",
    ],
    "material": [
        "Cotton|棉|pure cotton",
        "Wool|羊毛|sheep's wool",
        "Leather|皮革|cowhide",
        "Polyester|涤纶|poly",
        "Linen|亚麻|flax",
        "Silk|真丝|mulberry silk",
        "Denim|牛仔布|jean fabric",
    ],
    "audience": ["Men|男士|menswear", "Women|女士|ladies", "Kids|儿童|children", "Unisex|中性|for everyone"],
    "pattern": ["Polka dot|波点|spotted", "Striped|条纹|stripes", "Floral|碎花|flower print", "Plaid|格纹|checked"],
    "flavor": [
        "Orange|橙味|orange zest",
        "Mint|薄荷味|spearmint",
        "Jasmine|茉莉|jasmine blossom",
        "Lemon|柠檬味|citron",
    ],
    "scent": [
        "Orange|甜橙香|sweet orange",
        "Mint|薄荷香|peppermint",
        "Rose|玫瑰香|damask rose",
        "Lavender|薰衣草|french lavender",
    ],
    "capacity": ["500 ml|500毫升|half a litre", "250 ml|250毫升|quarter litre", "50 ml|50毫升|travel size"],
}


def small_taxonomy(*, extra: tuple[Concept, ...] = ()) -> Taxonomy:
    """5 categories, 7 attributes, 34 values with English and Chinese labels and an alternative label each."""
    concepts = [Concept(id, "small", "category", {"en": name}) for id, name in _CATEGORIES.items()]
    relations = [Relation("broader", child, parent, primary=True) for child, parent in _BROADER.items()]
    for attribute, values in _VALUES.items():
        concepts.append(Concept(attribute, "small", "attribute", {"en": attribute.capitalize()}))
        relations += [Relation("applies_to", attribute, category) for category in _APPLIES[attribute]]
        for value in values:
            en, zh, alt = value.split("|")
            id = f"{attribute}.{en.lower().replace(' ', '-')}"
            concepts.append(Concept(id, "small", "value", {"en": en, "zh": zh}, {"en": (alt,)}))
            relations.append(Relation("value_of", id, attribute))
    concepts += extra
    return Taxonomy.of(TaxonomyData.of(1, tuple(sorted(concepts, key=lambda c: c.id)), tuple(sorted(relations))))
