"""The companion files of the first policy: its tests, and a CI job that checks both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from shlex import quote
from types import MappingProxyType
from typing import Final

from webhook.policy.starter import INTERNAL_REGISTRY, Answers, own_namespace_mode, registries_mode
from webhook.resources.catalog import IMPORT

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
_INSTALL: Final = 'pip install "${ISTAG_WEBHOOK:?set it to a wheel, a Git URL or a requirement of istag-webhook}"'
_VARIABLE: Final = (
    "# ISTAG_WEBHOOK is what pip installs: a wheel, a Git URL, or a name and version from your package index."
)


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
            "an existing violation does not deny an edit",
            f'{insecure}, annotations: {{owner: me}}, old: {{from: "{trusted}", importPolicy: {{insecure: true}}}}',
            "{verdict: allow, findings: [{rule: no-insecure-imports, mode: audit}]}",
        ),
        (
            "the namespaces of the platform are excluded",
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


@dataclass(frozen=True, slots=True)
class Job:
    """A file that defines the job.

    Attributes:
        path: the file, relative to the root of the repository.
        text: its content.
        mode: its permissions, before the umask.
        next: what the user has to do to enable it.
    """

    path: PurePosixPath
    text: str
    mode: int
    next: str


def _github(policy: str, tests: str) -> Job:
    text = f"""\
# Checks the policy and its tests on each change.
name: istag-policy
on:
  pull_request:
  push:
permissions:
  contents: read
jobs:
  policy:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      {_VARIABLE}
      - name: Install istag-webhook
        env:
          ISTAG_WEBHOOK: ${{{{ vars.ISTAG_WEBHOOK }}}}
        run: |
          {_INSTALL}
      - name: Validate the policy
        run: |
          {_validate(policy, "github")}
      - name: Test the policy
        run: |
          {_test(tests)}
"""
    path = PurePosixPath(".github/workflows/istag-policy.yml")
    return Job(path, text, 0o666, "Set the repository variable ISTAG_WEBHOOK to what pip installs in the job.")


def _gitlab(policy: str, tests: str) -> Job:
    path = PurePosixPath(".gitlab/istag-policy.gitlab-ci.yml")
    text = f"""\
# Checks the policy and its tests on each change.
istag-policy:
  image: python:3.12-slim
  {_VARIABLE}
  script:
    - |
      {_INSTALL}
    - |
      {_validate(policy)}
    - |
      {_test(tests, " --format junit --output istag-policy.xml")}
  artifacts:
    when: always
    reports:
      junit: istag-policy.xml
"""
    return Job(
        path,
        text,
        0o666,
        f"Add `include: [{{local: /{path}}}]` to .gitlab-ci.yml, and set the CI/CD variable ISTAG_WEBHOOK to what pip "
        "installs in the job.",
    )


def _shell(policy: str, tests: str) -> Job:
    path = PurePosixPath(policy).with_name("check-policy.sh")
    up = "/".join([".."] * (len(path.parts) - 1)) or "."
    text = f"""\
#!/bin/sh
# Checks the policy and its tests. Needs istag-webhook on the PATH.
set -eu
cd "$(dirname "$0")/{up}"
{_validate(policy)}
{_test(tests)}
"""
    return Job(path, text, 0o777, f"Run {path} in your pipeline, with istag-webhook on the PATH.")


CI: Final[Mapping[str, Callable[[str, str], Job]]] = MappingProxyType(
    {"github": _github, "gitlab": _gitlab, "shell": _shell}
)


def _validate(policy: str, form: str = "") -> str:
    return f"istag-webhook policy validate --fail-on-warn{f' --format {form}' if form else ''} {quote(policy)}"


def _test(tests: str, options: str = "") -> str:
    return f"istag-webhook test{options} {quote(tests)}"
