"""The files for Prometheus and Grafana parse, and name metrics that the service has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "api" / "deploy"
RUNBOOK = Path(__file__).parents[2] / "docs" / "how-to" / "deploy.md"
_SUFFIX = re.compile(r"_(bucket|total|count|sum)$")


def _rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    return list(group["rules"])


def _panels() -> list[dict[str, Any]]:
    return list(json.loads((DEPLOY / "dashboard.json").read_text())["panels"])


def _metrics(text: str) -> set[str]:
    return {_SUFFIX.sub("", name) for name in re.findall(r"\bkgtag_\w+", text)}


def test_alerts_and_panels_name_metrics_that_there_are(steady: httpx.Client) -> None:
    steady.post("/v1/tag", json={"title": "red sneakers"})
    steady.get("/v1/taxonomy", headers={"Authorization": "Bearer nonsense"})
    text = steady.get("/metrics").text
    served = {_SUFFIX.sub("", name) for name in re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE)}
    asked = [rule["expr"] for rule in _rules()]
    asked += [target["expr"] for panel in _panels() for target in panel["targets"]]
    assert len(asked) > 20
    for expression in asked:
        assert _metrics(expression) <= served, expression
        assert expression.count("(") == expression.count(")") and expression.count("{") == expression.count("}")


def test_each_alert_has_its_row_in_the_runbook() -> None:
    page = RUNBOOK.read_text(encoding="utf-8")
    for rule in _rules():
        assert rule["labels"]["severity"] in ("page", "ticket") and rule["annotations"]["summary"]
        assert f"`{rule['annotations']['runbook']}`" in page, rule["alert"]


def test_panels_do_not_cover_each_other() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in _panels()]
    assert len(set(places)) == len(places) and len({panel["id"] for panel in _panels()}) == len(places)


@pytest.mark.parametrize("file", ["prometheus.yml"])
def test_configurations_parse(file: str) -> None:
    found = yaml.safe_load((DEPLOY / file).read_text())
    assert found["scrape_configs"][0]["job_name"] == "kgtag"
