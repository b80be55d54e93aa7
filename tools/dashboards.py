"""The dashboard, once; OpenShift's console and Grafana each get it in the schema that they read.

The console draws `graph`, `singlestat` and `table` panels in rows, of Grafana's old schema (openshift/monitoring-plugin,
web/src/components/dashboards/legacy); Grafana itself has left that schema behind.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

MONITORING: Final = Path(__file__).parents[1] / "manifests" / "components" / "monitoring"
CONSOLE: Final = MONITORING / "console" / "console.json"
GRAFANA: Final = MONITORING / "grafana.json"
_TITLE: Final = "istag-webhook"
_COLUMNS: Final = 24  # of Grafana's grid; the console's has 12


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        draws: lines over time, one number, or a table of the labels.
        width: of 12 columns.
        queries: each an expression, and the legend of its lines or the title of its column.
        labels: a table's columns before the values: label and title.
        unit: Grafana's name of it: `short`, `s`, `reqps`.
        words: what a number is called instead.
    """

    title: str
    description: str
    draws: Literal["lines", "number", "table"]
    width: int
    queries: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...] = ()
    unit: str = "short"
    stacked: bool = False
    words: tuple[tuple[str, str], ...] = ()


def _rate(metric: str, by: str, **labels: str) -> str:
    matchers = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"sum by ({by}) (rate({metric}{{{matchers}}}[$__rate_interval]))" if matchers else (
        f"sum by ({by}) (rate({metric}[$__rate_interval]))"
    )  # fmt: skip


def _quantile(quantile: float) -> str:
    rate = _rate("istag_webhook_admission_review_duration_seconds_bucket", "webhook, le")
    return f"histogram_quantile({quantile}, {rate})"


_REQUESTS: Final = "istag_webhook_admission_requests_total"
ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "Now",
        (
            Panel("Pods that answer", "Pods whose metrics are read.", "number", 3, (("count(istag_webhook_build_info)", ""),)),
            Panel(
                "Policy", "Whether every worker has the policy that is mounted.", "number", 3,
                (("min(istag_webhook_policy_last_load_successful)", ""),), words=(("1", "as mounted"), ("0", "denied")),
            ),
            Panel(
                "Policy in force for", "Since the first worker loaded it.", "number", 3,
                (("time() - min(istag_webhook_policy_loaded_timestamp_seconds)", ""),), unit="s",
            ),
            Panel(
                "Certificate expires in", "The earliest of all pods.", "number", 3,
                (("min(istag_webhook_certificate_expiry_timestamp_seconds) - time()", ""),), unit="s",
            ),
        ),
    ),
    (
        "Answers",
        (
            Panel(
                "Reviews by verdict", "Dry runs are left out.", "lines", 6,
                ((_rate(_REQUESTS, "verdict", dry_run="false"), "{{verdict}}"),), unit="reqps", stacked=True,
            ),
            Panel(
                "Denied, by resource", "The resource through which the change came. Dry runs are left out.", "lines", 6,
                ((_rate(_REQUESTS, "resource", verdict="deny", dry_run="false"), "{{resource}}"),), unit="reqps",
            ),
            Panel(
                "Reviews by resource and operation", "Dry runs too.", "lines", 6,
                ((_rate(_REQUESTS, "resource, operation"), "{{operation}} {{resource}}"),), unit="reqps",
            ),
            Panel(
                "Duration", "From the body's arrival to the record's end; the API server gives up after 5 s.", "lines", 6,
                ((_quantile(0.5), "p50 {{webhook}}"), (_quantile(0.99), "p99 {{webhook}}")), unit="s",
            ),
        ),
    ),
    (
        "Rules",
        (
            Panel(
                "Findings by rule and mode", "Violations that the rules reported, whether or not they denied.", "lines", 6,
                ((_rate("istag_webhook_findings_total", "rule, mode"), "{{rule}} ({{mode}})"),), unit="reqps",
            ),
            Panel(
                "Exemptions used", "Each let something happen that the rules would not.", "lines", 6,
                ((_rate("istag_webhook_exemptions_total", "exemption"), "{{exemption}}"),), unit="reqps",
            ),
            Panel(
                "What a stricter policy would have denied", "Findings that only warned or were recorded, of one day.", "table", 6,
                (('sum by (rule, mode) (increase(istag_webhook_findings_total{mode!="enforce"}[1d]))', "Findings"),),
                labels=(("rule", "Rule"), ("mode", "Mode")),
            ),
            Panel(
                "Completed", "Operations of JSON Patches that fill in fields of tags.", "lines", 6,
                (("sum(rate(istag_webhook_patch_operations_total[$__rate_interval]))", "operations"),), unit="reqps",
            ),
        ),
    ),
    (
        "Service",
        (
            Panel(
                "In flight", "Requests whose head has come and whose answer has not left.", "lines", 6,
                (("sum by (pod) (istag_webhook_admission_requests_in_flight)", "{{pod}}"),),
            ),
            Panel(
                "Records", "One of each decision; those that failed cost the answer where the record is required.", "lines", 6,
                ((_rate("istag_webhook_records_total", "result"), "{{result}}"),), unit="reqps",
            ),
            Panel(
                "Not answered by the policy", "Faults of ours, requests that waited too long, and those that were no review, by status.", "lines", 6,
                (
                    ("sum(rate(istag_webhook_faults_total[$__rate_interval]))", "500 (fault)"),
                    ("sum(rate(istag_webhook_shed_requests_total[$__rate_interval]))", "503 (shed)"),
                    (_rate("istag_webhook_malformed_reviews_total", "status"), "{{status}}"),
                ),
                unit="reqps",
            ),
            Panel(
                "Workers begun and policies loaded", "By worker: a pod of two loads each policy twice.", "lines", 6,
                (
                    ("sum(increase(istag_webhook_worker_starts_total[$__rate_interval]))", "workers begun"),
                    ("sum by (result) (increase(istag_webhook_policy_loads_total[$__rate_interval]))", "policy {{result}}"),
                ),
            ),
            Panel(
                "Policies in force", "More than one while pods load a change, or if pods differ.", "table", 4,
                (("sum by (policy, digest) (istag_webhook_policy_info)", "Pods"),),
                labels=(("policy", "Policy"), ("digest", "Digest")),
            ),
            Panel(
                "Warnings about the policy", "Policies that can be used and are dangerous: `istag-webhook policy explain WARNING`.", "table", 4,
                (("max by (warning) (istag_webhook_policy_warnings) > 0", "Warnings"),), labels=(("warning", "Warning"),),
            ),
            Panel(
                "Versions", "More than one while it is rolled out.", "table", 4,
                (("sum by (version) (istag_webhook_build_info)", "Pods"),), labels=(("version", "Version"),),
            ),
            Panel(
                "Exemptions and rules that end", "Below zero, they have ended.", "table", 12,
                (("min by (part, entry) (istag_webhook_policy_ends_timestamp_seconds) - time()", "Time left"),), unit="s",
                labels=(("part", "Part"), ("entry", "Entry")),
            ),
        ),
    ),
)  # fmt: skip


def console() -> dict[str, Any]:
    """Return the dashboard in the old schema, as the console reads it."""
    number = iter(range(1, 100))
    rows = [
        {
            "title": title,
            "showTitle": True,
            "collapse": False,
            "height": "250px",
            "panels": [{"id": next(number), **_old(panel)} for panel in panels],
        }
        for title, panels in ROWS
    ]
    return {
        "title": _TITLE,
        "uid": _TITLE,
        "schemaVersion": 16,
        "tags": [_TITLE],
        "editable": False,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": []},
        "rows": rows,
    }


def _old(panel: Panel) -> dict[str, Any]:
    unit = "short" if panel.unit == "reqps" else panel.unit  # the console knows no rate of requests
    common = {
        "title": panel.title,
        "description": panel.description,
        "span": panel.width,
        "targets": [
            {
                "expr": expression,
                "legendFormat": legend,
                "refId": chr(ord("A") + place),
                **({} if panel.draws == "lines" else {"instant": True}),
                **({"format": "table"} if panel.draws == "table" else {}),
            }
            for place, (expression, legend) in enumerate(panel.queries)
        ],
    }
    if panel.draws == "number":
        maps = [{"op": "=", "value": value, "text": text} for value, text in panel.words]
        return {**common, "type": "singlestat", "format": unit, "decimals": 0, "valueMaps": maps}
    if panel.draws == "table":
        labels = [{"alias": title, "pattern": label, "type": "string"} for label, title in panel.labels]
        values = [
            {
                "alias": title,
                "pattern": f"Value #{chr(ord('A') + place)}",
                "type": "number",
                "decimals": 0,
                "unit": unit,
            }
            for place, (_, title) in enumerate(panel.queries)
        ]
        return {**common, "type": "table", "transform": "table", "styles": [*labels, *values]}
    return {
        **common,
        "type": "graph",
        "stack": panel.stacked,
        "units": unit,
        "yaxes": [{"format": unit}, {"format": unit}],
        "legend": {"show": True},
    }


def grafana() -> dict[str, Any]:
    """Return the dashboard in the schema of Grafana 12."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS:
        panels.append(
            {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": _place(0, top, 12, 1)}
        )
        left, top = 0, top + 1
        for panel in row:
            height = 4 if panel.draws == "number" else 8
            if left + panel.width > _COLUMNS // 2:
                left, top = 0, top + height
            panels.append({**_new(panel), "gridPos": _place(left, top, panel.width, height)})
            left += panel.width
        top += height
    for number, each in enumerate(panels, 1):
        each["id"] = number
    return {
        "title": _TITLE,
        "uid": _TITLE,
        "schemaVersion": 41,
        "tags": [_TITLE],
        "editable": True,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "timezone": "browser",
        "templating": {
            "list": [{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}]
        },
        "panels": panels,
    }


def _place(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"x": 2 * left, "y": top, "w": 2 * width, "h": height}


def _new(panel: Panel) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    targets = [
        {
            "datasource": source,
            "expr": expression,
            "legendFormat": legend,
            "refId": chr(ord("A") + place),
            **({"range": True} if panel.draws == "lines" else {"instant": True}),
            **({"format": "table"} if panel.draws == "table" else {}),
        }
        for place, (expression, legend) in enumerate(panel.queries)
    ]
    common = {"title": panel.title, "description": panel.description, "datasource": source, "targets": targets}
    defaults: dict[str, Any] = {"unit": panel.unit}
    if panel.draws == "number":
        words = {value: {"text": text} for value, text in panel.words}
        defaults |= {"decimals": 0, "mappings": [{"type": "value", "options": words}] if words else []}
        options = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "none"}
        return {**common, "type": "stat", "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options}
    if panel.draws == "table":
        columns = [*panel.labels, *(("Value", title) for _, title in panel.queries)]
        shown = {"excludeByName": {"Time": True}, "renameByName": dict(columns)}
        defaults["decimals"] = 0
        return {
            **common,
            "type": "table",
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "options": {},
            "transformations": [{"id": "organize", "options": shown}],
        }
    defaults["custom"] = {
        "stacking": {"mode": "normal" if panel.stacked else "none"},
        "fillOpacity": 20 if panel.stacked else 0,
    }
    return {
        **common,
        "type": "timeseries",
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    }


def written(dashboard: dict[str, Any]) -> str:
    """Return a dashboard as its file holds it."""
    return json.dumps(dashboard, indent=2) + "\n"
