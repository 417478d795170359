"""What ties an extractor to a taxonomy: its attribute and category names to concepts, through redirects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from graph.errors import ModelMismatch, UnknownConcept
from graph.formats.matching import singular
from graph.labels import normalise
from graph.model import Kind
from graph.taxonomy import Taxonomy


class Binding:
    """Names of one model → concepts of one snapshot."""

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
    ) -> Binding:
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
        """The attribute concept, or None when the taxonomy has none of this name."""
        return self._attributes.get(name)

    def category(self, name: str) -> str | None:
        """The category concept of a name the model was trained on."""
        return self._categories.get(name)

    def given_category(self, value: str) -> str:
        """The category a product names, by id or label; raises UnknownConcept, naming the nearest ones."""
        return self._categories.get(value) or require_concept(self._taxonomy, value, "category")

    def category_name(self, concept: str) -> str:
        """What the model calls the category: its name in training, its nearest trained ancestor's, or its label."""
        line = [concept, *sorted(self._taxonomy.ancestors(concept), key=lambda id: -self._taxonomy.depth(id))]
        return next((self._names[id] for id in line if id in self._names), self._taxonomy[concept].label("en"))


def require_concept(taxonomy: Taxonomy, value: str, kind: Kind) -> str:
    """The concept of the kind with this id or label, redirects followed; raises UnknownConcept with what is near."""
    found = find_concept(taxonomy, value, kind)
    if found is not None:
        return found
    if value in taxonomy:
        raise UnknownConcept(value, kind=kind, near=[f"an {kind}; {value!r} is of kind {taxonomy[value].kind}"])
    raise UnknownConcept(value, kind=kind, near=taxonomy.near(value, kind=kind))


def find_concept(taxonomy: Taxonomy, name: str, kind: Kind, recorded: Mapping[str, str] | None = None) -> str | None:
    """By recorded id, own id or label, redirects followed; a category's label may differ in number (rod, rods).

    Of several, a category that attributes apply to, then the one nearest the top, then the smallest id.
    """
    if recorded and name in recorded:
        return taxonomy.resolve(recorded[name])
    if name in taxonomy and taxonomy[name].kind == kind:
        return taxonomy.resolve(name)
    spellings = _in_either_number(name) if kind == "category" else [name]
    for spelling in spellings:
        found = [id for id in taxonomy.lookup(spelling) if taxonomy[id].kind == kind]
        if found:
            return min(found, key=lambda id: (not taxonomy.attributes_for(id), taxonomy.depth(id), id))
    return None


def _in_either_number(name: str) -> Iterator[str]:
    """The name, then its singular and its plurals in English, as `import annotated` takes them for one category."""
    yield name
    one = singular(normalise(name))
    yield one
    yield one + "s"
    yield one.removesuffix("y") + "ies" if one.endswith("y") else one + "es"
