"""What the slots of a question name: attributes, concepts, and the items that are meant."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from graph.labels import folded_form, normal_form, normalise, singular
from graph.taxonomy import Taxonomy
from kgtag.ask.conditions import ConditionReader
from kgtag.ask.shelf import Shelf

_SAME = (
    ("color", "colour", "colors", "shade", "颜色"),
    ("brand", "manufacturer", "maker", "make", "producer", "company", "label", "品牌", "牌子", "厂家", "制造商"),
    ("size", "dimensions", "尺码", "尺寸", "大小"),
    ("size", "size/weight", "weight", "重量"),
    ("material", "fabric", "metal type", "composition", "材质", "材料", "面料"),
    ("audience", "gender", "sex", "target group", "适用人群", "性别"),
    ("flavor", "flavour", "taste", "口味", "味道"),
    ("scent", "fragrance", "smell", "香味", "气味"),
    ("product type", "type", "kind", "category", "product category", "sort", "类型", "种类", "类目", "类别"),
    ("origin", "country of origin", "country", "made in", "产地", "原产地"),
    ("pack quantity", "pack size", "quantity", "count", "规格", "数量"),
    ("capacity", "volume", "容量"),
    ("weight", "net weight", "重量"),
    ("height", "高度"), ("width", "宽度"), ("depth", "深度"), ("length", "长度"),
    ("part number", "manufacturer stock number", "model number", "mpn", "stock number", "sku", "型号"),
    ("upc", "retail upc", "barcode", "gtin", "ean", "条形码"),
    ("clock speed", "speed"),
    ("power", "wattage", "thermal design power", "tdp", "功率"),
)  # fmt: skip
"""Names of attributes that ask for the same; the nearest is taken that the taxonomy has, and the item a value of."""
_CATEGORY = frozenset(("category", "product type", "type", "kind", "sort", "类目", "种类", "类别", "类型", "商品类型"))
_LEAD = re.compile(
    r"^(?:(?:an?|the|any|some|both|made of|made from|made out of|made in|in|for|from|by|with|of|as|available in|"
    r"suitable for|meant for|good for|intended for|designed for|compatible with|tagged|labelled|considered|classed as|"
    r"type of|kind of)\b\s*|"
    r"(?:用于|适合|适用于|用|由|带有|带|有)\s*)+(?=\S)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Selection:
    """The items that a slot means: one, several of one name, or all with some tags (`described`)."""

    items: tuple[str, ...]
    name: str
    described: bool = False


class Names:
    """Resolves slots against one snapshot and its items."""

    def __init__(self, taxonomy: Taxonomy, shelf: Shelf, reader: ConditionReader) -> None:
        self._taxonomy, self._shelf, self._reader = taxonomy, shelf, reader

    def items(self, text: str, marks: Sequence[Sequence[str]]) -> Selection | None:
        """The items of a slot: named by id or title, else described by tags, else by words of a title."""
        if (ids := self._shelf.named(text, marks)) is not None:
            return Selection(tuple(ids), text)
        if (id := text.strip("#\"'“” ")) in self._shelf.items:
            return Selection((id,), id)
        conditions, unknown = self._reader.read(text)
        concepts = [one.concepts for one in conditions if not one.denied]
        named = {self._taxonomy[id].kind for ids in concepts for id in ids}
        if concepts and not unknown and all(one.concepts for one in conditions) and "attribute" not in named:
            ids = self._shelf.with_all(concepts)
            if ids or not self._shelf.by_words(text):
                return Selection(tuple(ids), text, described=True)
        ids = self._shelf.by_words(text)
        return Selection(tuple(ids), text) if ids else None

    def is_attribute(self, text: str) -> bool:
        """Whether the text is the name of an attribute, or another name for one."""
        plain = singular(normalise(text))
        return (
            _form(text) in self._by_label
            or plain in _CATEGORY
            or any(
                text.lower() in names or plain in names
                for names in _SAME
                if any(_form(one) in self._by_label for one in names)
            )
        )

    def attributes(self, text: str) -> list[str]:
        """Ids of the attributes of a name, the nearest first: labels, labels that have its words, other names for it;
        "category" for the categories."""
        form = _form(text)
        found = list(self._by_label.get(form, ()))
        words = set(singular(normalise(text)).split())
        if not found and words:
            ranked = [(len(mine - words), id) for id, label in self._words for mine in (label,) if words <= mine]
            fewest = min(ranked, default=(9, ""))[0]
            found += [id for more, id in sorted(ranked) if more == fewest]
        for names in _SAME:
            if text.strip().lower() in names or singular(normalise(text)) in names:
                found += [id for name in names for id in self._by_label.get(_form(name), ())]
        if normalise(text).removeprefix("product ") in _CATEGORY or normalise(text) in _CATEGORY:
            found.append("category")
        return list(dict.fromkeys(found))

    def concept(self, text: str, kind: str | None = None) -> str | None:
        """The concept of a label; of several, a category before an attribute before a value, the one near the top."""
        taxonomy = self._taxonomy
        condition = self._reader.exact(text) or self._reader.exact(_LEAD.sub("", text))
        if condition is None:
            ids = [id for one in (singular(normalise(text)), normalise(text) + "s") for id in taxonomy.lookup(one)]
        else:
            ids = list(condition.concepts)
        ids = [id for id in ids if kind is None or taxonomy[id].kind == kind]
        order = {"category": 0, "attribute": 1, "value": 2}
        return min(ids, key=lambda id: (order[taxonomy[id].kind], taxonomy.depth(id), id), default=None)

    @cached_property
    def _by_label(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for concept in self._taxonomy:
            if concept.kind == "attribute" and concept.status != "deprecated":
                for label, _, _ in concept.labels():
                    if concept.id not in found[_form(label)]:
                        found[_form(label)].append(concept.id)
        return {form: ids for form, ids in found.items() if form}

    @cached_property
    def _words(self) -> list[tuple[str, set[str]]]:
        return [
            (concept.id, set(singular(normalise(re.sub(r"[()]", "", label))).split()))
            for concept in self._taxonomy if concept.kind == "attribute" and concept.status != "deprecated"
            for label, _, kind in concept.labels() if kind == "pref"
        ]  # fmt: skip


def value_text(text: str) -> str:
    """A value without the words that lead to it: "leather" of "made of leather"."""
    return _LEAD.sub("", text).strip()


def _form(text: str) -> str:
    return folded_form(normal_form(text)).removesuffix("s").removesuffix("e")
