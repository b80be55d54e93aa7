"""Properties for any input of an endpoint or a command: an answer, or an error with its reason."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from typing import Any, Final

from flask.testing import FlaskClient
from tests.support.builders import REVIEWS, Lines, policy_of
from tests.support.paths import DATA
from tests.support.recording import recorded

from webhook.documents.inputs import InputFile
from webhook.documents.reading import read
from webhook.errors import ReportError
from webhook.evaluate.check import Old, Sender, check
from webhook.evaluate.records import Part
from webhook.evaluate.replay import Evaluation
from webhook.model.review import User
from webhook.policy.loading import load
from webhook.policy.policy import Policy
from webhook.report import json as as_json
from webhook.report.header import header
from webhook.report.outcome import Outcome
from webhook.report.shape import FORMATS, writer
from webhook.report.tally import Tally
from webhook.service.app import Service, create_app
from webhook.service.metrics import Metrics

_EVERYTHING: Final = (
    "spec: {defaults: [{name: all, set: {importPolicy: {importMode: PreserveOriginal, scheduled: true, insecure: true},"
    " referencePolicy: {type: Local}, annotations: {example.com/a~b: x, owner: platform}}}]}\n"
)
_OBJECTS: Final = ("object", "oldObject")
_FAILED: Final = "please report"
_USER: Final = User("someone", groups=("developers",))


@cache
def strict() -> Policy:
    """Return a policy with a rule of nearly every kind."""
    return load(DATA / "policies" / "strict.yaml")


@cache
def completing() -> Policy:
    """Return a policy that sets all that a default can set."""
    return policy_of(_EVERYTHING)


@cache
def _policies() -> tuple[Policy, ...]:
    return load(), strict(), completing()


@cache
def _clients() -> tuple[FlaskClient, ...]:
    """Return a client of the endpoints for each of the policies."""
    return tuple(
        create_app(Service(partial(_itself, policy), Lines(), Metrics(), version="0", level="request")).test_client()
        for policy in _policies()
    )


def _itself(policy: Policy) -> Policy:
    return policy


def answers(data: bytes) -> None:
    """A body that is sent to an endpoint is answered, or is an error of the client; as a file, `check` evaluates it."""
    for client in _clients():
        for path in ("/validate", "/mutate"):
            answer = client.post(path, data=data, content_type="application/json")
            assert answer.status_code in (200, 400, 413), (path, answer.status_code)
            assert isinstance(answer.json, dict)
    for _ in _checked([data]):
        pass
    with suppress(ValueError, RecursionError):
        document = json.loads(data)
        if isinstance(document, dict) and isinstance(request := document.get("request"), dict):
            _objects(request)


def _objects(request: dict[str, Any]) -> None:
    """Give the objects of a request to `check`, as what is and what was, and the request to `replay`."""
    new, old = (json.dumps(request.get(key)).encode() for key in _OBJECTS)
    for _ in _checked([new, old], old):
        pass
    for webhook in ("validate", "mutate"):
        records(json.dumps({**_record(webhook), "request": request}).encode())


def _checked(files: list[bytes], old: bytes = b"{}") -> Iterator[Outcome]:
    """Yield what comes of each object in `files`; none may be a failure of ours."""
    for policy in _policies():
        before = Old()
        first = [*before.read([_given(old)])]
        for outcome in (*first, *check(map(_given, files), policy, Sender(_USER), before)):
            assert _FAILED not in outcome.message, outcome.message
            assert (outcome.verdict in ("error", "skip")) is bool(outcome.message)
            yield outcome


def _given(data: bytes) -> InputFile:
    documents, faults = read("x", data)
    return InputFile("x", tuple(documents), tuple(faults))


def records(data: bytes) -> None:
    """A line that is given to `replay` is evaluated or counted, and does not keep the next one from being so."""
    if b"\n" in data:
        return
    for policy in _policies():
        evaluated = Evaluation(policy)(Part("x", 1, data + b"\n" + _line(), len(data)))
        assert evaluated.remarks.faults == []
        assert evaluated.tally.evaluated >= 1
        for outcome in evaluated.outcomes:
            for name in ("table", "json"):
                "".join(
                    writer(name)(header("replay", policy, "0", "2026-01-02T03:04:05Z"), [outcome], evaluated.tally)
                ).encode()


def reports(data: bytes) -> None:
    """A file for `merge` is a report that every format can write, or an error with its place."""
    lines = list(_laid_out(data))
    for name in FORMATS:
        tally = Tally()
        try:
            head, outcomes = as_json.merged([("x", iter(lines))], tally)
            "".join(writer(name)(head, outcomes, tally)).encode()
        except ReportError as refused:
            assert all(fault.where.startswith("x") for fault in refused.faults)


def _laid_out(data: bytes) -> Iterator[bytes]:
    """Yield the lines of a report in the layout of `json`, whatever its content; other text in its own lines."""
    try:
        document = json.loads(data)
        outcomes, summary = document.pop("outcomes"), document.pop("summary")
        head = json.dumps(document).encode()
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        yield from data.splitlines(keepends=True)
        return
    yield head[:-1] + b',"outcomes":[\n'
    for outcome in outcomes if isinstance(outcomes, list) else [outcomes]:
        yield json.dumps(outcome).encode() + b",\n"
    yield b'],"summary":' + json.dumps(summary).encode() + b"}\n"


@cache
def _line() -> bytes:
    return recorded(json.loads(_reviews()[0]), strict())


def _record(webhook: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(recorded(json.loads(_reviews()[0]), strict(), webhook))
    return found


@cache
def _reviews() -> list[bytes]:
    return [path.read_bytes() for path in sorted(REVIEWS.glob("*.json")) if not path.name.endswith(".expected.json")]


def _a_report() -> list[bytes]:
    """Return a report of a few reviews."""
    outcomes = list(_checked(_reviews()[:8]))
    tally = Tally()
    return [
        "".join(
            as_json.write(header("check", strict(), "0", "2026-01-02T03:04:05Z"), tally.counting(outcomes), tally)
        ).encode()
    ]


SEEDS: Final[dict[str, Callable[[], list[bytes]]]] = {
    "answers": _reviews,
    "records": lambda: [recorded(json.loads(review), strict()) for review in _reviews()[::10]],
    "reports": _a_report,
}
