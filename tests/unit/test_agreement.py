"""The JSON Schema, the loader and the check of expressions agree on what is no policy."""

import json
import re
from itertools import islice
from pathlib import Path

import jsonschema
import pytest
import yaml
from tests.support.badpolicies import mistaken
from tests.support.paths import DATA

from webhook.errors import PolicyError
from webhook.policy.loading import load, schema, shipped

_POLICIES = DATA / "policies"
_BAD = 300
# Mistakes that a JSON Schema cannot express, by class.
_BEYOND = {
    "a name that is taken": re.compile(r'the name ".*" is already used by '),
    "an entry that can never match": re.compile(r"excludes everything that is matched|it can never match"),
    "syntax of an expression": re.compile(
        r"expected a CEL expression: |expected (an expression of )?at most \d+ nested (macros|levels)"
    ),
    "types of an expression": re.compile(
        r"expected a boolean expression|unknown (name|field|function) |cannot take |are never equal; |"
        r"is not a valid pattern for matches: |^\".*\": expected "
    ),
    "text that is not printable": re.compile(r"expected a line of printable text"),
}


@pytest.mark.slow
def test_bad_policies(tmp_path: Path) -> None:
    """The loader denies what the schema denies; other mistakes are of a class that no schema can express."""
    good = [yaml.safe_load(shipped()), *(yaml.safe_load(path.read_text()) for path in sorted(_POLICIES.glob("*.yaml")))]
    validator, path = jsonschema.Draft202012Validator(schema()), tmp_path / "policy.yaml"
    bad, beyond = 0, dict.fromkeys(_BEYOND, 0)
    for what, policy in islice(mistaken(good), 2 * _BAD):
        path.write_text(json.dumps(policy))
        taken = validator.is_valid(policy)
        try:
            load(path)
        except PolicyError as refused:
            bad += 1
            for fault in refused.faults if taken else ():
                (name,) = (each for each, pattern in _BEYOND.items() if pattern.search(fault.message))
                beyond[name] += 1
        else:
            assert taken, what
    assert bad >= _BAD
    assert all(beyond[name] for name in ("a name that is taken", "syntax of an expression", "types of an expression"))
