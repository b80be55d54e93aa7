"""Patterns that can match nothing are errors, in the loader and in the JSON Schema alike, wherever a policy has a pattern."""

import re
from collections.abc import Iterator
from ipaddress import IPv6Address
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import HEAD, policy_of, policy_schema
from tests.support.examples import examples

from webhook.errors import MalformedGlob, PolicyError
from webhook.globs import alphabets
from webhook.globs.alphabet import Alphabet
from webhook.globs.alphabets import (
    ANNOTATION_KEY,
    CONDITION_TYPE,
    GROUP,
    LABEL_KEY,
    NAMESPACE,
    PLATFORM,
    REFERENCE,
    SIGNATURE_TYPE,
    STREAM,
    TAG,
    TEXT,
    USER,
)
from webhook.globs.matching import Glob, ReferenceGlob
from webhook.policy.entries import KINDS
from webhook.reference import STREAM as STREAM_GRAMMAR
from webhook.reference import TAG as TAG_GRAMMAR
from webhook.schemas.containers import GlobMap
from webhook.schemas.parameters import GlobText, NameText, Parameter, ReferenceGlobText

_ALL = {name: each for name, each in vars(alphabets).items() if isinstance(each, Alphabet)} | {"REFERENCE": REFERENCE}
_REGEX = "it is a regular expression, and patterns are globs"
_ONE = 'only "*" is a wildcard'
_CLASS = "globs have no character classes"
_EITHER = "globs have no alternatives"


@pytest.mark.parametrize(
    ("alphabet", "patterns"),
    [
        (NAMESPACE, ["*", "a", "team-*", "*-prod", "a*b*c", "1", "x" * 63, "*" + "x" * 63]),
        (STREAM, ["*", "app", "a.b_c-d", "app*", "*.x", "x" * 253]),
        (TAG, ["*", "latest", "v1.*", "V1.0_rc-2", "*-SNAPSHOT", "_x", "1.", "1-", "x" * 128, "1.*.*"]),
        (USER, ["*", "alice", "a+b@example.com", r"CORP\dave", "auth0|12", "system:serviceaccount:*:importer", "system:serviceaccount:*", "kube:admin", "O'Neil, Jo", "host$", "é"]),
        (GROUP, ["*", "Domain Admins", "cn=ops,ou=groups,dc=example,dc=com", "system:serviceaccounts:team-*", "system:authenticated", "/team/a"]),
        (ANNOTATION_KEY, ["*", "owner", "bad/*", "*/x", "istag-webhook/reason", "Owner_1.x", "example.com/a*", "openshift.io/image.*"]),
        (LABEL_KEY, ["*", "maintainer", "org.opencontainers.*", "io.k8s.display-name", "com.example/x", "a:b", "a_b@c"]),
        (PLATFORM, ["linux/arm64", "linux/*", "*/*", "**", "linux/arm/v*", "*/arm64", "windows/amd64", "linux/**"]),
        (SIGNATURE_TYPE, ["*", "AtomicImageV1", "x*"]),
        (CONDITION_TYPE, ["*", "ImportSuccess", "example.com/Ready"]),
        (TEXT, ["*", "team-*", '{"a": 1, "b": [2]}*', "^ a", "b$", "x?", "a\nb", "1.*"]),
        (REFERENCE, ["*", "**", "*:*", "*:443", "quay.io", "quay.io:5000", "reg:*", "*.example.com/acme/**", "quay.io/a__b/c--d/*.e", "localhost/x", "[::1]:5000/x", "docker.io/**", "Quay.IO/x"]),
    ],
    ids=lambda value: value.noun if isinstance(value, Alphabet) else "",
)  # fmt: skip
def test_what_can_match(alphabet: Alphabet, patterns: list[str]) -> None:
    """A pattern that a value of its kind can match is taken."""
    assert {pattern: alphabet.fault(pattern) for pattern in patterns} == dict.fromkeys(patterns, "")


@pytest.mark.parametrize(
    ("alphabet", "pattern", "reason", "write"),
    [
        (NAMESPACE, "team-?", _ONE, '"team-*"'),
        (NAMESPACE, "^team-.*$", _REGEX, '"team-*"'),
        (NAMESPACE, "team-.+", _REGEX, '"team-*"'),
        (NAMESPACE, r"team-\d+", _REGEX, '"team-*"'),
        (NAMESPACE, "team-[0-9]", _CLASS, '"team-*"'),
        (NAMESPACE, "team-[a-z]+-x", _CLASS, '"team-*-x"'),
        (NAMESPACE, "team-{a,b}", _EITHER, '"team-a" and "team-b"'),
        (NAMESPACE, "(dev|test)-*", _EITHER, '"dev-*" and "test-*"'),
        (NAMESPACE, "dev|test", _EITHER, '"dev" and "test"'),
        (NAMESPACE, "Team-*", 'it has "T"', '"team-*"'),
        (NAMESPACE, "team_a", 'it has "_"', '"team-a"'),
        (NAMESPACE, "team.a", 'it has "."', '"team*a"'),
        (NAMESPACE, "team a", 'it has " "', '"team*a"'),
        (NAMESPACE, "-a", 'it begins with "-"', ""),
        (NAMESPACE, "*a-", 'it ends with "-"', ""),
        (NAMESPACE, "a" * 64, "it has more than 63 characters", ""),
        (NAMESPACE, "*" + "ab*" * 32, "it has more than 63 characters", ""),
        (NAMESPACE, "team-**", '"**" matches whole segments, and a namespace has none', '"team-*"'),
        (NAMESPACE, "team-a/app", 'it has "/"; match the stream by `streams`', "namespaces: [team-a] and streams: [app]"),
        (STREAM, "app:live", 'it has ":"; match the tag by `tags`', "streams: [app] and tags: [live]"),
        (STREAM, "team-*/app", 'it has "/"; match the namespace by `namespaces`', "namespaces: [team-*] and streams: [app]"),
        (STREAM, "App", 'it has "A"', '"app"'),
        (STREAM, "a..b", "no image stream has this form", ""),
        (STREAM, "app_", 'it ends with "_"', ""),
        (TAG, "v?", _ONE, '"v*"'),
        (TAG, "v[0-9]*", _CLASS, '"v*"'),
        (TAG, r"^v\d+\.\d+$", _REGEX, '"v*.*"'),
        (TAG, ".*", _REGEX, '"*"'),
        (TAG, "1.0+build", 'it has "+"', '"1.0*build"'),
        (TAG, "a/b", 'it has "/"', '"a*b"'),
        (TAG, "app:live", 'it has ":"; match the stream by `streams`', '"live"'),
        (TAG, "-rc", 'it begins with "-"', ""),
        (TAG, "t" * 129, "it has more than 128 characters", ""),
        (USER, "admin-?", _ONE, '"admin-*"'),
        (USER, "^system:serviceaccount:.*$", _REGEX, '"system:serviceaccount:*"'),
        (USER, "(alice|bob)", _EITHER, '"alice" and "bob"'),
        (USER, "system:serviceaccount:importer", "a service account is system:serviceaccount:NAMESPACE:NAME", ""),
        (USER, "system:serviceaccount:ns/importer", "a service account is system:serviceaccount:NAMESPACE:NAME", '"system:serviceaccount:ns:importer"'),
        (USER, "system:serviceaccount:Team:x", "the name of a service account has only lower-case letters, digits, '-' and '.'", '"system:serviceaccount:team:x"'),
        (USER, "system:authenticated", "it is a group", "groups: [system:authenticated]"),
        (USER, "system:serviceaccounts:ci", "it is a group", "groups: [system:serviceaccounts:ci]"),
        (USER, "a\nb", 'it has "\\x0a"', '"a*b"'),
        (GROUP, "team-[0-9]*", _CLASS, '"team-*"'),
        (GROUP, "system:serviceaccount:a:b", "a service account is a user", "users: [system:serviceaccount:a:b]"),
        (ANNOTATION_KEY, "a/b/c", "no annotation key has this form", ""),
        (ANNOTATION_KEY, "owner/", 'it ends with "/"', ""),
        (ANNOTATION_KEY, "own er", 'it has " "', '"own*er"'),
        (ANNOTATION_KEY, "x/" + "a" * 64, "no annotation key has this form", ""),
        (LABEL_KEY, "maintain?r", _ONE, '"maintain*r"'),
        (LABEL_KEY, "^org\\..*$", _REGEX, '"org.*"'),
        (PLATFORM, "arm64", "it has no operating system", '"linux/arm64"'),
        (PLATFORM, "arm/v7", "it has no operating system", '"linux/arm/v7"'),
        (PLATFORM, "amd64/linux", "the operating system comes first", '"linux/amd64"'),
        (PLATFORM, "linux/x86_64", "Go has another name for the architecture", '"linux/amd64"'),
        (PLATFORM, "aarch64", "Go has another name for the architecture", '"linux/arm64"'),
        (PLATFORM, "Linux/amd64", 'it has "L"', '"linux/amd64"'),
        (PLATFORM, "linux/(amd64|arm64)", _EITHER, '"linux/amd64" and "linux/arm64"'),
        (PLATFORM, "a/b/c/d", "no platform has this form", ""),
        (CONDITION_TYPE, "Import(Success)?", _EITHER, '"ImportSuccess*"'),
        (TEXT, "^team-.*$", _REGEX, '"team-*"'),
        (REFERENCE, "quay?.example", _ONE, '"quay*.example"'),
        (REFERENCE, r"^quay\.io/.*$", _REGEX, '"quay.io/*"'),
        (REFERENCE, "quay.io/{a,b}/**", _EITHER, '"quay.io/a/**" and "quay.io/b/**"'),
        (REFERENCE, "quay.io/team-[0-9]", _CLASS, '"quay.io/team-*"'),
        (REFERENCE, "*.docker.io", "other names of Docker Hub are normalised to docker.io", '"docker.io"'),
        (REFERENCE, "registry-*.Docker.IO:443/acme/**", "other names of Docker Hub are normalised to docker.io", '"docker.io:443/acme/**"'),
        (REFERENCE, "**.docker.com", "other names of Docker Hub are normalised to docker.io", '"docker.io"'),
        (REFERENCE, "hub.docker.com/acme/**", "it is the website of Docker Hub, not a registry", '"docker.io/acme/**"'),
        (REFERENCE, "docker.io/library", "the official images of Docker Hub are below this namespace", '"docker.io/library/*"'),
        (REFERENCE, "*.openshift-image-registry:5000", "other names of the service are normalised to the one that ends with .svc", '"*.openshift-image-registry.svc:5000"'),
        (REFERENCE, "busybox", "it has no registry", '"docker.io/library/busybox"'),
        (REFERENCE, "acme/app", "it has no registry", '"docker.io/acme/app"'),
        (REFERENCE, "https://quay.io/acme", "it has a scheme, a user or a digest", '"quay.io/acme"'),
        (REFERENCE, "quay.io/a@sha256:x", "it has a scheme, a user or a digest", '"quay.io/a"'),
        (REFERENCE, "quay.io/a:1", "it has a tag", '"quay.io/a"'),
        (REFERENCE, "quay.io/", "it has an empty segment", ""),
        (REFERENCE, "quay.io//a", "it has an empty segment", ""),
        (REFERENCE, "quay.io/Acme", "the repository must be lower case", '"quay.io/acme"'),
        (REFERENCE, "quay.io:x", "the port must be * or a number up to 65535", ""),
        (REFERENCE, "quay.io:65536/a", "the port must be * or a number up to 65535", ""),
        (REFERENCE, "quay.io/a**", "** must be a whole segment", '"quay.io/a*"'),
        (REFERENCE, "quay.io/a..b", "no image reference has this form", ""),
        (REFERENCE, "quay.io/" + "a" * 256, "no image reference has this form", ""),
        (REFERENCE, "-quay.io", 'it begins with "-"', ""),
    ],
    ids=lambda value: value.noun if isinstance(value, Alphabet) else ascii(value)[:40],
)  # fmt: skip
def test_what_can_not(alphabet: Alphabet, pattern: str, reason: str, write: str) -> None:
    """A pattern that can match nothing is an error with the reason, what is expected, and what is meant."""
    fault = alphabet.fault(pattern)
    end = f"; write {write}" if write else ""
    assert fault.partition(": ")[2].replace(f"; expected {alphabet.allowed}", "") == f"{reason}{end}"
    assert f" matches no {alphabet.noun}: " in fault
    for suggested in re.findall(r'"([^"]*)"', write):
        assert alphabet.holds(suggested)


_CHARACTERS = st.text("ab-*_.:/[]{}()?+^$|\\ A1\n,", max_size=12)
_MADE = st.lists(
    st.sampled_from(
        [
            *("a", "b1", "*", "**", "-", "_", ".", "/", ":", "?", "[0-9]", "{a,b}", "^", "$", ".*", "\\d", "A", "\n", "@", "é", "x" * 40),
            *("docker.io", "hub.docker.com", "openshift-image-registry", ":443", ":0080", ":99999", "library", "localhost"),
            *("linux", "arm64", "x86_64", "system:serviceaccount:", "system:authenticated", "system:serviceaccounts"),
        ]
    ),
    max_size=6,
).map("".join)  # fmt: skip


def _loaded(alphabet: Alphabet, pattern: str) -> bool:
    try:
        _ = ReferenceGlob.compile(pattern) if alphabet is REFERENCE else Glob.compile(pattern, alphabet)
    except MalformedGlob as refused:
        assert str(refused)
        return False
    return True


@examples(400)
@given(st.sampled_from(sorted(_ALL)), _CHARACTERS | _MADE)
def test_the_schema_agrees(name: str, pattern: str) -> None:
    """The JSON Schema takes just the patterns that the loader takes; only addresses are beyond a regular expression."""
    alphabet = _ALL[name]
    parameter: Parameter = ReferenceGlobText() if alphabet is REFERENCE else GlobText(alphabet)
    valid = jsonschema.Draft202012Validator(parameter.schema()).is_valid(pattern)
    if alphabet is REFERENCE and pattern.startswith("[") and valid:
        return
    assert valid is _loaded(alphabet, pattern)


def test_an_address_is_one() -> None:
    """The text in brackets is an IPv6 address of its own."""
    for pattern in ("[:::]", "[1::2::3]:5000/x", "[::ffff:102:304]"):
        with pytest.raises(MalformedGlob, match="is not an IPv6 address"):
            ReferenceGlob.compile(pattern)
    assert str(IPv6Address("2001:db8::1")) in ReferenceGlob.compile("[2001:DB8:0::1]").registry


@given(st.sampled_from(sorted(_ALL)), _CHARACTERS | _MADE)
def test_names_are_patterns_without_stars(name: str, text: str) -> None:
    """The name of a value is taken, by the loader and by the schema, if it is a pattern without a star."""
    alphabet = _ALL[name]
    expected = "*" not in text and alphabet.holds(text)
    assert (alphabet.fault_of_name(text) == "") is expected
    assert jsonschema.Draft202012Validator(NameText(alphabet).schema()).is_valid(text) is expected


@given(
    st.from_regex(STREAM_GRAMMAR, fullmatch=True).filter(lambda name: len(name) < 254),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_every_stream_can_be_matched(name: str, start: int, end: int) -> None:
    """Any stream is a pattern that matches it, and so is one with a star anywhere."""
    _matched(STREAM, name, start, end)


@given(st.from_regex(TAG_GRAMMAR, fullmatch=True).filter(str.isascii), st.integers(0, 20), st.integers(0, 20))
def test_every_tag_can_be_matched(name: str, start: int, end: int) -> None:
    """Any tag that a registry can serve is a pattern that matches it, and so is one with a star anywhere."""
    _matched(TAG, name, start, end)


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True), st.integers(0, 20), st.integers(0, 20))
def test_every_namespace_can_be_matched(name: str, start: int, end: int) -> None:
    """Any namespace is a pattern that matches it, and so is one with a star anywhere."""
    _matched(NAMESPACE, name, start, end)


def _matched(alphabet: Alphabet, name: str, start: int, end: int) -> None:
    assert Glob.compile(name, alphabet).matches(name)
    starred = f"{name[:start]}*{name[start + end :]}"
    assert Glob.compile(starred, alphabet).matches(name)


@pytest.mark.parametrize("pattern", ["*" * 100_000, "a" * 100_000, "[" * 100_000, "a/" * 50_000, "^" + ".*" * 50_000, "{a," * 30_000, "(" * 100_000, "a." * 50_000 + "docker.io", "-" * 100_000, "a:" * 50_000])  # fmt: skip
@pytest.mark.parametrize("name", sorted(_ALL))
def test_hostile_patterns_end(name: str, pattern: str) -> None:
    """A long pattern is checked in a time that grows no faster than it does."""
    _loaded(_ALL[name], pattern)


def _places() -> Iterator[tuple[str, str, str]]:
    """Every place in a policy that holds patterns: where it stands, what holds it, and a pattern that matches nothing."""
    keys = {"namespaces": "team-?", "streams": "app:live", "tags": "v[0-9]*", "users": "^alice$", "groups": "sre-{a,b}"}
    for key, wrong in keys.items():
        yield (
            f"rules[0].match.{key}[0]",
            f"rules: [{{name: a, match: {{{key}: [%s]}}, sourceKinds: {{allow: [DockerImage]}}}}]",
            wrong,
        )
        yield (
            f"rules[0].match.exclude.{key}[0]",
            f"rules: [{{name: a, match: {{exclude: {{{key}: [%s]}}}}, sourceKinds: {{allow: [DockerImage]}}}}]",
            wrong,
        )
        yield (
            f"defaults[0].match.{key}[0]",
            f"defaults: [{{name: a, match: {{{key}: [%s]}}, set: {{annotations: {{a: b}}}}}}]",
            wrong,
        )
        yield f"exemptions[0].match.{key}[0]", f"exemptions: [{{name: a, users: [b], match: {{{key}: [%s]}}}}]", wrong
    yield "exemptions[0].users[0]", "exemptions: [{name: a, users: [%s]}]", keys["users"]
    yield "exemptions[0].groups[0]", "exemptions: [{name: a, groups: [%s]}]", keys["groups"]
    yield "exemptions[0].annotation", "exemptions: [{name: a, users: [b], annotation: %s}]", "istag-webhook/*"
    wrong_by_kind = {
        "registries": ("allow", "deny"), "importPolicy": ("scheduledFrom",), "crossNamespace": ("allow", "internalRegistries"),
        "pin": ("denyTags",), "tagName": ("allow", "deny"), "annotations": ("deny",), "labels": ("deny",),
        "platforms": ("require",), "signatures": ("types",), "conditions": ("deny",),
    }  # fmt: skip
    for kind, parameters in wrong_by_kind.items():
        for parameter in parameters:
            yield f"rules[0].{kind}.{parameter}[0]", f"rules: [{{name: a, {kind}: {{{parameter}: [%s]}}}}]", "a?b"
    for kind in ("annotations", "labels"):
        yield f"rules[0].{kind}.require.owner", f"rules: [{{name: a, {kind}: {{require: {{owner: %s}}}}}}]", "^team-.*$"
        yield f"rules[0].{kind}.require.own*", f"rules: [{{name: a, {kind}: {{require: {{%s: x}}}}}}]", "own*"


@pytest.mark.parametrize(("path", "text", "wrong"), [pytest.param(*place, id=place[0]) for place in _places()])
def test_every_place(path: str, text: str, wrong: str) -> None:
    """Wherever a policy has a pattern, one that can match nothing is an error there, and the JSON Schema's too."""
    spec = f"spec: {{{text % yaml.dump(wrong, default_style=chr(34)).strip()}}}\n"
    with pytest.raises(PolicyError) as refused:
        policy_of(spec)
    (fault,) = refused.value.faults
    assert fault.path == f"spec.{path}"
    with pytest.raises(jsonschema.ValidationError):
        policy_schema().validate(yaml.safe_load(HEAD + spec))


def _patterns(parameter: Any) -> bool:
    """Whether a parameter holds patterns."""
    return isinstance(getattr(parameter, "_item", parameter), GlobText | ReferenceGlobText | GlobMap)


def test_no_place_is_missed() -> None:
    """The table above has each parameter of a rule kind that holds patterns."""
    tested = {
        path.split(".")[1] + "." + path.split(".")[2].removesuffix("[0]")
        for path, _, _ in _places()
        if path.startswith("rules[0]")
    }
    for kind in KINDS:
        for field in kind.parameters():
            if _patterns(field.metadata["parameter"]):
                assert f"{kind.kind}.{field.name}" in tested
