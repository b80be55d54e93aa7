"""Write the generated parts of the documentation.

A generated part of a page begins with one of these comments and ends with `<!-- end -->`:

- `<!-- istag-webhook ARGUMENTS -->`: what the command prints, as Markdown if ARGUMENTS have `--markdown`
- `<!-- file PATH -->`: the text of a file of the repository
- `<!-- reference NAME -->`: what the function NAME of this module returns

`python -m tools.reference` updates all pages; `tests/unit/test_docs.py` fails if one is out of date.
"""

import contextlib
import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

import click
import yaml
from click.testing import CliRunner
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from webhook.cli.main import main
from webhook.service.instruments import Instruments
from webhook.settings import documented, variable

ROOT: Final = Path(__file__).parent.parent
DOCS: Final = ROOT / "docs"
PAGES: Final = (ROOT / "README.md", ROOT / "manifests" / "README.md", *sorted(DOCS.rglob("*.md")))
EXAMPLES: Final = DOCS / "policies" / "kinds"
_PART: Final = re.compile(
    r"<!-- (?P<sort>istag-webhook|file|reference) (?P<words>[^>]+) -->\n.*?<!-- end -->", re.DOTALL
)
_LANGUAGES: Final = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".sql": "sql"}
_MOST_LABELS: Final = 10
# Keys of a policy that are not documented where they stand, but once.
_SHARED: Final = {"match", "exclude"}


def rendered(text: str) -> str:
    """Return a page with its generated parts updated."""
    return _PART.sub(
        lambda part: f"{part[0].partition(chr(10))[0]}\n\n{_part(**part.groupdict())}\n\n<!-- end -->", text
    )


def _part(sort: str, words: str) -> str:
    if sort == "file":
        path = ROOT / words
        return f"```{_LANGUAGES[path.suffix]}\n{path.read_text().strip()}\n```"
    if sort == "reference":
        return PARTS[words]().strip()
    printed = command(*shlex.split(words)).rstrip()
    return printed if "--markdown" in words else f"```console\n$ istag-webhook {words}\n{printed}\n```"


def command(*arguments: str) -> str:
    """Return what the command prints to standard output."""
    done = CliRunner().invoke(main, arguments, prog_name="istag-webhook", env={"COLUMNS": "100"})
    if done.exit_code:
        raise SystemExit(f"istag-webhook {shlex.join(arguments)}: exit code {done.exit_code}\n{done.output}")
    return str(done.stdout)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = tuple(head)
    lines = (names, tuple("---" for _ in names), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _escaped(text: str) -> str:
    """Return plain text as Markdown of one line; text in backticks is unchanged."""
    plain = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        each if each.startswith("`") else re.sub(r"([*_\[\]|])", r"\\\1", each).replace("<", "&lt;") for each in plain
    )


# --- policy fields


def _type(schema: Mapping[str, Any]) -> str:
    """Return the type of a field of a JSON Schema in words."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return (
            f"list of {_type(schema['items'])}"
            if "type" not in schema["items"]
            else f"list of {schema['items']['type']}s"
        )
    return "map of strings" if isinstance(schema.get("additionalProperties"), dict) else str(schema["type"])


def _fields(schema: Mapping[str, Any], path: str, left_out: Iterable[str] = ()) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        if name in left_out:
            continue
        at = f"{path}{name}"
        meaning = field.get("description", "")
        if meaning or "properties" not in field:
            yield f"`{at}`", _type(field), f"{meaning}{' (required)' if name in required else ''}".strip()
        if name not in _SHARED:
            yield from _fields(field, f"{at}.")


def policy() -> str:
    """Return the fields of a policy, from its JSON Schema."""
    spec = json.loads(command("policy", "schema"))["properties"]["spec"]["properties"]
    rule = spec["rules"]["items"]
    kinds = {each["required"][0] for each in rule["oneOf"]}
    head = ("field", "type", "meaning")
    sections = {
        "Exemptions": ("an entry of `spec.exemptions`", _fields(spec["exemptions"]["items"], "")),
        "Defaults": ("an entry of `spec.defaults`", _fields(spec["defaults"]["items"], "")),
        "Rules": (
            "an entry of `spec.rules`",
            chain(_fields(rule, "", kinds), [("`KIND`", "object", "exactly one [rule kind](rules.md)")]),
        ),
        "Match": ("`match` of any entry", _fields(rule["properties"]["match"], "")),
        "Ignored warnings": ("`spec`", _fields({"properties": {"ignore": spec["ignore"]}}, "")),
    }
    return "\n\n".join(
        f"## {name}\n\nFields of {where}:\n\n{_table(head, rows)}" for name, (where, rows) in sections.items()
    )


# --- rule kinds


def rules() -> str:
    """Return a section for each rule kind, with an example that the engine has evaluated."""
    schema = json.loads(command("policy", "schema"))["properties"]["spec"]["properties"]["rules"]["items"]
    return "\n\n".join(
        _kind(each["required"][0], schema["properties"][each["required"][0]]) for each in schema["oneOf"]
    )


def _kind(name: str, schema: Mapping[str, Any]) -> str:
    told = command("policy", "explain", name)
    expected = dict(re.findall(r"^  (\w+): (.+?) - ", told, re.MULTILINE))
    parameters = [
        (f"`{field}`", _escaped(expected[field]), meaning["description"])
        for field, meaning in schema.get("properties", {}).items()
    ]
    (resources,) = re.findall(r"^  evaluates: (.+)$", told, re.MULTILINE)
    parts = [
        f"## {name}",
        schema["description"],
        _table(("parameter", "type", "meaning"), parameters) if parameters else "It has no parameters.",
        f"**Resources**: {resources}",
        *_example(name),
    ]
    return "\n\n".join(parts)


def _example(kind: str) -> Iterator[str]:
    """Yield the example of a kind: the rule, what it reports, and how to comply."""
    path = EXAMPLES / f"{kind}.yaml"
    text = path.read_text()
    (entry,) = (each for each in yaml.safe_load(text)["spec"]["rules"] if kind in each)
    lines = text.partition("  rules:\n")[2].rstrip().splitlines()
    yield "**Example**"
    yield "\n".join(("```yaml", *(line.removeprefix("    ") for line in lines), "```"))
    report = json.loads(command("test", "--format", "json", str(path.with_suffix(".test.yaml"))))
    found = {finding["message"]: finding for case in report["cases"] for finding in case["findings"]}
    messages = [each for each in found.values() if each["rule"] == entry["name"]]
    if messages:
        yield "**Message**"
        yield "\n".join(
            ("```text", *(f"{each['field']}: {each['message']} (rule {each['rule']})" for each in messages), "```")
        )
    told = command("policy", "explain", "--policy", str(path), entry["name"])
    yield "**Fix**"
    yield "\n".join(
        f"- {_escaped(line.removeprefix('  - '))}" for line in told.partition("To fix it:\n")[2].splitlines()
    )


# --- command line


def cli() -> str:
    """Return a section for each command, from click."""
    return "\n\n".join(_commands(main, click.Context(main, info_name="istag-webhook", **main.context_settings)))


def _commands(found: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(found, click.Group):
        for name in found.list_commands(context):
            below = found.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _commands(below, click.Context(below, info_name=name, parent=context))
        return
    usage = " ".join((context.command_path, *found.collect_usage_pieces(context)))
    options = [_option(each, context) for each in found.get_params(context) if isinstance(each, click.Option)]
    yield "\n\n".join(
        (
            f"## {context.command_path.removeprefix('istag-webhook ')}",
            f"```text\n{usage}\n```",
            *(_escaped(each) for each in (found.help or "").split("\n\n")),
            _table(("option", "meaning"), options),
        )
    )


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    closed = isinstance(option.type, click.Choice)
    value = "" if option.is_flag else " VALUE" if closed else f" {option.make_metavar(context)}"
    names = ", ".join(f"`{each}`" for each in option.opts[:-1])
    record = option.get_help_record(context)
    meaning = _escaped(record[1]) if record else ""
    if isinstance(option.type, click.Choice):
        meaning += f" One of {', '.join(f'`{each}`' for each in option.type.choices)}."
    return f"{names}{', ' if names else ''}`{option.opts[-1]}{value}`", meaning


def settings() -> str:
    """Return the settings of the server, from their declaration."""
    rows = []
    for each in documented():
        value = "" if each.default in (None, ()) else f"`{each.default}`"
        closed = (
            f" One of {', '.join(f'`{one}`' for one in each.metadata['choices'])}." if each.metadata["choices"] else ""
        )
        rows.append(
            (
                f"`--{each.name.replace('_', '-')}`",
                f"`{variable(each.name)}`",
                value,
                f"{_escaped(each.metadata['help'])}{closed}",
            )
        )
    return _table(("option", "variable", "default", "meaning"), rows)


# --- what a running server shows


def metrics() -> str:
    """Return the metrics with type and labels, from their declaration."""
    rows = []
    for each in vars(Instruments(CollectorRegistry())).values():
        (family,) = each.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = " ".join(f"`{label}`" for label in _labels(each))
        rows.append((f"`{name}`", labels, f"{_escaped(family.documentation)} ({family.type})"))
    return _table(("metric", "labels", "meaning"), rows)


def _labels(metric: MetricWrapperBase) -> list[str]:
    """Return the names of a metric's labels, in their order."""
    for number in range(1, _MOST_LABELS):
        # A metric with labels has a sample if one was made, a metric without labels always.
        with contextlib.suppress(ValueError):
            metric.labels(*map(str, range(number)))
        if samples := next(iter(metric.collect())).samples:
            return [label for label in samples[0].labels if label != "le"]
    raise ValueError(f"{metric} has more than {_MOST_LABELS - 1} labels")


def alerts() -> str:
    """Return the alerts with their severity and meaning, from the PrometheusRule."""
    path = ROOT / "manifests" / "components" / "monitoring" / "prometheusrule.yaml"
    found = [rule for group in yaml.safe_load(path.read_text())["spec"]["groups"] for rule in group["rules"]]
    return _table(
        ("alert", "severity", "after", "meaning"),
        (
            (
                f"[{rule['alert']}](../runbook.md#{rule['alert'].lower()})",
                rule["labels"]["severity"],
                rule["for"],
                rule["annotations"]["summary"],
            )
            for rule in found
        ),
    )


def record() -> str:
    """Return the fields of each kind of line in the record, from the JSON Schema."""
    kinds = json.loads((DOCS / "reference" / "record.schema.json").read_text())["$defs"]
    return "\n\n".join(
        f"### {kind.capitalize()}\n\n{_table(('field', 'type', 'meaning'), _recorded(schema, ''))}"
        for kind, schema in kinds.items()
    )


def _recorded(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    for name, field in schema["properties"].items():
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        choices = f": {', '.join(f'`{each}`' for each in field['enum'])}" if "enum" in field else ""
        always = "" if name in schema["required"] else " Only if there is one."
        yield f"`{path}{name}`", " or ".join(kinds) + choices, field["description"] + always
        inner = field.get("items", field)
        if "properties" in inner:
            yield from _recorded(inner, f"{path}{name}{'[]' if 'items' in field else ''}.")


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    each.__name__: each for each in (policy, rules, cli, settings, metrics, alerts, record)
}

if __name__ == "__main__":
    for page in PAGES:
        if (anew := rendered(before := page.read_text())) != before:
            page.write_text(anew)
            click.echo(f"wrote {page.relative_to(ROOT)}")
