"""Numbers and units as shops write them."""

from __future__ import annotations

import pytest

from graph.errors import InputError
from kgtag.normalise import Quantity, convert, read_quantity
from kgtag.normalise.quantities import first_number, in_unit


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("5.5in", 5.5, "in"),
        ('5-1/2"', 5.5, "in"),
        ("5 1/2 inches", 5.5, "in"),
        ("5½″", 5.5, "in"),
        ("7/16 in.", 0.4375, "in"),
        ("1,000 ft", 1000.0, "ft"),
        ("13.97厘米", 13.97, "cm"),
        ("2公斤", 2.0, "kg"),
        ("50 lbs.", 50.0, "lb"),
        ("12 fl oz", 12.0, "fl oz"),
        ("6MB", 6.0, "MB"),
        ("15K RPM", 15000.0, "rpm"),
        ("42", 42.0, None),
        ("4 pens", 4.0, None),
    ],
)
def test_a_quantity_is_read(text: str, amount: float, unit: str | None) -> None:
    found = read_quantity(text)
    assert found == Quantity(pytest.approx(amount), unit)


def test_no_number_is_no_quantity() -> None:
    assert read_quantity("inches") is None


def test_one_length_in_the_unit_of_choice() -> None:
    spellings = ["5.5in", "5.5 inches", '5-1/2"', "13.97 cm", "139.7毫米"]
    assert {in_unit(text, "cm") for text in spellings} == {"13.97 cm"}
    assert {in_unit(text, "英寸") for text in spellings} == {"5.5 in"}
    assert in_unit("5.5 kg", "cm") is None


def test_other_dimensions_do_not_convert() -> None:
    with pytest.raises(InputError, match="same dimension"):
        convert(Quantity(5, "kg"), "cm")
    with pytest.raises(InputError, match="parsec"):
        convert(Quantity(5, "cm"), "parsec")


@pytest.mark.parametrize(
    ("text", "number"),
    [("50/Pack", 50), ("Quad-Core", 4), ("trio", 3), ("7.2K", 7200), ("两双", 2), ("a set", None), ("1/0", 0)],
)
def test_the_first_number(text: str, number: float | None) -> None:
    assert first_number(text) == number
