"""The dashboards: both files are what one table makes of them, and every panel shows something of a real server."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support import assets
from tests.support.builders import HEAD, docker, review_of
from tests.support.prometheus import Prometheus, scraping
from tests.support.serving import Server, serving, until
from tests.system.test_metrics import FAMILIES
from tools.dashboards import CONSOLE, GRAFANA, MONITORING, ROWS, Panel, console, grafana, written

_POLICY = """
spec:
  exemptions: [{name: break-glass, until: 2099-01-01, groups: [sre]}]
  defaults: [{name: whole, set: {importPolicy: {importMode: PreserveOriginal}}}]
  rules:
    - {name: trusted, registries: {allow: [quay.io]}}
    - {name: fixed, mode: warn, pin: {denyTags: [latest]}}
"""
_PANELS = [panel for _, row in ROWS for panel in row]


@pytest.mark.parametrize(("path", "made"), [(CONSOLE, console), (GRAFANA, grafana)], ids=["console", "grafana"])
def test_the_files(path: Path, made: Any, pytestconfig: pytest.Config) -> None:
    """Each file is the output of the table; `make golden` regenerates it."""
    if pytestconfig.getoption("--regenerate"):
        path.write_text(written(made()))
    assert path.read_text() == written(made())


def test_both_show_the_same() -> None:
    """Console and Grafana have the same panels with the same queries, in what each of them can draw."""
    old = [panel for row in json.loads(CONSOLE.read_text())["rows"] for panel in row["panels"]]
    new = [panel for panel in json.loads(GRAFANA.read_text())["panels"] if panel["type"] != "row"]
    assert [(each["title"], [target["expr"] for target in each["targets"]]) for each in old] == [
        (each["title"], [target["expr"] for target in each["targets"]]) for each in new
    ]
    assert {each["type"] for each in old} == {"graph", "singlestat", "table"}
    assert {each["type"] for each in new} == {"timeseries", "stat", "table"}
    spans = [sum(panel["span"] for panel in row["panels"]) % 12 for row in json.loads(CONSOLE.read_text())["rows"]]
    assert spans == [0] * len(ROWS)
    places = [(each["gridPos"]["x"], each["gridPos"]["y"]) for each in new]
    assert len(set(places)) == len(places)


def test_every_metric_is_shown_and_exists() -> None:
    """No panel asks for a metric or a label that there is not, and no metric is left out."""
    shown = set()
    for panel in _PANELS:
        for expression, legend in panel.queries:
            names = set(re.findall(r"istag_webhook_\w+", expression))
            families = {re.sub(r"_(total|bucket)$", "", name) for name in names}
            assert families <= set(FAMILIES), expression
            labels = {label for family in families for label in FAMILIES[family][1]} | {"le", "pod"}
            asked = set(re.findall(r"(\w+)!?=\"", expression)) | set(re.findall(r"\{\{(\w+)\}\}", legend))
            for group in re.findall(r"by \(([^)]*)\)", expression):
                asked |= set(group.split(", "))
            assert asked | {label for label, _ in panel.labels} <= labels, expression
            shown |= families
    assert shown == set(FAMILIES)


def test_the_components(tmp_path: Path) -> None:
    """Kustomize makes of the components what an operator, the console and Grafana look for, where they look for it."""
    try:
        kubectl = assets.kubectl()
    except assets.NotFound as error:
        pytest.skip(str(error))
    shutil.copytree(MONITORING, tmp_path / "monitoring")
    overlay = {"kind": "Kustomization", "components": ["monitoring", "monitoring/console"]}
    (tmp_path / "kustomization.yaml").write_text(json.dumps(overlay))
    done = subprocess.run([kubectl, "kustomize", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = {(each["kind"], each["metadata"]["namespace"]): each for each in yaml.safe_load_all(done.stdout)}
    assert set(made) == {
        ("ServiceMonitor", "istag-webhook"),
        ("PrometheusRule", "istag-webhook"),
        ("ConfigMap", "istag-webhook"),
        ("ConfigMap", "openshift-config-managed"),
    }
    ours, openshifts = made["ConfigMap", "istag-webhook"], made["ConfigMap", "openshift-config-managed"]
    assert ours["metadata"]["labels"] == {"grafana_dashboard": "1"}
    assert openshifts["metadata"]["labels"] == {"console.openshift.io/dashboard": "true"}
    assert json.loads(ours["data"]["istag-webhook.json"]) == grafana()
    assert json.loads(openshifts["data"]["istag-webhook.json"]) == console()


def _load(server: Server) -> None:
    """Send a review of each sort, and an invalid one."""
    bodies = {
        "/validate": [
            review_of(docker("docker.io/acme/app:latest")),
            review_of(docker("quay.io/acme/app:1"), operation="CREATE"),
            review_of(docker("docker.io/acme/app:1"), userInfo={"username": "bob", "groups": ["sre"]}),
        ],
        "/mutate": [review_of(docker("quay.io/acme/app:1"))],
    }
    for path, documents in bodies.items():
        for document in documents:
            assert server.post(json.dumps(document).encode(), path)[0] == 200
    assert server.post(b"nonsense")[0] == 400


def _empty(prometheus: Prometheus, panels: list[Panel]) -> list[str]:
    """Return the queries that Prometheus answers with nothing, or with what is no number."""
    return [
        expression
        for panel in panels
        for expression, _ in panel.queries
        if not any(
            sample["value"][1] != "NaN" for sample in prometheus.query(expression.replace("$__rate_interval", "30s"))
        )
    ]


def test_every_panel_shows_something(tmp_path: Path) -> None:
    """Prometheus reads a real server under load, and answers every query of every panel."""
    (tmp_path / "policy.yaml").write_text(HEAD + _POLICY)
    with (
        serving(tmp_path, "--policy", "policy.yaml") as server,
        scraping(tmp_path, [f"127.0.0.1:{server.management_port}"]) as prometheus,
    ):

        def nothing_is_empty() -> bool:
            _load(server)
            return not _empty(prometheus, _PANELS)

        try:
            until(nothing_is_empty, "data in every panel")
        except AssertionError:
            assert _empty(prometheus, _PANELS) == []
            raise
        verdicts = {
            sample["metric"]["verdict"]
            for sample in prometheus.query("sum by (verdict) (istag_webhook_admission_requests_total)")
        }
        assert verdicts == {"allow", "deny", "patch"}
        (state,) = prometheus.query("min(istag_webhook_policy_last_load_successful)")
        assert state["value"][1] == "1"
