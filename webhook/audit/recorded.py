"""A line of the record is read again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson

from webhook.errors import MalformedRecord
from webhook.model.decision import Finding, Mode, PatchOp
from webhook.text import escaped
from webhook.values import exactly

_WEBHOOKS: Final = ("validate", "mutate")
_VERDICTS: Final = ("allow", "deny", "patch")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision as it was recorded.

    Attributes:
        webhook: `validate` or `mutate`.
        time: when the review came (RFC 3339, UTC).
        verdict: `allow`, `deny` or `patch`.
        findings: what the rules said.
        patch: what the defaults completed, or the first operations of it.
        patch_more: how many operations are not recorded.
        request: the whole request, None where the level was `metadata`.
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


def read(line: bytes) -> Recorded:
    """Read a line that `record` made; what a log collector puts before its first brace is skipped.

    Raises:
        MalformedRecord: it is another line.
    """
    try:
        value = orjson.loads(line[max(line.find(b"{"), 0) :])
    except orjson.JSONDecodeError:
        raise MalformedRecord("expected a record, got a line that is not JSON, or was cut off") from None
    try:
        if value["webhook"] not in _WEBHOOKS or value["verdict"] not in _VERDICTS:
            raise MalformedRecord("expected a record of validate or mutate, and its verdict")
        time, request = exactly(str, value["time"]), value.get("request")
        if not time.endswith("Z") or not datetime.fromisoformat(time):
            raise MalformedRecord("expected a record, whose time is in UTC")
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
    """Read a finding as a record has it.

    Raises:
        KeyError, TypeError, ValueError: `value` is something else.
    """
    found = exactly(dict, value)
    rule, message, field = (exactly(str, found[key]) for key in ("rule", "message", "field"))
    return Finding(rule, Mode(found["mode"]), message, field, exactly(bool, found["existing"]))


def operation(value: Any) -> PatchOp:
    """Read an operation of a JSON Patch (RFC 6902) as a record has it.

    Raises:
        KeyError, TypeError: `value` is something else.
    """
    found = exactly(dict, value)
    return PatchOp(exactly(str, found["op"]), exactly(str, found["path"]), found["value"])


def _shown(found: Finding) -> Finding:
    """Return a finding fit for a terminal: who wrote the line may not have escaped it."""
    rule, message, field = map(escaped, (found.rule, found.message, found.field))
    return replace(found, rule=rule, message=message, field=field)
