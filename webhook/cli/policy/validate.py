"""`istag-webhook policy validate`: the errors in a policy, and the warnings about it."""

import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Final

import click

from webhook.cli import fail
from webhook.cli.options import format_option, output_option, policy_argument
from webhook.cli.output import write
from webhook.cli.reporting import now
from webhook.cli.version import DISTRIBUTION
from webhook.errors import PolicyError
from webhook.policy.lint.reported import Linted, lint
from webhook.policy.loading import Policy, load
from webhook.report import writer
from webhook.report.outcome import Outcome
from webhook.report.tally import Tally
from webhook.report.validation import header, refused, validated
from webhook.text import counted

_TABLE: Final = "table"


@click.command(short_help="Validate a policy.")
@policy_argument
@format_option((_TABLE, "json", "sarif", "github", "junit"))
@output_option
@click.option("--fail-on-warn", is_flag=True, help="Exit with 1 if there are warnings.")
def validate(paths: tuple[Path, ...], format_: str, output: Path | None, *, fail_on_warn: bool) -> None:
    """Validate the policy in PATHS (files and directories, - for standard input).

    Reports every error and every warning with file, line and column. A warning is about a policy that can be used and
    is dangerous: `policy explain NAME` explains it, `spec.ignore: [NAME]` in the policy silences it.

    Without PATHS, validates the policy in ISTAG_WEBHOOK_POLICY, or else the shipped one. Exit codes: 0 the policy can
    be used, 1 there are warnings and --fail-on-warn is given, 2 the policy cannot be used.
    """
    try:
        policy = load(*paths)
    except PolicyError as error:
        if format_ != _TABLE:
            write(_report(format_, None, refused(error.faults)), output)
        fail(str(error))
    linted = lint(policy)
    pieces = _report(format_, policy, validated(policy, linted.warnings, failing=fail_on_warn))
    write(chain([_summary(policy, linted)] if format_ == _TABLE else (), pieces), output)
    for note in linted.unused:
        click.echo(f"note: {note}", err=True)
    sys.exit(1 if fail_on_warn and linted.warnings else 0)


def _report(form: str, policy: Policy | None, outcomes: Iterable[Outcome]) -> Iterator[str]:
    tally = Tally()
    return writer(form)(header(policy, version(DISTRIBUTION), now()), tally.counting(outcomes), tally)


def _summary(policy: Policy, linted: Linted) -> str:
    parts = (
        f"ok: {policy.name}",
        counted(len(policy.written), "rule"),
        counted(len(policy.defaults), "default"),
        counted(len(policy.exemptions), "exemption"),
        policy.digest,
        *([counted(len(linted.warnings), "warning")] if linted.warnings else ()),
    )
    return f"{', '.join(parts)}\n"
