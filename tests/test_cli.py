"""The commands as a person or a pipeline calls them: what they print, and how they end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support import HEAD, REVIEWS, docker, istag_of, review_of, tag_of

from webhook.cli import main

_MANIFEST = """\
apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata: {name: "app:live", namespace: prod}
tag:
  from: {kind: DockerImage, name: quay.io/acme/app:1}
"""
_INSECURE = _MANIFEST + "  importPolicy: {insecure: true}\n"


def _run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=given)


def test_check_allows(tmp_path: Path) -> None:
    """A manifest as users write it is judged with what the API server fills in, and says what would be completed."""
    (tmp_path / "tag.yaml").write_text(_MANIFEST)
    done = _run("check", str(tmp_path / "tag.yaml"))
    assert done.output.splitlines() == [
        f"{tmp_path}/tag.yaml:1: prod/app:live: allowed",
        '  audit: tag.from.name: "quay.io/acme/app:1" has no digest; expected name@digest (rule images-by-digest)',
        '  sets /tag/importPolicy/importMode to "PreserveOriginal"',
    ]
    assert done.exit_code == 0


def test_check_refuses(tmp_path: Path) -> None:
    """One document of several that would be refused ends with 1; the others are judged all the same."""
    (tmp_path / "tags.yaml").write_text(f"{_MANIFEST}---\n{_INSECURE}---\n{_MANIFEST}")
    done = _run("check", str(tmp_path / "tags.yaml"))
    verdicts = [line for line in done.output.splitlines() if not line.startswith(" ")]
    assert [line.removeprefix(f"{tmp_path}/tags.yaml:") for line in verdicts] == [
        "1: prod/app:live: allowed", "7: prod/app:live: refused", "14: prod/app:live: allowed",
    ]  # fmt: skip
    assert done.exit_code == 1


@pytest.mark.parametrize("form", ["json", "yaml", "stdin"])
def test_check_reviews(tmp_path: Path, form: str) -> None:
    """AdmissionReviews are judged as they were recorded, from a file or from standard input."""
    document = review_of(docker("nginx:1"), tag={"importPolicy": {"insecure": True}})
    path = tmp_path / "review"
    path.write_text(json.dumps(document) if form != "yaml" else "# a review\n" + json.dumps(document, indent=1))
    done = _run("check", "-" if form == "stdin" else str(path), given=path.read_text())
    assert done.exit_code == 1
    assert "app/app:live: refused\n  enforce: tag.importPolicy.insecure: an insecure import" in done.output


def test_check_plays_a_user(tmp_path: Path) -> None:
    """A manifest is judged as if `--user` sent it, a member of `--group`."""
    (tmp_path / "policy.yaml").write_text(
        HEAD + "spec: {exemptions: [{name: x, groups: [sre]}, {name: y, users: [bob]}], "
        "rules: [{name: a, registries: {deny: [quay.io]}}]}\n"
    )
    (tmp_path / "tag.yaml").write_text(_MANIFEST)
    arguments = ["check", str(tmp_path / "tag.yaml"), "--policy", str(tmp_path / "policy.yaml")]
    assert _run(*arguments).exit_code == 1
    assert "allowed (exempt: x)" in _run(*arguments, "--group", "sre").output
    assert "allowed (exempt: y)" in _run(*arguments, "--user", "bob").output


def test_check_judges_what_the_defaults_make(tmp_path: Path) -> None:
    """A rule that asks for what a default sets is content, as in a cluster."""
    (tmp_path / "policy.yaml").write_text(
        HEAD + "spec: {defaults: [{name: d, set: {importPolicy: {importMode: PreserveOriginal}}}], "
        "rules: [{name: a, importPolicy: {importMode: [PreserveOriginal]}}]}\n"
    )
    (tmp_path / "tag.json").write_text(json.dumps(istag_of(tag_of(docker("nginx:1")))))
    done = _run("check", str(tmp_path / "tag.json"), "--policy", str(tmp_path / "policy.yaml"))
    assert (done.exit_code, "refused" in done.output) == (0, False)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "expected a review or a manifest, got nothing"),
        ("{", "expected JSON: Expecting property name enclosed in double quotes"),
        ("a: [", "1: expected YAML: expected the node content, but found '<stream end>'"),
        (
            "kind: Pod\napiVersion: v1\n",
            "1: expected an AdmissionReview: request: Required value: the key is not there",
        ),
        (
            json.dumps(review_of(None, operation="PATCH")),
            "expected an AdmissionReview: request.operation: Unsupported value",
        ),
        (
            '{"kind":"AdmissionReview","kind":"AdmissionReview"}',
            'expected JSON: the key "kind" stands twice in one object',
        ),
    ],
    ids=["empty", "json", "yaml", "pod", "operation", "twice"],
)
def test_check_unusable(tmp_path: Path, text: str, sentence: str) -> None:
    """A file that holds no review ends with 2, and the sentence says which file, where, and what was expected."""
    path = tmp_path / "input"
    path.write_text(text)
    done = _run("check", str(path))
    assert done.exit_code == 2
    assert done.stderr.startswith(str(path))
    assert sentence in done.stderr


def test_check_goes_on_after_an_unusable_file(tmp_path: Path) -> None:
    """One unusable file does not keep the others from being judged."""
    (tmp_path / "tag.yaml").write_text(_MANIFEST)
    done = _run("check", str(tmp_path / "missing"), str(tmp_path / "tag.yaml"))
    assert done.exit_code == 2
    assert done.stderr == f"{tmp_path}/missing: cannot be read: No such file or directory\n"
    assert "prod/app:live: allowed" in done.stdout


def test_check_with_a_bad_policy(tmp_path: Path) -> None:
    """A policy that cannot be used ends with 2 before anything is judged."""
    (tmp_path / "policy.yaml").write_text("a: 1")
    done = _run("check", "-", "--policy", str(tmp_path / "policy.yaml"), given=_MANIFEST)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{tmp_path}/policy.yaml:1: a: unknown key" in done.stderr


def test_check_every_recorded_review() -> None:
    """All recorded reviews can be checked in one call."""
    done = _run("check", *(str(path) for path in REVIEWS.glob("*validate.json")))
    assert done.exit_code == 1
    assert done.stderr == ""


def test_policy_validate(tmp_path: Path) -> None:
    """A good policy is summed up, a bad one ends with 2 and every fault."""
    assert _run("policy", "validate").output.startswith("ok: shipped, 7 rules, 1 defaults, 1 exemptions, sha256:")
    (tmp_path / "policy.yaml").write_text(HEAD + "spec: {rules: [{name: A}, {name: b, pin: {}}]}")
    done = _run("policy", "validate", str(tmp_path))
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 3)


def test_policy_schema() -> None:
    """The schema is printed as JSON."""
    assert json.loads(_run("policy", "schema").output)["title"] == "ImageTagPolicy"


def test_policy_explain() -> None:
    """A kind says what it means, takes and judges; without one, all do."""
    done = _run("policy", "explain", "labels")
    assert done.output.splitlines() == [
        "labels",
        "  Which labels an image must have, and which it may not have; a manifest list has none, and so is refused.",
        "  require: a map of names to globs of their values, with one at least - labels that must be there, "
        "and what they must match",
        "  deny: a list with one glob at least - labels that may not be there",
        "  judges: imagestreammappings",
    ]
    assert len(_run("policy", "explain").output.split("\n\n")) == 18
    assert _run("policy", "explain", "--shipped").output.startswith("# The policy that comes with istag-webhook")


def test_certs(tmp_path: Path) -> None:
    """Certificates are made once, and say the next step; a second time asks for --force."""
    done = _run("certs", "--directory", str(tmp_path / "c"), "app.example")
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == (
        f"next: istag-webhook serve --cert {tmp_path}/c/tls.crt --key {tmp_path}/c/tls.key"
    )
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]
    again = _run("certs", "--directory", str(tmp_path / "c"))
    assert (again.exit_code, again.stderr.count("--force")) == (2, 4)
    assert _run("certs", "--directory", str(tmp_path / "c"), "--force").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"], ["check"], ["check", "--nonsense", "-"], ["policy"], ["policy", "explain", "nonsense"],
        ["certs", "--days", "1000"], ["serve", "--port", "x"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_arguments(arguments: list[str]) -> None:
    """Wrong arguments end with 2 and a usage, never with a traceback."""
    done = _run(*arguments)
    assert done.exit_code == 2
    assert "Usage: " in done.output


def test_version() -> None:
    """The version is the distribution's, through the installed command too."""
    said = subprocess.run(
        [str(Path(sys.executable).with_name("istag-webhook")), "version"], stdout=subprocess.PIPE, check=True
    )
    assert said.stdout.decode() == _run("version").output
    assert said.stdout.decode().count(".") == 2
