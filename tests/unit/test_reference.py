"""The grammar of image references, against the hostile and the ordinary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import DIGEST

from webhook.errors import MalformedReference
from webhook.reference import ImageReference, StreamReference

_COMPONENT = st.from_regex(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)?", fullmatch=True).filter(str.isascii)
_TAG = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}", fullmatch=True)
_HOSTS = st.sampled_from(
    [
        "docker.io",
        "quay.io",
        "localhost",
        "localhost:5000",
        "REG.example:443",
        "[::1]:5000",
        "index.docker.io",
        "registry-1.docker.io",
    ]
)


@st.composite
def _references(draw: st.DrawFn) -> str:
    host = draw(st.one_of(st.just(""), _HOSTS.map(lambda host: f"{host}/")))
    path = "/".join(draw(st.lists(_COMPONENT, min_size=1, max_size=4)))
    tag = draw(st.one_of(st.just(""), _TAG.map(lambda tag: f":{tag}")))
    return f"{host}{path}{tag}{draw(st.sampled_from(['', f'@{DIGEST}']))}"


@pytest.mark.parametrize(
    ("text", "canonical", "familiar", "effective"),
    [
        ("busybox", "docker.io/library/busybox", "busybox", "latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36", "1.36"),
        ("acme/app", "docker.io/acme/app", "acme/app", "latest"),
        ("library/busybox", "docker.io/library/busybox", "busybox", "latest"),
        ("docker.io/busybox", "docker.io/library/busybox", "busybox", "latest"),
        ("index.docker.io/acme/app", "docker.io/acme/app", "acme/app", "latest"),
        ("registry-1.docker.io/busybox", "docker.io/library/busybox", "busybox", "latest"),
        ("registry-1.docker.io:443/busybox", "docker.io/library/busybox", "busybox", "latest"),
        ("registry.hub.docker.com/acme/app", "docker.io/acme/app", "acme/app", "latest"),
        ("registry.docker.io/busybox", "docker.io/library/busybox", "busybox", "latest"),
        ("docker.io:0443/busybox", "docker.io/library/busybox", "busybox", "latest"),
        ("Docker.IO./busybox", "docker.io/library/busybox", "busybox", "latest"),
        ("docker.io:80/busybox", "docker.io:80/busybox", "docker.io:80/busybox", "latest"),
        ("docker.io/library/ubuntu-12.04-base", "docker.io/library/ubuntu-12.04-base", "ubuntu-12.04-base", "latest"),
        ("library/localhost", "docker.io/library/localhost", "localhost", "latest"),
        ("quay.io:443/app", "quay.io/app", "quay.io/app", "latest"),
        ("quay.io.:0443/app", "quay.io/app", "quay.io/app", "latest"),
        ("quay.io:05000/app", "quay.io:5000/app", "quay.io:5000/app", "latest"),
        ("quay.io:00/app", "quay.io:0/app", "quay.io:0/app", "latest"),
        ("quay.io:80/app", "quay.io:80/app", "quay.io:80/app", "latest"),
        ("localhost:443/app", "localhost/app", "localhost/app", "latest"),
        ("localhost./app", "localhost/app", "localhost/app", "latest"),
        ("local:443/app", "local:443/app", "local:443/app", "latest"),
        ("local./app", "local:443/app", "local:443/app", "latest"),
        ("[2001:DB8:0:0::1]:0443/app", "[2001:db8::1]/app", "[2001:db8::1]/app", "latest"),
        ("image-registry.openshift-image-registry:5000/a/b", "image-registry.openshift-image-registry.svc:5000/a/b", "image-registry.openshift-image-registry.svc:5000/a/b", "latest"),
        ("nexus.tools.svc.cluster.local/a", "nexus.tools.svc/a", "nexus.tools.svc/a", "latest"),
        ("a" * 255, f"docker.io/library/{'a' * 255}", "a" * 255, "latest"),
        ("docker.io/library/a/b", "docker.io/library/a/b", "library/a/b", "latest"),
        ("registry.io/app", "registry.io/app", "registry.io/app", "latest"),
        ("registry.io.evil/app", "registry.io.evil/app", "registry.io.evil/app", "latest"),
        ("Registry.IO/app", "registry.io/app", "registry.io/app", "latest"),
        ("localhost/app", "localhost/app", "localhost/app", "latest"),
        ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:1", "1"),
        ("reg.example:5000/a/b/c/d:1", "reg.example:5000/a/b/c/d:1", "reg.example:5000/a/b/c/d:1", "1"),
        ("10.0.0.1/app", "10.0.0.1/app", "10.0.0.1/app", "latest"),
        ("[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app", "latest"),
        (f"quay.io/a@{DIGEST}", f"quay.io/a@{DIGEST}", f"quay.io/a@{DIGEST}", ""),
        (f"quay.io/a:1@{DIGEST}", f"quay.io/a:1@{DIGEST}", f"quay.io/a:1@{DIGEST}", "1"),
        ("a__b/c--d/e.f", "docker.io/a__b/c--d/e.f", "a__b/c--d/e.f", "latest"),
        ("app:" + "t" * 128, "docker.io/library/app:" + "t" * 128, "app:" + "t" * 128, "t" * 128),
    ],
)  # fmt: skip
def test_parse(text: str, canonical: str, familiar: str, effective: str) -> None:
    """A reference is normalised as Docker does, and shown as Docker does."""
    found = ImageReference.parse(text)
    assert (str(found), found.familiar, found.effective_tag) == (canonical, familiar, effective)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected 1 to 4096 characters"),
        ("a" * 5_000, "expected 1 to 4096 characters"),
        ("docker://nginx:1", '"docker:" is not the host name of a registry'),
        ("ACME/app", "repository name must be lowercase"),
        ("https://quay.io/a", '"https:" is not the host name of a registry'),
        (" nginx", 'the segment " nginx" does not match'),
        ("nginx\n", 'the segment "nginx\\x0a" does not match'),
        ("nginx:1\n", 'the tag "1\\x0a" does not match'),
        ("ng\x00inx", 'the segment "ng\\x00inx" does not match'),
        ("Nginx", "repository name must be lowercase"),
        ("docker.io/Library/nginx:1", "repository name must be lowercase"),
        ("quay.io//a", "a segment of the name is empty"),
        ("quay.io/", "a segment of the name is empty"),
        ("/a", "a segment of the name is empty"),
        ("a/", "a segment of the name is empty"),
        ("quay.io/../a", 'the segment ".." does not match'),
        ("quay.io/a%2fb", 'the segment "a%2fb" does not match'),
        ("user:pw@host.example/app", "is not a digest"),
        ("registry.io@evil/app", '"evil/app" is not a digest'),
        ("quay.io/a@sha256:abc", '"sha256:abc" is not a digest'),
        (f"quay.io/a@{DIGEST[:-1]}", "a sha256 digest has 64 lower-case hexadecimal digits"),
        (f"quay.io/a@{DIGEST.upper().replace('SHA', 'sha')}", "a sha256 digest has 64 lower-case hexadecimal digits"),
        (f"quay.io/a@md5:{'a' * 32}", 'the algorithm "md5" is unknown; expected one of sha256, sha384, sha512'),
        (f"quay.io/a@SHA256:{'a' * 64}", 'the algorithm "SHA256" is unknown; expected one of sha256, sha384, sha512'),
        (f"quay.io/a@{DIGEST}@{DIGEST}", "is not a digest"),
        ("quay.io/a:", 'the tag "" does not match'),
        ("quay.io/a:b:c", 'the segment "a:b" does not match'),
        ("quay.io/a:-x", 'the tag "-x" does not match'),
        ("quay.io/a:" + "t" * 129, "does not match"),
        ("quay.io/" + "a" * 256, "the repository name is longer than 255 characters"),
        ("quay.io../a", '"quay.io.." is not the host name of a registry'),
        ("[::1::2]/a", '"[::1::2]" is not the host name of a registry'),
        ("[::ffff:102:304]/a", '"[::ffff:102:304]" is not the host name of a registry'),
        ("quay.io/аcme/app", 'the segment "аcme" does not match'),
        ("quаy.io/acme/app", '"quаy.io" is not the host name of a registry'),
        ("quay.io:x/a", '"quay.io:x" is not the host name of a registry'),
        ("-quay.io/a", '"-quay.io" is not the host name of a registry'),
        ("[::1/a", '"[::1" is not the host name of a registry'),
        ("a" * 64, "64 hexadecimal digits are an image ID"),
        ("\ud800", "does not match"),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_malformed(text: str, why: str) -> None:
    """An invalid reference is denied with a message about the error and its place."""
    with pytest.raises(MalformedReference, match="is not an image reference: ") as refused:
        ImageReference.parse(text)
    assert why in str(refused.value)
    assert str(refused.value).isprintable()


@given(_references())
def test_the_canonical_form_is_a_fixed_point(text: str) -> None:
    """Parsing what was printed gives the same reference, and so does its familiar form."""
    found = ImageReference.parse(text)
    assert ImageReference.parse(str(found)) == found
    assert ImageReference.parse(found.familiar) == found


@given(st.text() | st.text(alphabet="abA.:/@-_[]% \n0", max_size=40))
def test_total(text: str) -> None:
    """Any text is a reference or raises the one error."""
    try:
        found = ImageReference.parse(text)
    except MalformedReference:
        return
    assert ImageReference.parse(str(found)) == found


@pytest.mark.parametrize("text", ["a" + "-" * 4_000, "a." * 2_000, "a/" * 2_000, "a" * 4_000 + ".", "[" + ":" * 4_000])
def test_hostile_input_ends(text: str) -> None:
    """Input that would make a backtracking pattern burn is denied like any other."""
    with pytest.raises(MalformedReference):
        ImageReference.parse(text)


def test_credentials_are_not_repeated() -> None:
    """A password in a reference never reaches a message."""
    with pytest.raises(MalformedReference) as refused:
        ImageReference.parse("bob:hunter2@reg.example/app")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("base:1", StreamReference("base", tag="1")),
        ("1", StreamReference("", tag="1")),
        ("App", StreamReference("", tag="App")),
        ("a.b_c-d:ä b", StreamReference("a.b_c-d", tag="ä b")),
        ("quay.io/acme/app", StreamReference("", tag="quay.io/acme/app")),
    ],
)
def test_stream_tag(text: str, found: StreamReference) -> None:
    """An ImageStreamTag source names a stream and a tag, or a tag of the same stream."""
    assert StreamReference.parse_tag(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"base@{DIGEST}", StreamReference("base", image=DIGEST)),
        (DIGEST, StreamReference("", image=DIGEST)),
        ("base@24894f8b8aba", StreamReference("base", image="24894f8b8aba")),
        ("sha256:24", StreamReference("", image="sha256:24")),
    ],
    ids=["stream", "same-stream", "beginning", "beginning-with-algorithm"],
)
def test_stream_image(text: str, found: StreamReference) -> None:
    """An ImageStreamImage source names a stream and an image, or an image of the same stream."""
    assert StreamReference.parse_image(text) == found


_FORM = "must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>"
_NO_STREAM = " is not an image stream name, which matches [a-z0-9]+(?:[._-][a-z0-9]+)*"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("a:b:c", ""),
        (":b", ""),
        ("a:", ""),
        ("", ""),
        ("App:1", f'; "App"{_NO_STREAM}'),
        ("a__b:1", f'; "a__b"{_NO_STREAM}'),
        ("a%2fb:1", f'; "a%2fb"{_NO_STREAM}'),
        ("acme/app:1", f'; "acme/app"{_NO_STREAM}; use kind: DockerImage for an image in a registry'),
        ("quay.io/Acme/app:1", f'; "quay.io/Acme/app"{_NO_STREAM}'),
        ("reg.example:5000/app:1", "; use kind: DockerImage for an image in a registry"),
        (f"app@{DIGEST}", "; use kind: ImageStreamImage for an image of a stream"),
        (f"quay.io/acme/app@{DIGEST}", "; use kind: DockerImage for an image in a registry"),
    ],
)
def test_malformed_stream_tag(text: str, end: str) -> None:
    """Another form is denied in OpenShift's own words, with the kind that is meant."""
    with pytest.raises(MalformedReference) as refused:
        StreamReference.parse_tag(text)
    assert str(refused.value).endswith(_FORM + end)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("a@b@c", ""),
        ("@b", ""),
        ("a@", ""),
        ("", ""),
        (f"App@{DIGEST}", f'; "App"{_NO_STREAM}'),
        (
            f"quay.io/acme/app@{DIGEST}",
            f'; "quay.io/acme/app"{_NO_STREAM}; use kind: DockerImage for an image in a registry',
        ),
        ("quay.io/acme/app:1", "; use kind: DockerImage for an image in a registry"),
        ("app@a/b", ""),
    ],
)
def test_malformed_stream_image(text: str, end: str) -> None:
    """Another form is denied in OpenShift's own words, with the kind that is meant."""
    with pytest.raises(MalformedReference) as refused:
        StreamReference.parse_image(text)
    assert str(refused.value).endswith(_FORM + end)
