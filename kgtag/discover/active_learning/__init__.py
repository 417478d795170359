"""Which products to annotate next."""

from kgtag.discover.active_learning.selection import Choice, Pool, choose
from kgtag.discover.active_learning.uncertainty import Doubt, doubts

__all__ = ["Choice", "Doubt", "Pool", "choose", "doubts"]
