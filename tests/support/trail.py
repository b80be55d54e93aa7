"""The records of some pods over days, as their servers write them: real reviews, real decisions, real journals.

The sequences of requests are those of tests/data/traces.jsonl.xz. Their namespaces and users are renamed, so that there
are many, and their times are set. Each server reads its policy, chains its lines and signs checkpoints; its file is
rotated each day, and each second file is compressed.
"""

import gzip
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any, Final

import orjson
from tests.support.builders import docker, policy_of, review_of, stream_of, stream_review, tag_of
from tests.support.paths import DATA

from webhook.admission import engine
from webhook.admission.codec import decode
from webhook.audit.chain import Chain, Signer, Writer, stamp
from webhook.audit.journal import Journal
from webhook.audit.record import Context, policy_record, record, tags
from webhook.errors import RecordFailed
from webhook.files import SharedMutex
from webhook.policy.policy import Policy
from webhook.resources import catalog

BEGIN: Final = datetime(2026, 11, 20, tzinfo=UTC)
CHANGED: Final = datetime(2026, 11, 24, 9, tzinfo=UTC)  # when the policy changes
RULES: Final = ["registries", "secure", "no-latest", "by-digest"]  # of both policies
_VERSION: Final = "1.2.3"
_STAGES: Final = ("prod", "test", "dev")
_WRITERS: Final = (("web-a", 7), ("web-a", 8), ("web-b", 7), ("web-c", 7))
_SPEC: Final = """
spec:
  exemptions:
    - {name: importer, users: ["system:serviceaccount:openshift-infra:image-import-controller"]}
    - {name: break-glass, groups: [sre], annotation: istag-webhook/reason, ticket: CHG-1042}
  defaults: [{name: every-architecture, set: {importPolicy: {importMode: PreserveOriginal}}}]
  rules:
    - {name: registries, match: {resources: [imagestreamtags, imagetags, imagestreamimports]}, registries: {allow: [ALLOWED]}}
    - {name: secure, importPolicy: {insecure: false}}
    - {name: no-latest, mode: warn, existing: ignore, pin: {denyTags: [latest]}}
    - {name: by-digest, mode: audit, existing: ignore, pin: {digest: true}}
"""


@cache
def policies() -> tuple[Policy, Policy]:
    """Return the policy before CHANGED, and the one after it, which allows fewer registries."""
    before, after = "quay.io, docker.io, '127.0.0.1:21500', 'image-registry.openshift-image-registry.svc:*'", "quay.io"
    return policy_of(_SPEC.replace("ALLOWED", before)), policy_of(_SPEC.replace("ALLOWED", after))


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a webhook.

    Attributes:
        webhook: `mutate` or `validate`.
        request: the admission request.
        time: when it came.
        traceparent: its header, "" without one.
    """

    webhook: str
    request: dict[str, Any]
    time: datetime
    traceparent: str = ""


def calls(teams: int = 2, begin: datetime = BEGIN, apart: float = 400.0) -> Iterator[Call]:
    """Yield the calls of all sequences over and over, without end, in the order of their times.

    Args:
        teams: how many teams there are, each with a namespace for each stage.
        begin: the time of the first request.
        apart: seconds from one request to the next.
    """
    traces = _traces()
    steps = (
        (round_, number, step) for round_ in count() for number, trace in enumerate(traces) for step in trace["steps"]
    )
    for index, (round_, number, step) in enumerate(steps):
        place = number + round_ * len(traces)
        namespace = f"team{place // len(_STAGES) % teams}-{_STAGES[place % len(_STAGES)]}"
        trace = f"00-{index + 1:032x}-{index + 1:016x}-01" if index % 5 == 0 else ""
        for later, review in enumerate(step["reviews"]):
            if index % 97 == 96 and review["webhook"] == "mutate":  # as while the mutating webhook is not reached
                continue
            yield Call(
                review["webhook"],
                _renamed(review["request"], namespace, f"{index:08x}-{later:04x}", place),
                begin + timedelta(seconds=index * apart, milliseconds=3 * later),
                trace,
            )


def incidents(time: datetime) -> Iterator[Call]:
    """Yield what an auditor looks for: a denial, the same change on another path, and an emergency."""
    evil = docker("evil.example/x/y:1")
    given: dict[str, Any] = {"namespace": "team0-prod"}
    mallory = {"username": "mallory", "groups": ["system:authenticated"]}
    reason = {"istag-webhook/reason": "registry down"}
    denied = review_of(evil, userInfo=mallory, **given)
    around = stream_review(stream_of(tag_of(evil)), stream_of(), userInfo=mallory, **given)
    emergency = review_of(evil, tag={"annotations": reason}, userInfo={"username": "sam", "groups": ["sre"]}, **given)
    emergency["request"]["object"]["metadata"]["annotations"] = reason
    for seconds, review in enumerate((denied, around, emergency)):
        yield Call(
            "validate", {**review["request"], "uid": f"incident-{seconds}"}, time + timedelta(seconds=20 * seconds)
        )


@cache
def _traces() -> list[dict[str, Any]]:
    """Return the recorded sequences, with the reviews that our webhook configurations ask for."""
    with lzma.open(DATA / "traces.jsonl.xz") as lines:
        traces = [orjson.loads(line) for line in lines]
    for trace in traces:
        for step in trace["steps"]:
            step["reviews"] = [review for review in step["reviews"] if _asked(**review)]
    return traces


def _asked(webhook: str, request: dict[str, Any]) -> bool:
    resource = catalog.RESOURCES[_resource(request)]
    return request["operation"] in resource.operations and (
        webhook == "validate" or any(place.kept for place in resource.places)
    )


def _resource(request: dict[str, Any]) -> str:
    """Return the resource of a request with its subresource, as in a record."""
    name, below = request["resource"]["resource"], request.get("subResource")
    return f"{name}/{below}" if below else f"{name}"


def _renamed(request: dict[str, Any], namespace: str, uid: str, place: int) -> dict[str, Any]:
    user = request["userInfo"]
    if user["username"] in ("alice", "bob"):
        user = {**user, "username": f"{user['username']}-{place % 500}"}
    return {**request, "uid": uid, "namespace": namespace, "userInfo": user}


class Pods:
    """The servers of some pods, which write to files in a directory of their own each.

    Attributes:
        files: the files that were rotated.
    """

    def __init__(self, directory: Path, signer: Signer | None, level: str = "metadata", part: str = "") -> None:
        """Start the servers.

        Args:
            directory: where each pod has a directory.
            signer: signs the checkpoints.
            level: the level of the records.
            part: a part of the names of the pods.
        """
        self.files: list[Path] = []
        self._contexts = {webhook: Context(webhook, _VERSION, level) for webhook in ("mutate", "validate")}
        names = [(f"istag-webhook-{part}{pod}", process) for pod, process in _WRITERS]
        self._paths = [directory / pod / "records.jsonl" for pod in dict.fromkeys(pod for pod, _ in names)]
        mutexes = {path: SharedMutex.make() for path in self._paths}
        self.journals = []
        for pod, process in names:
            path = directory / pod / "records.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            chain = Chain(Writer(pod, process, stamp(BEGIN)), signer)
            self.journals.append((Journal(str(path), mutexes[path], 0.05, chain), mutexes[path]))
        self._used = [""] * len(names)
        self._day = BEGIN.date()

    def write(self, calls: Iterable[Call]) -> int:
        """Decide and record calls, and return how many there were."""
        policies_, journals, number = policies(), self.journals, -1
        for number, call in enumerate(calls):
            if call.time.date() != self._day:
                self.rotate()
                self._day = call.time.date()
            policy, turn = policies_[call.time >= CHANGED], number // 2 % len(journals)
            journal, _ = journals[turn]
            if self._used[turn] != policy.digest:
                journal.write(policy_record(policy, _VERSION, call.time))
                self._used[turn] = policy.digest
            journal.write(self._line(call, policy))
            if number % 500 < 2 * len(journals):  # each server, now and then
                journal.checkpoint()
        return number + 1

    def _line(self, call: Call, policy: Policy) -> bytes:
        started = perf_counter()
        review = decode(orjson.dumps({"request": call.request, **_REVIEW}), catalog.RESOURCES, call.time)
        decision = (engine.mutate if call.webhook == "mutate" else engine.validate)(review, policy)
        context, seconds = self._contexts[call.webhook], perf_counter() - started
        return record(
            review,
            decision,
            tags(decision),
            policy,
            context,
            time=call.time,
            seconds=seconds,
            traceparent=call.traceparent,
        )

    def fail(self) -> None:
        """Let the first server fail to write a line, as while another writer does not end."""
        journal, mutex = self.journals[0]
        with mutex.taken(monotonic() + 1):
            try:
                journal.write(b"{}")
            except RecordFailed:
                return
        raise AssertionError("the line was written")

    def rotate(self) -> None:
        """Rename each file that has lines, and compress every second one of them."""
        for path in self._paths:
            if path.exists():
                to = path.with_name(f"records.{self._day:%Y%m%d}T000000Z.jsonl")
                path.rename(to)
                if len(self.files) % 2:
                    to = _compressed(to)
                self.files.append(to)

    def end(self) -> None:
        """End all servers but the last, which is killed."""
        for journal, _ in self.journals[:-1]:
            journal.checkpoint(end=True)
        for journal, _ in self.journals:
            journal.close()


_REVIEW: Final = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}


def _compressed(path: Path) -> Path:
    to = path.with_name(f"{path.name}.gz")
    with path.open("rb") as plain, gzip.open(to, "wb", compresslevel=6) as file:
        while piece := plain.read(2**20):
            file.write(piece)
    path.unlink()
    return to
