"""Decodes a line of the record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson

from webhook.audit.chain import CHECKPOINT, DECISION, FORMAT, POLICY
from webhook.errors import MalformedRecord
from webhook.model.decision import Finding, Mode, PatchOp
from webhook.text import escaped
from webhook.values import exactly

_WEBHOOKS: Final = ("validate", "mutate")
_VERDICTS: Final = ("allow", "deny", "patch")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded decision.

    Attributes:
        webhook: `validate` or `mutate`.
        time: the arrival of the review (RFC 3339, UTC).
        verdict: `allow`, `deny` or `patch`.
        findings: the findings.
        patch: the operations that apply the defaults, or the first of them.
        patch_more: the number of operations that are not recorded.
        request: the whole request, None for the level `metadata`.
    """

    webhook: str
    time: str
    namespace: str
    dry_run: bool
    verdict: str
    findings: tuple[Finding, ...]
    patch: tuple[PatchOp, ...]
    patch_more: int
    request: Mapping[str, Any] | None


def read(line: bytes) -> Recorded | None:
    """Decode a line of the record; return None for a line of another kind: a policy or a checkpoint.

    A prefix that a log collector adds before the first brace is ignored.

    Raises:
        MalformedRecord: the line is not a record.
    """
    try:
        value = orjson.loads(line[max(line.find(b"{"), 0) :])
    except orjson.JSONDecodeError:
        raise MalformedRecord("expected a record, got a truncated line or one that is not JSON") from None
    try:
        # The first versions wrote neither a format nor a kind, and only decisions.
        if value.get("format", FORMAT) != FORMAT:
            raise MalformedRecord(f"expected a record of format {FORMAT}")
        kind = value.get("kind", DECISION)
        if kind in (POLICY, CHECKPOINT):
            return None
        if kind != DECISION or value["webhook"] not in _WEBHOOKS or value["verdict"] not in _VERDICTS:
            raise MalformedRecord("expected a record of validate or mutate with its verdict")
        time, request = exactly(str, value["time"]), value.get("request")
        if not time.endswith("Z") or not datetime.fromisoformat(time):
            raise MalformedRecord("expected a record with a time in UTC")
        return Recorded(
            value["webhook"],
            time,
            exactly(str, value["namespace"]),
            value["dryRun"] is True,
            value["verdict"],
            tuple(_shown(finding(each)) for each in exactly(list, value["findings"])),
            tuple(operation(each) for each in exactly(list, value["patch"])),
            exactly(int, exactly(dict, value.get("more", {})).get("patch", 0)),
            None if request is None else exactly(dict, request),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MalformedRecord("expected a record, got another JSON line") from None


def finding(value: Any) -> Finding:
    """Decode a finding of a record.

    Raises:
        KeyError, TypeError, ValueError: `value` is not a finding.
    """
    found = exactly(dict, value)
    rule, message, field = (exactly(str, found[key]) for key in ("rule", "message", "field"))
    return Finding(rule, Mode(found["mode"]), message, field, exactly(bool, found["existing"]))


def operation(value: Any) -> PatchOp:
    """Decode an operation of a JSON Patch (RFC 6902) in a record.

    Raises:
        KeyError, TypeError: `value` is not an operation.
    """
    found = exactly(dict, value)
    return PatchOp(exactly(str, found["op"]), exactly(str, found["path"]), found["value"])


def _shown(found: Finding) -> Finding:
    """Return a finding that is safe for a terminal, because the record may come from another writer."""
    rule, message, field = map(escaped, (found.rule, found.message, found.field))
    return replace(found, rule=rule, message=message, field=field)
