"""Terms that a shop may not use are found in titles, and harmless ones are left alone; tags of people need evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.audit import audit
from graph.claims import Claims
from graph.columns.assemble import TaxonomyData
from graph.errors import InputError
from graph.model import Concept, ItemTag, Relation, TaggedItem
from graph.taxonomy import Taxonomy


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("best replica rolex watch", ["replica"]),
        ("Super-Clone 1:1 copy of a bag", ["super clone", "1:1 copy"]),
        ("Herbal tea cures diabetes, no side effects", ["cures diabetes", "no side effects"]),
        ("高仿包包 顶级复刻", ["高仿", "顶级复刻"]),
        ("根治脚气 药到病除", ["根治", "药到病除"]),
        ("全网最低价 最好的礼物", ["全网最", "最好"]),
        ("頂級禮品", ["顶级"]),
        ("Replica sword for cosplay", []),
        ("Mighty Ducks replica home jersey", []),
        ("faux fur coat, fake flowers, secure bag", []),
        ("最大承重50kg 最新款 特价", []),
        ("replicated curestone", []),
    ],
)
def test_terms_in_titles(text: str, found: list[str]) -> None:
    claims = Claims.load().find(text)
    assert [claim.term for claim in claims] == found
    assert all(0 <= claim.start < claim.end <= len(text) for claim in claims)


def test_a_list_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "claims.toml"
    file.write_text('[[group]]\nkind = "medical"\nlang = "en"\nseverity = "info"\nterms = ["wellness"]\n')
    own = Claims.load(file)
    assert [(one.term, one.severity) for one in own.find("Wellness replica")] == [("wellness", "info")]
    for wrong in ("[[group]]\n", '[[group]]\nkind = "x"\nlang = "en"\nseverity = "info"\nterms = []\n', "nonsense"):
        file.write_text(wrong)
        with pytest.raises(InputError, match="not a list of claims"):
            Claims.load(file)
    with pytest.raises(InputError, match="nowhere"):
        Claims.load(tmp_path / "nowhere")


def test_the_audit_names_both() -> None:
    concepts = [
        Concept("gender", "s", "attribute", {"en": "Target gender", "zh": "适用性别"}),
        Concept("c", "s", "category", {"en": "C"}),
    ]
    concepts += [Concept("colour", "s", "attribute", {"en": "Colour"})]
    concepts += [Concept(id, "s", "value", {"en": id.title()}) for id in ("red", "women")]
    edges = [Relation("value_of", "women", "gender"), Relation("value_of", "red", "colour")]
    taxonomy = Taxonomy.of(TaxonomyData.of(1, tuple(sorted(concepts, key=lambda c: c.id)), tuple(sorted(edges))))
    guessed = (ItemTag("women", 0.7, "predicted"), ItemTag("red", 0.7, "predicted"))
    stated = (ItemTag("women", 0.9, "exact", 0, 5, "Women"),)
    items = [
        TaggedItem("a", "Red replica watch", "en", "m", "r", guessed),
        TaggedItem("b", "Women scarf", "en", "m", "r", stated),
        TaggedItem("c", "Scarf", "en", "m", "r", (ItemTag("women", 1.0, "given"), ItemTag("red", 0.9, "implied"))),
        TaggedItem("d", "Scarf", "en", "m", "r", (ItemTag("women", 0.6, "predicted", status="rejected"),)),
    ]
    report = audit(taxonomy, items=iter(items), checks=["prohibited_claim", "sensitive_inference"])
    found = [(finding.check, finding.concepts, finding.evidence["examples"]) for finding in report.findings]
    assert found == [("prohibited_claim", (), ["a"]), ("sensitive_inference", ("women",), ["a"])]
    assert report.findings[0].message == "1 title has 'replica': it offers a counterfeit"
