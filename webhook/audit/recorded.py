"""Decodes a line of the record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson

from webhook.audit.chain import CHECKPOINT, DECISION, FORMAT, POLICY
from webhook.errors import MalformedRecord
from webhook.model.decision import Exemption, Finding, Mode, PatchOp
from webhook.resources.parsing import mapping, text
from webhook.text import escaped
from webhook.values import exactly

_WEBHOOKS: Final = ("validate", "mutate")
_VERDICTS: Final = ("allow", "deny", "patch")
_TEXTS: Final = ("uid", "resource", "operation", "namespace", "name", "user")


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


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """The changes of a recorded decision, and the user who requested them.

    Attributes:
        webhook: `validate` or `mutate`.
        time: the arrival of the review (RFC 3339, UTC).
        uid: the review's uid; each call of a webhook has its own.
        verdict: `allow`, `deny` or `patch`.
        tags: the changed tags: `path`, `tag`, `from`, `to`.
        tags_more: the number of tags that are not recorded.
        policy: the policy's name and digest, such as `shipped@sha256:…`.
        request: the whole request, None for the level `metadata`.
    """

    webhook: str
    time: str
    uid: str
    resource: str
    operation: str
    namespace: str
    name: str
    user: str
    dry_run: bool
    verdict: str
    tags: tuple[Mapping[str, str | None], ...]
    tags_more: int
    findings: tuple[Finding, ...]
    exemption: Exemption | None
    policy: str
    request: Mapping[str, Any] | None

    @property
    def stream(self) -> str:
        """The name of the image stream, "" if unknown; the deletion of a collection names only its tags."""
        name = self.name or next((str(tag["tag"]).partition("/")[2] for tag in self.tags), "")
        if not name:
            name = text(mapping(mapping((self.request or {}).get("oldObject")).get("metadata")).get("name"))
        return escaped(name.partition(":")[0])

    @property
    def image(self) -> str:
        """The digest of the image of a push, "" if unknown; only a request has the object."""
        image = mapping(mapping((self.request or {}).get("object")).get("image"))
        return escaped(text(mapping(image.get("metadata")).get("name")))


def read(line: bytes) -> Recorded | None:
    """Decode a line of the record; return None for a line of another kind: a policy or a checkpoint.

    A prefix that a log collector adds before the first brace is ignored.

    Raises:
        MalformedRecord: the line is not a record.
    """
    value = _loaded(line)
    try:
        if not _decides(value):
            return None
        return Recorded(
            value["webhook"],
            value["time"],
            exactly(str, value["namespace"]),
            value["dryRun"] is True,
            value["verdict"],
            tuple(_shown(finding(each)) for each in exactly(list, value["findings"])),
            tuple(operation(each) for each in exactly(list, value["patch"])),
            exactly(int, exactly(dict, value.get("more", {})).get("patch", 0)),
            _request(value),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MalformedRecord("expected a record, got another JSON line") from None


def read_change(line: bytes) -> RecordedChange | None:
    """Decode what a line of the record changes; return None for a line of another kind: a policy or a checkpoint.

    Raises:
        MalformedRecord: the line is not a record.
    """
    value = _loaded(line)
    try:
        if not _decides(value):
            return None
        texts = {name: escaped(exactly(str, value[name])) for name in _TEXTS}
        policy = exactly(dict, value["policy"])
        return RecordedChange(
            **texts,
            webhook=value["webhook"],
            time=value["time"],
            dry_run=value["dryRun"] is True,
            verdict=value["verdict"],
            tags=tuple(map(_tag, exactly(list, value["tags"]))),
            tags_more=exactly(int, exactly(dict, value.get("more", {})).get("tags", 0)),
            findings=tuple(_shown(finding(each)) for each in exactly(list, value["findings"])),
            exemption=_exemption(value["exemption"]),
            policy="@".join(escaped(exactly(str, policy[name])) for name in ("name", "digest")),
            request=_request(value),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MalformedRecord("expected a record, got another JSON line") from None


def _loaded(line: bytes) -> Any:
    """Return the JSON value of a line.

    Raises:
        MalformedRecord: it has none.
    """
    try:
        return orjson.loads(line[max(line.find(b"{"), 0) :])
    except orjson.JSONDecodeError:
        raise MalformedRecord("expected a record, got a truncated line or one that is not JSON") from None


def _decides(value: Any) -> bool:
    """Return whether `value` is the record of a decision, and not of a policy or a checkpoint.

    Raises:
        MalformedRecord, KeyError, TypeError, ValueError, AttributeError: it is another value.
    """
    # The first versions wrote neither a format nor a kind, and only decisions.
    if value.get("format", FORMAT) != FORMAT:
        raise MalformedRecord(f"expected a record of format {FORMAT}")
    kind = value.get("kind", DECISION)
    if kind in (POLICY, CHECKPOINT):
        return False
    if kind != DECISION or value["webhook"] not in _WEBHOOKS or value["verdict"] not in _VERDICTS:
        raise MalformedRecord("expected a record of validate or mutate with its verdict")
    time = exactly(str, value["time"])
    if not time.endswith("Z") or not datetime.fromisoformat(time):
        raise MalformedRecord("expected a record with a time in UTC")
    return True


def _request(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    request = value.get("request")
    return None if request is None else exactly(dict, request)


def _tag(value: Any) -> Mapping[str, str | None]:
    found = exactly(dict, value)
    path, tag = (escaped(exactly(str, found[key])) for key in ("path", "tag"))
    ends = {key: None if found[key] is None else escaped(exactly(str, found[key])) for key in ("from", "to")}
    return {"path": path, "tag": tag, **ends}


def _exemption(value: Any) -> Exemption | None:
    if value is None:
        return None
    found = exactly(dict, value)
    # The first versions wrote no ticket.
    texts = (found["name"], found["reason"], found.get("ticket", ""))
    return Exemption(*(escaped(exactly(str, each)) for each in texts))


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
