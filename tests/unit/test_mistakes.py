"""An error in a file is reported in plain words, with its place and the nearest known word."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from tests.support.builders import HEAD

from webhook.cli.main import main
from webhook.documents import yaml as yaml_documents
from webhook.errors import PolicyError
from webhook.policy.loading import load

_STAR = "* begins an alias in YAML; quote a value that begins with *"
_UNDEFINED = f"{_STAR}, or define the anchor before it"
_PLACE = "a key is not allowed here; check the indentation of this line and the value on the line before"
_YAML: dict[str, tuple[str, str]] = {
    "tab": ("a:\n\tb: 1\n", "2:1: found a tab; indent with spaces"),
    "tab-after-spaces": ("rules:\n  - name: a\n  \tpin: {}\n", "3:3: found a tab; indent with spaces"),
    "star": ("tags: *\n", f"1:7: {_STAR}"),
    "star-in-a-list": ("tags: [v1, *]\n", f"1:12: {_STAR}"),
    "star-as-an-item": ("tags:\n  - *\n", f"2:5: {_STAR}"),
    "star-with-more": ("tags: ['v*', *-rc]\n", f"1:14: {_UNDEFINED}"),
    "star-of-a-host": ("allow: [*.example.com]\n", f"1:9: {_STAR}"),
    "two-stars": ("allow: **\n", f"1:8: {_STAR}"),
    "alias": ("match: *prod\n", f"1:8: {_UNDEFINED}"),
    "ampersand": ("a: & b\n", "1:4: & begins an anchor in YAML; quote a value that begins with &"),
    "at": ("a: @x\n", "1:4: a value cannot begin with @; quote it"),
    "at-in-a-list": ("a: [b, @x]\n", "1:8: a value cannot begin with @; quote it"),
    "percent": ("a:\n  - %x\n", "2:5: a value cannot begin with %; quote it"),
    "percent-first": ("a: 1\n---\n%x\n", "3:1: a line cannot begin with %; quote the value"),
    "backtick": ("a: `b`\n", "1:4: a value cannot begin with `; quote it"),
    "exclamation": ("expression: !tag.scheduled || tag.insecure\n", "1:13: ! begins a tag in YAML; quote a value that begins with !"),
    "single-quote": ("a: 'x\nb: 1\n", "1:4: the quote that opens here is not closed"),
    "double-quote": ('- a: "x\n- b: 1\n', "1:6: the quote that opens here is not closed"),
    "apostrophe": ("message: 'it's'\n", "1:14: nothing may follow a closing quote; quote the whole value"),
    "half-quoted": ('expression: "a" == tag.name\n', "1:17: nothing may follow a closing quote; quote the whole value"),
    "escape": ('pattern: "\\d+"\n', "1:11: \\d is not an escape in double quotes; write \\\\d, or use single quotes"),
    "bracket": ("a: [1, 2\nb: 3\n", "1:4: the [ that opens here is not closed; expected , or ], got : on line 2"),
    "brace": ("a: {b: 1\nc: 2\n", "1:4: the { that opens here is not closed; expected , or }, got : on line 2"),
    "bracket-at-the-end": ("a:\n  b: [1, {c: d}, ", "2:6: the [ that opens here is not closed; expected ], the text ends"),
    "wrong-bracket": ("a: {b: [1}\n", "1:8: the [ that opens here is not closed; expected , or ], got } on line 1"),
    "closing-bracket": ("a: ]\n", "1:4: expected a value, got ]"),
    "closing-brace": ("a: {x}}\n", "1:7: } closes nothing; quote a value that contains it"),
    "two-commas": ("a: [1,,2]\n", "1:7: expected a value, got ,"),
    "colon": ("message: only: this\n", '1:14: a value that contains ": " must be quoted'),
    "condition": ('expression: tag.name == "a" ? 1 : 2\n', '1:33: a value that contains ": " must be quoted'),
    "deeper": ("a: 1\n  b: 2\n", f"2:4: {_PLACE}"),
    "between": ("a:\n  b: 1\n c: 2\n", "3:2: the indentation matches none of the lines above"),
    "beside-a-list": ("a:\n  - b\n  c: 1\n", "3:3: expected - before an item of the list, or less indentation"),
    "no-colon": ("a: 1\nb\n", "2:1: expected KEY: VALUE, found no colon followed by a space"),
    "text-behind-a-pipe": ("a: |x\n", "1:4: nothing may follow | or > on its line; begin the text on the next line, or quote the value"),
    "anchor-twice": ("a: &a 1\nb: &a 2\n", "2:4: the anchor is defined twice; give each anchor its own name"),
    "other-line-ends": ("a: 1\r\nb: [1\r\nc: 2\r\n", "2:4: the [ that opens here is not closed; expected , or ], got : on line 3"),
}  # fmt: skip
_OTHERWISE = {"percent-first", "anchor-twice"}  # the parser in Python reads these


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
@pytest.mark.parametrize(("text", "sentence"), _YAML.values(), ids=_YAML)
def test_yaml(text: str, sentence: str, loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is no YAML has one fault: line, column and what to do, by whichever parser it is read."""
    if loader == "SafeLoader" and any(text == _YAML[name][0] for name in _OTHERWISE):
        return
    monkeypatch.setattr(yaml_documents, "_Loader", getattr(yaml, loader))
    _, faults = yaml_documents.read("p", text)
    assert [str(fault).replace(": expected YAML", "") for fault in faults] == [f"p:{sentence}"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("spec: {rules: [{name: a, registry: {allow: [quay.io]}}]}", "spec.rules[0].registry: unknown key; did you mean registries?"),
        ("spec: {rules: [{name: a, Pin: {digest: true}}]}", "spec.rules[0].Pin: unknown key; did you mean pin?"),
        ("spec: {rules: [{name: a, sourcekinds: {allow: [DockerImage]}}]}", "spec.rules[0].sourcekinds: unknown key; did you mean sourceKinds?"),
        ("spec: {rules: [{name: a, match: {namespace: [b]}, immutable: {}}]}", "spec.rules[0].match.namespace: unknown key; did you mean namespaces?"),
        ("spec: {rules: [{name: a, mode: ENFORCE, immutable: {}}]}",
         'spec.rules[0].mode: expected one of enforce, warn, audit, got "ENFORCE"; did you mean enforce?'),
        ("spec: {rules: [{name: a, sourceKinds: {allow: [dockerImage]}}]}",
         'spec.rules[0].sourceKinds.allow[0]: expected one of DockerImage, ImageStreamTag, ImageStreamImage, got "dockerImage"; did you mean DockerImage?'),
        ("spec: {default: [{name: a}]}", "spec.default: unknown key; did you mean defaults?"),
        ("spec: {rules: [{name: a, immutable: {}, zzz: 1}]}", "spec.rules[0].zzz: unknown key; expected one of name, description, mode"),
        ("spec:\n  rules:\n    - name: a\n      expression:\n        validations:\n          - expression: !tag.insecure\n",
         'spec.rules[0].expression.validations[0].expression: expected a CEL expression, got ""; quote an expression that begins with !'),
    ],
    ids=["kind", "case", "camel", "match", "mode", "value", "spec", "nothing-like-it", "tag-of-yaml"],
)  # fmt: skip
def test_the_nearest_word(tmp_path: Path, text: str, fault: str) -> None:
    """For a word that is not known, the nearest known one is suggested."""
    path = tmp_path / "policy.yaml"
    path.write_text(HEAD + text)
    with pytest.raises(PolicyError) as refused:
        load(path)
    assert any(f"{each.path}: {each.message}".startswith(fault) for each in refused.value.faults), refused.value


def test_the_nearest_word_of_a_test(tmp_path: Path) -> None:
    """Tests of policies suggest words too."""
    (tmp_path / "policy.yaml").write_text(f"{HEAD}spec: {{rules: [{{name: a, immutable: {{}}}}]}}")
    (tmp_path / "policy.test.yaml").write_text(
        "apiVersion: istag-webhook/v1\nkind: ImageTagPolicyTest\nmetadata: {name: t}\nspec:\n  cases:\n"
        "    - {name: a, chnage: {from: {kind: DockerImage, name: x}}, expect: {verdict: denied}}\n"
    )
    done = CliRunner().invoke(main, ["test", str(tmp_path)])
    assert done.exit_code == 2
    for sentence in (
        "chnage: unknown key; did you mean change?",
        'expected allow or deny, got "denied"; did you mean deny?',
    ):
        assert sentence in done.stderr


@pytest.mark.parametrize(
    ("rules", "counted"),
    [("{name: a, immutable: {}}", "1 rule"), ("{name: a, schema: {}}", "1 rule"), ("{name: a, schema: {}}, {name: b, pin: {digest: true}}", "2 rules")],
    ids=["implied", "written", "both"],
)  # fmt: skip
def test_rules_are_counted_as_written(tmp_path: Path, rules: str, counted: str) -> None:
    """A rule that is evaluated without an entry is not counted."""
    path = tmp_path / "policy.yaml"
    path.write_text(f"{HEAD}spec: {{rules: [{rules}]}}")
    assert f"ok: test, {counted}, " in CliRunner().invoke(main, ["policy", "validate", str(path)]).output


def test_many_unknown_keys(tmp_path: Path) -> None:
    """Words are sought for the first of many unknown keys only."""
    path = tmp_path / "policy.yaml"
    path.write_text(f"{HEAD}spec: {{{', '.join(f'rulez{number}: 1' for number in range(2_000))}}}")
    with pytest.raises(PolicyError) as refused:
        load(path)
    assert sum("did you mean rules?" in fault.message for fault in refused.value.faults) == 20
