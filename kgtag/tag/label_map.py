"""Label maps: an extractor's attribute and category names as concepts, through redirects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graph.errors import ModelMismatch
from graph.taxonomy import Taxonomy, find_concept, require_concept


class LabelMap:
    """Maps the names of one model to concepts of one snapshot."""

    def __init__(self, taxonomy: Taxonomy, attributes: Mapping[str, str], categories: Mapping[str, str]) -> None:
        self._taxonomy = taxonomy
        self._attributes = attributes
        self._categories = categories
        self._names = {concept: name for name, concept in sorted(categories.items(), reverse=True)}

    @classmethod
    def of(
        cls,
        taxonomy: Taxonomy,
        *,
        attributes: Iterable[str],
        categories: Iterable[str],
        recorded: Mapping[str, str],
    ) -> LabelMap:
        """Bind by the ids `recorded` at training (name → concept id), else by label.

        Raises ModelMismatch when a recorded concept is gone without a redirect, or no attribute is known at all.
        """
        lost = sorted({id for id in recorded.values() if id not in taxonomy})
        if lost:
            shown = ", ".join(lost[:5]) + (" …" if len(lost) > 5 else "")
            raise ModelMismatch(
                f"the model was trained on concepts that this taxonomy lacks ({len(lost)}: {shown}); open the store it "
                "was trained on, redirect the concepts (replaced_by), or train again: kgtag train extractor --store …"
            )
        names = sorted(attributes)
        bound = {name: id for name in names if (id := find_concept(taxonomy, name, "attribute", recorded)) is not None}
        if names and not bound:
            raise ModelMismatch(
                f"none of the model's {len(names)} attributes ({', '.join(names[:5])} …) is an attribute of this "
                "taxonomy; import one that has them (kgtag import annotated FILE) or train on this one"
            )
        found = {name: id for name in sorted(categories) if (id := find_concept(taxonomy, name, "category", recorded))}
        return cls(taxonomy, bound, found)

    def attribute(self, name: str) -> str | None:
        """The attribute concept, or None where the taxonomy lacks it."""
        return self._attributes.get(name)

    def category(self, name: str) -> str | None:
        """The category concept of a name the model was trained on."""
        return self._categories.get(name)

    def given_category(self, value: str) -> str:
        """The category a product names, by id or label; raises UnknownConcept, naming the nearest ones."""
        return self._categories.get(value) or require_concept(self._taxonomy, value, "category")

    def category_name(self, concept: str | None) -> str | None:
        """The model's name for a category: its own in training, its nearest trained ancestor's, or its label."""
        if concept is None:
            return None
        line = [concept, *sorted(self._taxonomy.ancestors(concept), key=lambda id: -self._taxonomy.depth(id))]
        return next((self._names[id] for id in line if id in self._names), self._taxonomy[concept].label("en"))
