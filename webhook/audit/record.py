"""Encodes a decision as one JSON line, which can be replayed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

import orjson

from webhook.admission.codec import operation
from webhook.audit.chain import DECISION, FORMAT, POLICY, stamp
from webhook.model.decision import Decision, Finding
from webhook.model.review import Review, StreamChange
from webhook.model.tag import TagReference
from webhook.policy.policy import Policy
from webhook.redaction import redacted
from webhook.text import cut, escaped, joined, printable

MOST: Final = 100  # tags, findings, patch operations and groups in a record, each
_LONGEST: Final = 1_024  # bytes of an audit annotation, and of a text that a user sent
_PLAIN: Final = 256  # characters; a shorter ASCII text is recorded as it is
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Context:
    """The fields of a record that do not depend on the review.

    Attributes:
        webhook: `validate` or `mutate`.
        version: the version of this package.
        level: `metadata`, or `request` to include the whole request.
    """

    webhook: str
    version: str
    level: str = "metadata"


Tags = Sequence[Mapping[str, str | None]]


def tags(decision: Decision, most: int | None = None) -> Tags:
    """Return the changed tags as in records and annotations: `path`, `tag`, `from`, `to`.

    Args:
        decision: the decision.
        most: the maximum number of tags, None for all.
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


def record(  # noqa: PLR0913 - one for each origin of a field
    review: Review,
    decision: Decision,
    changed: Tags,
    policy: Policy,
    context: Context,
    *,
    time: datetime,
    seconds: float,
    traceparent: str = "",
) -> bytes:
    """Return the record of `decision`, one line of JSON without its newline.

    Args:
        review: the request.
        decision: the decision.
        changed: the changed tags of the decision.
        policy: the policy.
        context: the webhook, the version and the level.
        time: the arrival of the review, timezone-aware.
        seconds: the duration of the decision.
        traceparent: the header of that name, "" if it is missing or malformed.
    """
    line: dict[str, Any] = {
        "format": FORMAT,
        "kind": DECISION,
        "time": stamp(time),
        "webhook": context.webhook,
        "uid": _short(review.uid),
        "resource": review.resource,
        "operation": review.operation,
        "namespace": _short(review.namespace),
        "name": _short(review.name),
        "user": _whole(review.user.name),
        "groups": [_whole(group) for group in review.user.groups[:MOST]],
        "dryRun": review.dry_run,
        "verdict": decision.verdict,
        "allowed": decision.allowed,
        "tags": changed[:MOST],
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
        exemption = decision.exemption
        line["exemption"] = {"name": exemption.name, "reason": _short(exemption.reason), "ticket": exemption.ticket}
    if traceparent:
        line["traceparent"] = traceparent
    if context.level == "request":
        line["request"] = without_secrets(review.request)
    encoded = orjson.dumps(line)
    # The line is ASCII, so it contains no line separators or bidirectional controls.
    return encoded if encoded.isascii() else _ENCODER.encode(line).encode()


def policy_record(policy: Policy, version: str, time: datetime) -> bytes:
    """Return the line that holds the policy from which the following decisions come, without its newline.

    The documents are in their canonical form, so that the SHA-256 of these bytes is the digest of the policy.

    Args:
        policy: the policy.
        version: the version of this package.
        time: when the policy takes effect, timezone-aware.
    """
    head = {"format": FORMAT, "kind": POLICY, "time": stamp(time), "version": version}
    named = {"name": policy.name, "digest": policy.digest}
    return b'%b,"policy":%b,"documents":%b}}' % (
        _ENCODER.encode(head)[:-1].encode(),
        _ENCODER.encode(named)[:-1].encode(),
        policy.canonical.encode(),
    )


def annotations(decision: Decision, changed: Tags, policy: Policy) -> dict[str, str]:
    """Return the annotations for the API server's audit log: the changed tags, their sources, and the findings."""
    found = {"policy": str(policy)}
    if changed:
        total = len(changed) if len(changed) < MOST else len(decision.tags)
        for key in ("tag", "from", "to"):
            found[key] = joined((tag[key] or "" for tag in changed), total, ", ", _LONGEST)
    if (lookup := _lookup(decision)) is not None:
        found["lookupPolicy"] = f"local: {json.dumps(lookup[0])} to {json.dumps(lookup[1])}"
    if decision.exemption is not None:
        name, reason = decision.exemption.name, _short(decision.exemption.reason)
        found["exemption"] = cut(f"{name}: {reason}" if reason else name, _LONGEST)
    for mode in dict.fromkeys(finding.mode for finding in decision.findings):
        some = decision.in_mode(mode)
        # Messages of rules are printable.
        found[str(mode)] = joined(map(str, some), len(some), "; ", _LONGEST, unknown=decision.cut)
    return found


def _left_out(review: Review, decision: Decision) -> dict[str, Any]:
    """Return the number of omitted items for each truncated list."""
    lists = {
        "tags": decision.changes,
        "findings": decision.findings,
        "patch": decision.patch,
        "groups": review.user.groups,
    }
    left = {name: len(found) - MOST for name, found in lists.items() if len(found) > MOST}
    if "tags" in left:
        left["tags"] = len(decision.tags) - MOST
    kept = {name: number for name, number in left.items() if number > 0}
    return {**kept, "unevaluated": True} if decision.cut else kept


def _short(value: str) -> str:
    """Return `value` printable and bounded."""
    if len(value) <= _PLAIN and "@" not in value and value.isascii() and value.isprintable():
        return value
    return cut(printable(value[: 8 * _LONGEST]), _LONGEST)


def _whole(value: str) -> str:
    """Return the name of a user or a group printable and bounded; exemptions are decided by it."""
    if len(value) <= _PLAIN and value.isascii() and value.isprintable():
        return value
    return cut(escaped(value[:_LONGEST]), _LONGEST)


def _lookup(decision: Decision) -> tuple[bool, bool] | None:
    """Return the old and new lookup policy of the stream, None if it does not change."""
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
    """Return `request` without potential secrets: the user's `extra`, environment values, credentials.

    The name and the groups of the user are kept, because exemptions depend on them.
    """
    user = {key: value for key, value in request["userInfo"].items() if key != "extra"}
    return {**redacted({**request, "userInfo": None}), "userInfo": user}
