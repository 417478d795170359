"""Made-up goods in two languages: departments, kinds of goods, and the kinds by what they are made of."""

from __future__ import annotations

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy

DEPARTMENTS = {
    "furniture": ("Furniture", "家具", {"chair": "椅", "desk": "桌", "bench": "凳", "shelf": "架", "wardrobe": "柜"}),
    "kitchen": ("Kitchenware", "厨具", {"pan": "锅", "knife": "刀", "bowl": "碗", "spoon": "勺", "kettle": "壶"}),
    "light": ("Lighting", "照明", {"lamp": "灯", "lantern": "笼", "candle": "烛", "chandelier": "吊", "torch": "炬"}),
    "garden": ("Gardening", "园艺", {"rake": "耙", "spade": "铲", "hose": "管", "pot": "盆", "shear": "剪"}),
}
MADE_OF = {
    "oak": "橡木", "steel": "钢", "copper": "铜", "bamboo": "竹", "glass": "玻璃", "rubber": "胶", "marble": "石",
    "wicker": "藤", "pine": "松木", "brass": "黄铜", "plastic": "塑料", "clay": "陶",
}  # fmt: skip


def goods(*, without: frozenset[str] = frozenset()) -> Taxonomy:
    """264 concepts, 240 of them leaves, but for those `without`."""
    concepts, edges = [], []

    def add(id: str, en: str, zh: str, under: str | None) -> None:
        if id not in without:
            concepts.append(Concept(id, "goods", "category", {"en": en, "zh": zh}))
            edges.extend([Relation("broader", id, under, primary=True)] if under else [])

    for department, (en, zh, kinds) in DEPARTMENTS.items():
        add(department, en, zh, None)
        for kind, character in kinds.items():
            add(kind, f"{kind.title()}s", character, department)
            for material, written in MADE_OF.items():
                add(f"{material}-{kind}", f"{material.title()} {kind}s", f"{written}{character}", kind)
    return Taxonomy.of(TaxonomyData.of(1, tuple(concepts), tuple(edges)))
