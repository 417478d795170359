"""The values that titles name, by a taxonomy's labels, for models that infer values from whole titles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kgtag.extract.dictionary import LabelFinder
from kgtag.extract.lexicon import SURE
from kgtag.link.candidates.label_table import LabelTable
from kgtag.types import Mention, Product, Span


@dataclass(frozen=True, slots=True)
class Named:
    """By attribute and value, both as in training, where the title names it: `values` that training had, and `unseen`
    ones, by their labels; `mentions` of other attributes."""

    values: Mapping[str, Mapping[str, Span]] = field(default_factory=dict)
    unseen: Mapping[str, Mapping[str, Span]] = field(default_factory=dict)
    mentions: tuple[Mention, ...] = ()


class ValueNames:
    """Finds the names of values.

    Args:
        table: The labels.
        attributes: Concept ids by attribute name, as in training.
        values: Values by attribute name, as in training.
    """

    def __init__(
        self, table: LabelTable, attributes: Mapping[str, str], values: Mapping[str, Sequence[str | None]]
    ) -> None:
        taxonomy = table.taxonomy
        self._taxonomy = taxonomy
        self._titles = LabelFinder(table, "value")
        self._names = {concept: name for name, concept in sorted(attributes.items(), reverse=True)}
        self._trained = {
            id: (name, value)
            for name, own in values.items()
            for value in own
            if value is not None and name in attributes
            for id in taxonomy.lookup(value)
            if taxonomy.attribute_of(id) == attributes[name]
        }

    def find(self, title: str) -> Named:
        """The values named in a title. A name of two attributes counts for each, and as half as sure a mention."""
        values: dict[str, dict[str, Span]] = {}
        unseen: dict[str, dict[str, Span]] = {}
        mentions = []
        for span, concepts in self._titles.find(title):
            homes = {id: home for id in concepts if (home := self._taxonomy.attribute_of(id)) is not None}
            for id, home in sorted(homes.items()):
                if (trained := self._trained.get(id)) is not None:
                    values.setdefault(trained[0], {}).setdefault(trained[1], span)
                elif (name := self._names.get(home)) is not None:
                    unseen.setdefault(name, {}).setdefault(self._taxonomy[id].label("en"), span)
                else:
                    surface = title[span.start : span.end]
                    mentions.append(Mention(span, surface, home, round(SURE / len(homes), 4)))
        return Named(values, unseen, tuple(mentions))

    def find_all(self, products: Sequence[Product]) -> list[Named]:
        """`find` of every product's title."""
        return [self.find(product.title) for product in products]
