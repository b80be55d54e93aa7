"""The results of other parsers for references, as facts: the distribution project's, and OpenShift's."""

import re
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import decoded, docker, policy_of, review_of, reviewed, stream_of
from tests.support.examples import examples
from tests.support.sentences import LOWERCASE

from webhook.admission import engine
from webhook.errors import AmbiguousReference, MalformedReference
from webhook.policy.policy import Policy
from webhook.reference import ImageReference

# Names and what the distribution project's parser makes of them (distribution/reference, its tests of Parse and of
# ParseNormalizedNamed): the normalised name, tag and digest; None where it takes none.
_F: Final = "sha256:" + "f" * 64
_ID: Final = "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a"
_SONG: Final = "thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev"
_FACTS: Final[dict[str, tuple[str, str, str] | None]] = {
    "test_com": ("docker.io/library/test_com", "", ""),
    "test.com:tag": ("docker.io/library/test.com", "tag", ""),
    "test.com:5000": ("docker.io/library/test.com", "5000", ""),
    "test.com/repo:tag": ("test.com/repo", "tag", ""),
    "test:5000/repo": ("test:5000/repo", "", ""),
    "test:5000/repo:tag": ("test:5000/repo", "tag", ""),
    f"test:5000/repo@{_F}": ("test:5000/repo", "", _F),
    f"test:5000/repo:tag@{_F}": ("test:5000/repo", "tag", _F),
    "": None,
    ":justtag": None,
    f"@{_F}": None,
    "repo@sha256:" + "f" * 34: None,
    "validname@invaliddigest:" + "f" * 64: None,
    "Uppercase:tag": None,
    "test:5000/Uppercase/lowercase:tag": None,
    "lowercase:Uppercase": ("docker.io/library/lowercase", "Uppercase", ""),
    "domain/" + "a" * 256 + ":tag": None,
    "a/" * 127 + "a:tag-puts-this-over-max": ("docker.io/" + "a/" * 127 + "a", "tag-puts-this-over-max", ""),
    "aa/asdf$$^/aa": None,
    "sub-dom1.foo.com/bar/baz/quux": ("sub-dom1.foo.com/bar/baz/quux", "", ""),
    "sub-dom1.foo.com/bar/baz/quux:some-long-tag": ("sub-dom1.foo.com/bar/baz/quux", "some-long-tag", ""),
    "b.gcr.io/test.example.com/my-app:test.example.com": ("b.gcr.io/test.example.com/my-app", "test.example.com", ""),
    "xn--n3h.com/myimage:xn--n3h.com": ("xn--n3h.com/myimage", "xn--n3h.com", ""),
    f"xn--7o8h.com/myimage:xn--7o8h.com@{_F}": ("xn--7o8h.com/myimage", "xn--7o8h.com", _F),
    "foo_bar.com:8080": ("docker.io/library/foo_bar.com", "8080", ""),
    "foo/foo_bar.com:8080": ("docker.io/foo/foo_bar.com", "8080", ""),
    "192.168.1.1": ("docker.io/library/192.168.1.1", "", ""),
    "192.168.1.1:tag": ("docker.io/library/192.168.1.1", "tag", ""),
    "192.168.1.1:5000": ("docker.io/library/192.168.1.1", "5000", ""),
    "192.168.1.1/repo": ("192.168.1.1/repo", "", ""),
    "192.168.1.1:5000/repo": ("192.168.1.1:5000/repo", "", ""),
    "192.168.1.1:5000/repo:5050": ("192.168.1.1:5000/repo", "5050", ""),
    "[2001:db8::1]": None,
    "[2001:db8::1]:5000": None,
    "[2001:db8::1]:tag": None,
    "[2001:db8::1]/repo": ("[2001:db8::1]/repo", "", ""),
    "[2001:db8:1:2:3:4:5:6]/repo:tag": ("[2001:db8:1:2:3:4:5:6]/repo", "tag", ""),
    "[2001:db8::1]:5000/repo": ("[2001:db8::1]:5000/repo", "", ""),
    "[2001:db8::1]:5000/repo:tag": ("[2001:db8::1]:5000/repo", "tag", ""),
    f"[2001:db8::1]:5000/repo@{_F}": ("[2001:db8::1]:5000/repo", "", _F),
    f"[2001:db8::1]:5000/repo:tag@{_F}": ("[2001:db8::1]:5000/repo", "tag", _F),
    "[2001:db8::]:5000/repo": ("[2001:db8::]:5000/repo", "", ""),
    "[::1]:5000/repo": ("[::1]:5000/repo", "", ""),
    "[fe80::1%eth0]:5000/repo": None,
    "[fe80::1%@invalidzone]:5000/repo": None,
    "example.com/" + "a" * 255 + ":tag": ("example.com/" + "a" * 255, "tag", ""),
    "docker/docker": ("docker.io/docker/docker", "", ""),
    "library/debian": ("docker.io/library/debian", "", ""),
    "debian": ("docker.io/library/debian", "", ""),
    "localhost/library/debian": ("localhost/library/debian", "", ""),
    "localhost/debian": ("localhost/debian", "", ""),
    "docker.io/docker/docker": ("docker.io/docker/docker", "", ""),
    "docker.io/debian": ("docker.io/library/debian", "", ""),
    "index.docker.io/docker/docker": ("docker.io/docker/docker", "", ""),
    "index.docker.io/library/debian": ("docker.io/library/debian", "", ""),
    "index.docker.io/debian": ("docker.io/library/debian", "", ""),
    "127.0.0.1:5000/docker/docker": ("127.0.0.1:5000/docker/docker", "", ""),
    "192.168.0.1:80": ("docker.io/library/192.168.0.1", "80", ""),
    "192.168.0.1:8/debian": ("192.168.0.1:8/debian", "", ""),
    "192.168.0.2:25000/debian": ("192.168.0.2:25000/debian", "", ""),
    _SONG: (f"docker.io/library/{_SONG}", "", ""),
    "[fc00::1]:5000/docker/docker": ("[fc00::1]:5000/docker/docker", "", ""),
    "[fc00:1:2:3:4:5:6:7]:5000/library/debian": ("[fc00:1:2:3:4:5:6:7]:5000/library/debian", "", ""),
    f"docker.io/{_ID}": (f"docker.io/library/{_ID}", "", ""),
    "https://github.com/docker/docker": None,
    "docker/Docker": None,
    "-docker": None,
    "-docker/docker": None,
    "-docker.io/docker/docker": None,
    "docker///docker": None,
    "docker.io/docker/Docker": None,
    "docker.io/docker///docker": None,
    "[fc00::1]": None,
    "fc00::1:5000/debian": None,
    "[fe80::1%eth0]:5000/debian": None,
    "[2001:db8:3:4::192.0.2.33]:5000/debian": None,
    _ID: None,
    "docker-rules/docker": ("docker.io/docker-rules/docker", "", ""),
    "docker---rules/docker": ("docker.io/docker---rules/docker", "", ""),
    "d/docker": ("docker.io/d/docker", "", ""),
    "dock__er/docker": ("docker.io/dock__er/docker", "", ""),
    "docker-/docker": None,
    "-docker-/docker": None,
    "____/____": None,
    "_docker/_docker": None,
    "dock..er/docker": None,
    "dock_.er/docker": None,
    "dock-.er/docker": None,
    "docker/": None,
    "y" * 272 + "/docker": None,
    "test_com/foo": ("docker.io/test_com/foo", "", ""),
    "docker/migrator": ("docker.io/docker/migrator", "", ""),
    "test-com:8080/foo": ("test-com:8080/foo", "", ""),
    "xn--n3h.com:18080/foo": ("xn--n3h.com:18080/foo", "", ""),
    "docker.io/library/foo/bar": ("docker.io/library/foo/bar", "", ""),
    "gcr.io/library/busybox": ("gcr.io/library/busybox", "", ""),
    "dbcc1": ("docker.io/library/dbcc1", "", ""),
}
# References that it accepts and this parser does not: it reads the first segment as a registry, OpenShift as a namespace.
_UPPER: Final = [
    "Docker/docker",
    "DOCKER/docker",
    "LOCALDOMAIN/library/debian",
    "LOCALDOMAIN/debian",
    "Foo/bar",
    "Uppercase/lowercase:tag",
]


@pytest.mark.parametrize(("text", "fact"), _FACTS.items(), ids=[ascii(text)[:40] for text in _FACTS])
def test_the_distribution_project(text: str, fact: tuple[str, str, str] | None) -> None:
    """A name means what it means to the distribution project's parser, or nothing."""
    try:
        found = ImageReference.parse(text)
    except MalformedReference:
        assert fact is None
    else:
        assert (found.name, found.tag, found.digest) == fact


@pytest.mark.parametrize("text", _UPPER)
def test_an_upper_case_first_segment(text: str) -> None:
    """If two parsers read different images, the reference is rejected."""
    with pytest.raises(AmbiguousReference, match=LOWERCASE):
        ImageReference.parse(text)


@pytest.mark.parametrize(
    ("canonical", "familiar"),
    [
        ("localhost/fooo/bar", "localhost/fooo/bar"),
        ("docker.io/fooo/bar", "fooo/bar"),
        ("docker.io/library/ubuntu", "ubuntu"),
        ("docker.io/nonlibrary/ubuntu", "nonlibrary/ubuntu"),
        ("docker.io/other/library", "other/library"),
        ("127.0.0.1:8000/private/moonbase", "127.0.0.1:8000/private/moonbase"),
        ("example.com:8000/privatebase", "example.com:8000/privatebase"),
        ("docker.io/library/ubuntu-12.04-base", "ubuntu-12.04-base"),
        ("docker.io/library/foo/bar", "library/foo/bar"),
        ("docker.io/store/foo/bar", "store/foo/bar"),
    ],
)
def test_familiar_names(canonical: str, familiar: str) -> None:
    """Docker shows a name of its hub without docker.io and library."""
    found = ImageReference.parse(canonical)
    assert (str(found), found.familiar, ImageReference.parse(familiar)) == (canonical, familiar, found)


# OpenShift's grammar (library-go, image/internal/reference): what its API server takes of a name, tag and digest.
_ALNUM: Final = "[a-z0-9]+"
_COMPONENT: Final = f"{_ALNUM}(?:(?:[._]|__|-+){_ALNUM})*"  # its `-*` allows nothing more
_HOST: Final = "[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*"
_OPENSHIFT: Final = re.compile(
    rf"((?:{_HOST}(?:\.{_HOST})*(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*)(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?"
    r"(?:@(?:sha256:[0-9a-fA-F]{64}|sha384:[0-9a-fA-F]{96}|sha512:[0-9a-fA-F]{128}))?"
)


def _openshift_takes(text: str) -> bool:
    found = _OPENSHIFT.fullmatch(text)
    return found is not None and len(found[1]) <= 255


_NAMES: Final = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "quay.io/", "ACME/", "Acme-1/", "quay.io:0443/", "localhost/", "local:5/", "QUAY.IO/", "quay.io./", "[::1]/", "a_b/"]),
    st.lists(st.sampled_from(["a", "app", "a__b", "a--b", "A", "a.b", "a..b", "1" * 64, "x" * 120]), min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", ":1", ":Latest", ":-", ":" + "t" * 128]),
    st.sampled_from(["", "@sha256:" + "a" * 64, "@sha256:" + "A" * 64, "@sha512:" + "0" * 128, "@md5:" + "a" * 32, "@sha256:a"]),
)  # fmt: skip


@cache
def _unread() -> Policy:
    """Return a policy of which only the schema reads what a tag points at."""
    return policy_of("spec: {rules: [{name: any, lookupPolicy: {local: false}}]}")


@examples(300)
@given(_NAMES)
def test_what_openshift_takes_the_schema_takes(name: str) -> None:
    """A reference that the API server accepts is never denied for its form alone; rules that read it deny it."""
    findings = engine.validate(decoded(review_of(docker(name))), _unread()).findings
    if _openshift_takes(name):
        assert [str(finding) for finding in findings] == []
    stream = reviewed("imagestreams", "ImageStream", "app", stream_of(dockerImageRepository=name))
    findings = engine.validate(decoded(stream), _unread()).findings
    named = ":" in name.rpartition("/")[2] or "@" in name
    if _openshift_takes(name) and not named:
        assert [str(finding) for finding in findings] == []
    if named:
        assert [finding.rule for finding in findings] == ["schema"]


_READERS: Final = {
    "registries": "registries: {deny: [quay.io]}",
    "pin": "pin: {digest: true}",
    "crossNamespace": "crossNamespace: {}",
    "scheduledFrom": "importPolicy: {scheduledFrom: [quay.io]}",
}


@pytest.mark.parametrize("rule", _READERS.values(), ids=list(_READERS))
@pytest.mark.parametrize("name", ["UPPER/x", f"quay.io/x@sha256:{'A' * 64}", "a" * 64])
def test_what_cannot_be_read_is_denied_by_what_reads_it(name: str, rule: str) -> None:
    """A rule that reads the source denies one that cannot be read, though the API server takes it."""
    policy = policy_of(f"spec: {{rules: [{{name: reads, {rule}}}]}}")
    tag = review_of(docker(name), tag={"importPolicy": {"scheduled": True}})
    documents: list[dict[str, Any]] = [tag]
    if "@" not in name and "scheduledFrom" not in rule:
        documents.append(reviewed("imagestreams", "ImageStream", "app", stream_of(dockerImageRepository=name)))
    for document in documents:
        (finding,) = engine.validate(decoded(document), policy).findings
        assert (finding.rule, "cannot be evaluated" in str(finding)) == ("reads", True)
