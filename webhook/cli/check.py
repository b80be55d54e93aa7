"""`istag-webhook check`: judge reviews and manifests without a server."""

from itertools import chain
from pathlib import Path

import click

from webhook.checks import Old
from webhook.checks import check as checked
from webhook.cli import fail
from webhook.cli.options import policy_option, sender_options
from webhook.cli.reporting import Wanted, emit, end, head, noting, report_options
from webhook.cli.types import GivenPath
from webhook.documents.files import given
from webhook.errors import PolicyRefused
from webhook.model import User
from webhook.policy import load


@click.command()
@click.argument("files", nargs=-1, required=True, type=GivenPath(str))
@click.option(
    "--old", multiple=True, type=GivenPath(str),
    help="File or directory with what was there before FILES; may be repeated.",
)  # fmt: skip
@policy_option()
@sender_options
@report_options
def check(
    files: tuple[str, ...],
    old: tuple[str, ...],
    policies: tuple[Path, ...],
    user: str,
    groups: tuple[str, ...],
    namespace: str,
    wanted: Wanted,
) -> None:
    """Judge reviews and manifests without a server.

    FILES hold AdmissionReviews and manifests of ImageStreams, ImageStreamTags, ImageTags, ImageStreamImports and
    ImageStreamMappings, alone or in Lists, in JSON or YAML; objects of other kinds are passed over. A directory is
    searched to its depth; - is standard input. The policy's defaults are applied before its rules judge, as in a
    cluster. A manifest is judged as if it were created or, where --old holds the object, as if it took its place.

    Exit code 0 where everything would be allowed, 1 where something would be refused, 2 where an input or the policy
    cannot be used; what can be judged is judged all the same.
    """
    try:
        policy = load(*policies)
    except PolicyRefused as error:
        fail(str(error))
    before = Old(namespace)
    outcomes = chain(before.read(given(old)), checked(given(files), policy, User(user, groups=groups), before))
    tally = emit(head("check", policy), noting(outcomes, files), wanted)
    end(tally, wanted)
