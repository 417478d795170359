"""The files for Prometheus and Grafana parse, and name metrics that the service has."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import yaml

from kgtag.serve.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "api" / "deploy"
RUNBOOK = ROOT / "docs" / "how-to" / "deploy.md"
_PASSWORDS = {"NEO4J_PASSWORD": "for-the-test", "GRAFANA_PASSWORD": "for-the-test"}
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


def test_compose_mounts_what_there_is_and_sets_what_is_read() -> None:
    found = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services = found["services"]
    assert {"neo4j", "migrate", "api", "prometheus", "grafana"} == set(services)
    for service in services.values():
        for mount in service.get("volumes", ()):
            source = re.sub(r"\$\{[^}]*\}", "given", mount).split(":")[0]
            assert source == "given" or source in found["volumes"] or (ROOT / source).is_file(), mount
        assert set(service.get("depends_on", ())) <= set(services)
        _check_variables({**(service.get("environment") or {})})
    (target,) = _configuration("prometheus.yml")["scrape_configs"][0]["static_configs"][0]["targets"]
    assert target.split(":")[0] in services
    assert _configuration("grafana-datasource.yml")["datasources"][0]["type"] == "prometheus"
    assert _configuration("grafana-dashboards.yml")["providers"][0]["options"]["path"]
    compose = ["docker", "compose", "-f", str(ROOT / "docker-compose.yml")]
    there = shutil.which("docker") is not None
    if there and subprocess.run([*compose[:2], "version"], capture_output=True).returncode == 0:
        assert subprocess.run([*compose, "config", "-q"], env={**os.environ, **_PASSWORDS}).returncode == 0


def test_kubernetes_objects_belong_together() -> None:
    objects = {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "kubernetes.yml").read_text())}
    pod = objects["Deployment"]["spec"]["template"]
    labels = pod["metadata"]["labels"]
    (container,) = pod["spec"]["containers"]
    assert objects["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert objects["Service"]["spec"]["selector"] == labels
    assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == "kgtag"
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["spec"]["volumes"]}
    assert pod["spec"]["terminationGracePeriodSeconds"] > 20 + 5  # the end of the process, after the pause before it
    metrics = objects["HorizontalPodAutoscaler"]["spec"]["metrics"]
    assert metrics[0]["pods"]["metric"]["name"] == "kgtag_waiting"
    for one in (container, *pod["spec"]["initContainers"]):
        _check_variables({variable["name"]: variable.get("value", "") for variable in one["env"]})


def _configuration(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def _check_variables(given: dict[str, Any]) -> None:
    """Each KGTAG_ variable is a setting, or one of the log."""
    names = {name.removeprefix("KGTAG_").lower() for name in given if name.startswith("KGTAG_")}
    assert names <= {*Settings.model_fields, "log"}
