"""The loop: collect what people said, train a candidate, compare, promote or not, choose what to annotate next."""

from kgtag.improve.material import Settings
from kgtag.improve.place import Place, Round
from kgtag.improve.rounds import Loop, decide

__all__ = ["Loop", "Place", "Round", "Settings", "decide"]
