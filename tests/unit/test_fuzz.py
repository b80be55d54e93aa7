"""Properties for any bytes (tests/support/fuzz.py), on the kept corpus and on a few seconds of examples."""

import json
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import fuzz
from tests.support.builders import DIGEST
from tests.support.examples import examples
from tests.support.mutation import changed

from webhook.admission.codec import parse
from webhook.errors import MalformedReference, MalformedReview
from webhook.reference import ImageReference

_KEPT: Final = [(target, path) for target in fuzz.TARGETS for path in sorted((fuzz.CORPUS / target).iterdir())]


@pytest.mark.parametrize(("target", "path"), _KEPT, ids=[f"{target}-{path.name[:16]}" for target, path in _KEPT])
def test_the_corpus(target: str, path: Any) -> None:
    """Every input that once reached something new, or failed, holds."""
    fuzz.TARGETS[target](path.read_bytes())


_NUMBERS: Final = st.one_of(
    st.integers().map(str),
    st.integers(2**62, 2**65).map(str),
    st.integers(-(2**65), -(2**62)).map(str),
    st.floats().map(json.dumps),
    st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][-+]?[0-9]{1,4})?", fullmatch=True),
    st.sampled_from(["NaN", "-Infinity", "-0", "-0.0", "1e400", "1E-400", "0x1", "01", "+1", ".5", "1."]),
)
_ESCAPES: Final = st.sampled_from(
    [
        "\\ud800",
        "\\udc00",
        "\\ud83d\\ude00",
        "\\uD83D\\u0041",
        "\\u0000",
        "\\/",
        "\\x41",
        "\\u00_1",
        "é",
        "😀",
        "\x7f",
        "\t",
        "a",
        "b",
    ]
)
_STRINGS: Final = st.lists(_ESCAPES, max_size=3).map(lambda parts: f'"{"".join(parts)}"')
_SPACE: Final = st.sampled_from(["", "", "", " ", "\n", "\t", "\r", "\f", "\u00a0", "\ufeff"])


def _joined(opening: str, closing: str) -> Any:
    return lambda parts: opening + ",".join(parts) + closing


_JSON: Final[st.SearchStrategy[bytes]] = st.tuples(
    st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf", b"\xff", b"\n"]),
    st.recursive(
        _NUMBERS | _STRINGS | st.sampled_from(["true", "false", "null", "True"]),
        lambda inner: (
            st.lists(st.tuples(_SPACE, inner).map("".join), max_size=3).map(_joined("[", "]"))
            | st.lists(
                st.tuples(_STRINGS, _SPACE, inner).map(lambda each: f"{each[0]}{each[1]}:{each[2]}"), max_size=3
            ).map(_joined("{", "}"))
        ),
        max_leaves=6,
    ).map(str.encode),
    st.sampled_from([b"", b"", b"", b"\n", b" \r\n", b"\x00", b"{}", b"\xed\xa0\x80"]),
).map(b"".join)
_HOSTS: Final = [
    "",
    "quay.io/",
    "QUAY.io/",
    "ACME/",
    "localhost/",
    "reg.example:5000/",
    "[::1]:5/",
    "index.docker.io/",
    "docker.io/",
]
_REFERENCES: Final = st.one_of(
    st.tuples(
        st.sampled_from(_HOSTS),
        st.lists(st.sampled_from(["a", "acme", "a__b", "a..b", "A", "library", "-", "x" * 64, "a" * 64, "y" * 200, ""]), max_size=3).map("/".join),
        st.sampled_from(["", ":1", ":", ":latest", ":-x", ":" + "t" * 129, ":a:b"]),
        st.sampled_from(["", f"@{DIGEST}", f"@{DIGEST.upper()}", "@sha256:ab", "@md5:" + "a" * 32, f"@{DIGEST}@{DIGEST}"]),
        st.sampled_from(["", "", "", "\n", " "]),
    ).map("".join),
    st.text(alphabet="abA01.:/@-_[]% \né", max_size=30),
    st.text(max_size=20),
)  # fmt: skip
_GLOBS: Final = st.tuples(
    st.one_of(
        st.lists(
            st.sampled_from(["a", "b", "*", "**", "a*", "*.b", "a.b", "quay.io", "*:5", "h.a:*", "", "["]), max_size=5
        ).map("/".join),
        st.text(alphabet="ab*./:", max_size=10),
    ),
    st.one_of(
        st.lists(st.sampled_from(["a", "b", "ab", "a.b", "h.a:5", "quay.io", "\n"]), max_size=6).map("/".join),
        st.text(alphabet="ab./:\n", max_size=12),
    ),
).map("\n".join)
_YAML: Final = st.text(alphabet="ab01:-?&*!|>{}[],#'\"<~ \n\t\\ué\u2028", max_size=40) | st.sampled_from(
    [seed.decode(errors="replace") for seed in fuzz.seeds("documents")]
)


@st.composite
def _edited(draw: st.DrawFn, texts: list[bytes]) -> bytes:
    """A text with a piece of it replaced, repeated or taken out."""
    text = draw(st.sampled_from(texts))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 40)))
    piece = draw(st.sampled_from([b"", b"[]", b"{}", b"null", b'"*"', b"-1", b"**", b"\n", b": ", text[start:end] * 2]))
    return text[:start] + piece + text[end:]


def _changed(target: str) -> st.SearchStrategy[bytes]:
    """Return what a target begins with, changed in a place or a few."""
    return st.builds(changed, st.sampled_from(fuzz.seeds(target)), st.randoms(use_true_random=False), st.integers(1, 4))


_REVIEWS: Final = _changed("codec")
_EXAMPLES: Final[Mapping[str, tuple[st.SearchStrategy[bytes], int]]] = {
    "answers": (_REVIEWS, 400),
    "codec": (_REVIEWS | _JSON, 150),
    "documents": (
        _JSON | _YAML.map(lambda text: text.encode("utf-8", "replace")) | _edited(fuzz.seeds("documents")),
        300,
    ),
    "glob": (_GLOBS.map(lambda text: text.encode("utf-8", "replace")), 400),
    "patch": (_REVIEWS, 150),
    "policy": (_edited(fuzz.seeds("policy")), 60),
    "reading": (_JSON, 600),
    "records": (_changed("records"), 60),
    "reports": (_changed("reports"), 20),
    "reference": (_REFERENCES.map(lambda text: text.encode("utf-8", "replace")), 400),
}


@pytest.mark.no_cover
@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_any_bytes(target: str) -> None:
    """The properties hold for valid examples of a target, and for random bytes."""
    strategy, most = _EXAMPLES[target]

    @examples(most)
    @given(strategy | st.binary(max_size=60))
    def holds(data: bytes) -> None:
        fuzz.TARGETS[target](data)

    holds()


def _unambiguous(text: str) -> Any:
    """Read JSON by the standard library, where no other parser could read something else."""
    found = json.loads(text, object_pairs_hook=fuzz.once, parse_constant=fuzz.no_number)
    for number in _numbers(found):
        if isinstance(number, float) and not isfinite(number):
            raise ValueError("too large")
        if isinstance(number, int) and not -(2**63) <= number < 2**64:
            raise ValueError("more than 64 bits")
    json.dumps(found, ensure_ascii=False).encode()
    return found


def _numbers(value: Any) -> Iterator[int | float]:
    if isinstance(value, int | float):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _numbers(each)


@examples(300)
@given(_JSON)
def test_nothing_is_lost_to_strictness(data: bytes) -> None:
    """JSON that the standard library reads, and that is unambiguous, is accepted; all else is denied."""
    try:
        found = _unambiguous(data.decode())
    except (ValueError, AssertionError):
        with pytest.raises(MalformedReview):
            parse(data)
    else:
        assert fuzz.alike(parse(data), found)


_X = "x" * 64
_A = "a" * 64


@pytest.mark.parametrize(
    ("difference", "text", "ours", "theirs"),
    [
        ("line-feed", "nginx\n", None, "docker.io/library/nginx"),
        ("identifier", f"{_A}:1", None, f"docker.io/library/{_A}:1"),
        ("upper-case first segment", "ACME/app", None, "acme/app"),
        ("the hub in upper case", "Index.docker.io/acme/app", "docker.io/acme/app", "index.docker.io/acme/app"),
        ("the hub in upper case", "docker.IO/busybox", "docker.io/library/busybox", "docker.io/busybox"),
        ("another name of the hub", "registry-1.docker.io/a", "docker.io/library/a", "registry-1.docker.io/a"),
        ("another name of the hub", "registry.hub.docker.com/a/b", "docker.io/a/b", "registry.hub.docker.com/a/b"),
        ("port", "quay.io:443/a", "quay.io/a", "quay.io:443/a"),
        ("port", "quay.io:05000/a", "quay.io:5000/a", "quay.io:05000/a"),
        ("trailing dot", "quay.io./a", "quay.io/a", None),
        ("IPv6 address", "[2001:DB8:0::1]/a", "[2001:db8::1]/a", "[2001:db8:0::1]/a"),
        ("cluster service", "a.b.svc.cluster.local:1/c", "a.b.svc:1/c", "a.b.svc.cluster.local:1/c"),
        ("long", "y" * 250, f"docker.io/library/{'y' * 250}", None),
    ],
)
def test_where_two_parsers_differ(difference: str, text: str, ours: str | None, theirs: str | None) -> None:
    """Each known difference between our reference parser and docker-image-py is still one, and is looked for."""
    applies, _ = fuzz.DIFFERENCES[difference]
    assert applies(text)
    other = fuzz.other_parser(text)
    assert (str(other) if other else None) == theirs
    if ours is None:
        with pytest.raises(MalformedReference):
            ImageReference.parse(text)
    else:
        assert str(ImageReference.parse(text)) == ours
