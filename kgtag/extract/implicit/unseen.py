"""Values that the taxonomy got after the training, for the model of implied values to tell from their names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from graph.labels import normalise
from graph.taxonomy import Taxonomy
from kgtag.extract.implicit.model import TextEncoder, ValueModel

_MOST = 200
"""An attribute with more of them gets none: among so many names likeness alone can't choose."""


def with_unseen_values(
    model: ValueModel, taxonomy: Taxonomy, concept_of: Callable[[str], str | None], encoder: TextEncoder | None
) -> ValueModel:
    """The model with every active value none of whose labels it knows; as it is without an encoder."""
    if encoder is None:
        return model
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for attribute in model.attributes:
        concept = concept_of(attribute)
        if concept is None:
            continue
        known = {normalise(value) for value in model.heads[attribute].values if value is not None}
        for id in taxonomy.values_of(concept):
            value = taxonomy[id]
            if value.status == "deprecated" or any(normalise(text) in known for text, _, _ in value.labels()):
                continue
            found[attribute][value.label("en")] = value.definition.get("en", "")
    return model.extended({name: new for name, new in found.items() if len(new) <= _MOST}, encoder)
