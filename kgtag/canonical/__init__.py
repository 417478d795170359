"""Values as they are written → values as a catalogue keeps them: units, numbers, names, families of colours."""

from __future__ import annotations

from kgtag.canonical.canonicaliser import Canonicaliser
from kgtag.canonical.learn import ValuePair, fit
from kgtag.canonical.pairs import paired
from kgtag.canonical.quantities import Quantity, convert, read_quantity

__all__ = ["Canonicaliser", "Quantity", "ValuePair", "convert", "fit", "paired", "read_quantity"]
