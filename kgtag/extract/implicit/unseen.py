"""Values that were added to the taxonomy after the training of its model of implicit values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from graph.labels import normalise
from graph.taxonomy import Taxonomy
from kgtag.extract.implicit.model import ImplicitValueModel, TextEncoder

_MOST = 200
"""An attribute with more of them gets none: likeness alone can't choose among so many names."""


def with_unseen_values(
    model: ImplicitValueModel, taxonomy: Taxonomy, concept_of: Callable[[str], str | None], encoder: TextEncoder | None
) -> ImplicitValueModel:
    """Add every active value with only unknown labels to the model; without an encoder, none."""
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
