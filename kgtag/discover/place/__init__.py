"""A place for a new concept: its parent, and what moves under it."""

from kgtag.discover.place.likely import Likely, LikelyTags
from kgtag.discover.place.model import PlaceModel, read_place_model
from kgtag.discover.place.placer import PLACES, NewConcept, Place, Placer, place_rows

__all__ = [
    "PLACES",
    "Likely",
    "LikelyTags",
    "NewConcept",
    "Place",
    "PlaceModel",
    "Placer",
    "place_rows",
    "read_place_model",
]
