"""Frozen values that pass between rooms."""

from webhook.model.change import Change, Place, Reason, SchemaFault, Stream, StreamChange, TagChange, TagField
from webhook.model.decision import Decision, Exemption, Finding, Mode, PatchOp, allow, deny, patched
from webhook.model.findings import Findings
from webhook.model.review import Review, User
from webhook.model.tag import NOTHING, Condition, Image, Signature, Source, SourceKind, TagReference

__all__ = [
    "NOTHING",
    "Change",
    "Condition",
    "Decision",
    "Exemption",
    "Finding",
    "Findings",
    "Image",
    "Mode",
    "PatchOp",
    "Place",
    "Reason",
    "Review",
    "SchemaFault",
    "Signature",
    "Source",
    "SourceKind",
    "Stream",
    "StreamChange",
    "TagChange",
    "TagField",
    "TagReference",
    "User",
    "allow",
    "deny",
    "patched",
]
