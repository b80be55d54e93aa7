"""The first policy: the answers of a user, and the text."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from webhook.errors import MalformedGlob
from webhook.globs.alphabets import NAMESPACE
from webhook.globs.matching import Glob, ReferenceGlob, any_reference_matches
from webhook.policy.lint.exemptions import RESERVED, is_reserved
from webhook.reference import ImageReference
from webhook.registry import is_internal, split_port
from webhook.text import quoted

POLICY: Final = "policy.yaml"
INTERNAL_REGISTRY: Final = "image-registry.openshift-image-registry.svc:5000"
_SUGGESTED: Final = ("registry.redhat.io", "registry.access.redhat.com", "registry.connect.redhat.com", "quay.io")
_OTHERS: Final = ("registry.example.org", "registry.example.org:8443", "other.invalid", "localhost:8443")
_HOST: Final = "registry.example.com"
_REQUESTABLE: Final = "expected namespaces that users can request"
_PATH: Final = "acme/app"
_NAMESPACES: Final = ("team-a", "team-b")
_HEAD: Final = """\
# The first policy. Change it together with its tests, and check both before each commit:
#   istag-webhook policy validate --fail-on-warn policy.yaml
#   istag-webhook test policy.test.yaml
# `istag-webhook policy explain` lists all rule kinds; `istag-webhook policy schema` prints the schema for editors.
apiVersion: istag-webhook/v1
kind: ImageTagPolicy
metadata:
  name: first
spec:
  # An exemption lowers every violation to audit: the change is allowed, and the violations are recorded.
  exemptions:
    # The controller imports tags that were evaluated when they were set, and retries denied imports.
    - name: image-import-controller
      users: ["system:serviceaccount:openshift-infra:image-import-controller"]
    # For emergencies: a cluster administrator sets the annotation to the reason, and the record keeps it.
    - name: break-glass
      groups: ["system:cluster-admins"]
      annotation: istag-webhook/reason
  # mode is the effect of a violation that the change introduces: enforce denies, warn warns the user, audit records.
  # existing is the effect of a violation that existed before, so that old tags can still be edited.
  rules:
    - name: no-insecure-imports
      description: Import over TLS, and let the cluster trust the registry's certificate.
      mode: enforce
      existing: audit
      match: &projects
"""
_PLATFORM: Final = "# Namespaces of the platform, which ordinary users cannot request."
_REST: Final = """\
      importPolicy: {insecure: false}
    - name: servable-tag-names
      description: A registry cannot serve a tag with other characters, so clients could not pull it.
      mode: enforce
      existing: audit
      match: *projects
      tagName: {grammar: true}
"""
_LATEST: Final = """\
    - name: no-latest
      description: Use a version tag, so that the tag does not change unexpectedly.
      mode: warn
      existing: audit
      match: *projects
      pin: {denyTags: [latest]}
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers for the first policy.

    Attributes:
        registries: globs of the allowed registries, including the internal registry.
        namespaces: globs of the namespaces that the rules match, empty for all except those of the platform.
        named: whether the user named the registries; if not, they are a suggestion.
        trusted: a repository that one of `registries` matches.
        untrusted: a repository that none of `registries` matches.
        namespace: a namespace that the rules match.
        other: another namespace.
    """

    registries: tuple[str, ...]
    namespaces: tuple[str, ...]
    named: bool
    trusted: str
    untrusted: str
    namespace: str
    other: str

    @classmethod
    def of(cls, registries: Iterable[str] = (), namespaces: Iterable[str] = ()) -> "Answers":
        """Validate the answers of the user.

        Raises:
            MalformedGlob: a glob matches nothing, a namespace belongs to the platform, or the registries allow
                everything.
        """
        given = tuple(dict.fromkeys(registries))
        patterns = tuple(dict.fromkeys(namespaces))
        for pattern in patterns:
            Glob.compile(pattern, NAMESPACE)
            if is_reserved(pattern):
                raise MalformedGlob(
                    f"{quoted(pattern)} belongs to the platform, which the first policy excludes; {_REQUESTABLE}"
                )
        allowed = tuple(dict.fromkeys((*(given or _SUGGESTED), INTERNAL_REGISTRY)))
        globs = tuple(map(ReferenceGlob.compile, allowed))
        untrusted = next(
            (each for each in _repositories() if not any_reference_matches(globs, ImageReference.parse(each))), None
        )
        if untrusted is None:
            allow = "allows" if len(given) == 1 else "allow"
            raise MalformedGlob(
                f"{', '.join(map(quoted, given))} {allow} every registry; expected the registries that you trust"
            )
        inside = _namespace(patterns[0]) if patterns else _NAMESPACES[0]
        other = next(each for each in _NAMESPACES if each != inside)
        return cls(allowed, patterns, bool(given), _trusted(allowed, inside), untrusted, inside, other)


def _repositories() -> Iterator[str]:
    """Yield repositories that a policy is unlikely to allow all."""
    return (f"{each}/{_PATH}" for each in _OTHERS)


def _trusted(patterns: tuple[str, ...], namespace: str) -> str:
    """Return a repository outside the cluster that one of `patterns` matches, else one of `namespace`."""
    return next(
        (each for each in map(_repository, patterns) if not is_internal(ImageReference.parse(each).registry)),
        f"{INTERNAL_REGISTRY}/{namespace}/app",
    )


def _repository(pattern: str) -> str:
    """Return a repository that `pattern` matches, with a text for each star."""
    registry, slash, path = pattern.partition("/")
    host, port = split_port(registry)
    host = _HOST if host in ("*", "**") else _filled(host, "registry")
    port = f":{port.replace('*', '5000')}" if port else ""
    return f"{host}{port}/{_filled(path, 'app') if slash else _PATH}"


def _filled(pattern: str, word: str) -> str:
    return pattern.replace("**", word).replace("*", word)


def _namespace(pattern: str) -> str:
    """Return a namespace that `pattern` matches, and that users can request."""
    for word in ("a", "b", ""):
        name = pattern.replace("*", word)
        if 0 < len(name) <= NAMESPACE.longest and not is_reserved(name):
            return name
    raise MalformedGlob(f"{quoted(pattern)} matches namespaces of the platform only; {_REQUESTABLE}")


def policy(answers: Answers) -> str:
    """Return the policy as YAML, with comments."""
    return "".join((_HEAD, _match(answers), _REST, _registries(answers), _LATEST, _own_namespace(answers)))


def _match(answers: Answers) -> str:
    namespaces = f"        namespaces: {_flow(answers.namespaces)}\n" if answers.namespaces else ""
    return f"{namespaces}        {_PLATFORM}\n        exclude: {{namespaces: {_flow(RESERVED)}}}\n"


def _registries(answers: Answers) -> str:
    lines = (
        [] if answers.named else ["# A suggestion: list the registries that you trust, and then set mode to enforce."]
    )
    allowed = (f"    - {_flow((each,))[1:-1]}" for each in answers.registries)
    lines += [
        "- name: trusted-registries",
        "  description: Use an image of a trusted registry.  # add whom to contact for another registry",
        f"  mode: {registries_mode(answers)}",
        "  existing: audit",
        "  match: *projects",
        "  registries:",
        "    # The last entry is the internal registry, which holds the images of builds and pushes.",
        "    allow:",
        *(f"  {each}" for each in allowed),
    ]
    return "".join(f"    {line}\n" for line in lines)


def _own_namespace(answers: Answers) -> str:
    why = (
        "# Without this rule, a tag could take an untrusted image from a namespace that the rules do not match."
        if answers.namespaces
        else "# To forbid it, set mode to enforce."
    )
    lines = [
        why,
        "- name: own-namespace",
        "  description: Use images of your own namespace or of the namespace openshift.",
        f"  mode: {own_namespace_mode(answers)}",
        "  existing: audit",
        "  match: *projects",
        "  crossNamespace: {allow: [openshift]}",
    ]
    return "".join(f"    {line}\n" for line in lines)


def registries_mode(answers: Answers) -> str:
    """Return the mode of the rule about registries: a suggested list must not deny anything."""
    return "enforce" if answers.named else "warn"


def own_namespace_mode(answers: Answers) -> str:
    """Return the mode of the rule about other namespaces: enforce, unless the rules match all of them."""
    return "enforce" if answers.namespaces else "audit"


def _flow(values: Iterable[str]) -> str:
    """Return a list in flow style; each text is in double quotes, which are the same in YAML and JSON."""
    return f"[{', '.join(map(json.dumps, values))}]"
