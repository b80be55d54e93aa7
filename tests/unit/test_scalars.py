"""Plain YAML scalars: what we read is what kubectl sends."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.assets import kubectl

from webhook.documents.reading import read

# Each of them is resolved in another way by some reader of YAML.
_WORDS = """
    680841e1 09334553 y n Y N yes no on off On OFF true TRUE ~ null Null 0o17 0O17 017 0777 08 0x1F 0X1f -0x1F +1 -0 0 00
    1_000 _1 1_ 12:30:45 2001-12-14 2001-12-14t21:59:43.10-05:00 1.0 1. .5 -.5 +.5 . + 1e3 1E+3 1e-3 1e400 -1e400 0b11
    -0b11 1.5e21 1e21 9223372036854775807 -9223372036854775808 1e19 0.1 1.10 12e03 1__0 0_1 0x 0b 0o8 0o17_1 .1_0 1._5 =
    yEs 1:2 tRUE 1.2.3 0.0 -0.0 1e 1e+ e1 .e1 3.0e0 0x_1F v1
"""
_SCALARS = [
    *_WORDS.split(),
    "!!str y", "!!int '3'", "!!binary aGVsbG8=", "!foo 12", "!!bool yes", "!!null ''",
]  # fmt: skip


def _sent(path: Path) -> Any:
    """Return what kubectl would send to the API server."""
    done = subprocess.run(
        [kubectl(), "label", "--local", "-f", path, "a=b", "-o", "json"], capture_output=True, check=True
    )
    return json.loads(done.stdout)


def test_scalars_are_those_that_kubectl_sends(tmp_path: Path) -> None:
    """Every scalar has the type and the value that kubectl gives it."""
    path = tmp_path / "values.yaml"
    items = "".join(f"- {each}\n" for each in _SCALARS)
    path.write_text(f"apiVersion: example/v1\nkind: Values\nmetadata: {{name: x}}\nvalues:\n{items}")
    (document,), faults = read(str(path), path.read_bytes())
    assert faults == []
    ours, theirs = ([(type(each), each) for each in found["values"]] for found in (document.value, _sent(path)))
    assert dict(zip(_SCALARS, ours, strict=True)) == dict(zip(_SCALARS, theirs, strict=True))


@pytest.mark.parametrize("key", ["y", "1", "1.5", "on", "0o17", "~k", "k"])
def test_keys_are_those_that_kubectl_sends(tmp_path: Path, key: str) -> None:
    """A key is a string, made of the value that it is read as; its place is found by this string."""
    path = tmp_path / "values.yaml"
    path.write_text(f"apiVersion: example/v1\nkind: Values\nmetadata: {{name: x}}\nvalues:\n  first: 0\n  {key}: 1\n")
    (document,), faults = read(str(path), path.read_bytes())
    assert (faults, document.value["values"]) == ([], _sent(path)["values"])
    (sent,) = document.value["values"].keys() - {"first"}
    assert document.line(f"values.{sent}") == 6


@pytest.mark.parametrize("text", ["y", "N", "Yes"])
def test_letters_in_policies(text: str) -> None:
    """No client reads a policy, so a name in it may be `y`."""
    (document,), _ = read("x", f"apiVersion: istag-webhook/v1\nname: {text}\n".encode())
    assert document.value["name"] == (text if len(text) == 1 else True)


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=12))
def test_a_quoted_scalar_is_a_string(text: str) -> None:
    """Any value in quotes is a string."""
    (document,), faults = read("x", f"a: {json.dumps(text)}".encode())
    assert (faults, document.value) == ([], {"a": text})


@given(st.integers(-(2**63), 2**64 - 1))
def test_integers_of_64_bits(number: int) -> None:
    """An integer of 64 bits is read exactly, in every base."""
    sign, digits = ("-", -number) if number < 0 else ("", number)
    text = f"[{number}, {sign}{digits:#x}, {sign}{digits:#o}, {sign}{digits:#b}]"
    (document,), faults = read("x", text.encode())
    assert (faults, document.value) == ([], [number] * 4)
