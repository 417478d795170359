"""A place for a new concept: its parent, and what moves under it."""

from kgtag.place.likely import Likely, LikelyTags
from kgtag.place.model import PlaceModel, read_place_model
from kgtag.place.placer import NewConcept, Place, Placer, place_rows

__all__ = ["Likely", "LikelyTags", "NewConcept", "Place", "PlaceModel", "Placer", "place_rows", "read_place_model"]
