"""Values as sellers write them → values as a catalogue keeps them: units, numbers, names, families of colours."""

from kgtag.normalise.learn import Normaliser, ValuePair, fit, pair_values
from kgtag.normalise.quantities import Quantity, convert, read_quantity

__all__ = ["Normaliser", "Quantity", "ValuePair", "convert", "fit", "pair_values", "read_quantity"]
