"""The tests of the first policy."""

from typing import Final

from webhook.resources.catalog import IMPORT
from webhook.scaffold.answers import INTERNAL_REGISTRY, Answers
from webhook.scaffold.policy import own_namespace_mode, registries_mode

TESTS: Final = "policy.test.yaml"
_HEAD: Final = """\
# The tests of policy.yaml: `istag-webhook test policy.test.yaml` runs them; --coverage names rules without a case.
# Each case is a change and the expected result. Only the fields under expect are compared.
apiVersion: istag-webhook/v1
kind: ImageTagPolicyTest
metadata:
  name: first
spec:
  policies: [policy.yaml]
  cases:
"""
_IMPORTER: Final = "system:serviceaccount:openshift-infra:image-import-controller"


def tests(answers: Answers) -> str:
    """Return the tests as YAML; they pass with the policy of the same answers."""
    trusted, untrusted = f"{answers.trusted}:1.0", f"{answers.untrusted}:1.0"
    at = f'namespace: {answers.namespace}, tag: "1.0"'
    insecure = f'{at}, from: "{trusted}", importPolicy: {{insecure: true}}'
    denied = "{verdict: deny, findings: [{rule: no-insecure-imports, mode: enforce, field: tag.importPolicy.insecure}]}"
    registries, own = registries_mode(answers), own_namespace_mode(answers)
    alias = f'{{kind: ImageStreamTag, namespace: {answers.other}, name: "app:1.0"}}'
    cases = (
        ("an image of a trusted registry is allowed", f'{at}, from: "{trusted}"', _ALLOWED),
        (
            f"an image of another registry is {_SAID[registries]}",
            f'{at}, from: "{untrusted}"',
            f"{{verdict: {_VERDICTS[registries]}, findings: [{{rule: trusted-registries, mode: {registries}}}]}}",
        ),
        (
            "an image of the internal registry is allowed",
            f'{at}, from: "{INTERNAL_REGISTRY}/{answers.namespace}/app:1.0"',
            _ALLOWED,
        ),
        ("an insecure import is denied", insecure, denied),
        (
            "a tag that no registry can serve is denied",
            f'namespace: {answers.namespace}, tag: "1.0+build", from: "{trusted}"',
            "{verdict: deny, findings: [{rule: servable-tag-names, mode: enforce}]}",
        ),
        (
            "latest is allowed with a warning",
            f'{at}, from: "{answers.trusted}:latest"',
            "{verdict: allow, findings: [{rule: no-latest, mode: warn}]}",
        ),
        (
            f"an image of another namespace is {_SAID[own]}",
            f"{at}, from: {alias}",
            f"{{verdict: {_VERDICTS[own]}, findings: [{{rule: own-namespace, mode: {own}}}]}}",
        ),
        (
            "an image of the namespace openshift is allowed",
            f'{at}, from: {{kind: ImageStreamTag, namespace: openshift, name: "python:3.12"}}',
            _ALLOWED,
        ),
        (
            "a violation that was there before does not deny an edit",
            f'{insecure}, annotations: {{owner: me}}, old: {{from: "{trusted}", importPolicy: {{insecure: true}}}}',
            "{verdict: allow, findings: [{rule: no-insecure-imports, mode: audit}]}",
        ),
        (
            "the namespaces of the platform are left out",
            f'namespace: openshift-monitoring, from: "{untrusted}", importPolicy: {{insecure: true}}',
            _ALLOWED,
        ),
        (
            "the image import controller is exempt",
            f"resource: {IMPORT.name}, {insecure}",
            "{verdict: allow, exemption: image-import-controller}",
            f"user: {_IMPORTER}",
        ),
        (
            "an administrator with a reason is exempt",
            f"{insecure}, annotations: {{istag-webhook/reason: the registry has no certificate yet}}",
            "{verdict: allow, exemption: break-glass}",
            'groups: ["system:cluster-admins"]',
        ),
        ("an administrator without a reason is not exempt", insecure, denied, 'groups: ["system:cluster-admins"]'),
    )  # fmt: skip
    return _HEAD + "".join(_case(*case) for case in cases)


_ALLOWED: Final = "{verdict: allow, findings: []}"
_SAID: Final = {"enforce": "denied", "warn": "allowed with a warning", "audit": "recorded"}
_VERDICTS: Final = {"enforce": "deny", "warn": "allow", "audit": "allow"}


def _case(name: str, change: str, expect: str, sender: str = "") -> str:
    lines = [f"- name: {name}", f"  change: {{{change}}}", *([f"  {sender}"] if sender else ()), f"  expect: {expect}"]
    return "".join(f"    {line}\n" for line in lines)
