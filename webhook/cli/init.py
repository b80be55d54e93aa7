"""`istag-webhook init`: write a first policy, its tests and a CI job."""

import os
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

import click

from webhook.cli.options import GivenPath
from webhook.cli.output import fail, say
from webhook.errors import MalformedGlob
from webhook.files import NewFile, write_all
from webhook.text import escaped

if TYPE_CHECKING:
    from webhook.policy.starter import Answers
    from webhook.policy.starter_files import Job

_GIT: Final = ".git"
_NONE: Final = "none"
_CI: Final = ("github", "gitlab", "shell", _NONE)


@click.command()
@click.argument("directory", default=".", type=GivenPath())
@click.option(
    "--registry", "registries", metavar="GLOB", multiple=True,
    help="Allowed registry or repository, such as quay.io/acme/**; may be repeated. Default: a suggestion that "
    "only warns.",
)  # fmt: skip
@click.option(
    "--namespace", "-n", "namespaces", metavar="GLOB", multiple=True,
    help="Namespaces that the rules match, such as team-*; may be repeated. Default: all except those of the platform.",
)  # fmt: skip
@click.option(
    "--ci", "ci", type=click.Choice(_CI), default=_CI[0], show_default=True,
    help="CI system to write a job for.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite existing files.")
def init(directory: Path, registries: tuple[str, ...], namespaces: tuple[str, ...], ci: str, *, force: bool) -> None:
    """Write a first policy, its tests and a CI job.

    DIRECTORY gets policy.yaml and policy.test.yaml; it is created if it is missing. The job for github or gitlab is
    written to the root of the Git repository, or to DIRECTORY outside of one; shell is a script in DIRECTORY. The job
    validates the policy, fails on a warning, and runs the tests.

    Writes all files or none, and never overwrites a file without --force.

    Exit codes: 0 the files were written, 2 they were not.
    """
    from webhook.policy.starter import POLICY, policy
    from webhook.policy.starter_files import TESTS, tests

    answers = _answers(registries, namespaces)
    root = _root(directory)
    job = _job(ci, directory, root)
    files = [
        NewFile(directory / POLICY, policy(answers).encode()),
        NewFile(directory / TESTS, tests(answers).encode()),
        *([NewFile(_shown(root, directory) / job.path, job.text.encode(), job.mode)] if job else ()),
    ]
    existing = [file.path for file in files if os.path.lexists(file.path)]
    if existing and not force:
        fail("\n".join(f"{escaped(str(path))}: already exists; use --force to overwrite it" for path in existing))
    try:
        write_all(files, replace=force)
    except OSError as error:
        fail(f"{escaped(str(error.filename or directory))}: cannot be written: {error.strerror}; no files were written")
    for file in files:
        say(f"wrote {escaped(str(file.path))}")
    say("\n".join(_next(answers, directory, job)))


def _answers(registries: tuple[str, ...], namespaces: tuple[str, ...]) -> "Answers":
    from webhook.policy.starter import Answers

    for option, given in (("--registry", (registries, ())), ("--namespace", ((), namespaces))):
        try:
            Answers.of(*given)
        except MalformedGlob as error:
            raise click.BadParameter(str(error), param_hint=option) from None
    return Answers.of(registries, namespaces)


def _root(directory: Path) -> Path:
    """Return the root of the Git repository that contains `directory`, or `directory` itself outside of one."""
    at = directory.resolve()
    return next((each for each in (at, *at.parents) if os.path.lexists(each / _GIT)), at)


def _shown(root: Path, directory: Path) -> Path:
    """Return `root` as the user would name it."""
    return directory if root == directory.resolve() else Path(os.path.relpath(root))


def _job(ci: str, directory: Path, root: Path) -> "Job | None":
    from webhook.policy.starter import POLICY
    from webhook.policy.starter_files import CI, TESTS

    if ci == _NONE:
        return None
    inside = directory.resolve().relative_to(root)
    if not str(inside).isprintable():
        fail(f"{escaped(str(directory))}: expected a name of printable characters for use in a CI job")
    return CI[ci](_argument(inside / POLICY), _argument(inside / TESTS))


def _argument(path: Path) -> str:
    """Return `path` in a form that no command parses as an option."""
    return f"./{path}" if str(path).startswith("-") else path.as_posix()


def _next(answers: "Answers", directory: Path, job: "Job | None") -> list[str]:
    """Return the lines with the next steps."""
    from webhook.policy.starter import POLICY
    from webhook.policy.starter_files import TESTS

    edit = "" if answers.named else ", list your registries under trusted-registries"
    paths = [quote(_argument(directory / name)) for name in (POLICY, TESTS)]
    return [
        "",
        f"Next: read {escaped(paths[0])}{edit}, and check it after each change:",
        f"  istag-webhook policy validate --fail-on-warn {escaped(paths[0])}",
        f"  istag-webhook test {escaped(paths[1])}",
        *([job.next] if job else ()),
    ]
