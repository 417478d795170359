"""`kgtag search` on the sample shop."""

from __future__ import annotations

from tests.kgtag.running import main


def test_a_query_as_json_and_as_a_table(shop: str) -> None:
    asked = ("search", "wool socks men under $20 no polyester", "--store", shop)
    row = main(*asked, "--json").json
    assert (row["category"]["concept"], row["remainder"]) == ("socks", "")
    assert [span["type"] for span in row["spans"]] == ["value", "category", "value", "price", "value"]
    assert row["revision"] and row["elasticsearch"]["query"]["bool"]["filter"]
    shown = main(*asked).stdout
    assert "Socks (socks" in shown and "negated" in shown and "lte 20, USD" in shown and "crew socks" in shown


def test_words_without_a_concept_are_shown(shop: str) -> None:
    shown = main("search", "iphone 13 case", "--store", shop).stdout
    assert "no category" in shown and "iphone 13 case" in shown


def test_a_query_model_that_is_not_there_is_bad_input(shop: str) -> None:
    ran = main("search", "tent", "--store", shop, "--query-model", "nowhere")
    assert (ran.code, ran.stdout) == (2, "") and "'nowhere'" in ran.stderr


def test_an_empty_query_is_bad_input(shop: str) -> None:
    ran = main("search", " ", "--store", shop)
    assert (ran.code, ran.stdout) == (2, "") and "no visible character" in ran.stderr
