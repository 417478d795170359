"""What of annotated products is learned by inferring it, since no text states it."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from kgtag.train.extractor.dataset import locate
from kgtag.types import AnnotatedProduct

LEAST_VALUE = 5
"""Products a value must have; fewer can be neither learned nor measured."""
LEAST_ATTRIBUTE = 30
"""Products an attribute must have."""


@dataclass(frozen=True, slots=True)
class Target:
    """`product`: its number in the data; `value`: None when it is known to have none."""

    product: int
    value: str | None


def targets(data: Sequence[AnnotatedProduct], *, stated: bool = False) -> dict[str, list[Target]]:
    """Return the training products by attribute, sorted, without attributes of too few products or one outcome. A
    product whose texts state one of the attribute's values is left to the extractor; with `stated` none is, and rare
    values are kept, since names in titles help."""
    found: dict[str, list[Target]] = defaultdict(list)
    for number, item in enumerate(data):
        placed, texts = {name for name, _ in item.spans}, (item.product.title, item.product.text or "")
        for name, values in item.attributes.items():
            if not stated and (name in placed or any(locate(text, value) for value in values for text in texts)):
                continue
            named: list[str | None] = [value.strip() for value in values if value.strip()]
            found[name] += [Target(number, value) for value in named or [None]]
    learnable = {}
    for name, rows in sorted(found.items()):
        counts = Counter(row.value for row in rows)
        kept = [row for row in rows if stated or counts[row.value] >= LEAST_VALUE]
        if len(kept) >= LEAST_ATTRIBUTE and len({row.value for row in kept}) > 1:
            learnable[name] = kept
    return learnable
