"""Variants of one product agree on what they have in common."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graph.columns.assemble import TaxonomyData
from graph.model import Relation
from graph.taxonomy import Taxonomy
from kgtag.data import attempt_products
from kgtag.tag.batch import batches
from kgtag.tag.groups import pooled
from kgtag.tag.models import assemble_tagger
from kgtag.tag.reasons import sentences
from kgtag.tag.tagger import Tagger
from kgtag.types import CandidateTag, Product, Tagging
from tests.api import shop


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    edges = [Relation(type, source, target, type == "broader").canonical() for type, source, target in shop.EDGES]
    concepts = sorted(shop.CONCEPTS, key=lambda one: one.id)
    return assemble_tagger(shop.models(), Taxonomy.of(TaxonomyData.of(0, tuple(concepts), tuple(sorted(edges)))))


def _tagged(tagger: Tagger, *titles: str, group: str | None = "shoe-1") -> list[Tagging]:
    return tagger.tag([Product(str(number), title, group=group) for number, title in enumerate(titles)])


def _methods(tagging: Tagging, attribute: str) -> dict[str, str]:
    return {tag.concept: tag.method for tag in tagging.tags if tag.attribute == attribute and tag.implied_by is None}


def test_what_most_variants_say_holds_for_all(tagger: Tagger) -> None:
    *_, last = _tagged(tagger, "red leather sneakers 42", "blue leather sneakers 43", "sneakers 44")
    assert _methods(last, "material") == {"leather": "shared"}
    (tag,) = [tag for tag in last.tags if tag.concept == "leather"]
    assert 0.5 <= tag.probability < 0.9 and tag.span is None
    assert "Leather: its variants have it; probability" in "\n".join(sentences(last.to_dict()))
    # What they vary in is left alone.
    assert _methods(last, "colour") == {}


def test_without_a_group_and_in_another_one_nothing_is_shared(tagger: Tagger) -> None:
    titles = ("red leather sneakers 42", "red leather sneakers 43", "sneakers 44")
    alone = _tagged(tagger, *titles, group=None)
    assert _methods(alone[2], "material") == {}
    products = [Product(str(n), title, group="b" if n == 2 else "a") for n, title in enumerate(titles)]
    assert [one.to_dict() for one in tagger.tag(products)] == [one.to_dict() for one in alone]


@pytest.mark.parametrize(
    ("title", "attribute"),
    [("sneakers without leather", "material"), ("teal sneakers", "colour"), ("blue sneakers", "colour")],
)
def test_not_where_the_title_speaks_against_it(title: str, attribute: str, tagger: Tagger) -> None:
    *_, last = _tagged(tagger, "red leather sneakers", "red leather sneakers 43", "red leather sneakers 44", title)
    assert "shared" not in _methods(last, attribute).values()


def test_one_of_two_is_not_enough(tagger: Tagger) -> None:
    *_, last = _tagged(tagger, "red leather sneakers", "sneakers")
    assert _methods(last, "material") == {}


def test_members_share_the_evidence_for_the_category() -> None:
    sure = (CandidateTag("boots", 0.9, "predicted"),)
    odd = (CandidateTag("socks", 0.7, "predicted"), CandidateTag("boots", 0.2, "predicted"))
    given = (CandidateTag("boots", 1.0, "given"),)
    denied = (CandidateTag("boots", 1.0, "exact", rule="negated"), CandidateTag("socks", 0.6, "predicted"))
    first, second, kept = pooled([sure, odd, given])
    assert [(one.concept, round(one.probability, 3), one.method) for one in second] == [
        ("boots", 0.7, "predicted"), ("socks", 0.233, "predicted"),
    ]  # fmt: skip
    assert [one.method for one in first] == ["predicted", "shared"] and kept == given
    *_, against = pooled([sure, sure, denied])
    assert [one.concept for one in against if one.rule is None] == ["socks"]


def test_a_group_is_not_cut(tmp_path: Path) -> None:
    rows = [{"id": n, "title": "shoe", **({"item_group_id": "big"} if 60 <= n < 70 else {})} for n in range(140)]
    file = tmp_path / "products.jsonl"
    file.write_text("".join(json.dumps(row).replace("item_group_id", "group") + "\n" for row in rows))
    assert [len(batch) for batch in batches(attempt_products(file))] == [70, 64, 6]
    table = tmp_path / "products.csv"
    table.write_text("id,title,item_group_id\n1,Shoe,a\n2,Shoe,\n")
    assert [one.group for one in attempt_products(table) if isinstance(one, Product)] == ["a", None]
    assert len(list(batches([Product(str(n), "shoe", group="huge") for n in range(1100)]))) == 3
