"""Expressions and globs that would burn a core for minutes, in a real server, while others are answered."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.builders import HEAD, docker, review_of
from tests.support.hammer import Hammer
from tests.support.measuring import Measured
from tests.support.serving import serving, until

_TURNS = 100_000  # elements of a list, so that each against each is more than anybody waits for
_LONG = 100_000  # characters of a tag's name
_TOO_MUCH = "its evaluation exceeds the cost budget of a review"
_EXPRESSIONS = {
    "nested": "object['many'].all(x, object['many'].exists(y, x > y)) || true",
    "map": "object['many'].map(x, x + 1).size() >= 0 || true",
    "in": "!object['many'].exists(x, x in object['many'] && x == 2) || true",
    "matches": "object['long'].matches('(a*)*(a*)*(a*)*b')",
}
_GLOBS = ("*a*a*a*a*a*a*a*a*a*a*b", "**", "*" + "a*" * 60 + "b")


def _policy(path: Path, *rules: dict[str, Any]) -> None:
    """Write a policy that trusts one registry, and of whose rules others are asked in one namespace alone."""
    here = {"match": {"namespaces": ["burning"]}}
    trusted = {"name": "trusted", "registries": {"allow": ["quay.io"]}}
    new = path.with_suffix(".new")
    new.write_text(f"{HEAD}spec: {json.dumps({'rules': [trusted, *({**here, **rule} for rule in rules)]})}\n")
    new.rename(path)


def _validations(*expressions: str) -> dict[str, Any]:
    return {"validations": [{"expression": each} for each in expressions]}


def _burning(number: int, **more: Any) -> bytes:
    document = review_of(docker("quay.io/acme/app:1"), namespace="burning", uid=f"burning-{number}")
    document["request"]["object"] |= more
    document["request"]["object"]["metadata"]["namespace"] = "burning"
    return json.dumps(document).encode()


@pytest.mark.parametrize("name", _EXPRESSIONS)
def test_an_expression_under_load(tmp_path: Path, name: str, measured: Measured) -> None:
    """Each such review is denied, and every other is answered; an expression nested deeper is denied with its policy."""
    records, policy = tmp_path / "records.jsonl", tmp_path / "policy.yaml"
    _policy(policy, {"name": "cel", "expression": _validations(_EXPRESSIONS[name])})
    # All of them wait for each other: nobody is to be shed on a machine that is slower still.
    given = ("--policy", str(policy), "--record", str(records), "--patience", "29")
    with serving(tmp_path, *given) as server, Hammer(server) as load:
        for number in range(4):
            status, answer = server.post(_burning(number, many=[1] * _TURNS, long="a" * _LONG))
            response = answer["response"]
            assert (status, response["allowed"]) == (200, False)
            assert (_TOO_MUCH in response["status"]["message"]) is (name != "matches")
            load.more(f"beside burning review {number}", count=1)
        deep = "object['many'].all(x, object['many'].all(y, object['many'].all(z, x != y)))"
        _policy(policy, {"name": "cel", "expression": _validations(deep)})
        until(lambda: server.logged("policy rejected"), "the nested expression to be denied")
        load.more("under the last good policy", count=50)
    assert (load.lost, set(load.statuses)) == ([], {200})
    measured(**load.counted)
    load.hold(line for line in records.read_bytes().splitlines() if b'"burning-' not in line)
    assert records.read_bytes().count(b'"burning-') == 4


def test_globs_under_load(tmp_path: Path, measured: Measured) -> None:
    """Each such review is answered, and so is every other."""
    records, policy = tmp_path / "records.jsonl", tmp_path / "policy.yaml"
    globs = [glob for glob in _GLOBS if glob != "**"]
    _policy(policy, {"name": "names", "tagName": {"allow": globs}})
    given = ("--policy", str(policy), "--record", str(records), "--patience", "29")
    with serving(tmp_path, *given) as server, Hammer(server) as load:
        for number in range(4):
            document = json.loads(_burning(number))
            request = document["request"]
            request["name"] = request["object"]["metadata"]["name"] = f"app:{'a' * _LONG}"
            status, answer = server.post(json.dumps(document).encode())
            assert (status, answer["response"]["allowed"]) == (200, False)
            assert "(rule names)" in answer["response"]["status"]["message"]
            load.more(f"beside burning review {number}", count=1)
        load.more("afterwards", count=50)
    assert (load.lost, set(load.statuses)) == ([], {200})
    measured(**load.counted)
    load.hold(line for line in records.read_bytes().splitlines() if b'"burning-' not in line)
    assert records.read_bytes().count(b'"burning-') == 4
