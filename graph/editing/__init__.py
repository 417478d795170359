"""Edits of single concepts, as change sets planned from a snapshot."""

from graph.editing.concepts import Alteration as Alteration
from graph.editing.concepts import Signature as Signature
from graph.editing.concepts import alter as alter
from graph.editing.concepts import create as create
from graph.editing.concepts import move as move
from graph.editing.concepts import rename as rename
from graph.editing.concepts import require_etag as require_etag
from graph.editing.concepts import require_expected as require_expected
from graph.editing.concepts import require_revision as require_revision
from graph.editing.redirects import Part as Part
from graph.editing.redirects import deprecate as deprecate
from graph.editing.redirects import merge as merge
from graph.editing.redirects import split as split
from graph.editing.requests import OPERATIONS as OPERATIONS
from graph.editing.requests import plan as plan
from graph.editing.requests import read_change as read_change
from graph.editing.requests import title as title
