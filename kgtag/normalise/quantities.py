"""Numbers with units: read, converted, written, in the units and spellings of shops, English and Chinese.

pint knows more units, but not the shops' spellings (`5-1/2"`, "50 lbs.", "13.97厘米"), which are most of the work.
"""

import re
from dataclasses import dataclass
from typing import Literal

from graph.errors import InputError

NUMBER = r"(?:\d+(?:[ \-]+\d+/\d+)|\d+/\d+|(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)"
"""A mixed number, a fraction, or a decimal, with thousands set off by commas."""
_NUMBER = re.compile(rf"({NUMBER})(?:\s?([kK])(?![A-Za-z]))?")
_VULGAR = {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8", "⅓": "1/3", "⅔": "2/3"}
_WORDS: dict[str, int] = {
    **{word: n for n, word in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight"), 1)},
    **{word: n for n, word in enumerate(("nine", "ten", "eleven", "twelve"), 9)},
    **{character: n for n, character in enumerate("一二三四五六七八九十", 1)},
    **dict.fromkeys(("single", "mono", "单"), 1),
    **dict.fromkeys(("dual", "double", "twin", "pair", "couple", "两", "双", "对"), 2),
    **dict.fromkeys(("triple", "trio", "tri"), 3),
    **dict.fromkeys(("quad", "quadruple"), 4),
    "hexa": 6,
    "octa": 8,
    "dozen": 12,
}
_WORD = re.compile(r"[a-z]+|[一二三四五六七八九十两双对单]")
Dimension = Literal["length", "mass", "volume", "memory", "power", "voltage", "current", "frequency", "time", "rate"]
_TABLE: dict[Dimension, dict[str, tuple[float, str]]] = {
    "length": {
        "mm": (0.001, "mms millimeter millimeters millimetre millimetres 毫米"),
        "cm": (0.01, "cms centimeter centimeters centimetre centimetres 厘米 公分"),
        "m": (1.0, "meter meters metre metres 米 公尺"),
        "km": (1000.0, "kilometer kilometers kilometre kilometres 千米 公里"),
        "in": (0.0254, "inch inches ins \" ” ″ '' 英寸 吋"),
        "ft": (0.3048, "foot feet ' ’ ′ 英尺 呎"),
        "yd": (0.9144, "yds yard yards 码"),
    },
    "mass": {
        "mg": (1e-6, "mgs milligram milligrams 毫克"),
        "g": (0.001, "gs gm gms gram grams gramme grammes g/m2 gsm gms/meter2 克"),
        "kg": (1.0, "kgs kilo kilos kilogram kilograms 千克 公斤"),
        "t": (1000.0, "ton tons tonne tonnes 吨"),
        "oz": (0.028349523125, "ozs ounce ounces 盎司"),
        "lb": (0.45359237, "lbs pound pounds # 磅"),
        "jin": (0.5, "斤 市斤"),
    },
    "volume": {
        "ml": (0.001, "mls milliliter milliliters millilitre millilitres 毫升"),
        "cl": (0.01, "centiliter centiliters 厘升"),
        "l": (1.0, "liter liters litre litres ltr 升 公升"),
        "fl oz": (0.0295735295625, "fluid ounce|fluid ounces|fl. oz|floz|液量盎司"),
        "cup": (0.2365882365, "cups"),
        "pt": (0.473176473, "pint pints"),
        "qt": (0.946352946, "qts quart quarts"),
        "gal": (3.785411784, "gals gallon gallons 加仑"),
    },
    "memory": {
        "KB": (1e3, "kilobyte kilobytes"),
        "MB": (1e6, "megabyte megabytes 兆"),
        "GB": (1e9, "gigabyte gigabytes gig gigs"),
        "TB": (1e12, "terabyte terabytes"),
    },
    "power": {"W": (1.0, "watt watts 瓦"), "kW": (1000.0, "kilowatt kilowatts 千瓦"), "hp": (745.7, "horsepower")},
    "voltage": {"mV": (0.001, ""), "V": (1.0, "volt volts 伏"), "kV": (1000.0, "")},
    "current": {"mA": (0.001, "milliamp milliamps"), "A": (1.0, "amp amps 安")},
    "frequency": {"Hz": (1.0, "hertz"), "kHz": (1e3, ""), "MHz": (1e6, ""), "GHz": (1e9, "")},
    "time": {
        "s": (1.0, "sec secs second seconds 秒"),
        "min": (60.0, "mins minute minutes 分钟"),
        "h": (3600.0, "hr hrs hour hours 小时"),
    },
    "rate": {"rpm": (1.0, "r/min 转")},
}
_DIMENSION: dict[str, Dimension] = {unit: name for name, units in _TABLE.items() for unit in units}
_FACTOR = {unit: factor for units in _TABLE.values() for unit, (factor, _) in units.items()}
_SPELLINGS: dict[str, str] = {}
for _units in _TABLE.values():
    for _unit, (_, _others) in _units.items():
        for _spelling in (_unit, *(_others.split("|") if "|" in _others else _others.split())):
            _SPELLINGS.setdefault(_spelling.casefold(), _unit)
UNIT = "|".join(re.escape(spelling) for spelling in sorted(_SPELLINGS, key=lambda s: (-len(s), s)))
"""A pattern of all spellings of units, longest first."""
_QUANTITY = re.compile(rf"({NUMBER})(?:\s?([kK])(?![A-Za-z]))?(?:[\s\-]{{0,2}}({UNIT})\.?(?![A-Za-z]))?", re.IGNORECASE)


def plain(text: str) -> str:
    """Write vulgar fractions out: "5½" → "5 1/2"."""
    for sign, written in _VULGAR.items():
        if sign in text:
            text = re.sub(rf"(?<=\d){sign}", f" {written}", text).replace(sign, written)
    return text


def value_of(number: str) -> float:
    """The value of a text that matches NUMBER; a fraction over zero is zero."""
    whole, _, fraction = number.strip().replace("-", " ").rpartition(" ")
    if "/" not in number:
        return float(number.replace(",", ""))
    above, _, below = fraction.partition("/")
    part = float(above) / float(below) if float(below) else 0.0
    return (float(whole.strip()) if whole.strip() else 0.0) + part


def first_number(text: str) -> float | None:
    """The first number in digits, "K" for thousands included; without digits, the first number word."""
    found = _NUMBER.search(plain(text))
    if found is not None:
        return value_of(found[1]) * (1000 if found[2] else 1)
    return next((float(_WORDS[word]) for word in _WORD.findall(text.casefold()) if word in _WORDS), None)


@dataclass(frozen=True, slots=True)
class Quantity:
    """`unit` is a symbol; None in a text without one. "7.2K" is 7200 without unit."""

    amount: float
    unit: str | None


def read_quantity(text: str) -> Quantity | None:
    """The first number in the text, with its unit; None when there is no number."""
    found = _QUANTITY.search(plain(text))
    if found is None:
        return None
    amount = value_of(found[1]) * (1000 if found[2] else 1)
    return Quantity(amount, _SPELLINGS[found[3].casefold()] if found[3] else None)


def convert(quantity: Quantity, unit: str) -> float:
    """Convert to a unit, in any spelling. Raises InputError: an unknown unit, or one of another dimension."""
    symbol = unit_of(unit)
    if quantity.unit is None or _DIMENSION[quantity.unit] != _DIMENSION[symbol]:
        given = quantity.unit or "a number without unit"
        raise InputError(f"{given} cannot be converted to {symbol}; give a unit of the same dimension")
    return quantity.amount * _FACTOR[quantity.unit] / _FACTOR[symbol]


def unit_of(spelling: str) -> str:
    """The symbol of a unit. Raises InputError, naming the known ones."""
    symbol = _SPELLINGS.get(spelling.casefold())
    if symbol is None:
        raise InputError(f"unknown unit {spelling!r}; known are {', '.join(_DIMENSION)}")
    return symbol


def base_of(spelling: str) -> tuple[Dimension, str, float]:
    """The dimension of a unit, the base unit of that, and how many of it the unit is: "lb" → ("mass", "kg", 0.4536).
    Raises InputError for an unknown unit."""
    symbol = unit_of(spelling)
    dimension = _DIMENSION[symbol]
    base = next(unit for unit, (factor, _) in _TABLE[dimension].items() if factor in (1.0, 1e9))
    return dimension, base, _FACTOR[symbol] / _FACTOR[base]


def like(unit: str) -> tuple[str, ...]:
    """All units of the same dimension, itself included."""
    return tuple(_TABLE[_DIMENSION[unit]])


def in_unit(text: str, unit: str) -> str | None:
    """The text's quantity in the unit, to a hundredth; None without a quantity of that dimension.

    Example:
        >>> in_unit("5.5in", "cm")
        '13.97 cm'
    """
    quantity = read_quantity(text)
    symbol = unit_of(unit)
    if quantity is None or quantity.unit is None or symbol not in like(quantity.unit):
        return None
    amount = f"{convert(quantity, symbol):.2f}".rstrip("0").rstrip(".")
    return f"{amount} {symbol}"
