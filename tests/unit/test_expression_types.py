"""Types of expressions: what is wrong is an error when the policy is loaded, and what is right is evaluated."""

import json
import re
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import cel
import pytest
from cel import stdlib
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import decoded, policy_of
from tests.support.celvalues import composed, conforms, paths, static, value_of
from tests.support.examples import examples
from tests.unit.test_expressions import TAGS

from webhook.cli.main import main
from webhook.errors import MalformedExpression, PolicyError
from webhook.expressions.checking import Checked, check
from webhook.expressions.declarations import TAG, declarations, described
from webhook.expressions.functions import ADDED, LANGUAGE, NAMES
from webhook.expressions.parser import MOST_NESTED, parse
from webhook.expressions.syntax import walk
from webhook.expressions.types import Type
from webhook.model.review import TagChange
from webhook.policy.loading import schema
from webhook.resources import catalog
from webhook.resources.catalog import RESOURCES
from webhook.rules.expression import as_variable
from webhook.rules.program import compiled, fault_of_pattern


@cache
def _context() -> cel.Context:
    context = cel.Context()
    stdlib.add_stdlib_to_context(context)
    return context


def _faults(expression: str) -> list[str]:
    try:
        compiled(expression)
    except MalformedExpression as error:
        return list(error.args)
    return []


_WRONG: dict[str, tuple[str, ...]] = {
    # the result
    "tag.name": ("expected a boolean expression, got string",),
    "size(tag.name)": ("expected a boolean expression, got int",),
    "tag.image": ("expected a boolean expression, got image",),
    # fields
    "tag.schedule": ("unknown field tag.schedule; did you mean tag.scheduled?",),
    "tag['schedule']": ("unknown field tag.schedule; did you mean tag.scheduled?",),
    "tag.from.regsitry == 'quay.io'": ("unknown field tag.from.regsitry; did you mean tag.from.registry?",),
    "tag.image.xyz": ("unknown field tag.image.xyz; expected one of digest, labels, platforms, size, layers, signatures",),
    "has(tag.schedule)": ("unknown field tag.schedule; did you mean tag.scheduled?",),
    "tag.image.signatures.all(s, s.trustd)": ("unknown field s.trustd; did you mean s.trusted?",),
    "object.metdata.name == 'a'": (
        'unknown field object.metdata; did you mean object.metadata?; to read it anyway, write object["metdata"]',
    ),
    "request.user == 'a'": (
        'unknown field request.user; did you mean request.userInfo?; to read it anyway, write request["user"]',
    ),
    "tag.name.first": ('"tag.name.first": string has no fields',),
    # operators
    "1 + 'a'": ('"1 + \'a\'": + cannot take int and string',),
    "1 + 1.0 == 2.0": ('"1 + 1.0": + cannot take int and double',),
    "tag.name == 1": ('"tag.name == 1": string and int are never equal; compare values of the same type',),
    "tag.scheduled != 'true'": ('"tag.scheduled != \'true\'": bool and string are never equal; compare values of the same type',),
    "tag.name == null": ('"tag.name == null": string and null are never equal; compare values of the same type',),
    "object.metadata.generation == 'a'": ('"object.metadata.generation == \'a\'": int and string are never equal; compare values of the same type',),
    "tag.image.size > '1'": ('"tag.image.size > \'1\'": > cannot take int and string',),
    "'a' in tag.name": ('"\'a\' in tag.name": expected a list of string values or a map with such keys after in, got string',),
    "1 in tag.image.platforms": ('"1 in tag.image.platforms": expected a list of int values or a map with such keys after in, got list(string)',),
    "!tag.name": ('"!tag.name": ! cannot take string',),
    "tag.name || tag.scheduled": ('"tag.name || tag.scheduled": || cannot take string and bool',),
    "(tag.scheduled ? 1 : 'a') == 1": ('"(tag.scheduled ? 1 : \'a\')": expected values of one type on both sides of :, got int and string',),
    "tag.name ? true : false": ('"tag.name": expected a boolean before ?, got string',),
    "tag.image.platforms['a'] == 'a'": ('"tag.image.platforms[\'a\']": list(string) has no index of type string',),
    # functions and macros
    "tag.name.startswith('a')": ("unknown function startswith; did you mean startsWith?",),
    "math.great(1, 2) == 1": ("unknown function math.great; did you mean math.greatest?",),
    "lists.range(1000000000).size() > 1": ("unknown function lists.range",),
    "tag.name.contains(1)": ('"tag.name.contains(1)": expected string.contains(string), got string.contains(int)',),
    "size(1) == 1": ('"size(1)": expected string.size() or bytes.size() or list(dyn).size() or map(dyn, dyn).size(), got size(int)',),
    "tag.name.all(x, true)": ('"tag.name.all(x, true)": expected a list or a map before .all, got string',),
    "[1].all(x, x)": ('"[1].all(x, x)": expected a boolean in all, got int',),
    "[1].all(x)": ("all expects a variable and an expression: LIST.all(x, EXPRESSION)",),
    "[1].all(x, y)": ("unknown name y; expected object, oldObject, request, tag",),
    "objekt == null": ("unknown name objekt; did you mean object?",),
    "tag.name.matches('(')": ('"\'(\'" is not a valid pattern for matches: unclosed group',),
    "tag.name.matches(r'a(?=b)')": (
        '"r\'a(?=b)\'" is not a valid pattern for matches: look-around, including look-ahead and look-behind, is not supported',
    ),
    "x{a: 1} == tag": ('messages of protocol buffers are not supported, got "x" before {',),
    # every mistake at once
    "tag.schedule && tag.insecur": (
        "unknown field tag.schedule; did you mean tag.scheduled?",
        "unknown field tag.insecur; did you mean tag.insecure?",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("expression", "sentences"), _WRONG.items(), ids=_WRONG)
def test_wrong(expression: str, sentences: tuple[str, ...]) -> None:
    """An expression that can only fail or mislead is an error that names the part and what was expected."""
    assert _faults(expression) == list(sentences)


@pytest.mark.parametrize(
    "expression",
    [
        "tag.scheduled",
        "!tag.scheduled || tag.from.registry == 'quay.io'",
        "tag['from'].kind == 'DockerImage'",
        "tag.image == null || tag.image.size < 1000",
        "tag.image != null && tag.image.labels != null && tag.image.labels.team == 'a'",
        "oldObject == null || oldObject.metadata.name == object.metadata.name",
        "object.kind == 'ImageStream' && object.apiVersion.startsWith('image.openshift.io/')",
        "object.spec.tags.all(t, t.name != tag.name)",
        "object.tag.from.name == 'a' || object.tag == 'live'",
        "object['spec']['unknown'] == 1 || object['paused']",
        "object.metadata.labels == null || object.metadata.labels['a'] == 'b'",
        "has(object.metadata.annotations.frozen)",
        "request.userInfo.extra['scopes'].exists(s, s == 'a')",
        "request.oldObject == null && request.object.metadata.uid != ''",
        "object.image.dockerImageMetadata.Config.Labels['a'] == 'b'",
        "size(object) > 0 && 'spec' in object",
        "1 == 1.0 && 1 < 2.5 && 1u < 2",
        "timestamp('2030-01-01T00:00:00Z') > timestamp(object.metadata.creationTimestamp)",
        "tag.name.matches('^v[0-9]+$') && tag.name.matches(tag.from.tag)",
        "[1, 2].contains(1) && tag.name.contains('a')",
        "(tag.scheduled ? null : object.metadata.name) == 'a'",
        "type(object['a']) == string",
        "[1, 'a'].size() == 2 && {'a': 1, 'b': 'c'}.b == 'c'",
        "optional.of(1).orValue(2) == 1 && [1].first().hasValue()",
    ],
)
def test_right(expression: str) -> None:
    """An expression that may be a boolean is accepted."""
    assert _faults(expression) == []


def test_the_documented_errors() -> None:
    """The errors that the documentation shows are those that are reported."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "expression.md").read_text()
    rows = re.findall(
        r"^\| `([^`]+)` \| (.+) \|$", page.partition("| expression | error |")[2].partition("\n\n")[0], re.MULTILINE
    )
    assert len(rows) == 6
    for expression, sentence in rows:
        assert sentence in _faults(expression)


def test_the_fields_of_tag_are_documented() -> None:
    """`policy explain expression` and the JSON Schema name every field of `tag`, with its type and its meaning."""
    explained = CliRunner().invoke(main, ["policy", "explain", "expression"]).output
    (rules,) = (schema()["properties"]["spec"]["properties"][part]["items"]["properties"] for part in ("rules",))
    described_in_schema = rules["expression"]["properties"]["validations"]["items"]["properties"]["expression"][
        "description"
    ]
    assert len(described()) > len(TAG.fields)
    for path, kind, meaning in described():
        assert meaning
        for text in (explained, described_in_schema):
            assert f"{path} ({kind}): {meaning}\n" in f"{text}\n"


def test_a_mistake_has_its_place() -> None:
    """Each mistake is a fault of the policy at the expression."""
    rule = {"name": "a", "expression": {"validations": [{"expression": "tag.schedule && 1 + 'a' == 2"}]}}
    with pytest.raises(PolicyError) as caught:
        policy_of(f"spec: {json.dumps({'rules': [rule]})}\n")
    assert {fault.path for fault in caught.value.faults} == {"spec.rules[0].expression.validations[0].expression"}
    assert [fault.message.partition(";")[0] for fault in caught.value.faults] == [
        "unknown field tag.schedule",
        "\"1 + 'a'\": + cannot take int and string",
    ]


_SAMPLES = {
    "bool": "true", "int": "1", "uint": "1u", "double": "1.5", "string": "'1'", "bytes": "b'1'", "null": "null",
    "duration": "duration('1h')", "timestamp": "timestamp('2020-01-01T00:00:00Z')", "list": "[1]", "strings": "['a']",
    "map": "{'a': 1}", "type": "int",
}  # fmt: skip
_TYPE_ERRORS = (
    "No such overload",
    "Undefined variable",
    "Unsupported op",
    "Unexpected type",
    "Cannot mix",
    "TypeError",
    "map key",
)


def _engine_takes(expression: str) -> bool:
    """Whether the engine can evaluate an expression as far as its types go."""
    try:
        cel.evaluate(expression, _context())
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of the engine is no Exception
        return not isinstance(error, TypeError) and not any(each in str(error) for each in _TYPE_ERRORS)
    return True


def _checked(expression: str, variables: dict[str, Type] | None = None) -> Checked:
    found = check(expression, parse(expression), variables or {}, fault_of_pattern)
    faults = tuple(each for each in found.faults if not each.startswith("expected a boolean expression"))
    return Checked(found.type, found.variables, found.functions, found.added, faults)


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "%", "<", ">=", "in", "&&", "=="])
def test_operators(operator: str) -> None:
    """Two values are taken by an operator if the engine takes them."""
    for one, other in product(_SAMPLES, repeat=2):
        expression = f"{_SAMPLES[one]} {operator} {_SAMPLES[other]}"
        taken = not _checked(expression).faults
        if taken:
            assert _engine_takes(expression), expression
        elif operator not in ("==", "in", "&&"):  # these have an answer for some values that never can be true
            assert not _engine_takes(expression) or (operator, other) == ("+", "map"), expression


@pytest.mark.parametrize("name", sorted(NAMES - {"has"}))
def test_functions(name: str) -> None:
    """A function takes the values that the engine's takes, as it is called."""
    taken = 0
    for count in (1, 2):
        for given_ in product(_SAMPLES.values(), repeat=count):
            for call in (f"{name}({', '.join(given_)})", f"({given_[0]}).{name}({', '.join(given_[1:])})"):
                if "." in name and call.startswith("("):
                    continue
                if not _checked(call).faults:
                    taken += 1
                    assert _engine_takes(call), call
                elif name in LANGUAGE and name not in ADDED:
                    assert not _engine_takes(call), call
    assert taken or name in ("replace", "slice", "value", "hasValue", "orValue", "optional.none")


def test_the_functions_of_the_engine_are_known() -> None:
    """Every function that the engine adds is declared, or left out for a reason."""
    assert set(stdlib.STDLIB_FUNCTIONS) - set(ADDED) == {"lists.range"}
    assert set(ADDED) <= set(stdlib.STDLIB_FUNCTIONS)


@pytest.mark.parametrize("document", [document for document, _ in TAGS.values()], ids=TAGS)
def test_the_variable_tag_has_its_type(document: dict[str, Any]) -> None:
    """The value of `tag` in an expression has the declared fields and no others, with their types."""
    (change,) = catalog.changes(decoded(document))
    assert isinstance(change, TagChange)
    assert conforms(as_variable(change), TAG)


def test_the_declared_objects_are_those_that_are_evaluated() -> None:
    """Each resource has a declaration, and what is right for one is right where it may be any."""
    everything = declarations()
    for resource in RESOURCES:
        for path, _ in paths(declarations([resource])):
            assert not _checked(f"{path} == {path}", dict(everything)).faults


@examples(60)
@given(st.integers(0, 2**32), st.sampled_from(sorted(RESOURCES)))
def test_what_is_taken_has_no_type_error(seed: int, resource: str) -> None:
    """An expression that is taken never fails for a type, and its result has the type that was found."""
    random = Random(seed)  # noqa: S311 - hypothesis gives the seed
    variables = dict(declarations([resource]))
    for name, kind in variables.items():
        _context().add_variable(name, value_of(kind, random))
    literals = [
        "1",
        "0",
        "-2",
        "3u",
        "2.5",
        "'a'",
        "''",
        "'v1'",
        "b'a'",
        "true",
        "false",
        "duration('1h')",
        "[1, 2]",
        "['a']",
    ]
    parts = [*literals, *random.sample([path for path, _ in paths(variables)], 30)]
    functions, taken = sorted(NAMES - {"has", "dyn"}), 0
    for _ in range(400):
        expression = composed(random, parts, functions)
        try:
            found = _checked(expression, variables)
        except MalformedExpression:
            continue
        if found.faults:
            continue
        taken += 1
        assert _engine_takes(expression), expression
        if static(found.type):
            result = _result(expression)
            assert result is _FAILED or conforms(result, found.type), (expression, result, str(found.type))
            if len(expression) < 200:
                parts.append(expression)
    assert taken > 5


_FAILED = object()


def _result(expression: str) -> Any:
    """Return what the engine makes of an expression, `_FAILED` if it cannot for the values that are there."""
    try:
        return cel.evaluate(expression, _context())
    except (KeyError, IndexError, ZeroDivisionError, OverflowError, RuntimeError, ValueError):
        return _FAILED


@pytest.mark.parametrize(
    "expression",
    ["(" * 60 + "true" + ")" * 60, "[" * 60 + "]" * 60, "tag" + ".a" * 60, "!" * 61 + "true", "true ? true : " * 60 + "true"],
    ids=["brackets", "lists", "fields", "signs", "conditions"],
)  # fmt: skip
def test_nesting_is_bounded(expression: str) -> None:
    """Nesting beyond Python's recursion limit is an error with a message."""
    assert _faults(expression) == [f"expected an expression of at most {MOST_NESTED} nested levels"]


def test_long_chains_are_checked() -> None:
    """Operators of one level may stand in any number behind each other."""
    assert _faults(" && ".join(["true"] * 700)) == []
    assert _faults("1" + " + 1" * 1_200 + " > 0") == []


@pytest.mark.parametrize(
    "expression",
    ["a.b[0] . c ( x , 1 ) // d", "( a ) ? 'b' : [c, {d: e,},]", '"""a"b""" + r"\\" + b\'\\x41\' + .5 + 0x1Fu', "!a && -b in [c]"],
)  # fmt: skip
def test_a_node_has_its_place(expression: str) -> None:
    """Each part of a tree is the text that it was parsed from, and parses to itself."""
    for node in walk(parse(expression)):
        text = expression[node.start : node.end]
        assert text == text.strip()
        parse(text)


@examples(300)
@given(st.text(alphabet="ab01.'\"\\/ \n()[]{}?:,!&|=<>+-*%rRxu", max_size=30))
def test_what_the_engine_compiles_is_parsed(text: str) -> None:
    """The parser accepts every expression that the engine accepts."""
    try:
        cel.compile(text)
    except ValueError:
        return
    try:
        parse(text)
    except MalformedExpression as error:
        assert str(error).startswith("messages of protocol buffers are not supported")
