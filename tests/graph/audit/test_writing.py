"""Reports as SARIF, JUnit XML and one HTML page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import orjson
import pytest
from hypothesis import given

from graph.audit import CHECKS, Report, audit, audit_skos, check_names
from graph.audit.report import CheckResult, Finding
from graph.audit.run import SKOS_CHECKS
from graph.audit.writing import to_html, to_junit, to_sarif
from graph.columns.assemble import TaxonomyData
from graph.model import ItemTag, TaggedItem
from graph.taxonomy import Taxonomy
from tests.graph.audit.test_checks import category, edge, taxonomy
from tests.strategies import taxonomies


@pytest.fixture(name="report")
def _report() -> Report:
    concepts = [category("x", "<Boots & co>"), category("y", "Boots \x0b")]
    edges = [edge("broader", "x", "boots"), edge("broader", "y", "sandals"), edge("related", "top", "x")]
    return audit(taxonomy(concepts, edges))


def test_sarif(report: Report) -> None:
    log = to_sarif(report, version="1.2")
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("kgtag", "1.2")
    assert [rule["id"] for rule in driver["rules"]] == [check.name for check in report.checks]
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"] and rule["defaultConfiguration"]["level"] in (
            "error",
            "warning",
            "note",
        )
    assert len(run["results"]) == len(report.findings) > 2
    for result, finding in zip(run["results"], report.findings, strict=True):
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == finding.check
        assert result["level"] == {"error": "error", "warning": "warning", "info": "note"}[finding.severity]
        assert result["message"] == {"text": finding.message}
        (place,) = result["locations"]
        assert [one["fullyQualifiedName"] for one in place["logicalLocations"]] == list(finding.concepts)
    prints = {result["partialFingerprints"]["finding/v1"] for result in run["results"]}
    assert len(prints) == len(report.findings)


SARIF = jsonschema.Draft4Validator(json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0.json").read_bytes()))


@given(taxonomies())
def test_sarif_is_valid_by_its_schema(data: TaxonomyData) -> None:
    untidy = [replace(c, pref_label={**c.pref_label, "en": f" {c.id}", "iw": "א"}) for c in data.concepts]
    items = [TaggedItem("1", "t", None, "m", "r", (ItemTag("nobody", 0.5, "exact"),))]
    report = audit(Taxonomy.of(TaxonomyData.of(1, tuple(untidy), data.relations)), items=items)
    assert report.findings
    for source in (None, "taxonomies/shop%20new.ttl"):
        SARIF.validate(json.loads(orjson.dumps(to_sarif(report, version="1.2", source=source))))


def test_the_schema_refuses_what_is_not_sarif(report: Report) -> None:
    log = to_sarif(report, version="1")
    log["runs"][0]["results"][0]["level"] = "info"
    assert not SARIF.is_valid(json.loads(orjson.dumps(log)))


def test_sarif_of_a_file_names_it(tmp_path: Path) -> None:
    file = tmp_path / "t.ttl"
    file.write_text("@prefix s: <http://www.w3.org/2004/02/skos/core#> . <http://x.org/a> a s:Concept .")
    (run,) = to_sarif(audit_skos(file), version="1", source="t.ttl")["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "t.ttl"}}
    SARIF.validate(json.loads(orjson.dumps(to_sarif(audit_skos(file), version="1", source="t.ttl"))))


def test_junit(report: Report) -> None:
    suites = ElementTree.fromstring(to_junit(report, threshold="warning"))
    (suite,) = suites.findall("testsuite")
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == [check.name for check in report.checks]
    failures = [failure for case in cases for failure in case.findall("failure")]
    assert [f.get("message") for f in failures if "\ufffd" not in str(f.get("message"))]
    assert len(failures) == len(report.failing("warning"))
    failing = {finding.check for finding in report.failing("warning")}
    assert int(suite.get("failures", "")) == len(failing) and int(suite.get("tests", "")) == len(cases)
    by_name = {case.get("name"): case for case in cases}
    assert by_name["single_child"].findall("failure") == []
    assert "single narrower concept" in by_name["single_child"].findtext("system-out", "")
    assert ElementTree.fromstring(to_junit(report, threshold="info")).find("testsuite/testcase/system-out") is None


def test_html_needs_nothing_from_elsewhere(report: Report) -> None:
    page = to_html(report, title="Audit <of> a shop", at=datetime(2026, 1, 2, tzinfo=UTC))
    assert "<h1>Audit &lt;of&gt; a shop</h1>" in page and "2026-01-02 00:00 UTC" in page
    assert page.count("<svg") == 4 and "<Boots" not in page
    assert not re.search(r'(src|href)=(?!"#)|url\(|@import', page)
    for check in report.checks:
        assert check.name in page and check.about
    assert page.count("<details") == sum(check.count > 0 for check in report.checks)
    assert "Concepts by depth" in page and "100.0%" in page
    assert "Delete the related relation" in page


def test_html_of_many_findings_says_what_it_leaves_out() -> None:
    findings = tuple(Finding("many", "info", (str(i),), f"finding {i}", {}) for i in range(300))
    page = to_html(Report("0" * 16, (CheckResult("many", "info", 1.5, 300, "Many."),), findings), title="t")
    assert "100 more are not listed" in page and "finding 199" in page and "finding 200" not in page


def test_the_shape_is_that_of_the_concepts(tmp_path: Path) -> None:
    shape = audit(taxonomy()).shape
    assert (shape.concepts, shape.languages) == (7, (("en", 7),))
    assert dict(shape.depths) == {"0": 3, "1": 3} and dict(shape.fan_out)["2 to 5"] == 1
    file = tmp_path / "t.ttl"
    file.write_text(
        "@prefix s: <http://www.w3.org/2004/02/skos/core#> . @prefix : <http://x.org/> . "
        ":a a s:Concept ; s:prefLabel 'A'@en, 'A'@de ; s:narrower :b, :c . :b s:broader :a ; s:narrower :c . "
        ":c s:prefLabel 'C' ."
    )
    shape = audit_skos(file).shape
    assert (shape.concepts, dict(shape.depths)) == (3, {"0": 1, "1": 2})
    assert dict(shape.languages) == {"en": 1, "de": 1, "none": 1}


def test_the_guide_names_every_check() -> None:
    guide = (Path(__file__).parents[3] / "docs/how-to/audit.md").read_text(encoding="utf-8")
    assert [name for name in check_names() if f"`{name}`" not in guide and name in {c.name for c in CHECKS}] == []
    known = {name for name, _, _ in SKOS_CHECKS}
    named = re.findall(r"^\| `(\w+)` \| (`skos_\w+`|none)", guide, re.MULTILINE)
    assert len(named) == 25 and {check.strip("`") for _, check in named} - {"none"} <= known
