"""One registry, one name: every spelling of it gets one verdict, from every rule that reads it and from the export."""

from functools import cache
from itertools import chain
from typing import Any, Final

import pytest
from tests.support.builders import decoded, docker, policy_of, review_of
from tests.support.vap import Evaluator

from webhook.admission import engine
from webhook.policy.policy import Policy
from webhook.reference import INTERNAL_REGISTRIES, ImageReference, is_internal
from webhook.vap.export import export

# The names of an image, and similar names of other images.
_HUB: Final = [
    "busybox", "library/busybox", "docker.io/busybox", "docker.io/library/busybox", "Docker.IO/library/busybox",
    "docker.io:443/busybox", "docker.io:0443/library/busybox", "docker.io./busybox", "docker.io.:443/busybox",
    "index.docker.io/busybox", "INDEX.docker.io:443/library/busybox", "registry-1.docker.io/library/busybox",
    "registry-1.docker.io.:00443/busybox", "registry.docker.io/busybox", "registry.hub.docker.com/library/busybox",
    "Registry.Hub.Docker.Com:443/busybox",
]  # fmt: skip
_NOT_HUB: Final = [
    "docker.io:80/library/busybox",
    "docker.io.evil.example/library/busybox",
    "quay.io/library/busybox",
    "local:443/busybox",
]
_QUAY: Final = [
    "quay.io/acme/app",
    "QUAY.io/acme/app",
    "quay.io:443/acme/app",
    "quay.io:0443/acme/app",
    "quay.io./acme/app",
    "Quay.IO.:443/acme/app",
]
_NOT_QUAY: Final = [
    "quay.io:80/acme/app",
    "quay.io:4430/acme/app",
    "quay.io.evil/acme/app",
    "acme/app",
    "quay.io/acme/app2",
]
_PORT: Final = ["reg.example:5000/acme/app", "REG.example:05000/acme/app", "reg.example.:5000/acme/app"]
_NOT_PORT: Final = ["reg.example/acme/app", "reg.example:443/acme/app", "reg.example:50000/acme/app"]
_ALONE: Final = ["local:443/acme/app", "LOCAL:0443/acme/app", "local.:443/acme/app", "local./acme/app"]
_NOT_ALONE: Final = ["local:80/acme/app", "local/acme/app"]
_LOCALHOST: Final = ["localhost/acme/app", "localhost:443/acme/app", "localhost.:0443/acme/app"]
_NOT_LOCALHOST: Final = ["localhost:5000/acme/app", "localhost.example/acme/app"]
_ADDRESS: Final = ["10.0.0.1:5000/acme/app", "10.0.0.1.:05000/acme/app"]
_NOT_ADDRESS: Final = ["10.0.0.1/acme/app", "10.0.0.11:5000/acme/app"]
_IPV6: Final = ["[2001:db8::1]:443/acme/app", "[2001:db8::1]/acme/app", "[2001:db8::1]:0443/acme/app"]
_NOT_IPV6: Final = ["[2001:db8::2]/acme/app", "[2001:db8::1]:5000/acme/app"]
_SERVICE: Final = [
    f"image-registry.openshift-image-registry{end}:{port}/app/x"
    for end in ("", ".svc", ".svc.cluster.local", ".SVC.cluster.local.")
    for port in ("5000", "05000")
]
_NOT_SERVICE: Final = [
    "image-registry.openshift-image-registry.svc/app/x",
    "image-registry.openshift-image-registry.example:5000/app/x",
    "docker-registry.default.svc:5000/app/x",
]
_TABLE: Final = {
    "hub": (_HUB, _NOT_HUB),
    "default-port": (_QUAY, _NOT_QUAY),
    "port": (_PORT, _NOT_PORT),
    "without-a-dot": (_ALONE, _NOT_ALONE),
    "localhost": (_LOCALHOST, _NOT_LOCALHOST),
    "IPv4": (_ADDRESS, _NOT_ADDRESS),
    "IPv6": (_IPV6, _NOT_IPV6),
    "internal": (_SERVICE, _NOT_SERVICE),
}  # fmt: skip
# A rule that finds something in an image if, or if not, its pattern matches.
_RULES: Final = {
    "allow": ("registries: {allow: ['%s']}", False),
    "deny": ("registries: {deny: ['%s']}", True),
    "scheduledFrom": ("importPolicy: {scheduledFrom: ['%s']}", False),
    "internalRegistries": ("crossNamespace: {internalRegistries: ['%s']}", True),
}


@cache
def _loaded(rules: tuple[str, ...]) -> tuple[Policy, Evaluator]:
    entries = (f"{{name: r{number}, {rule}}}" for number, rule in enumerate(rules))
    policy = policy_of(f"spec: {{rules: [{', '.join(entries)}]}}")
    return policy, Evaluator(export(policy).documents)


def _found(rules: tuple[str, ...], name: str) -> list[tuple[bool, bool]]:
    """Return of each rule whether it finds something in an image, and whether the exported rule does."""
    policy, evaluator = _loaded(rules)
    review = decoded(review_of(docker(f"{name}:1"), tag={"importPolicy": {"scheduled": True}}, namespace="team-a"))
    ours = {finding.rule for finding in engine.validate(review, policy).findings}
    theirs = evaluator.decide(review.request)
    named = [f"r{number}" for number in range(len(rules))]
    assert {*ours, *theirs} <= {*named}
    return [(each in ours, each in theirs) for each in named]


@pytest.mark.parametrize(
    ("rule", "matched", "same", "other"),
    [
        pytest.param(*rule, *spellings, id=f"{registry}-{name}")
        for registry, spellings in _TABLE.items()
        for name, rule in _RULES.items()
        if (registry, name) != ("internal", "internalRegistries")  # which is any name of its service, on any port
    ],
)
def test_every_spelling_has_one_verdict(rule: str, matched: bool, same: list[str], other: list[str]) -> None:
    """Whichever spelling the pattern has, and whichever the image: they are of one registry, or they are not."""
    wrong: list[Any] = []
    patterns = [
        each for each in same if each not in ("busybox", "library/busybox")
    ]  # a pattern begins with its registry
    for name in chain(same, other):
        expected = matched is (name in same)
        found = _found(tuple(rule % pattern for pattern in patterns), name)
        wrong += [(pattern, name, each) for pattern, each in zip(patterns, found, strict=True) if {*each} != {expected}]
    assert wrong == []


@pytest.mark.parametrize("registry", sorted(INTERNAL_REGISTRIES))
@pytest.mark.parametrize("port", ["", ":5000", ":05000", ":443", ":8443"])
@pytest.mark.parametrize("form", [str, str.upper, "{}.".format], ids=["plain", "upper", "dot"])
def test_the_internal_registry(registry: str, port: str, form: Any) -> None:
    """Through any name of the internal registry, on any port, an image of another namespace is one of that namespace."""
    given = form(registry) + port
    assert is_internal(given)
    assert is_internal(ImageReference.parse(f"{given}/other/app").registry)
    assert _found(("crossNamespace: {}",), f"{given}/other/app") == [(True, True)]
    assert _found(("crossNamespace: {}",), f"{given}/team-a/app") == [(False, False)]
    assert _found(("crossNamespace: {allow: ['oth*']}",), f"{given}/other/app") == [(False, False)]


@pytest.mark.parametrize(
    "registry",
    [
        "quay.io", "docker.io", "image-registry.openshift-image-registry.example", "image-registry", "openshift-image-registry.svc",
        "x.image-registry.openshift-image-registry.svc", "image-registry.openshift-image-registry.svc.cluster.local.evil", "",
    ],
)  # fmt: skip
def test_another_registry(registry: str) -> None:
    """Another registry is not the internal one."""
    assert not is_internal(registry)
    if "." in registry:
        assert _found(("crossNamespace: {}",), f"{registry}/other/app") == [(False, False)]
