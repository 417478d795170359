"""What is done to values is learned from examples, and holds for values nobody has seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from graph.errors import InputError
from kgtag.cli import app
from kgtag.cli.tag import read_pairs
from kgtag.normalise import Normaliser, ValuePair, fit

LEARNED = {
    "width": [('14"', "35.6"), ("22", "55.9"), ('8-1/2"', "21.6"), ("5 in", "12.7"), ('11 3/4"', "29.8"), ("3", "7.6")],
    "weight": [("32 oz", "907"), ("3.08 oz", "87"), ("1 lb", "454"), ("1.7 oz", "48"), ("24oz", "680")],
    "memory": [("2GB", "2 Gigabytes"), ("3GB", "3 Gigabytes"), ("512MB", "512 Megabytes"), ("64 MB", "64 Megabytes"),
               ("16 GB", "16 Gigabytes"), ("128MB", "128 Megabytes")],
    "part": [("A-12", "A12"), ("340-708", "340708"), ("B 19/2", "B192"), ("19-B21", "19B21"), ("C-7", "C7")],
    "code": [("068274195", "68274"), ("856924000", "56924"), ("719098240", "19098"), ("082846802", "82846")],
    "pack": [("22/Box", "22"), ("trio", "3"), ("6 per pack", "6"), ("50/PK", "50"), ("Twin", "2"), ("12/Carton", "12")],
    "brand": [("LaCroix", "LACROIX"), ("Nabisco", "NABISCO"), ("N'Joy", "N'JOY"), ("Bigelow", "BIGELOW")],
    "maker": [("HP", "Hewlett-Packard"), ("HP Proliant", "Hewlett-Packard Proliant"),
              ("HP Envy", "Hewlett-Packard Envy"),
              ("Dell", "Dell"), ("Acer", "Acer"), ("HP Elite", "Hewlett-Packard Elite")],
    "colour": [("cherry red", "Red"), ("brick red", "Red"), ("dark red", "Red"), ("navy blue", "Blue"),
               ("sky blue", "Blue"), ("baby blue", "Blue"), ("crimson red", "Red"), ("ice blue", "Blue")],
}  # fmt: skip
UNSEEN = [
    ("width", '9-1/4"', "23.5"),
    ("weight", "2.5 oz", "71"),
    ("memory", "40GB", "40 Gigabytes"),
    ("part", "653954-001", "653954001"),
    ("code", "072799039", "72799"),
    ("pack", "14/Tray", "14"),
    ("brand", "Vera Wang", "VERA WANG"),
    ("maker", "HP Spectre", "Hewlett-Packard Spectre"),
    ("colour", "pale blue", "Blue"),
    ("shoe size", "44", "44"),
]


@pytest.fixture(scope="module")
def learned() -> Normaliser:
    return fit([ValuePair(raw, made, attribute, "shop") for attribute, rows in LEARNED.items() for raw, made in rows])


@pytest.mark.parametrize(("attribute", "raw", "normalised"), UNSEEN)
def test_unseen_values(learned: Normaliser, attribute: str, raw: str, normalised: str) -> None:
    assert learned.apply(raw, attribute=attribute, category="shop") == normalised
    assert learned.apply(raw, attribute=attribute, category="another shop") == normalised


def test_known_values_are_looked_up_in_any_spelling(learned: Normaliser) -> None:
    assert learned.apply("CHERRY  Red", attribute="colour") == "Red"


def test_rules_are_kept_to_json(learned: Normaliser, tmp_path: Path) -> None:
    learned.save(tmp_path / "rules.json")
    again = Normaliser.load(tmp_path / "rules.json")
    assert again.to_json() == learned.to_json()
    assert [again.apply(raw, attribute=attribute) for attribute, raw, _ in UNSEEN] == [made for *_, made in UNSEEN]


def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text('{"format": 1, "rules": [{"attribute": "a", "category": null, "known": {}, "operations": [{}]}]}')
    with pytest.raises(InputError, match="operation"):
        Normaliser.load(file)
    file.write_text("{}")
    with pytest.raises(InputError, match="format"):
        Normaliser.load(file)
    with pytest.raises(InputError, match="no pairs"):
        fit([])


def test_an_encoder_tells_families_apart_that_share_no_letters() -> None:
    def encode(texts: list[str]) -> NDArray[np.float32]:
        warm = np.array([any(word in text for word in ("ruby", "wine", "rust", "rose")) for text in texts])
        return np.stack([warm, ~warm], axis=1).astype(np.float32)

    rows = [("ruby", "Red"), ("wine", "Red"), ("rust", "Red"), ("sky", "Blue"), ("navy", "Blue"), ("ocean", "Blue")]
    learned = fit([ValuePair(raw, made, "colour") for raw, made in rows], encode=encode)
    assert learned.apply("rose", attribute="colour") == "Red"


def test_the_command_line_learns_and_applies(tmp_path: Path) -> None:
    table = tmp_path / "values.tsv"
    table.write_text("".join(f"{raw}\t{made}\tmaker\n" for raw, made in LEARNED["maker"]))
    run = CliRunner()
    out = str(tmp_path / "rules.json")
    assert run.invoke(app.app, ["train", "normaliser", "--data", str(table), "--out", out]).exit_code == 0
    ran = run.invoke(app.app, ["normalise", "HP Spectre", "Sony", "--model", out, "--attribute", "maker"])
    assert ran.stdout.split("\n")[:2] == ["Hewlett-Packard Spectre", "Sony"]
    ran = run.invoke(app.app, ["normalise", "5.5in", "red", "--unit", "cm", "--json"])
    assert '"13.97 cm"' in ran.stdout


def test_a_line_of_other_fields_is_named() -> None:
    assert read_pairs(["HP\tHewlett-Packard\tmaker\tLaptops\n", "\n"]) == [
        ValuePair("HP", "Hewlett-Packard", "maker", "Laptops")
    ]
    with pytest.raises(InputError, match="line 2"):
        read_pairs(["a\tb\tc", "a\tb"])
