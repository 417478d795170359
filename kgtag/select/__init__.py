"""Which products to annotate next."""

from kgtag.select.choose import Choice, Pool, choose
from kgtag.select.doubt import Doubt, doubts

__all__ = ["Choice", "Doubt", "Pool", "choose", "doubts"]
