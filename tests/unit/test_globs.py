"""Globs: what they match, what they never match, and that they always end."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fuzz import PATH

from webhook.errors import MalformedGlob
from webhook.globs import alphabets
from webhook.globs.alphabet import Alphabet
from webhook.globs.alphabets import TEXT
from webhook.globs.matching import Glob, Index, ReferenceGlob
from webhook.reference import ImageReference

ALPHABETS: list[Alphabet] = [each for each in vars(alphabets).values() if isinstance(each, Alphabet)]


@pytest.mark.parametrize(
    ("pattern", "separator", "matching", "other"),
    [
        ("app", "/", ["app"], ["app2", "a", "app/x", ""]),
        ("*", "/", ["app", ""], ["a/b"]),
        ("team-*", "", ["team-", "team-a", "team-a/b"], ["team", "xteam-a"]),
        ("*-prod", "", ["a-prod", "-prod"], ["prod", "a-prod-b"]),
        ("a*b*c", "", ["abc", "aXbYc", "abbc"], ["ab", "acb", "abcd"]),
        ("a.c", "", ["a.c"], ["abc"]),
        ("[ab]", "", ["[ab]"], ["a"]),
        ("a\n*", "", ["a\nb"], ["a"]),
        ("**", "/", ["a", "a/b"], []),
        ("a/**", "/", ["a/b", "a/b/c"], ["a", "ab"]),
        ("**/z", "/", ["a/z", "a/b/z"], ["z", "a/z/b"]),
        ("a/**/z", "/", ["a/b/z", "a/b/c/z"], ["a/z", "a/b/y"]),
        ("a/*/z", "/", ["a/b/z"], ["a/b/c/z", "a/z"]),
    ],
)
def test_glob(pattern: str, separator: str, matching: list[str], other: list[str]) -> None:
    """A glob matches the whole of these texts and nothing of those."""
    glob = Glob.compile(pattern, PATH if separator else TEXT)
    assert [text for text in matching if not glob.matches(text)] == []
    assert [text for text in other if glob.matches(text)] == []
    assert str(glob) == pattern


def _obvious(pattern: str, text: str) -> bool:
    """Match the slow and obvious way."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_obvious(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and text[0] == pattern[0] and _obvious(pattern[1:], text[1:])


def _obvious_segments(pattern: list[str], text: list[str]) -> bool:
    """Match segments the slow and obvious way."""
    if not pattern:
        return not text
    if pattern[0] == "**":
        return any(_obvious_segments(pattern[1:], text[at:]) for at in range(1, len(text) + 1))
    return bool(text) and _obvious(pattern[0], text[0]) and _obvious_segments(pattern[1:], text[1:])


@given(st.text("ab*", min_size=1, max_size=7).filter(lambda text: "**" not in text), st.text("ab", max_size=8))
def test_agrees_with_the_obvious(pattern: str, text: str) -> None:
    """The linear matching is the obvious one."""
    assert Glob.compile(pattern, TEXT).matches(text) == _obvious(pattern, text)


@given(
    st.lists(st.sampled_from(["a", "b", "*", "**", "a*"]), min_size=1, max_size=5),
    st.lists(st.sampled_from(["a", "b", "ab", "c"]), min_size=1, max_size=6),
)
def test_segments_agree_with_the_obvious(pattern: list[str], text: list[str]) -> None:
    """So is that of segments."""
    assert Glob.compile("/".join(pattern), PATH).matches("/".join(text)) == _obvious_segments(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("a*" * 50 + "b", "a" * 100_000),
        ("*a" * 50, "b" * 100_000),
        ("/".join(["**", "a"] * 20 + ["b"]), "/".join(["a"] * 5_000)),
    ],
    ids=["stars", "no-match", "segments"],
)
def test_hostile_globs_end(pattern: str, text: str) -> None:
    """Patterns that would make a backtracking engine burn are answered."""
    assert not Glob.compile(pattern, PATH).matches(text)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("quay.io", ["quay.io/a", "quay.io/a/b", "QUAY.io/a", "quay.io:443/a", "quay.io:0443/a", "quay.io./a"], ["quay.io.evil/a", "quay.io:80/a", "evil.quay.io/a", "quay.ioevil.com/a"]),
        ("quay.io:443", ["quay.io/a", "quay.io:443/a"], ["quay.io:444/a"]),
        ("Quay.IO.:0443/acme/**", ["quay.io/acme/app"], ["quay.io/app"]),
        ("quay.io/acme", ["quay.io/acme", "quay.io/acme:1"], ["quay.io/acme/app", "quay.io/acme2"]),
        ("quay.io/acme/**", ["quay.io/acme/app", "quay.io/acme/a/b"], ["quay.io/acme", "quay.io/acme-evil/app"]),
        ("quay.io/acme/*", ["quay.io/acme/app"], ["quay.io/acme/a/b"]),
        ("*.example.com", ["a.example.com/x", "a.example.com:443/x"], ["example.com/x", "a.b.example.com/x", "a.example.com.evil/x", "a.example.com:80/x"]),
        ("**.example.com", ["a.example.com/x", "a.b.example.com/x"], ["example.com/x"]),
        ("*.example.com:*", ["a.example.com/x", "a.example.com:5000/x"], ["example.com/x"]),
        ("reg.example:5000", ["reg.example:5000/x", "reg.example:05000/x"], ["reg.example/x", "reg.example:5001/x"]),
        ("reg.example:80", ["reg.example:80/x"], ["reg.example/x"]),
        ("reg.example:*", ["reg.example:5000/x", "reg.example:1/x", "reg.example/x", "reg.example:443/x"], ["reg.examples/x"]),
        ("*", ["quay.io/x", "localhost:5000/x", "a.b.c/x", "[::1]:5/x", "busybox"], []),
        ("**", ["quay.io/x", "localhost:5000/x", "a.b.c/x", "[::1]:5/x"], []),
        ("*:*", ["quay.io/x", "localhost:5000/x", "[::1]:5/x"], []),
        ("*:443", ["quay.io/x", "a.b.c/x", "[::1]/x", "local:443/x"], ["a.b.c:80/x"]),
        ("*:5000", ["a.b:5000/x", "local:5000/x", "[::1]:5000/x"], ["quay.io/x"]),
        ("*/acme/app", ["quay.io/acme/app", "a.b:1/acme/app"], ["quay.io/acme/app2"]),
        ("*/busybox", ["quay.io/busybox", "busybox", "docker.io/library/busybox"], ["quay.io/library/busybox", "acme/busybox"]),
        ("*.io/busy*", ["quay.io/busybox", "busybox"], ["quay.io/library/busybox", "reg.example/busybox"]),
        ("docker.io/library/busybox", ["busybox", "busybox:1", "index.docker.io/busybox", "registry-1.docker.io/busybox"], ["acme/busybox"]),
        ("docker.io/busybox", ["busybox", "docker.io/library/busybox:1", "registry.hub.docker.com/busybox"], ["acme/busybox", "quay.io/busybox"]),
        ("docker.io/busy*", ["busybox", "library/busy"], ["acme/busybox"]),
        ("docker.io/*", ["busybox"], ["acme/app", "a/b/c"]),
        ("docker.io/**", ["busybox", "acme/app", "a/b/c"], ["quay.io/a"]),
        ("index.docker.io", ["busybox", "docker.io:443/acme/app"], ["quay.io/busybox"]),
        ("index.docker.io:443", ["busybox"], ["quay.io/busybox"]),
        ("registry-1.docker.io", ["busybox"], ["quay.io/busybox"]),
        ("registry.hub.docker.com/busybox", ["busybox"], ["acme/busybox"]),
        ("localhost", ["localhost/x", "localhost:443/x"], ["localhost:5000/x", "local/x"]),
        ("local:443", ["local:443/x", "LOCAL:0443/x"], ["local/x"]),
        ("[::1]:5000", ["[::1]:5000/x", "[0:0::1]:5000/x"], ["[::2]:5000/x"]),
        ("[2001:DB8:0:0::1]", ["[2001:db8::1]/x", "[2001:db8::1]:443/x"], ["[2001:db8::2]/x"]),
        ("[::1]:*", ["[::1]/x", "[::1]:5/x"], ["[::2]/x"]),
        ("*a*:*", ["a:5/x"], ["[::a]/x"]),
        ("image-registry.openshift-image-registry:5000/ns/**", ["image-registry.openshift-image-registry.svc:5000/ns/x", "image-registry.openshift-image-registry.svc.cluster.local:5000/ns/x"], ["image-registry.openshift-image-registry.svc/ns/x"]),
        ("image-registry.openshift-image-registry.svc:*", ["image-registry.openshift-image-registry/ns/x", "image-registry.openshift-image-registry.svc.cluster.local:5000/ns/x"], ["docker-registry.default.svc/ns/x"]),
        ("**.svc.cluster.local:*", ["image-registry.openshift-image-registry:5000/a/b", "nexus.tools.svc:5/x"], ["nexus.tools/x"]),
    ],
)  # fmt: skip
def test_reference_glob(pattern: str, matching: list[str], other: list[str]) -> None:
    """Host, port and path are matched apart."""
    glob = ReferenceGlob.compile(pattern)
    assert [text for text in matching if not glob.matches(ImageReference.parse(text))] == []
    assert [text for text in other if glob.matches(ImageReference.parse(text))] == []
    assert str(glob) == pattern


_HOSTS = ["quay.io", "*.io", "reg.example:*", "reg.example:5000", "*", "docker.io", "a.*.c"]
_PATHS = ["", "/acme", "/acme/**", "/**", "/*/app", "/acme/app/**", "/a*/**"]
_NAMES = [
    "quay.io/acme",
    "quay.io/acme/app",
    "reg.example:5000/acme/app/x",
    "a.b.c/acme",
    "reg.example/a",
    "acme/app",
    "b",
]


@given(st.sampled_from(_HOSTS), st.sampled_from(_PATHS), st.sampled_from(_NAMES))
def test_what_is_literal_matches_as_its_segments_do(host: str, path: str, name: str) -> None:
    """A literal registry and a literal path are compared as texts, with the same answer as segment by segment."""
    glob, reference = ReferenceGlob.compile(host + path), ImageReference.parse(name)
    assert glob.matches(reference) == replace(glob, registry="", ending="", repository="", below="").matches(reference)


@given(
    st.lists(
        st.lists(st.text("ab*", min_size=1, max_size=4).filter(lambda text: "**" not in text), min_size=1), max_size=6
    ),
    st.text("ab", max_size=5),
)
def test_the_index_misses_nothing(patterns: list[list[str]], text: str) -> None:
    """The candidates for a value include every glob that matches it; globs with another beginning are excluded."""
    values = [tuple(Glob.compile(pattern, TEXT) for pattern in some) for some in patterns]
    candidates = Index((globs, number) for number, globs in enumerate(values)).candidates(text)
    assert {at for at, globs in enumerate(values) if any(glob.matches(text) for glob in globs)} <= set(candidates)
    assert all(any(text.startswith(glob.literal) for glob in values[number]) for number in candidates)


@given(st.text(max_size=30))
def test_total(pattern: str) -> None:
    """Any text is a glob or raises the one error."""
    for alphabet in ALPHABETS:
        with suppress(MalformedGlob):
            assert str(Glob.compile(pattern, alphabet)) == pattern
    with suppress(MalformedGlob):
        assert str(ReferenceGlob.compile(pattern)) == pattern
