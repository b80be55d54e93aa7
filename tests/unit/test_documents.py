"""Documents: what YAML and JSON mean, and on which line each value stands."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import without_columns
from tests.support.examples import examples

from webhook.documents import reading as json_documents
from webhook.documents import yaml as yaml_documents
from webhook.documents.reading import read

_TEXT = """\
# a comment
apiVersion: v1
items:
- metadata:
    annotations:
      openshift.io/image.insecureRepository: "true"
      plain: x
  tag: {from: {name: a,
               kind: b}}
- name: &name
    deep: 1
  again: *name
  merged:
    <<: *name
    own: 2
---
second: 3
"""


def _places(value: Any, path: str = "") -> Iterator[str]:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _places(item, f'{path}["{key}"]')
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(item, f"{path}[{index}]")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 2),
        ("items", 3),
        ("items[0].metadata", 4),
        ('items[0].metadata.annotations["openshift.io/image.insecureRepository"]', 6),
        ("items[0].metadata.annotations.openshift.io/image.insecureRepository", 6),
        ("items[0].metadata.annotations.plain", 7),
        ("items[0].tag.from.name", 8),
        ("items[0].tag.from.kind", 9),
        ("items[0].tag.from.absent", 8),
        ("items[0].absent.deeper[3]", 4),
        ("items[1].again.deep", 11),
        ("items[1].merged.deep", 11),
        ("items[1].merged.own", 15),
        ("items[7].name", 3),
        ("nothing", 2),
    ],
)
def test_lines_of_yaml(path: str, line: int) -> None:
    """A path has the line of its key, or of what would hold it; dots in keys, aliases and merges are seen through."""
    documents, faults = read("a.yaml", _TEXT.encode())
    assert faults == []
    assert documents[0].line(path) == line
    assert documents[1].line("second") == 17
    assert documents[0].value["items"][1]["merged"] == {"own": 2, "deep": 1}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("other", ["\u0085", "\u2028", "\u2029"], ids=["NEL", "LS", "PS"])
def test_lines_are_an_editor_s(end: str, other: str) -> None:
    """A line end for YAML that is not one for editors does not count, in YAML and in JSON."""
    (found,), faults = read("a.yaml", f'a: "x{other} y"{end}b: 1{end}c: {{d: 2}}{end}'.encode())
    assert (faults, [found.line(path) for path in ("a", "b", "c.d")]) == ([], [1, 2, 3])
    (found,), faults = read("a.json", f'{{"a": "x{other}y",{end}"b": 1,{end}"c": {{"d": 2}}}}'.encode())
    assert (faults, [found.line(path) for path in ("a", "b", "c.d")]) == ([], [1, 2, 3])
    for body in (f'a: "x{other} y"{end}b: [1, {{]{end}{end}', f'a: "x{other} y"{end}b: 0x{end * 2}c: [}}', f"{{{end}x"):
        _, (fault,) = read("a", body.encode())
        assert (fault.where, fault.line) == ("a", 4 if "c:" in body else 1 if body[0] == "{" else 2)


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        pytest.param("a: 1", "", "1:1", id="document"),
        pytest.param("a:\n  - name: x", "a[0]", "2:5", id="item"),
        pytest.param("a:\n  - name: x", "a[0].name", "2:5", id="key"),
        pytest.param("a: {b: 1, c: 2}", "a.c", "1:11", id="flow"),
        pytest.param("a: {b: 1, c: 2}", "a.d", "1:1", id="missing"),
        pytest.param('{"a": "€😀", "b": 1}', "b", "1:13", id="code-points"),
        pytest.param('a: ["€😀", {b: 1}]', "a[1].b", "1:12", id="code-points-in-YAML"),
        pytest.param('{"a": 1,\r\n\t"b": {"c": 2}}', "b.c", "2:8", id="CRLF-and-tab"),
        pytest.param("a: 1\n---\nb: 2", "b", "3:1", id="second-document"),
    ],
)
def test_columns(text: str, path: str, place: str) -> None:
    """A path has the column of its key or item, counted from 1 in Unicode code points."""
    documents, faults = read("x", text.encode())
    assert (faults, str(documents[-1].mark(path))) == ([], place)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a:\n\tb: 1", "x:2:1"), ("a: 1\nb: 2\n  a: 3", "x:3:4"), ("a: 1\n c: 2", "x:2:3"), ("a: {b: 1, b: 2}", "x:1:11"),
        ('{"a": 1,\n  "x"; 1}', "x:2:6"), ('{"a": 1}\n {"b": NaN}', "x:2:2"), ("a: 1\nb: \x00", "x:2:4"), ("a: .nan", "x:1:4"),
        (b"\xff", "x"), ("a: &a\n  b: *a", "x:1"),
    ],
    ids=["tab", "indent", "map", "twice", "json", "second-json", "nul", "nan", "utf-8", "alias"],
)  # fmt: skip
def test_faults_have_columns(text: str | bytes, place: str) -> None:
    """A fault says file, line and column, as far as they are known."""
    _, faults = read("x", text if isinstance(text, bytes) else text.encode())
    assert [fault.place for fault in faults] == [place]


def test_lines_of_json() -> None:
    """Several JSON documents in one file each know their lines, in one line or in many."""
    text = '{"a": {"b.c": [1,\n 2,\n {"d": 3}]}}\n\n{"e":\n{"f":\n[]}} {"one": {"line": 1}}'
    documents, faults = read("a.json", text.encode())
    assert faults == []
    assert [document.value for document in documents] == [
        {"a": {"b.c": [1, 2, {"d": 3}]}}, {"e": {"f": []}}, {"one": {"line": 1}},
    ]  # fmt: skip
    first, second, third = documents
    assert [first.line(path) for path in ("", "a.b.c[1]", "a.b.c[2].d", "a.b.c[9]", "x")] == [1, 2, 3, 1, 1]
    assert [second.line(path) for path in ("", "e", "e.f", "e.f[0]")] == [5, 5, 6, 6]
    assert third.line("one.line") == 7


_KEYS = st.text(
    st.characters(codec="ascii", categories=["L", "N", "P"], exclude_characters='"[]\\'), min_size=1, max_size=8
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(st.characters(codec="ascii", categories=["L"]), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=12,
)


@examples(100)
@given(st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=3), st.sampled_from([None, 1, 4]))
def test_both_readers_agree(value: dict[str, Any], indent: int | None) -> None:
    """JSON is YAML too: both readers find the same value, and the same line and column for every path in it."""
    text = "\n" + json.dumps(value, indent=indent)
    (as_json,), _ = json_documents.read_json("a", text)
    (as_yaml,), _ = yaml_documents.read("a", text)
    assert as_json.value == as_yaml.value == value
    for path in _places(value):
        assert as_json.mark(path) == as_yaml.mark(path), path


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"a: \xff", "x: expected UTF-8; byte 3 is invalid"),
        (b"a: 1\nb: \x00", "x:2: expected YAML: control characters are not allowed (U+0000)"),
        (b"a:\n\tb: 1", "x:2: expected YAML: found a tab; indent with spaces"),
        (b"a: 1\nb: 2\na: 3", "x:3: a: duplicate key"),
        (b'"a\\e[m": 1\n"a\\e[m": 2', "x:2: a\\x1b[m: duplicate key"),
        (b"a: .nan", "x:1: a: expected a value, got .nan"),
        (b"a: 123456789012345678901234567890", "x:1: a: expected a value, got 123456789012345678901234567890"),
        (b"? [a]\n: 1", "x:1: expected a string as key"),
        (b"a: &a\n  b: *a", "x:1: the YAML is nested too deeply"),
        (b"[" * 5_000, "x:1: expected YAML: it is nested too deeply"),
        (b'{"a": 1,\n"b"; 2}', "x:2: expected JSON: Expecting ':' delimiter"),
        (b'{"a": 1}\n{"b": NaN}', "x:2: expected JSON: NaN is not a number"),
        (b'{"a": 1, "a": 2}', "x:1: a: duplicate key"),
        (b'{"a": "\\ud800"}', "x:1: cannot be written as JSON: str is not valid UTF-8: surrogates not allowed"),
        (b'{"a":' * 100_000, "x:1: the JSON is nested too deeply"),
    ],
    ids=["utf-8", "nul", "tab", "twice", "escape", "nan", "number", "key", "itself", "deep", "comma", "json-nan", "json-twice",
         "surrogate", "json-deep"],
)  # fmt: skip
def test_what_cannot_be_read(body: bytes, fault: str) -> None:
    """Text that readers could parse differently, or not at all, is reported with its line."""
    _, faults = read("x", body)
    assert [without_columns(str(each)) for each in faults] == [fault]


def test_what_stands_before_a_fault_is_read() -> None:
    """A fault in the second document does not take away the first."""
    for body in (b"a: 1\n---\nb: [", b'{"a": 1}\n{"b"'):
        documents, faults = read("x", body)
        assert ([document.value for document in documents], len(faults)) == ([{"a": 1}], 1)


def test_byte_order_mark() -> None:
    """The mark that some editors write is no part of the text."""
    for body in (b'\xef\xbb\xbf{"a": 1}', b"\xef\xbb\xbfa: 1"):
        assert [document.value for document in read("x", body)[0]] == [{"a": 1}]


def test_aliases_that_multiply() -> None:
    """A small text that would become a large value is denied before it does."""
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{key}: &{key} [{', '.join([f'*{before}'] * 9)}]\n" for before, key in zip("abcdefgh", "bcdefghi", strict=True)
    )
    _, faults = read("x", bomb.encode())
    assert [str(fault) for fault in faults] == ["x:1: expected YAML: more than 200000 values"]


def _doubling(levels: int, first: str, next_: str) -> str:
    """Return maps, each of which takes the one before twice."""
    return "\n".join([f"a0: &a0 {first}", *(next_.format(number=n, before=n - 1) for n in range(1, levels))])


_TWICE = "{{<<: [*a{before}, *a{before}]}}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(_doubling(30, "{x: 1}", "a{number}: &a{number} " + _TWICE), id="merges"),
        pytest.param(_doubling(30, "{}", "a{number}: &a{number} " + _TWICE), id="merges-of-nothing"),
        pytest.param(_doubling(30, "[]", "a{number}: &a{number} [*a{before}, *a{before}]"), id="empty-lists"),
        pytest.param("\n---\n".join([_doubling(17, "{}", "a{number}: &a{number} " + _TWICE)] * 9), id="documents"),
    ],
)
def test_each_visit_counts(text: str) -> None:
    """A value that aliases and merge keys lead to again counts again, in all documents of a text together."""
    _, faults = read("x", text.encode())
    assert [str(fault) for fault in faults] == ["x:1: expected YAML: more than 200000 values"]


def test_faults_end() -> None:
    """A text has a thousand faults at most: an alias leads to the same one again and again."""
    text = (
        "a: &a [.nan, .nan, .nan, .nan]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: [" + ", ".join(["*b"] * 100) + "]"
    )
    _, faults = read("x", text.encode())
    assert len(faults) == 1_001
    assert str(faults[-1]) == "x:1: expected YAML: more than 1000 faults"


def test_the_first_merge_wins() -> None:
    """A merged map shows its keys at their place; its own keys have precedence, then the first merged map."""
    text = "a: &a {w: 1, x: 1}\nb: &b {x: 2, z: 2}\nc:\n  <<: [*a, *b]\n  w: 3\n"
    (document,), faults = read("x", text.encode())
    assert (faults, document.value["c"]) == ([], {"w": 3, "x": 1, "z": 2})
    assert [document.line(f"c.{key}") for key in "wxz"] == [5, 1, 2]


def test_large_yaml_is_refused_before_it_is_read() -> None:
    """YAML costs memory per node: above the limit, JSON is required."""
    _, faults = read("x", b"a: 1\n" + b"#" * (32 * 2**20))
    assert [str(fault) for fault in faults] == [
        "x: expected 33554432 characters of YAML at most; convert larger files to JSON"
    ]


def test_large_json() -> None:
    """Fifty megabytes of JSON are read, and the lines of their end are found."""
    items = ",\n".join(f'{{"name":"{index}","pad":"{"x" * 500}"}}' for index in range(100_000))
    (document,), faults = read("x", f'{{"items":[\n{items}\n]}}'.encode())
    assert faults == []
    assert [document.line(f"items[{index}].name") for index in (0, 50_000, 99_999)] == [2, 50_002, 100_001]
