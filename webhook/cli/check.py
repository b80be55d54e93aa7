"""`istag-webhook check`: judge reviews and manifests without a server."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from webhook import admission, doors
from webhook.cli import fail
from webhook.defaults import patched_document
from webhook.errors import MalformedReview, PolicyRefused
from webhook.manifests import envelope, is_manifest
from webhook.model import Decision, Mode, Review, User
from webhook.policy import Policy, load
from webhook.policy.document import read
from webhook.review import decode


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option(
    "--policy", "policies", multiple=True, type=click.Path(path_type=Path),
    help="Policy file or directory; may be repeated. Default: the shipped policy.",
)  # fmt: skip
@click.option("--user", default="developer", show_default=True, help="Who would send a manifest.")
@click.option("--group", "groups", multiple=True, help="A group of that user; may be repeated.")
def check(files: tuple[str, ...], policies: tuple[Path, ...], user: str, groups: tuple[str, ...]) -> None:
    """Judge reviews and manifests without a server.

    FILES hold AdmissionReviews and ImageStreamTag manifests, in JSON or YAML; - is standard input. The policy's
    defaults are applied before its rules judge, as in a cluster. Exit code 0 where everything would be allowed, 1 where
    something would be refused, 2 where a file or the policy cannot be used.
    """
    try:
        policy = load(*policies)
    except PolicyRefused as error:
        fail(str(error))
        return
    refused, unusable = False, False
    for file in files:
        try:
            for where, review in _reviews(file, User(user, groups=groups)):
                decision = _decide(review, policy)
                refused = refused or not decision.allowed
                for line in _lines(where, review, decision):
                    click.echo(line)
        except MalformedReview as error:
            unusable = True
            click.echo(str(error), err=True)
    sys.exit(2 if unusable else 1 if refused else 0)


def _decide(review: Review, policy: Policy) -> Decision:
    """Decide as a cluster would: complete first, then judge what came of it."""
    completion = admission.mutate(review, policy)
    if completion.patch and review.object is not None:
        completed = patched_document(review.object, completion.patch)
        review = replace(review, request={**review.request, "object": completed})
    return replace(admission.validate(review, policy), patch=completion.patch)


def _reviews(file: str, user: User) -> Iterator[tuple[str, Review]]:
    """Yield the reviews in `file`, with where each stands.

    Raises:
        MalformedReview: the file cannot be read, or holds something else.
    """
    name = "standard input" if file == "-" else file
    try:
        body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise MalformedReview(f"{name}: cannot be read: {error.strerror}") from None
    if body.lstrip().startswith(b"{"):
        yield name, _review(name, _parsed(name, body), body, user, 0)
    else:
        try:
            documents, faults = read(name, body.decode())
        except UnicodeDecodeError as error:
            raise MalformedReview(f"{name}: expected UTF-8: byte {error.start} is not") from None
        if faults or not documents:
            raise MalformedReview(
                "\n".join(map(str, faults)) or f"{name}: expected a review or a manifest, got nothing"
            )
        for index, document in enumerate(documents):
            where = f"{name}:{document.line('')}"
            yield where, _review(where, document.value, json.dumps(document.value).encode(), user, index)


def _review(where: str, value: Any, body: bytes, user: User, index: int) -> Review:
    """Return the review that `body` is, or that the API server would send for the manifest `value`."""
    if is_manifest(value):
        body = json.dumps(envelope(value, user, f"check-{index}")).encode()
    try:
        return decode(body, doors.DOORS)
    except MalformedReview as error:
        raise MalformedReview(f"{where}: {error}") from None


def _parsed(name: str, body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedReview(f"{name}: expected JSON: {error}") from None


def _lines(where: str, review: Review, decision: Decision) -> Iterator[str]:
    """Yield what a person reads of one decision."""
    what = ", ".join(map(str, decision.changes)) or f"{review.namespace}/{review.name}"
    verdict = "allowed" if decision.allowed else "refused"
    exempt = f" (exempt: {decision.exemption.name})" if decision.exemption else ""
    yield f"{where}: {what}: {verdict}{exempt}"
    for mode in (Mode.ENFORCE, Mode.WARN, Mode.AUDIT):
        for finding in decision.in_mode(mode):
            yield f"  {mode}: {finding}"
    for operation in decision.patch:
        yield f"  sets {operation.path} to {json.dumps(operation.value)}"
