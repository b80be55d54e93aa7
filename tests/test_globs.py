"""Globs: what they match, what they never match, and that they always end."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.errors import MalformedGlob
from webhook.globs import Glob, Index, ReferenceGlob
from webhook.reference import ImageReference


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
        ("**", "/", ["a", "a/b"], []),
        ("a/**", "/", ["a/b", "a/b/c"], ["a", "ab"]),
        ("**/z", "/", ["a/z", "a/b/z"], ["z", "a/z/b"]),
        ("a/**/z", "/", ["a/b/z", "a/b/c/z"], ["a/z", "a/b/y"]),
        ("a/*/z", "/", ["a/b/z"], ["a/b/c/z", "a/z"]),
    ],
)
def test_glob(pattern: str, separator: str, matching: list[str], other: list[str]) -> None:
    """A glob matches the whole of these texts and nothing of those."""
    glob = Glob.compile(pattern, separator)
    assert [text for text in matching if not glob.matches(text)] == []
    assert [text for text in other if glob.matches(text)] == []
    assert str(glob) == pattern


@pytest.mark.parametrize(
    ("pattern", "separator", "sentence"),
    [
        ("", "/", "expected a glob, got an empty string"),
        ("a//b", "/", '"a//b" has an empty segment'),
        ("a**", "/", '"a**": ** must be a whole segment'),
        ("**", "", '"**": there are no segments here, write *'),
    ],
)
def test_malformed(pattern: str, separator: str, sentence: str) -> None:
    """What is no glob is refused with a sentence."""
    with pytest.raises(MalformedGlob) as refused:
        Glob.compile(pattern, separator)
    assert str(refused.value) == sentence


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
    assert Glob.compile(pattern, "").matches(text) == _obvious(pattern, text)


@given(
    st.lists(st.sampled_from(["a", "b", "*", "**", "a*"]), min_size=1, max_size=5),
    st.lists(st.sampled_from(["a", "b", "ab", "c"]), min_size=1, max_size=6),
)
def test_segments_agree_with_the_obvious(pattern: list[str], text: list[str]) -> None:
    """So is that of segments."""
    assert Glob.compile("/".join(pattern)).matches("/".join(text)) == _obvious_segments(pattern, text)


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
    assert not Glob.compile(pattern).matches(text)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("quay.io", ["quay.io/a", "quay.io/a/b", "QUAY.io/a"], ["quay.io.evil/a", "quay.io:443/a", "evil.quay.io/a", "quay.ioevil.com/a"]),
        ("quay.io/acme", ["quay.io/acme", "quay.io/acme:1"], ["quay.io/acme/app", "quay.io/acme2"]),
        ("quay.io/acme/**", ["quay.io/acme/app", "quay.io/acme/a/b"], ["quay.io/acme", "quay.io/acme-evil/app"]),
        ("quay.io/acme/*", ["quay.io/acme/app"], ["quay.io/acme/a/b"]),
        ("*.example.com", ["a.example.com/x"], ["example.com/x", "a.b.example.com/x", "a.example.com.evil/x"]),
        ("**.example.com", ["a.example.com/x", "a.b.example.com/x"], ["example.com/x"]),
        ("reg.example:5000", ["reg.example:5000/x"], ["reg.example/x", "reg.example:5001/x"]),
        ("reg.example:*", ["reg.example:5000/x", "reg.example:1/x"], ["reg.example/x"]),
        ("*", ["quay.io/x", "localhost:5000/x", "a.b.c/x"], []),
        ("*/acme/app", ["quay.io/acme/app", "a.b:1/acme/app"], ["quay.io/acme/app2"]),
        ("docker.io/library/busybox", ["busybox", "busybox:1", "index.docker.io/busybox", "registry-1.docker.io/busybox"], ["acme/busybox"]),
        ("index.docker.io", ["busybox"], ["quay.io/busybox"]),
        ("registry-1.docker.io", ["busybox"], ["quay.io/busybox"]),
        ("localhost", ["localhost/x"], ["localhost:5000/x"]),
        ("[::1]:5000", ["[::1]:5000/x"], ["[::2]:5000/x"]),
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
    assert glob.matches(reference) == replace(glob, registry="", ending="", below="").matches(reference)


@given(
    st.lists(
        st.lists(st.text("ab*", min_size=1, max_size=4).filter(lambda text: "**" not in text), min_size=1), max_size=6
    ),
    st.text("ab", max_size=5),
)
def test_the_index_misses_nothing(patterns: list[list[str]], text: str) -> None:
    """Whatever a glob of a value matches, the value is among the candidates; one that begins otherwise is not."""
    values = [tuple(Glob.compile(pattern, "") for pattern in some) for some in patterns]
    candidates = Index((globs, number) for number, globs in enumerate(values)).candidates(text)
    assert {at for at, globs in enumerate(values) if any(glob.matches(text) for glob in globs)} <= set(candidates)
    assert all(any(text.startswith(glob.literal) for glob in values[number]) for number in candidates)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("busybox", '"busybox": expected a registry first, such as docker.io/library/busybox'),
        ("acme/app", '"acme/app": expected a registry first, such as docker.io/library/busybox'),
        ("https://quay.io", '"https://quay.io": expected a registry and a path, without scheme, user or digest'),
        ("quay.io/a@sha256:x", '"quay.io/a@sha256:x": expected a registry and a path, without scheme, user or digest'),
        ("quay.io/a:1", '"quay.io/a:1": expected a repository after the registry, without a tag'),
        ("quay.io/", '"quay.io/": expected a repository after the registry, without a tag'),
        ("quay.io/Acme", '"quay.io/Acme": expected a path in lower case, as every repository is'),
        ("quay.io//a", '"quay.io//a" has an empty segment'),
        ("quay.io:x", '"quay.io:x": expected a port of digits, or * for any'),
    ],
)
def test_malformed_reference_glob(pattern: str, sentence: str) -> None:
    """What cannot match a reference is refused when the policy is loaded."""
    with pytest.raises(MalformedGlob) as refused:
        ReferenceGlob.compile(pattern)
    assert str(refused.value) == sentence


@given(st.text(max_size=30))
def test_total(pattern: str) -> None:
    """Any text is a glob or raises the one error."""
    for compile_glob in (Glob.compile, ReferenceGlob.compile):
        try:
            compile_glob(pattern)
        except MalformedGlob as refused:
            assert str(refused)
