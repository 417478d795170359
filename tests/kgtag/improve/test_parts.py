"""The parts of the loop that need no model: the rule, what is kept aside, the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graph.errors import InputError
from kgtag.improve import Place, Round, decide
from kgtag.improve.split import cluster, drawn, is_aside, split, unlike
from kgtag.types import AnnotatedProduct, Product


def gold(*titles: str) -> list[AnnotatedProduct]:
    return [AnnotatedProduct(Product(title, title), {"Color": ()}) for title in titles]


@pytest.mark.parametrize(
    ("difference", "interval", "more", "expected"),
    [
        (0.05, (0.01, 0.09), False, "promoted"),
        (0.01, (-0.02, 0.04), True, "promoted"),
        (0.0, (-0.02, 0.02), True, "promoted"),
        (0.01, (-0.02, 0.04), False, "asked"),
        (-0.01, (-0.04, 0.02), True, "asked"),
        (-0.05, (-0.09, -0.01), True, "kept"),
    ],
)
def test_the_rule(difference: float, interval: tuple[float, float], more: bool, expected: str) -> None:
    decision, why = decide(difference, interval, more=more)
    assert decision == expected and f"{difference:+.3f}" in why


def test_variants_of_a_product_are_on_one_side() -> None:
    assert cluster("Norda trail shoe, size 42") == cluster("Shoes TRAIL norda size 44")
    titles = [
        f"{brand * 3} {thing * 3} of {stuff * 4}" for brand in "abcdefgh" for thing in "klmno" for stuff in "wxyz"
    ]
    share = sum(map(is_aside, titles)) / len(titles)
    assert 0.1 < share < 0.3
    assert all(is_aside(title) == is_aside(f"{title} 500 ml") for title in titles)
    train, aside = split(gold(*titles))
    assert len(train) + len(aside) == len(titles) and len(aside) == share * len(titles)


def test_what_resembles_a_product_kept_aside_is_not_trained_on() -> None:
    aside = gold("Norda waxed trail running shoe black")
    train = gold("Norda waxed trail running shoe black wide", "Norda waxed jacket black", "")
    assert [one.product.title for one in unlike(train, aside)] == ["Norda waxed jacket black", ""]
    assert unlike(train, []) == train and unlike([], aside) == []


def test_products_are_drawn_anew_for_each_salt_and_each_title_once() -> None:
    products = [Product(str(n), f"title {n % 50}") for n in range(100)]
    first, again, other = (drawn(products, 20, salt=salt) for salt in ("1", "1", "2"))
    assert first == again != other and len({one.title for one in first}) == 20


def test_checked_answers_become_gold_and_the_rest_stays(tmp_path: Path) -> None:
    place = Place(tmp_path)
    rows = [
        {
            "id": str(n),
            "title": f"title {n}",
            "attributes": {"Color": ["title"]},
            "checked": n < 2,
            "why": {"novelty": 1},
        }
        for n in range(3)
    ]
    place.next.write_text("".join(json.dumps(row) + "\n" for row in rows))
    place.collect(4)
    assert [one.product.id for one in place.gold()] == ["0", "1"]
    assert [json.loads(line)["id"] for line in place.next.read_text().splitlines()] == ["2"]
    place.next.write_text(json.dumps(rows[2] | {"checked": True}) + "\n")
    place.collect(4)  # a round that was interrupted, begun again
    assert [one.product.id for one in place.gold()] == ["0", "1", "2"] and place.next.read_text() == ""
    place.collect(4)
    assert len(place.gold()) == 3


def test_a_checked_row_that_does_not_read_is_named_and_stays(tmp_path: Path) -> None:
    place = Place(tmp_path)
    row = {"id": "1", "title": "a cup", "attributes": {"Color": 7}, "checked": True}
    place.next.write_text(json.dumps(row) + "\n")
    with pytest.raises(InputError, match=r"a checked row does not read: .*'Color'"):
        place.collect(1)
    assert place.gold() == [] and json.loads(place.next.read_text()) == row


def test_the_ledger_survives_a_torn_line_and_one_round_is_begun_once(tmp_path: Path) -> None:
    place = Place(tmp_path)
    first = place.end(Round(1, decision="unchanged"))
    with (tmp_path / "rounds.jsonl").open("ab") as file:
        file.write(b'{"round": 2, "dec')
    assert place.ledger() == [first] and place.begun() is None
    second = place.keep(Round(2, decision="kept", sizes={"train": 3}))
    assert place.begun() == second
    place.end(second)
    assert place.ledger() == [first, second] and place.begun() is None
    place.keep(second)  # stopped between the ledger and the end
    assert place.begun() is None


def test_one_process_at_a_time_and_a_catalogue_is_needed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.locked(), pytest.raises(InputError, match="another kgtag improves"), place.locked():
        pass
    with pytest.raises(InputError, match=r"products\.csv"):
        place.products()
    with pytest.raises(InputError, match="there is no directory"), Place(tmp_path / "none").locked():
        pass
