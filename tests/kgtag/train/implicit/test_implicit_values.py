from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph.errors import InputError
from kgtag.evaluation.extraction import ValueExtractor, evaluate_extractor
from kgtag.extract.implicit import ImplicitValueModel, with_inferred
from kgtag.extract.linear import BUCKETS, grams
from kgtag.train.implicit import ValuesReport, train_values
from kgtag.train.targets import targets
from kgtag.types import AnnotatedProduct, Extraction, Mention, Product, Span
from tests.kgtag.train.implicit.closet import WordVectors, closet


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> ValuesReport:
    report = train_values(closet(), out=tmp_path_factory.mktemp("values") / "model", encoder=WordVectors())
    assert report is not None
    return report


@pytest.fixture(scope="module")
def model(trained: ValuesReport) -> ImplicitValueModel:
    return ImplicitValueModel.load(trained.directory)


def top(title: str, *, category: str | None = "Tops") -> Product:
    return Product("1", title, category=category)


def test_what_the_title_implies_is_told(model: ImplicitValueModel, trained: ValuesReport) -> None:
    found = model.infer(
        [top("Zeta tank top"), top("Zeta PULLOVER"), top("Zeta tuxedo", category="outfits")], [(), (), ()]
    )
    assert [[(one.attribute, one.value) for one in row] for row in found] == [
        [("Sleeve", "Sleeveless")],
        [("Sleeve", "Long Sleeve")],
        [("Occasion", "Wedding")],
    ]
    assert all(0.5 <= one.probability <= 1 for row in found for one in row)
    assert (trained.attributes, trained.values, trained.rows) == (2, 4, 100)
    assert trained.accuracy > 0.9 > trained.majority


def test_none_of_them_is_an_outcome_and_distributions_sum_to_one(model: ImplicitValueModel) -> None:
    (jeans, odd) = model.distribution([top("Zeta jeans"), top("???")], "Sleeve")
    assert max(jeans, key=lambda value: jeans[value]) is None
    assert model.infer([top("Zeta jeans")], [()]) == [()]
    for row in (jeans, odd):
        assert set(row) == {"Sleeveless", "Long Sleeve", None}
        assert sum(row.values()) == pytest.approx(1)


def test_what_the_text_says_and_what_does_not_fit_is_left_alone(model: ImplicitValueModel) -> None:
    assert model.infer([top("tank top")], [{"Sleeve"}]) == [()]
    assert model.infer([top("tank top", category="Cups")], [()]) == [()]
    assert [one.value for one in model.infer([top("tank top", category=None)], [{"Occasion"}])[0]] == ["Sleeveless"]


def test_extractions_are_completed(model: ImplicitValueModel) -> None:
    mention = Mention(Span(0, 4), "tank", "Sleeve", 0.9)
    given = [Extraction((), (("Tops", 0.9),)), Extraction((mention,), (("Tops", 0.9),))]
    products = [Product("1", "tank top"), Product("2", "tank top")]
    found = with_inferred(given, products, model)
    assert [one.value for one in found[0].inferred] == ["Sleeveless"]
    assert (found[1].mentions, found[1].inferred) == (given[1].mentions, ())
    assert found[1].categories[0][0] == "Tops" and found[1].categories != given[1].categories
    everywhere = with_inferred(given, products, model, everywhere=True)
    assert [one.value for one in everywhere[1].inferred] == ["Sleeveless"]


class Mute:
    """Finds nothing in the text."""

    version = "mute"
    attributes = ("Sleeve",)

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        return [Extraction(()) for _ in products]


def test_what_is_implied_is_judged_as_a_value(model: ImplicitValueModel) -> None:
    gold = [AnnotatedProduct(top(f"{name} tank top"), {"Sleeve": ("Sleeveless",)}) for name in ("Zeta", "Beta")]
    assert evaluate_extractor(Mute(), gold, protocol="extractgpt")["counts"]["VN"] == 2
    assert evaluate_extractor(ValueExtractor(Mute(), implicit=model), gold, protocol="extractgpt")["counts"]["VC"] == 2


def test_batches_change_nothing(model: ImplicitValueModel) -> None:
    products = [item.product for item in closet()][::7]
    together = model.infer(products, [()] * len(products))
    assert together == [model.infer([product], [()])[0] for product in products]
    assert model.infer([], []) == []


def test_a_value_added_later_is_told_by_its_name(model: ImplicitValueModel) -> None:
    encoder = WordVectors()
    more = model.extended({"Sleeve": {"batwing": "", "sleeveless": ""}, "Colour": {"red": ""}}, encoder)
    poncho, tank = more.distribution([top("Zeta poncho"), top("Zeta tank top")], "Sleeve")
    assert set(poncho) == {"Sleeveless", "Long Sleeve", None, "batwing"}
    assert poncho["batwing"] > 0.5 > tank["batwing"]
    assert max(tank, key=lambda value: tank[value]) == "Sleeveless"
    assert sum(poncho.values()) == pytest.approx(1)
    assert "batwing" not in model.distribution([top("Zeta poncho")], "Sleeve")[0]
    read = len(encoder.read)
    more.distribution([top("tuxedo")], "Occasion")
    assert len(encoder.read) == read


def test_spoken_and_rare_values_teach_nothing(tmp_path: Path) -> None:
    said = [
        AnnotatedProduct(Product(str(n), f"red shoe {n}"), {"Colour": ("Red" if n % 2 else "shoe",)}) for n in range(90)
    ]
    rare = [AnnotatedProduct(Product(str(n), f"shoe {n}"), {"Maker": (f"maker no. {n}",)}) for n in range(90)]
    one = [AnnotatedProduct(Product(str(n), f"shoe {n}"), {"Use": ("walking",)}) for n in range(90)]
    value_text = [
        AnnotatedProduct(Product(str(n), "shoe", f"made of {word}"), {"Material": (word,)})
        for n in range(45)
        for word in ("felt", "suede")
    ]
    assert targets([*said, *rare, *one, *value_text]) == {}
    assert train_values(said, out=tmp_path / "model") is None
    assert not (tmp_path / "model").exists()


def test_the_same_data_gives_the_same_model(trained: ValuesReport, tmp_path: Path) -> None:
    train_values(closet(), out=tmp_path / "model", encoder=WordVectors())
    assert ImplicitValueModel.load(tmp_path / "model").version == ImplicitValueModel.load(trained.directory).version


def test_damage_is_named(trained: ValuesReport, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no implicit values directory"):
        ImplicitValueModel.load(tmp_path / "nothing")
    train_values(closet(), out=tmp_path / "model")
    (tmp_path / "model" / "weights.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"weights\.npz' does not match its manifest"):
        ImplicitValueModel.load(tmp_path / "model")


def test_without_an_encoder_nothing_new_is_told(tmp_path: Path) -> None:
    train_values(closet(), out=tmp_path / "model")
    model = ImplicitValueModel.load(tmp_path / "model").extended({"Sleeve": {"batwing": ""}}, WordVectors())
    assert "batwing" not in model.distribution([top("poncho")], "Sleeve")[0]


def test_grams_are_words_pairs_pieces_and_the_category() -> None:
    buckets, counts = grams("Red Red", "Shoes")
    again, _ = grams("RED red", "shoes")
    assert buckets.tolist() == again.tolist() == sorted(set(buckets.tolist()))
    assert len(buckets) == 13  # red, red red, 4 + 3 + 2 + 1 pieces of " red ", shoes
    assert sorted(set(counts.tolist())) == pytest.approx([1.0, 1 + np.log(2)])
    assert (buckets >= 0).all() and (buckets < BUCKETS).all()
    assert len(grams("", None)[0]) == 0


def test_one_outcome_of_two_is_as_good_as_of_three(tmp_path: Path) -> None:
    data = [item for item in closet() if item.attributes.get("Sleeve") != ()]
    train_values([replace(item) for item in data], out=tmp_path / "model")
    model = ImplicitValueModel.load(tmp_path / "model")
    assert [one.value for one in model.infer([top("Zeta camisole")], [()])[0]] == ["Sleeveless"]
    assert model.distribution([top("")], "Sleeve")[0].keys() == {"Sleeveless", "Long Sleeve"}
