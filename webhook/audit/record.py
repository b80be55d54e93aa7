"""A decision becomes one JSON line that can be evaluated again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

import orjson

from webhook.admission.codec import operation
from webhook.audit.secrets import redacted
from webhook.model.change import StreamChange
from webhook.model.decision import Decision, Finding
from webhook.model.review import Review
from webhook.model.tag import TagReference
from webhook.policy.loading import Policy
from webhook.text import cut, escaped, joined, printable

MOST: Final = 100  # of the tags, findings, patch operations and groups that a record names
_LONGEST: Final = 1_024  # bytes of one audit annotation, and of a text that a user sent
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Context:
    """What a record says beside the review and the decision.

    Attributes:
        webhook: `validate` or `mutate`.
        version: of this package.
        level: `metadata`, or `request` for the whole request too.
    """

    webhook: str
    version: str
    level: str = "metadata"


Tags = Sequence[Mapping[str, str | None]]


def tags(decision: Decision, most: int | None = None) -> Tags:
    """Return the tags that would change, as records and annotations name them: `path`, `tag`, `from`, `to`.

    Args:
        decision: the answer.
        most: how many are named, all if None.
    """
    return [
        {
            "path": change.place.path,
            "tag": _short(str(change)),
            "from": _source(change.old) if change.old else None,
            "to": _source(change.new) if change.new else None,
        }
        for change in islice(decision.tags, most)
    ]


def record(
    review: Review,
    decision: Decision,
    judged: Tags,
    policy: Policy,
    context: Context,
    *,
    time: datetime,
    seconds: float,
) -> bytes:
    """Return the record of `decision`, one line of JSON without its newline.

    Args:
        review: the question.
        decision: the answer.
        judged: its tags.
        policy: what it was evaluated by.
        context: which webhook, version and level.
        time: when the review came, aware.
        seconds: how long the decision took.
    """
    line: dict[str, Any] = {
        "time": time.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "webhook": context.webhook,
        "uid": _short(review.uid),
        "resource": review.resource,
        "operation": review.operation,
        "namespace": _short(review.namespace),
        "name": _short(review.name),
        "user": cut(escaped(review.user.name[:_LONGEST]), _LONGEST),
        "groups": [cut(escaped(group[:_LONGEST]), _LONGEST) for group in review.user.groups[:MOST]],
        "dryRun": review.dry_run,
        "verdict": decision.verdict,
        "allowed": decision.allowed,
        "tags": judged[:MOST],
        "findings": [_finding(finding) for finding in decision.findings[:MOST]],
        "patch": [operation(op) for op in decision.patch[:MOST]],
        "exemption": None,
        "policy": {"name": policy.name, "digest": policy.digest},
        "version": context.version,
        "duration": round(seconds, 6),
    }
    if left := _left_out(review, decision):
        line["more"] = left
    if (lookup := _lookup(decision)) is not None:
        line["lookupPolicy"] = {"from": lookup[0], "to": lookup[1]}
    if decision.exemption is not None:
        line["exemption"] = {"name": decision.exemption.name, "reason": _short(decision.exemption.reason)}
    if context.level == "request":
        line["request"] = without_secrets(review.request)
    encoded = orjson.dumps(line)
    # What is not ASCII is escaped, so that no reader meets a line separator or a bidirectional control.
    return encoded if encoded.isascii() else _ENCODER.encode(line).encode()


def annotations(decision: Decision, judged: Tags, policy: Policy) -> dict[str, str]:
    """Return the annotations for the API server's audit log: who pointed which tag from where to where, and why not."""
    found = {"policy": str(policy)}
    if judged:
        total = len(decision.tags)
        for key in ("tag", "from", "to"):
            found[key] = joined((tag[key] or "" for tag in judged), total, ", ", _LONGEST)
    if (lookup := _lookup(decision)) is not None:
        found["lookupPolicy"] = f"local: {json.dumps(lookup[0])} to {json.dumps(lookup[1])}"
    if decision.exemption is not None:
        name, reason = decision.exemption.name, _short(decision.exemption.reason)
        found["exemption"] = cut(f"{name}: {reason}" if reason else name, _LONGEST)
    for mode in dict.fromkeys(finding.mode for finding in decision.findings):
        some = decision.in_mode(mode)
        # Rules' sentences are printable.
        found[str(mode)] = joined(map(str, some), len(some), "; ", _LONGEST, unknown=decision.cut)
    return found


def _left_out(review: Review, decision: Decision) -> dict[str, Any]:
    """Return how much of each list is left out of the record, nothing of those that are whole."""
    lists = {
        "tags": len(decision.tags),
        "findings": len(decision.findings),
        "patch": len(decision.patch),
        "groups": len(review.user.groups),
    }
    left = {name: size - MOST for name, size in lists.items() if size > MOST}
    return {**left, "unevaluated": True} if decision.cut else left


def _short(value: str) -> str:
    """Return `value` printable, and cut if it is long."""
    return cut(printable(value[: 8 * _LONGEST]), _LONGEST)


def _lookup(decision: Decision) -> tuple[bool, bool] | None:
    """Return whether pods could name the stream's tags and whether they can now, None where that stays as it was."""
    for change in decision.changes:
        if isinstance(change, StreamChange) and change.new is not None:
            before = change.old is not None and change.old.lookup_local
            if before is not change.new.lookup_local:
                return before, change.new.lookup_local
    return None


def _source(tag: TagReference | None) -> str:
    return _short(str(tag.source)) if tag is not None and tag.source is not None else ""


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "mode": finding.mode,
        "field": finding.field,
        "message": finding.message,
        "existing": finding.existing,
    }


def without_secrets(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return `request` without what may be secret: the user's `extra`, environment values, credentials.

    The user's name and groups stay as they were sent, because exemptions are decided by them.
    """
    user = {key: value for key, value in request["userInfo"].items() if key != "extra"}
    return {**redacted({**request, "userInfo": None}), "userInfo": user}
