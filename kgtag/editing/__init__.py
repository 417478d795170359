"""What editors do to single concepts, as change sets worked out from a snapshot."""

from kgtag.editing.concepts import (
    Alteration,
    Signature,
    alter,
    create,
    move,
    rename,
    require_etag,
    require_expected,
    require_revision,
)
from kgtag.editing.raw import read_change
from kgtag.editing.redirects import deprecate, merge
from kgtag.editing.split import Part, split
from kgtag.editing.words import OPERATIONS, plan, title

__all__ = [
    "OPERATIONS",
    "Alteration",
    "Part",
    "Signature",
    "alter",
    "create",
    "deprecate",
    "merge",
    "move",
    "plan",
    "read_change",
    "rename",
    "require_etag",
    "require_expected",
    "require_revision",
    "split",
    "title",
]
