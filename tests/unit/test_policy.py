"""Policy documents: what is denied, where, and what comes of those that are not."""

import json
import os
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import HEAD, decoded, docker, policy_of, policy_schema, review_of, without_columns
from tests.support.examples import examples
from tests.support.paths import DATA
from tests.support.sentences import UNREADABLE

from webhook.admission import engine
from webhook.errors import PolicyError
from webhook.model.decision import Mode
from webhook.policy.loading import PolicySource, load, schema, shipped

_RULE = "{name: a, registries: {allow: [quay.io]}}"


def _faults(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(PolicyError) as refused:
        load(path)
    return [without_columns(str(fault)).replace(f"{path}:", "") for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        pytest.param("a: [", ["1: expected YAML: the [ that opens here is not closed; expected ], the text ends"], id="no-yaml"),
        pytest.param("- 1", ["1: expected a map, got [1]"], id="list"),
        pytest.param(
            "{}",
            [
                "1: apiVersion: is required; expected istag-webhook/v1",
                "1: kind: is required; expected ImageTagPolicy",
                "1: metadata: is required; expected a map",
                "1: spec: is required; expected a map",
            ],
            id="empty",
        ),
        pytest.param(
            HEAD + "spec: {}", ["4: spec: expected at least one of exemptions, defaults, rules, got none"], id="says-nothing"
        ),
        pytest.param(HEAD + "spec: {rules: []}", ["4: spec.rules: expected a list with at least one map, got []"], id="no-rules"),
        pytest.param(
            HEAD + "spec:\n  rules:\n    - name: a\n",
            [
                "6: spec.rules[0]: expected exactly one of schema, sourceKinds, registries, pin, crossNamespace, importPolicy, "
                "referencePolicy, lookupPolicy, tagName, tagLimit, immutable, schedule, annotations, labels, platforms, imageSize, signatures, "
                "conditions, expression; got none"
            ],
            id="no-kind",
        ),
        pytest.param(
            HEAD + "spec: {rules: [{name: a, immutable: {}, schema: {}}]}",
            [
                "4: spec.rules[0]: expected exactly one of schema, sourceKinds, registries, pin, crossNamespace, importPolicy, "
                "referencePolicy, lookupPolicy, tagName, tagLimit, immutable, schedule, annotations, labels, platforms, imageSize, signatures, "
                "conditions, expression; got schema and immutable"
            ],
            id="two-kinds",
        ),
        pytest.param(
            HEAD + "spec:\n  rules:\n    - name: A\n      mode: deny\n      existing: off\n      registries: {alow: [a]}\n",
            [
                "6: spec.rules[0].name: expected a name of at most 63 lower-case letters, digits and '-', got \"A\"",
                '7: spec.rules[0].mode: expected one of enforce, warn, audit, got "deny"',
                "8: spec.rules[0].existing: expected one of enforce, warn, audit, ignore, got false",
                "9: spec.rules[0].registries.alow: unknown key; did you mean allow?",
            ],
            id="all-at-once",
        ),
        pytest.param(
            HEAD + "spec:\n  rules:\n    - name: a\n      registries:\n        allow:\n          - quay.io\n          - busybox\n          - quay.io\n",
            [
                '10: spec.rules[0].registries.allow[1]: "busybox" matches no image reference: it has no registry; expected a registry such as quay.io or *.example.com, or a repository such as quay.io/acme/**; write "docker.io/library/busybox"',
                '11: spec.rules[0].registries.allow[2]: "quay.io" is listed twice',
            ],
            id="globs",
        ),
        pytest.param(
            HEAD + "spec: {rules: [{name: a, tagName: {allow: [1.0]}}]}",
            ["4: spec.rules[0].tagName.allow[0]: expected one glob, got 1.0"],
            id="number-for-a-glob",
        ),
        pytest.param(
            HEAD + "spec: {rules: [{name: a, registries: null}]}",
            ["4: spec.rules[0].registries: expected a map, got null"],
            id="null",
        ),
        pytest.param(
            HEAD + "spec: {rules: [{name: a, registries: {}}]}",
            ["4: spec.rules[0].registries: expected at least one of allow, deny, got none"],
            id="no-parameter",
        ),
        pytest.param(
            HEAD + f"spec: {{rules: [{_RULE}, {_RULE}]}}",
            ['4: spec.rules[1].name: the name "a" is already used by spec.rules[0].name in 4:17'],
            id="name-twice",
        ),
        pytest.param(
            HEAD + "spec:\n  rules:\n    - name: a\n      name: b\n      immutable: {}\n",
            ["7: spec.rules[0].name: duplicate key"],
            id="key-twice",
        ),
        pytest.param(
            HEAD + "spec: {rules: [{name: a, immutable: {}, match: {namespaces: [a], exclude: {namespaces: ['*']}}}]}",
            ["4: spec.rules[0].match.exclude: excludes everything that the entry matches, so it can never match"],
            id="never-matches",
        ),
        pytest.param(
            HEAD + "spec: {rules: [{name: a, lookupPolicy: {local: true}, match: {resources: [imagestreamtags]}}]}",
            [
                "4: spec.rules[0].match.resources: lookupPolicy evaluates none of these, so the rule can never match; expected imagestreams"
            ],
            id="never-evaluates",
        ),
        pytest.param(
            HEAD + "spec: {rules: [{name: a, expression: {validations: [{expression: '1 +'}]}}]}",
            [
                "4: spec.rules[0].expression.validations[0].expression: expected a CEL expression: <input>:1:4: Syntax error: "
                "mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, "
                "NUM_UINT, STRING, BYTES, IDENTIFIER}"
            ],
            id="cel-syntax",
        ),
        pytest.param(
            HEAD + "spec: {rules: [{name: a, expression: {validations: [{expression: 'objekt.x && [1].all(y, y > z)'}]}}]}",
            [
                "4: spec.rules[0].expression.validations[0].expression: unknown name objekt; did you mean object?",
                "4: spec.rules[0].expression.validations[0].expression: unknown name z; expected object, oldObject, request, tag",
            ],
            id="cel-name",
        ),
        pytest.param(
            HEAD + "spec: {rules: [{name: a, expression: {validations: [{expression: 'sise(tag.name) > 1'}]}}]}",
            ["4: spec.rules[0].expression.validations[0].expression: unknown function sise; did you mean size?"],
            id="cel-function",
        ),
        pytest.param(
            HEAD + "spec: {rules: [{name: a, expression: {validations: [{expression: 'b(1) || a(2)'}]}}]}",
            [
                "4: spec.rules[0].expression.validations[0].expression: unknown function b",
                "4: spec.rules[0].expression.validations[0].expression: unknown function a",
            ],
            id="cel-functions",
        ),
        pytest.param(
            HEAD + "spec:\n  rules:\n  - name: a\n    expression:\n      validations:\n      - expression: |-\n          tag.name\n            ==\n",
            [
                "9: spec.rules[0].expression.validations[0].expression: expected a CEL expression: <input>:2:5: Syntax error: "
                "mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, "
                "NUM_UINT, STRING, BYTES, IDENTIFIER}"
            ],
            id="cel-syntax-on-the-second-line",
        ),
        pytest.param(
            HEAD + "spec: {rules: [{name: a, expression: {validations: [{expression: '#'}]}}]}",
            [
                "4: spec.rules[0].expression.validations[0].expression: expected a CEL expression: <input>:1:1: Syntax error: "
                "token recognition error at: '#'"
            ],
            id="cel-with-two-errors",
        ),
        pytest.param(
            HEAD + "spec: {rules: [{name: a, expression: {validations: [{expression: 5}, {expression: ' '}]}}]}",
            [
                "4: spec.rules[0].expression.validations[0].expression: expected a CEL expression, got 5",
                '4: spec.rules[0].expression.validations[1].expression: expected a CEL expression, got " "',
            ],
            id="no-cel",
        ),
        pytest.param(
            HEAD + f"spec: {{rules: [{{name: a, expression: {{validations: [{{expression: 'true{' ' * 4_997}'}}]}}}}]}}",
            ["4: spec.rules[0].expression.validations[0].expression: expected at most 5000 characters of CEL, got 5001"],
            id="cel-of-many-characters",
        ),
        pytest.param(
            HEAD + 'spec: {rules: [{name: a, expression: {validations: [{expression: "true", message: "a\\nb"}]}}]}',
            ['4: spec.rules[0].expression.validations[0].message: expected a line of printable text, got "a\\x0ab"'],
            id="message-of-two-lines",
        ),
        pytest.param(
            HEAD + "spec: {defaults: [{name: a, set: {importPolicy: {importMode: All}}}]}",
            ['4: spec.defaults[0].set.importPolicy.importMode: expected Legacy or PreserveOriginal, got "All"'],
            id="default",
        ),
        pytest.param(
            HEAD + "spec: {exemptions: [{name: a, annotation: why}]}",
            ["4: spec.exemptions[0]: expected at least one of users, groups, got none"],
            id="exemption-of-everybody",
        ),
        pytest.param(
            HEAD + "spec: {rules: [{name: a, imageSize: {max: 2 GB}}]}",
            ['4: spec.rules[0].imageSize.max: expected a quantity of bytes such as 500Mi or 2Gi, got "2 GB"'],
            id="quantity",
        ),
        pytest.param(
            "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b, *b]\n" + "\n".join(f"d{n}: [{', '.join(['*c'] * 999)}]" for n in range(20)),
            ["1: expected YAML: more than 200000 values"],
            id="aliases-that-multiply",
        ),
        pytest.param("a: \x07", ["1: expected YAML: control characters are not allowed (U+0007)"], id="control-character"),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, text: str, faults: list[str]) -> None:
    """Every fault of a policy is said at once, with its line and its path."""
    assert _faults(tmp_path, text) == faults


def test_a_directory_is_one_policy(tmp_path: Path) -> None:
    """Several documents in several files are one policy; names are unique across them."""
    (tmp_path / "b.yaml").write_text(
        HEAD + f"spec: {{rules: [{_RULE}]}}\n---\n" + HEAD + "spec: {rules: [{name: b, immutable: {}}]}"
    )
    (tmp_path / "a.json").write_text(json.dumps(yaml.safe_load(HEAD + "spec: {rules: [{name: c, immutable: {}}]}")))
    (tmp_path / "note.txt").write_text("no policy")
    assert [entry.name for entry in load(tmp_path).rules] == ["schema", "c", "a", "b"]
    (tmp_path / "c.yml").write_text(HEAD + f"spec: {{rules: [{_RULE}]}}")
    with pytest.raises(PolicyError, match='the name "a" is already used'):
        load(tmp_path)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, UNREADABLE),
        (lambda path: path.mkdir(), "expected a file with one of .yaml, .yml, .json, got none"),
        (lambda path: path.write_bytes(b"\xff"), "expected UTF-8; byte 0 is invalid"),
        (lambda path: path.write_text(""), "expected an ImageTagPolicy document, got none"),
        (lambda path: path.write_bytes(b"#" * (8 * 2**20 + 1)), "expected at most 8388608 bytes"),
    ],
    ids=["missing", "empty-directory", "not-utf-8", "empty-file", "huge"],
)
def test_unreadable(tmp_path: Path, make: object, sentence: str) -> None:
    """A path that holds no policy is rejected with its name."""
    path = tmp_path / "policy"
    make(path)  # type: ignore[operator]
    with pytest.raises(PolicyError) as refused:
        load(path)
    assert [str(fault) for fault in refused.value.faults] == [f"{path}: {sentence}"]


def test_unreadable_in_a_directory(tmp_path: Path) -> None:
    """A file of a directory that cannot be read is named, and the others are read."""
    (tmp_path / "a.yaml").write_bytes(b"\xff")
    (tmp_path / "b.yaml").mkdir()
    (tmp_path / "c.yaml").write_text(HEAD + "spec: {rules: [{name: A, immutable: {}}]}")
    with pytest.raises(PolicyError) as refused:
        load(tmp_path)
    assert [str(fault).partition(": ")[0] for fault in refused.value.faults] == [
        f"{tmp_path}/a.yaml", f"{tmp_path}/b.yaml", f"{tmp_path}/c.yaml:4:17",
    ]  # fmt: skip


def test_the_shipped_policy() -> None:
    """The shipped policy denies little, exempts the importer, and completes the import mode of every architecture."""
    policy = load()
    assert {entry.name for entry in policy.rules if entry.mode is Mode.ENFORCE} == {
        "schema", "no-insecure-imports", "servable-tag-names",
    }  # fmt: skip
    assert policy.exemptions[0].users[0].matches("system:serviceaccount:openshift-infra:image-import-controller")
    assert [entry.set.import_mode for entry in policy.defaults] == ["PreserveOriginal"]
    assert policy.name == "shipped"


def test_the_schema_rule_is_always_there() -> None:
    """A policy without a schema rule still has one; an entry changes its mode."""
    assert next((entry.name, entry.mode) for entry in policy_of(f"spec: {{rules: [{_RULE}]}}").rules) == (
        "schema",
        Mode.ENFORCE,
    )
    changed = policy_of("spec: {rules: [{name: own, mode: warn, schema: {}}]}")
    assert [(entry.name, entry.mode) for entry in changed.rules] == [("own", Mode.WARN)]


def test_the_digest_is_of_what_it_says() -> None:
    """Comments and layout do not change the digest, a word does."""
    one, other = policy_of(f"spec: {{rules: [{_RULE}]}}"), policy_of(f"# a comment\nspec:\n  rules:\n    - {_RULE}\n")
    assert one.digest == other.digest
    assert one.digest != policy_of("spec: {rules: [{name: a, registries: {deny: [quay.io]}}]}").digest
    assert len(one.digest) == len("sha256:") + 64


def test_the_published_schema_holds_the_policies() -> None:
    """The JSON Schema is one, and takes the policies that we ship and test with."""
    jsonschema.Draft202012Validator.check_schema(schema())
    strict = (DATA / "policies" / "strict.yaml").read_text()
    for text in (shipped(), strict):
        policy_schema().validate(yaml.safe_load(text))


@pytest.mark.parametrize("expression", ["true", f"{' ' * 4_996}true"], ids=["shortest", "longest"])
def test_the_length_of_an_expression(tmp_path: Path, expression: str) -> None:
    """The loader and the JSON Schema have the same limits of length."""
    path = tmp_path / "policy.yaml"
    path.write_text(
        HEAD + f"spec: {{rules: [{{name: a, expression: {{validations: [{{expression: '{expression}'}}]}}}}]}}"
    )
    assert len(load(path).rules) == 2
    policy_schema().validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    "spec",
    [
        "{}", "{rules: []}", "{rules: [{name: a}]}", "{rules: [{name: A, immutable: {}}]}", "{rules: [{name: a, registries: {}}]}",
        "{rules: [{name: a, immutable: {}, schema: {}}]}", "{rules: [{name: a, mode: deny, immutable: {}}]}", "{x: 1}",
        "{rules: [{name: a, expression: {validations: [{expression: ''}]}}]}",
        "{rules: [{name: a, expression: {validations: [{expression: 5}]}}]}",
        f"{{rules: [{{name: a, expression: {{validations: [{{expression: '{'1' * 5_001}'}}]}}}}]}}",
    ],
)  # fmt: skip
def test_the_published_schema_refuses_what_we_refuse(tmp_path: Path, spec: str) -> None:
    """The loader's errors of shape are also shown in an editor."""
    text = HEAD + f"spec: {spec}"
    assert _faults(tmp_path, text)
    with pytest.raises(jsonschema.ValidationError):
        policy_schema().validate(yaml.safe_load(text))


@examples(200)
@given(st.text(max_size=120) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
def test_any_text(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Any text is a policy or is denied with faults."""
    path = tmp_path_factory.getbasetemp() / f"any-{os.getpid()}.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(PolicyError) as refused:
        load(path)
    assert refused.value.faults


def test_a_changed_policy_is_loaded(tmp_path: Path) -> None:
    """The policy is read again when its file changes; a bad one is denied once, and the last good one stays."""
    path = tmp_path / "policy.yaml"
    path.write_text(HEAD + f"spec: {{rules: [{_RULE}]}}")
    source = PolicySource(path)
    first = source.current
    assert not source.refresh()
    path.write_text(HEAD + "spec: {rules: [{name: ")
    with pytest.raises(PolicyError):
        source.refresh()
    assert not source.refresh()
    assert source.current is first
    path.write_text(HEAD + "spec: {rules: [{name: new, immutable: {}}]}")
    assert source.refresh()
    assert source.current.rules[1].name == "new"
    path.unlink()
    with pytest.raises(PolicyError):
        source.refresh()
    assert source.current.rules[1].name == "new"


def test_a_config_map_is_swapped(tmp_path: Path) -> None:
    """A mounted ConfigMap changes by its `..data` symlink alone, as the kubelet does it."""

    def version(name: str, rule: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy.yaml").write_text(HEAD + f"spec: {{rules: [{{name: {rule}, immutable: {{}}}}]}}")
        (tmp_path / "..new").symlink_to(name)
        (tmp_path / "..new").rename(tmp_path / "..data")

    version("..1", "one")
    (tmp_path / "policy.yaml").symlink_to("..data/policy.yaml")
    source = PolicySource(tmp_path)
    version("..2", "two")
    assert source.refresh()
    assert [entry.name for entry in source.current.rules] == ["schema", "two"]


@pytest.mark.parametrize(
    ("match", "selected"),
    [
        ("{namespaces: [app]}", True),
        ('{namespaces: ["prod-*"]}', False),
        ("{streams: [app], tags: [live]}", True),
        ("{streams: [app], tags: [dev]}", False),
        ("{users: [alice]}", True),
        ('{groups: ["system:*"]}', True),
        ("{groups: [sre]}", False),
        ("{resources: [imagestreamtags]}", True),
        ("{exclude: {users: [alice]}}", False),
        ("{exclude: {users: [alice], tags: [dev]}}", True),
        ("{namespaces: [app], exclude: {namespaces: [app], users: [bob]}}", True),
    ],
)
def test_match(match: str, selected: bool) -> None:
    """An entry speaks of a change that has all of `match`, but for one that has all of `exclude`."""
    policy = policy_of(f"spec: {{rules: [{{name: a, match: {match}, registries: {{deny: [quay.io]}}}}]}}")
    decision = engine.validate(decoded(review_of(docker("quay.io/acme/app:1"))), policy)
    assert decision.allowed is not selected
