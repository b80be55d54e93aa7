"""`istag-webhook init` and `check`: write a first policy, and evaluate reviews and manifests without a server."""

import os
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

import click

from webhook.cli.options import GivenPath, at_option, empty_option, policy_option, sender_options
from webhook.cli.output import Wanted, emit, end, fail, head, nothing, report_options, say, with_notes
from webhook.errors import MalformedGlob, PolicyError
from webhook.files import NewFile, write_all
from webhook.text import escaped, printable, quoted

if TYPE_CHECKING:
    from webhook.policy.starter import Answers
    from webhook.policy.starter_files import Job

_GIT: Final = ".git"
_NONE: Final = "none"
_CI: Final = ("github", "gitlab", "shell", _NONE)
_WRITES: Final = ("replace", "apply", "server-side-apply")


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


def _parameters(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> Mapping[str, str]:
    """Parse NAME=VALUE."""
    del context, option
    found: dict[str, str] = {}
    for each in given:
        name, separator, value = each.partition("=")
        if not separator or not name:
            raise click.BadParameter(f"expected NAME=VALUE, got {quoted(each)}")
        if name in found:
            raise click.BadParameter(f"{printable(name)}: expected one value, got two")
        found[name] = value
    return found


@click.command()
@click.argument("files", nargs=-1, required=True, type=GivenPath(str))
@click.option(
    "--old", multiple=True, type=GivenPath(str),
    help="File or directory with the objects that FILES update; may be repeated.",
)  # fmt: skip
@policy_option()
@click.option(
    "--exclude", "excluded", multiple=True, metavar="GLOB",
    help="Files and directories to skip; may be repeated. A GLOB without / matches names at any depth.",
)  # fmt: skip
@click.option(
    "--param", "parameters", multiple=True, metavar="NAME=VALUE", callback=_parameters,
    help="Value of a parameter of the Templates in FILES; may be repeated. Default: the parameter's own default.",
)  # fmt: skip
@click.option(
    "--as", "write", type=click.Choice(_WRITES), default=_WRITES[0], show_default=True,
    help="How FILES update --old: oc replace, oc apply or oc apply --server-side.",
)  # fmt: skip
@at_option("When the changes come, for exemptions and rules that end and for freeze windows.")
@click.option(
    "--strict", is_flag=True, help="Treat unknown fields and image streams that cannot be evaluated as errors."
)
@empty_option
@sender_options
@report_options
def check(
    files: tuple[str, ...],
    old: tuple[str, ...],
    policies: tuple[Path, ...],
    wanted: Wanted,
    *,
    strict: bool,
    fail_on_empty: bool,
    **options: Any,
) -> None:
    """Evaluate reviews and manifests without a server.

    FILES hold AdmissionReviews and manifests of ImageStreams, ImageStreamTags, ImageTags, ImageStreamImports and
    ImageStreamMappings, alone, in Lists or in Templates, in JSON or YAML. Objects of other kinds are skipped. A
    directory is searched recursively, including hidden directories except .git; - is standard input. The policy's
    defaults are applied before its rules are evaluated, as in a cluster. A manifest is evaluated as a creation or, if
    --old has the object, as an update.

    An input that cannot be used does not keep the others from being evaluated.

    Exit codes: 0 everything would be allowed, 1 something would be denied, 2 an input or the policy cannot be used.
    """
    from webhook.documents.inputs import input_files
    from webhook.evaluate.check import Old, Sender
    from webhook.evaluate.check import check as checked
    from webhook.evaluate.writes import Write
    from webhook.model.review import User
    from webhook.policy.loading import load

    try:
        policy = load(*policies)
    except PolicyError as error:
        fail(str(error))
    parameters = options["parameters"]
    before = Old(options["namespace"], parameters=parameters)
    sender = Sender(User(options["user"], groups=options["groups"]), parameters, Write(options["write"]), options["at"])
    asked = checked(input_files(files, exclude=options["excluded"]), policy, sender, before, strict=strict)
    tally = emit(head("check", policy), with_notes(chain(before.read(input_files(old)), asked), files), wanted)
    if fail_on_empty and not tally.evaluated:
        nothing("no object was evaluated", failing=True)
    end(tally, wanted)
