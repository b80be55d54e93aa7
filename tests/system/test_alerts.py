"""The alerts: Prometheus's own tool says when they fire, and every name in them is one that exists."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.paths import DATA
from tests.support.prometheus import promtool
from tests.system.test_metrics import FAMILIES

_ROOT = Path(__file__).parents[2]
_MONITORING = _ROOT / "manifests" / "components" / "monitoring"
_SPEC: dict[str, Any] = yaml.safe_load((_MONITORING / "prometheusrule.yaml").read_text())["spec"]
_RULES: dict[str, dict[str, Any]] = {rule["alert"]: rule for group in _SPEC["groups"] for rule in group["rules"]}
# The address of the repository, which pyproject.toml holds, and the page below it.
_URL: str = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
_BASE = f"{_URL}/blob/main/"
_RUNBOOK = "docs/runbook.md"
_CASES: list[dict[str, Any]] = yaml.safe_load((DATA / "alerts.yaml").read_text())


def _expected(name: str, alert: dict[str, Any]) -> dict[str, Any]:
    return {
        "exp_labels": alert["labels"],
        "exp_annotations": {**_RULES[name]["annotations"], "description": alert["says"]},
    }


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["name"].replace(" ", "-"))
def test_when_they_fire(case: dict[str, Any], tmp_path: Path) -> None:
    """With these series each alert fires when it is said to, says what is written there, and no other does."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(_SPEC))
    wanted = [
        {
            "eval_time": moment["at"],
            "alertname": name,
            "exp_alerts": [_expected(name, alert) for alert in moment["alerts"].get(name, ())],
        }
        for moment in case["fires"]
        for name in _RULES
    ]
    document = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": case["input_series"], "alert_rule_test": wanted}],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(document))
    done = promtool("test", "rules", str(tmp_path / "test.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tested() -> None:
    """Every alert fires in one of the cases, and every alert in a case is one of ours."""
    fired = {name for case in _CASES for moment in case["fires"] for name in moment["alerts"]}
    assert fired == set(_RULES)


def test_the_rules_are_sound(tmp_path: Path) -> None:
    """Prometheus reads the rules, templates and all."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(_SPEC))
    done = promtool("check", "rules", str(tmp_path / "rules.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(_RULES)} rules found" in done.stdout


def test_what_an_alert_reads_exists() -> None:
    """Each of our metrics in an alert is one that the server has, with the labels that the alert names."""
    for rule in _RULES.values():
        for name, matchers in re.findall(r"(istag_webhook_\w+?)(?:\{([^}]*)\}|\[|\)|\s)", rule["expr"]):
            family = re.sub(r"_(total|bucket|count|sum)$", "", name)
            assert family in FAMILIES, name
            assert set(re.findall(r"(\w+)=", matchers)) <= FAMILIES[family][1], name


def test_what_an_alert_says() -> None:
    """Each has a severity, a summary, a description and a section of the runbook; only one is critical."""
    runbook = (_ROOT / _RUNBOOK).read_text()
    for name, rule in _RULES.items():
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["runbook_url"] == f"{_BASE}{_RUNBOOK}#{name.lower()}"
        assert re.search(rf"^## {name}$", runbook, re.MULTILINE), f"the runbook has no section {name}"
        assert rule["for"]
    severities = {name: rule["labels"]["severity"] for name, rule in _RULES.items()}
    assert set(severities.values()) == {"critical", "warning", "info"}
    assert [name for name, severity in severities.items() if severity == "critical"] == ["IstagWebhookNoReplicaReady"]


def test_slow_is_half_of_the_timeout() -> None:
    """The bound of the alert is half of what the API server waits, and a bound of the histogram, so that it is exact."""
    timeouts = {
        hook["timeoutSeconds"]
        for path in (_ROOT / "manifests").rglob("*webhookconfiguration*.yaml")
        for hook in yaml.safe_load(path.read_text()).get("webhooks", ())
        if "timeoutSeconds" in hook
    }
    assert timeouts == {5}
    assert re.findall(r"> ([\d.]+)", _RULES["IstagWebhookSlow"]["expr"]) == ["2.5"]
