"""Values as they are written → values as a catalogue keeps them: units, numbers, names, families of colours."""

from __future__ import annotations

from kgtag.normalise.learn import ValuePair, fit
from kgtag.normalise.normaliser import Canonicaliser
from kgtag.normalise.pairs import paired
from kgtag.normalise.quantities import Quantity, convert, read_quantity

__all__ = ["Canonicaliser", "Quantity", "ValuePair", "convert", "fit", "paired", "read_quantity"]
