"""A line of the record is read again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from webhook.errors import MalformedRecord
from webhook.model import Finding, Mode, PatchOp

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
        patch: what the defaults completed.
        request: the whole request, None where the level was `metadata`.
    """

    webhook: str
    time: str
    namespace: str
    dry_run: bool
    verdict: str
    findings: tuple[Finding, ...]
    patch: tuple[PatchOp, ...]
    request: Mapping[str, Any] | None


def read(line: bytes) -> Recorded:
    """Read a line that `record` made; what a log collector puts before its first brace is passed over.

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
        time, request = value["time"], value.get("request")
        if not time.endswith("Z") or not datetime.fromisoformat(time):
            raise MalformedRecord("expected a record, whose time is in UTC")
        return Recorded(
            value["webhook"],
            time,
            str(value["namespace"]),
            value["dryRun"] is True,
            value["verdict"],
            tuple(
                Finding(each["rule"], Mode(each["mode"]), each["message"], each["field"], each["existing"])
                for each in value["findings"]
            ),
            tuple(PatchOp(each["op"], each["path"], each["value"]) for each in value["patch"]),
            request if isinstance(request, dict) else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MalformedRecord("expected a record, got another JSON line") from None
