"""The job that checks a policy and its tests in a pipeline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from shlex import quote
from types import MappingProxyType
from typing import Final

NONE: Final = "none"
_INSTALL: Final = 'pip install "${ISTAG_WEBHOOK:?set it to a wheel, a Git URL or a requirement of istag-webhook}"'
_VARIABLE: Final = (
    "# ISTAG_WEBHOOK is what pip installs: a wheel, a Git URL, or a name and version from your package index."
)


@dataclass(frozen=True, slots=True)
class Job:
    """A file with the job.

    Attributes:
        path: the file, relative to the root of the repository.
        text: its content.
        mode: its permissions, without the bits of the umask.
        next: what the user has to do for it to run.
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
