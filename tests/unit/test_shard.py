"""`--shard`: every key belongs to one part, and what is no part is said."""

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from webhook.cli.options import INDEX, shard_option
from webhook.report.shape import Shard


@click.command()
@shard_option
def _say(shard: Shard) -> None:
    click.echo(str(shard))


@pytest.mark.parametrize(
    ("arguments", "index", "said"),
    [
        ([], None, "1/1"),
        (["--shard", "2/4"], None, "2/4"),
        (["--shard", "4/4"], "0", "4/4"),
        (["--shard", "/4"], "0", "1/4"),
        (["--shard", "/4"], "3", "4/4"),
    ],
    ids=["none", "given", "given wins over the environment", "first of an Indexed Job", "last of an Indexed Job"],
)
def test_parts(arguments: list[str], index: str | None, said: str) -> None:
    """A part is given, or taken from what an Indexed Job sets."""
    done = CliRunner().invoke(_say, arguments, env={INDEX: index})
    assert (done.output, done.exit_code) == (f"{said}\n", 0)


@pytest.mark.parametrize(
    ("value", "index", "sentence"),
    [
        ("0/4", None, "expected a part from 1/4 to 4/4, got 0/4"),
        ("5/4", None, "expected a part from 1/4 to 4/4, got 5/4"),
        ("0/0", None, "expected I/N such as 2/4, or /4 in an Indexed Job, got '0/0'"),
        ("2", None, "expected I/N such as 2/4, or /4 in an Indexed Job, got '2'"),
        ("²/4", None, "expected I/N such as 2/4, or /4 in an Indexed Job, got '²/4'"),
        ("/4", None, "/4 takes the part from JOB_COMPLETION_INDEX, expected a number in it, got ''"),
        ("/4", "x", "/4 takes the part from JOB_COMPLETION_INDEX, expected a number in it, got 'x'"),
        ("/4", "4", "expected a part from 1/4 to 4/4, got 5/4"),
    ],
)
def test_no_parts(value: str, index: str | None, sentence: str) -> None:
    """A value that is not a part of N is denied, with what was expected."""
    done = CliRunner().invoke(_say, ["--shard", value], env={INDEX: index})
    assert sentence in done.output
    assert done.exit_code == 2


@given(st.binary(), st.integers(1, 50))
def test_every_key_belongs_to_one_part(key: bytes, count: int) -> None:
    """No key is left out, and none is done twice."""
    assert [Shard(number, count).holds(key) for number in range(1, count + 1)].count(True) == 1
