"""`istag-webhook check`: evaluate reviews and manifests without a server."""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

import click

from webhook.cli.options import GivenPath, at_option, empty_option, policy_option, sender_options
from webhook.cli.output import Wanted, emit, end, fail, head, nothing, report_options, with_notes
from webhook.errors import PolicyError
from webhook.text import printable, quoted

_WRITES: Final = ("replace", "apply", "server-side-apply")


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
