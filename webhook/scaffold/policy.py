"""The text of the first policy."""

from typing import Final

from webhook.policy.lint.exemptions import RESERVED
from webhook.scaffold.answers import Answers
from webhook.scaffold.writing import flow

POLICY: Final = "policy.yaml"
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
    # The controller imports what was evaluated when the tag was set. A denied import is tried again and again.
    - name: image-import-controller
      users: ["system:serviceaccount:openshift-infra:image-import-controller"]
    # For emergencies: a cluster administrator sets the annotation to the reason, and the record keeps it.
    - name: break-glass
      groups: ["system:cluster-admins"]
      annotation: istag-webhook/reason
  # mode is for a violation that the change introduces: enforce denies, warn shows a warning to the user, and audit only
  # records. existing is for a violation that was there before, so that old tags can still be edited.
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
      description: A registry cannot serve a tag with other characters, so nobody could pull it.
      mode: enforce
      existing: audit
      match: *projects
      tagName: {grammar: true}
"""
_LATEST: Final = """\
    - name: no-latest
      description: Name the version, so that a tag changes only on purpose.
      mode: warn
      existing: audit
      match: *projects
      pin: {denyTags: [latest]}
"""


def policy(answers: Answers) -> str:
    """Return the policy as YAML, with comments."""
    return "".join((_HEAD, _match(answers), _REST, _registries(answers), _LATEST, _own_namespace(answers)))


def _match(answers: Answers) -> str:
    namespaces = f"        namespaces: {flow(answers.namespaces)}\n" if answers.namespaces else ""
    return f"{namespaces}        {_PLATFORM}\n        exclude: {{namespaces: {flow(RESERVED)}}}\n"


def _registries(answers: Answers) -> str:
    lines = (
        [] if answers.named else ["# A suggestion: list the registries that you trust, and then set mode to enforce."]
    )
    allowed = (f"    - {flow((each,))[1:-1]}" for each in answers.registries)
    lines += [
        "- name: trusted-registries",
        "  description: Use an image of a trusted registry.  # say here whom to ask for another registry",
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
    """Return the mode of the rule about other namespaces: enforced, if the rules do not match all of them."""
    return "enforce" if answers.namespaces else "audit"
