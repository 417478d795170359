"""Edits of single concepts, as change sets planned from a snapshot."""

from graph.editing.concepts import (
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
from graph.editing.raw import read_change
from graph.editing.redirects import deprecate, merge
from graph.editing.requests import OPERATIONS, plan, title
from graph.editing.split import Part, split

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
