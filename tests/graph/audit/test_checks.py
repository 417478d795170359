"""Every symbolic check fires on its defect, names it and suggests a repair, and is silent on a sound taxonomy."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings

from graph.audit import CHECKS, Check, CheckResult, Defect, Finding, Report, audit, check_names, parse_severity, since
from graph.audit.languages import problem
from graph.columns.assemble import TaxonomyData
from graph.errors import InputError
from graph.history.diff import diff
from graph.model import Concept, ItemTag, Relation, RelationType, Status, TaggedItem
from graph.plugins import load_plugin
from graph.taxonomy import Taxonomy
from tests.strategies import taxonomies


def category(
    id: str, label: str | None = None, *, status: Status = "active", scheme: str = "s", **labels: str
) -> Concept:
    return Concept(id, scheme, "category", {"en": label or f"Label {id}", **labels}, status=status)


def attribute(id: str, label: str | None = None) -> Concept:
    return Concept(id, "s", "attribute", {"en": label or f"Attribute {id}"})


def value(id: str, label: str | None = None) -> Concept:
    return Concept(id, "s", "value", {"en": label or f"Value {id}"})


def edge(type: RelationType, source: str, target: str) -> Relation:
    return Relation(type, source, target, primary=type == "broader")


SOUND: tuple[tuple[Concept, ...], tuple[Relation, ...]] = (
    (
        category("top", "Shoes"),
        category("boots", "Boots"),
        category("sandals", "Sandals"),
        category("old", "Clogs", status="deprecated"),
        attribute("color", "Color"),
        value("red", "Red"),
        value("blue", "Blue"),
    ),
    (
        edge("broader", "boots", "top"),
        edge("broader", "sandals", "top"),
        edge("broader", "old", "top"),
        edge("replaced_by", "old", "sandals"),
        edge("value_of", "red", "color"),
        edge("value_of", "blue", "color"),
        edge("applies_to", "color", "top"),
        edge("related", "boots", "sandals"),
    ),
)


def taxonomy(concepts: Sequence[Concept] = (), relations: Sequence[Relation] = (), *, sound: bool = True) -> Taxonomy:
    rows = {concept.id: concept for concept in (*(SOUND[0] if sound else ()), *concepts)}
    return Taxonomy.of(TaxonomyData.of(3, tuple(rows.values()), (*(SOUND[1] if sound else ()), *relations)))


def run(found: Taxonomy, check: str) -> tuple[Finding, ...]:
    return audit(found, checks=[check]).findings


def one(found: Taxonomy, check: str) -> Finding:
    (finding,) = run(found, check)
    return finding


def test_a_sound_taxonomy_has_no_findings() -> None:
    items = [TaggedItem("i", "Red boots", "en", "m", "r", (ItemTag("boots", 0.9, "exact"),))]
    report = audit(taxonomy(), items=items)
    assert report.findings == ()
    assert [check.name for check in report.checks] == list(check_names())
    assert all(check.count == 0 and check.seconds >= 0 for check in report.checks)


def test_quarantined() -> None:
    finding = one(taxonomy([value("lost")]), "quarantined")
    assert (finding.severity, finding.concepts, finding.evidence) == (
        "error",
        ("lost",),
        {"invariant": "value_without_attribute"},
    )


def test_related_is_ancestor() -> None:
    found = taxonomy(
        [category("high-boots")], [edge("broader", "high-boots", "boots"), edge("related", "high-boots", "top")]
    )
    finding = one(found, "related_is_ancestor")
    assert finding.concepts == ("high-boots", "top")
    assert finding.repair is not None and finding.repair["op"] == "delete_relation"


def test_redundant_broader() -> None:
    edges = [edge("broader", "x", "boots"), Relation("broader", "x", "top")]
    finding = one(taxonomy([category("x")], edges), "redundant_broader")
    assert (finding.concepts, finding.evidence) == (("x", "top"), {"via": "boots"})


def test_orphan() -> None:
    assert one(taxonomy([category("alone")]), "orphan").concepts == ("alone",)
    flat = taxonomy([category(id, scheme="flat") for id in "abc"])
    assert run(flat, "orphan") == ()


def test_single_child() -> None:
    assert one(taxonomy([category("x")], [edge("broader", "x", "boots")]), "single_child").concepts == ("boots", "x")


def test_crowded() -> None:
    many = [category(f"x{i}") for i in range(301)]
    assert one(taxonomy(many, [edge("broader", c.id, "boots") for c in many]), "crowded").evidence["narrower"] == 301


def test_sibling_duplicate_label() -> None:
    found = taxonomy(
        [category("a", "Track Pants", de="Trainingshosen"), category("b", "Training Pants", de="trainingshosen ")],
        [edge("broader", "a", "boots"), edge("broader", "b", "boots")],
    )
    finding = one(found, "sibling_duplicate_label")
    assert finding.concepts == ("a", "b")
    assert finding.evidence == {
        "lang": "de",
        "label": "Trainingshosen",
        "in_english": {"a": "Track Pants", "b": "Training Pants"},
    }
    assert one(taxonomy([category("t", "SHOES")]), "sibling_duplicate_label").concepts == ("t", "top")
    other_scheme = taxonomy([category("t", "Shoes", scheme="other")])
    assert run(other_scheme, "sibling_duplicate_label") == ()


def test_ambiguous_label() -> None:
    crimson = replace(value("crimson", "Crimson"), alt_label={"en": ("red",)})
    assert one(taxonomy([crimson], [edge("value_of", "crimson", "color")]), "ambiguous_label").concepts == (
        "crimson",
        "red",
    )
    colour = replace(attribute("colour", "Colour"), alt_label={"en": ("Color",)})
    assert one(taxonomy([colour]), "ambiguous_label").concepts == ("color", "colour")


def test_a_duplicate_among_siblings_is_reported_once() -> None:
    found = taxonomy([value("red2", "red")], [edge("value_of", "red2", "color")])
    assert run(found, "sibling_duplicate_label") and not run(found, "ambiguous_label")


def test_same_level_label() -> None:
    found = taxonomy(
        [category("a", "Laces"), category("b", "Laces")],
        [edge("broader", "a", "boots"), edge("broader", "b", "sandals")],
    )
    finding = one(found, "same_level_label")
    assert (finding.concepts, finding.severity) == (("a", "b"), "info")
    assert run(found, "sibling_duplicate_label") == ()


@pytest.mark.parametrize(
    ("text", "better"),
    [
        (" Boots", "Boots"),
        ("Red  boots", "Red boots"),
        ("Bo\u200bots", "Boots"),
        ("Red\nboots", "Red boots"),
        ("鞋\u3000子", "鞋 子"),
        ("Au\u00c3\u009fen  Schuhe", "Außen Schuhe"),
    ],
)
def test_untidy_label(text: str, better: str) -> None:
    finding = one(taxonomy([category("boots", text)]), "untidy_label")
    assert finding.repair is not None
    assert (finding.repair["from"], finding.repair["to"]) == (text, better)


def test_emoji_and_accents_are_tidy() -> None:
    assert run(taxonomy([category("boots", "👨‍👩‍👧 Café e\u0301 T‑shirt")]), "untidy_label") == ()


def test_repeated_label() -> None:
    twice = replace(
        category("boots", "Boots"), alt_label={"en": ("Boots", "Bootees")}, hidden_label={"en": ("Bootees",)}
    )
    assert [f.evidence["kind"] for f in run(taxonomy([twice]), "repeated_label")] == ["alt", "hidden"]


def test_inconsistent_case() -> None:
    children = [category(f"x{i}", f"Kind {i}") for i in range(10)] + [category("y", "odd one"), category("z", "鞋")]
    found = taxonomy(children, [edge("broader", c.id, "boots") for c in children])
    assert one(found, "inconsistent_case").concepts == ("y",)


def test_missing_translation() -> None:
    found = taxonomy(
        [category("top", "Shoes", zh="鞋"), category("boots", "Boots", zh="靴子"), category("old", status="deprecated")]
    )
    finding = one(found, "missing_translation")
    assert (finding.concepts, finding.evidence["missing"]) == (("sandals",), ["zh"])


def test_deprecated_without_successor() -> None:
    found = taxonomy([category("gone", status="deprecated")])
    assert one(found, "deprecated_without_successor").concepts == ("gone",)


def test_redirect_to_deprecated() -> None:
    older = category("older", status="deprecated")
    finding = one(taxonomy([older], [edge("replaced_by", "older", "old")]), "redirect_to_deprecated")
    assert finding.concepts == ("older", "old")
    assert finding.repair is not None and finding.repair["target"] == "sandals"
    dead = taxonomy([older, category("end", status="deprecated")], [edge("replaced_by", "older", "end")])
    assert one(dead, "redirect_to_deprecated").repair is None


def test_redirect_unclear() -> None:
    assert "2 concepts" in one(taxonomy((), [edge("replaced_by", "old", "boots")]), "redirect_unclear").message
    assert (
        "not deprecated"
        in one(taxonomy([category("x")], [edge("replaced_by", "x", "top")]), "redirect_unclear").message
    )
    fork = taxonomy(
        [category("older", status="deprecated")],
        [edge("replaced_by", "old", "boots"), edge("replaced_by", "older", "old")],
    )
    assert ["2 concepts" in finding.message for finding in run(fork, "redirect_unclear")] == [True, True]
    pair = [category("x", status="deprecated"), category("y", status="deprecated")]
    cycle = taxonomy(pair, [edge("replaced_by", "x", "y"), edge("replaced_by", "y", "x")])
    assert ["cycle" in finding.message for finding in run(cycle, "redirect_unclear")] == [True, True]


def test_active_under_deprecated() -> None:
    finding = one(taxonomy([category("x")], [edge("broader", "x", "old")]), "active_under_deprecated")
    assert finding.concepts == ("x", "old")
    assert finding.repair is not None and finding.repair["to"] == "sandals"


def test_attribute_without_values_and_applying_nowhere() -> None:
    found = taxonomy([attribute("size", "Size")])
    assert one(found, "attribute_without_values").concepts == ("size",)
    assert one(found, "attribute_applies_nowhere").concepts == ("size",)


def test_attribute_applied_twice() -> None:
    finding = one(taxonomy((), [edge("applies_to", "color", "boots")]), "attribute_applied_twice")
    assert (finding.concepts, finding.evidence) == (("color", "boots"), {"inherited_from": ["top"]})


def test_attribute_gap_among_siblings() -> None:
    children = [category(f"x{i}") for i in range(5)]
    edges = [edge("broader", c.id, "boots") for c in children]
    size = attribute("size", "Size")
    gap = [edge("applies_to", "size", c.id) for c in children[:4]]
    finding = one(taxonomy([*children, size], [*edges, *gap]), "attribute_gap_among_siblings")
    assert (finding.concepts, finding.evidence) == (("x4", "size"), {"siblings": 5, "with_attribute": 4})
    assert run(taxonomy([*children, size], [*edges, *gap[:3]]), "attribute_gap_among_siblings") == ()
    inherited = [*edges, *gap, edge("applies_to", "size", "x4")]
    assert run(taxonomy([*children, size], inherited), "attribute_gap_among_siblings") == ()


def test_tags_on_unknown_and_deprecated_concepts() -> None:
    def item(id: str, concept: str, status: str = "accepted") -> TaggedItem:
        return TaggedItem(id, "t", None, "m", "r", (ItemTag(concept, 0.9, "exact", status=status),))  # type: ignore[arg-type]

    items = [item("1", "nobody"), item("2", "nobody"), item("3", "old"), item("4", "ghost", "rejected")]
    report = audit(taxonomy(), items=items)
    assert [(f.check, f.severity, f.concepts, f.evidence) for f in report.findings] == [
        ("tag_on_unknown_concept", "error", ("nobody",), {"items": 2, "examples": ["1", "2"]}),
        ("tag_on_deprecated_concept", "warning", ("old",), {"items": 1, "examples": ["3"]}),
    ]
    assert report.findings[1].repair is not None and report.findings[1].repair["to"] == "sandals"


def test_the_report_is_json_in_the_promised_shape() -> None:
    report = audit(taxonomy([category("alone")]))
    plain = json.loads(json.dumps(report.to_json()))
    assert list(plain) == ["revision", "checks", "findings"]
    assert plain["revision"] == report.revision
    assert set(plain["checks"][0]) == {"name", "severity", "seconds", "count"}
    (finding,) = plain["findings"]
    assert list(finding) == ["check", "severity", "concepts", "message", "evidence", "repair"]


def test_findings_come_gravest_first_and_fail_by_threshold() -> None:
    report = audit(taxonomy([category("alone"), value("lost"), category("x")], [edge("broader", "x", "boots")]))
    assert [finding.severity for finding in report.findings] == ["error", "warning", "info"]
    assert [len(report.failing(severity)) for severity in ("error", "warning", "info")] == [1, 2, 3]


def test_more_checks_can_be_added_and_chosen() -> None:
    extra = Check("learned", "warning", lambda t: [Defect((t.ids[0],), "implausible")])
    assert audit(taxonomy(), extra=[extra]).findings == (
        Finding("learned", "warning", ("blue",), "implausible", {}, None),
    )
    assert [c.name for c in audit(taxonomy(), checks=["learned", "orphan"], extra=[extra]).checks] == [
        "orphan",
        "learned",
    ]


@given(taxonomies(), taxonomies())
def test_since_is_the_audit_of_what_changed(a: TaxonomyData, b: TaxonomyData) -> None:
    before, after = Taxonomy.of(a), Taxonomy.of(b)
    old, full, touched = audit(before), audit(after), set(diff(before, after).touched())
    report, gone = since(old, full, touched)
    new = {finding.key for finding in full.findings} - {finding.key for finding in old.findings}
    wanted = [one for one in full.findings if one.key in new or touched & set(one.concepts)]
    assert [replace(one, new=None) for one in report.findings] == wanted
    assert {one.key for one in report.findings if one.new} == new
    assert {one.key for one in gone} == {one.key for one in old.findings} - {one.key for one in full.findings}
    assert sum(check.count for check in report.checks) == len(report.findings)
    assert since(full, full, set()) == (replace(full, checks=report_without(full), findings=()), ())


def report_without(full: Report) -> tuple[CheckResult, ...]:
    return tuple(replace(check, count=0) for check in full.checks)


def _installed(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Put a distribution with one module and the check `shouting` on the path."""
    load_plugin.cache_clear()
    (folder / "shouting_checks.py").write_text(source, encoding="utf-8")
    metadata = folder / "shouting_checks-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting-checks\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[kgtag.checks]\nshouting = shouting_checks:shouting\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "shouting_checks", raising=False)


def test_checks_of_other_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(
        tmp_path,
        monkeypatch,
        "from graph.audit import Check, Defect\n"
        "def find(taxonomy):\n"
        "    return [Defect((c.id,), 'upper case') for c in taxonomy if c.pref_label['en'].isupper()]\n"
        "shouting = Check('shouting', 'warning', find)\n",
    )
    loud = taxonomy([category("loud", "LOUD")])
    try:
        assert check_names()[-1] == "shouting"
        assert "shouting" in [check.name for check in audit(loud).checks]
        assert audit(loud, checks=["shouting"]).findings == (
            Finding("shouting", "warning", ("loud",), "upper case", {}, None),
        )
    finally:
        load_plugin.cache_clear()


def test_an_entry_point_must_lead_to_a_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(tmp_path, monkeypatch, "def shouting(taxonomy):\n    return []\n")
    try:
        for use in (lambda: audit(taxonomy()), check_names):
            with pytest.raises(InputError, match=r"extension 'shouting' of the group 'kgtag\.checks' is not a Check"):
                use()
    finally:
        load_plugin.cache_clear()


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="no check 'orphans'; did you mean orphan"):
        audit(taxonomy(), checks=["orphans"])
    with pytest.raises(InputError, match="needs tagged items"):
        audit(taxonomy(), checks=["tag_on_unknown_concept"])
    with pytest.raises(InputError, match="no severity 'fatal'"):
        parse_severity("fatal")


@settings(max_examples=25)
@given(taxonomies(max_size=5))
def test_no_check_trips_over_any_taxonomy(data: TaxonomyData) -> None:
    found = Taxonomy.of(data)
    report = audit(found, items=[])
    assert report.checks[0].count == 0
    assert {concept for finding in report.findings for concept in finding.concepts} <= set(found.ids)
    assert json.dumps(report.to_json(), sort_keys=True)


def test_unknown_language() -> None:
    finding = one(taxonomy([category("x", jp="靴"), category("y", jp="服")]), "unknown_language")
    assert finding.concepts == ("x", "y") and "that of the language is 'ja'" in finding.message
    for tag, words in {
        "xq": "'xq', which is not registered",
        "iw": "written 'he' now",
        "zh-Hanx": "script 'hanx'",
        "en-XW-x-a": "",
        "de-QQ": "region 'qq'",
        "sl-nothere": "variant 'nothere'",
    }.items():
        found = run(taxonomy([category("x", **{tag: "x"})]), "unknown_language")
        assert (words in found[0].message) if words else not found, tag
    for tag in ("zh-Hant-TW", "es-419", "yue", "zh-yue", "sr-Latn", "de-1996", "und", "zxx", "qaa", "pt-BR-x-shop"):
        assert problem(tag) is None, tag
    assert problem("en_US") == "is not a language tag" and "'english', which is not" in str(problem("english"))


def test_translations_disagree() -> None:
    pair = [category("a", "Track Pants", de="Hosen"), category("b", "Training Pants", de="hosen")]
    below = [edge("broader", "a", "boots"), edge("broader", "b", "boots")]
    finding = one(taxonomy(pair, below), "translations_disagree")
    assert finding.concepts == ("a", "b")
    assert finding.evidence["differ"] == {"en": {"a": "Track Pants", "b": "Training Pants"}}
    assert run(taxonomy([pair[0], category("b", "Track pants", de="Hosen")], below), "translations_disagree") == ()


def test_near_duplicate_label() -> None:
    def near(first: str, second: str, *more: Relation) -> list[tuple[str, ...]]:
        found = taxonomy([category("a", first), category("b", second)], [edge("broader", "a", "boots"), *more])
        return [finding.concepts for finding in run(found, "near_duplicate_label")]

    elsewhere = edge("broader", "b", "sandals")
    for one_label, other in {
        "Polka-Dot Dress": "polka dot dresses",
        "Crème brûlée": "Creme brulee",
        "Batteries": "Battery",
        "運動服": "运动服",
        "Men's Shoe": "mens shoes",
    }.items():
        assert near(one_label, other, elsewhere) == [("a", "b")], one_label
    assert near("Laces", "laces", elsewhere) == []  # One label at one depth is `same_level_label`.
    assert near("Lace", "Laces", edge("broader", "b", "a")) == []
    assert near("Lace", "Lance", elsewhere) == []
    assert near("†", "‡", elsewhere) == []
    two = [attribute("colour", "Tint"), value("ruby", "Reds")]
    assert run(taxonomy(two, [edge("value_of", "ruby", "colour")]), "near_duplicate_label") == ()
    assert len(run(taxonomy([value("ruby", "Reds")], [edge("value_of", "ruby", "color")]), "near_duplicate_label")) == 1


@pytest.mark.parametrize(
    ("label", "found"), [("Red boots", True), ("Boots red", True), ("Bored boots", False), ("Warm boots", False)]
)
def test_category_repeats_value(label: str, found: bool) -> None:
    findings = run(taxonomy([category("x", label)], [edge("broader", "x", "boots")]), "category_repeats_value")
    assert [finding.concepts for finding in findings] == ([("x", "boots", "red")] if found else [])


def test_depth_and_fan_out_outliers() -> None:
    wide = [category(f"w{i}") for i in range(40)]
    narrow = [category(f"n{i}{j}") for i in range(40) for j in range(2)]
    crowd = [category(f"c{i}") for i in range(100)]
    chain = [category(f"d{i}") for i in range(9)]
    edges = [edge("broader", c.id, "boots") for c in wide] + [edge("broader", c.id, f"w{c.id[1:-1]}") for c in narrow]
    edges += [edge("broader", c.id, "w7") for c in crowd]
    edges += [edge("broader", b.id, a.id) for a, b in pairwise([wide[3], *chain])]
    found = taxonomy([*wide, *narrow, *crowd, *chain], edges)
    fans = run(found, "fan_out_outlier")
    assert {finding.concepts for finding in fans} == {("w7",), ("boots",)} and fans[0].evidence["median"] == 2.0
    deep = run(found, "depth_outlier")
    assert [finding.concepts for finding in deep] == [("d5",), ("d6",), ("d7",), ("d8",)]
    assert "at depth 8; in its scheme 3 is usual" in deep[0].message
    assert run(taxonomy(chain, edges[-8:]), "depth_outlier") == ()


def test_tags_exclude_each_other() -> None:
    found = taxonomy(
        [value("wine", "Wine red"), value("navy", "Navy")],
        [
            edge("value_of", "wine", "color"),
            edge("value_of", "navy", "color"),
            edge("broader", "wine", "red"),
            Relation("excludes", "blue", "red"),
        ],
    )
    items = [
        TaggedItem("i", "t", "en", "m", "r", (ItemTag("wine", 0.9, "exact"), ItemTag("blue", 0.9, "exact"))),
        TaggedItem("j", "t", "en", "m", "r", (ItemTag("wine", 0.9, "exact"), ItemTag("navy", 0.9, "exact"))),
        TaggedItem("k", "t", "en", "m", "r", (ItemTag("red", 0.9, "e"), ItemTag("blue", 0.9, "e", status="rejected"))),
    ]
    (finding,) = audit(found, items=items, checks=["tags_exclude_each_other"]).findings
    assert (finding.severity, finding.concepts) == ("error", ("blue", "red"))
    assert finding.evidence == {"items": 1, "examples": ["i"]}


def test_every_check_has_a_test_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [check.name for check in CHECKS if f'"{check.name}"' not in source] == []
