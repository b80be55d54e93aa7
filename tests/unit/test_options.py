"""The options that commands share: each means the same everywhere."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import HEAD, docker, policy_of, review_of
from tests.support.recording import recorded

from webhook.cli.main import main
from webhook.cli.options import Moment

_SHORT = {"--output": "-o", "--namespace": "-n", "--selector": "-l", "--policy": "-p", "--verbose": "-v"}
_ANY = policy_of("spec: {rules: [{name: a, registries: {deny: [docker.io]}}]}")


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group, **main.context_settings)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


_ALL = dict(_commands(main))
# A policy test names its own policy: a variable must not put another in its place.
_OF_A_POLICY = [
    path
    for path, command in _ALL.items()
    if {"policies", "policy"} & {each.name for each in command.params} and path != ("test",)
]
_WITH_PATHS = [("policy", "validate"), ("policy", "export")]


def _run(*arguments: object, **environment: str) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)), env=environment)


@pytest.mark.parametrize("path", _ALL, ids=" ".join)
def test_short_options(path: tuple[str, ...]) -> None:
    """An option has the same short name in every command, and a short name is no other option's."""
    for option in _ALL[path].params:
        for long, short in _SHORT.items():
            assert (long in option.opts) == (short in option.opts), (path, option.opts)


@pytest.mark.parametrize("path", _ALL, ids=" ".join)
def test_closed_sets(path: tuple[str, ...]) -> None:
    """An option with a few values lists them in its help."""
    for option in _ALL[path].params:
        said = (option.help or "") if isinstance(option, click.Option) else ""
        if option.name in {"format_", "log_level", "log_format", "record_level", "audit", "reports", "failure_policy"}:
            assert isinstance(option.type, click.Choice), option.name
        elif not isinstance(option.type, click.Choice):
            assert " or best-effort" not in said


def test_the_commands_that_take_a_policy() -> None:
    """The tests below miss no command."""
    assert _OF_A_POLICY == [("serve",), ("check",), ("replay",), ("scan",), ("policy", "explain"), ("probe",)]


@pytest.mark.parametrize("path", [*_OF_A_POLICY, *_WITH_PATHS], ids=" ".join)
def test_the_policy_of_the_environment(path: tuple[str, ...], tmp_path: Path) -> None:
    """Every command that takes a policy takes it from ISTAG_WEBHOOK_POLICY."""
    (tmp_path / "policy.yaml").write_text("a: 1\n")
    words = {
        ("check",): ["-"],
        ("replay",): ["-"],
        ("policy", "explain"): ["no-latest"],
        ("policy", "export"): ["--format", "vap"],
    }
    done = _run(*path, *words.get(path, []), ISTAG_WEBHOOK_POLICY=str(tmp_path / "policy.yaml"))
    assert done.exit_code == 2
    assert f"{tmp_path}/policy.yaml:1:1: a: unknown key" in done.stderr


@pytest.mark.parametrize("path", _OF_A_POLICY, ids=" ".join)
def test_an_empty_policy(path: tuple[str, ...]) -> None:
    """An empty path, of a variable that is not set, is an error and not the working directory."""
    done = _run(*path, "--policy", "", *(["-"] if path in {("check",), ("replay",)} else []))
    assert done.exit_code == 2
    assert "Invalid value for '--policy'" in done.stderr
    assert "expected a path, got an empty string" in done.stderr


@pytest.mark.parametrize("path", _ALL, ids=" ".join)
def test_every_path_refuses_nothing(path: tuple[str, ...]) -> None:
    """No option and no argument of any command takes an empty path for the working directory."""
    for parameter in _ALL[path].params:
        if isinstance(parameter.type, click.Path):
            with pytest.raises(click.BadParameter, match="expected a path, got an empty string"):
                parameter.type.convert("", parameter, None)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("chekc", "No such command 'chekc'. Did you mean 'check'?"),
        ("polcy validate", "No such command 'polcy'. Did you mean 'policy'?"),
        ("policy explan", "No such command 'explan'. Did you mean 'explain'?"),
        ("explain", "No such command 'explain'. Did you mean 'policy explain'?"),
        ("xyzzy", "No such command 'xyzzy'.\n"),
        ("\x1b[31m", r"No such command '\x1b[31m'."),
        ("check --formt json -", "No such option '--formt'. Did you mean '--format'?"),
        ("--verson", "No such option '--verson'. Did you mean '--version'?"),
    ],
)  # fmt: skip
def test_suggestions(arguments: str, sentence: str) -> None:
    """A misspelt command or option gets the one that was meant."""
    done = _run(*arguments.split())
    assert (done.exit_code, sentence in done.stderr) == (2, True), done.stderr


def test_version() -> None:
    """--version names the program and the version that `version` prints."""
    done = CliRunner().invoke(main, ["--version"], prog_name="istag-webhook")
    assert done.output == f"istag-webhook {_run('version').output}"


@pytest.mark.parametrize(
    ("value", "seconds"), [("90s", 90), ("5m", 300), ("1h", 3_600), ("7d", 604_800), ("2w", 1_209_600), ("0s", 0)]
)
def test_a_duration_is_before_now(value: str, seconds: int) -> None:
    """`--since 1h` is an hour before now."""
    before = datetime.now(UTC)
    found = Moment().convert(value, None, None)
    assert before <= found + timedelta(seconds=seconds) <= datetime.now(UTC)


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - they get a zone
def test_a_time_is_read_as_rfc_3339_says(time: datetime) -> None:
    """Every time with an offset of whole minutes is that moment."""
    offset = time.utcoffset()
    if offset is None or offset.total_seconds() % 60:
        time = time.replace(tzinfo=UTC)
    assert Moment().convert(time.isoformat(), None, None) == time.astimezone(UTC)


@pytest.mark.parametrize(
    "value", ["", "yesterday", "1", "-1h", "1y", "2026-02-30", "2026-W01-1", "20260101", "09:00", "9999999w", "1h30m",
              "0001-01-01T00:00:00+01:00", "2026-01-01T00:00:00+99:00", "\u0661h"],
)  # fmt: skip
def test_what_is_no_time(value: str) -> None:
    """A value that is neither a duration nor a time is an error with what was expected."""
    with pytest.raises(click.BadParameter, match="expected a duration such as 1h, or a time such as"):
        Moment().convert(value, None, None)


def test_diff_takes_records_of_a_period(tmp_path: Path) -> None:
    """`policy diff --since` compares newer records alone, and says how many are left out."""
    (tmp_path / "strict.yaml").write_text(HEAD + "spec: {rules: [{name: a, registries: {deny: [docker.io]}}]}")
    (tmp_path / "open.yaml").write_text(HEAD + "spec: {rules: [{name: a, registries: {deny: [quay.io]}}]}")
    lines = [recorded(review_of(docker("nginx")), _ANY, minutes=60 * hour) for hour in range(3)]
    (tmp_path / "a.log").write_bytes(b"\n".join(lines))
    arguments = ["policy", "diff", tmp_path / "open.yaml", tmp_path / "strict.yaml", "--against", tmp_path / "a.log"]
    assert "3 evaluated: 3 denied" in _run(*arguments).stdout
    done = _run(*arguments, "--since", "2026-01-02T04:04:05Z", "-o", tmp_path / "report")
    assert (done.exit_code, done.stdout, "skipped by the options: 1" in done.stderr) == (1, "", True)
    assert "2 evaluated: 2 denied" in (tmp_path / "report").read_text()
    done = _run(*arguments, "--since", "1h")
    assert (done.exit_code, "nothing to evaluate in" in done.stderr) == (2, True)
