"""What the rows of "tags out" show beside the tags: reasons, and the terms of another scheme."""

from __future__ import annotations

from dataclasses import dataclass

from graph.crosswalk import Crosswalk
from graph.taxonomy import Taxonomy
from kgtag.rows.tagging import MappedRow, TaggingRow
from kgtag.tag.reasons import with_reasons
from kgtag.types import Tagging


@dataclass(frozen=True, slots=True)
class Shown:
    """`explain`: a sentence, `why`, for each tag; `crosswalk`: the scheme in whose terms each tag is given as well."""

    explain: bool = False
    crosswalk: Crosswalk | None = None

    @classmethod
    def of(cls, taxonomy: Taxonomy, *, explain: bool = False, scheme: str | None = None) -> Shown:
        """With the terms of a scheme of the snapshot. Raises UnknownConcept for an unknown scheme."""
        return cls(explain, Crosswalk(taxonomy, scheme) if scheme is not None else None)

    def row(self, tagging: Tagging) -> TaggingRow:
        """The row of a product's tags."""
        row = with_reasons(tagging.to_dict()) if self.explain else tagging.to_dict()
        return row if self.crosswalk is None else with_mapped(row, self.crosswalk)


TAGS = Shown()
"""The tags alone."""


def with_mapped(row: TaggingRow, crosswalk: Crosswalk) -> TaggingRow:
    """The row with `mapped` on each tag that has a counterpart in the scheme.

    Example:
        >>> with_mapped(tagging.to_dict(), Crosswalk(taxonomy, "google"))["tags"][0]["mapped"]
        {'concept': 'google:187', 'label': 'Shoes', 'match': 'broader'}
    """
    found = row.copy()
    found["tags"] = []
    for tag in row["tags"]:
        mapped = crosswalk.find(tag["concept"]) if tag["concept"] in crosswalk.taxonomy else None
        if mapped is not None:
            label = crosswalk.taxonomy[mapped.concept].label()
            shown: MappedRow = {"concept": mapped.concept, "label": label, "match": mapped.match}
            tag = {**tag, "mapped": shown}
        found["tags"].append(tag)
    return found
