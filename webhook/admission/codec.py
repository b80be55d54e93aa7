"""The AdmissionReview codec: decodes bytes to a Review, encodes a Decision to bytes."""

import json
import re
from base64 import b64encode
from collections.abc import Collection, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import orjson

from webhook.documents.scalars import DECODER
from webhook.errors import MalformedReview
from webhook.model.decision import Decision, Finding, Mode, PatchOp
from webhook.model.review import Reason, Review, User
from webhook.resources.objects import GROUP, VERSION
from webhook.schemas.envelope import MOST_TAGS, AdmissionReview, too_large, too_many
from webhook.text import cut, joined, more, printable

LONGEST_WARNING: Final = 256  # bytes; k8s.io/apiserver truncates longer warnings, and drops one with a newline
# Every answer is bounded, because it is stored in the audit log and read by people.
LONGEST_MESSAGE: Final = 16_384  # bytes
MOST_CAUSES: Final = 100
MOST_WARNINGS: Final = 20
_LONGEST_NAME: Final = 1_024  # bytes
_INVALID: Final = 422
_REVIEW: Final = AdmissionReview()


def decode(body: bytes, resources: Collection[str], time: datetime) -> Review:
    """Decode the AdmissionReview in `body`.

    Args:
        body: the body of the request, JSON in UTF-8.
        resources: the known resources of image.openshift.io/v1, with subresources after a slash.
        time: when the request came, timezone-aware.

    Raises:
        MalformedReview: `body` is not an AdmissionReview of a known resource, or is too large.
    """
    if why := too_large(body):
        raise MalformedReview(why, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return of_document(parse(body), resources, time, small=len(body) <= MOST_TAGS)


def of_document(document: Any, resources: Collection[str], time: datetime, *, small: bool = False) -> Review:
    """Return the Review in `document`.

    Args:
        document: an AdmissionReview as JSON values.
        resources: as in `decode`.
        time: as in `decode`.
        small: whether the document has fewer bytes than a list may have elements.

    Raises:
        MalformedReview: as `decode` does.
    """
    if not _REVIEW.accepts(document):
        wrong = "; ".join(f"{fault.field or 'body'}: {fault.message}" for fault in _REVIEW.faults(document)[:8])
        raise MalformedReview(f"expected an AdmissionReview: {wrong}", uid=_uid(document))
    request: Mapping[str, Any] = document["request"]
    if not small and (why := too_many(request)):
        raise MalformedReview(why, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _uid(document))
    return Review(
        version=document["apiVersion"],
        uid=request["uid"],
        resource=_resource(request, resources),
        kind=request["kind"].get("kind") or "",
        operation=request["operation"],
        namespace=request.get("namespace") or "",
        name=request.get("name") or "",
        user=_user(request["userInfo"]),
        dry_run=request.get("dryRun") is True,
        time=time,
        request=request,
    )


def _resource(request: Mapping[str, Any], resources: Collection[str]) -> str:
    gvr = request["resource"]
    name, subresource = gvr.get("resource") or "", request.get("subResource") or ""
    if "/" in name:  # an API server never sends this; one spelling for each resource is enough
        sentence = f"request.resource: expected the subresource in request.subResource, got {printable(name)}"
        raise MalformedReview(sentence, uid=request["uid"])
    resource = f"{name}/{subresource}" if subresource else name
    if gvr.get("group") != GROUP or gvr.get("version") != VERSION or resource not in resources:
        known, got = (
            ", ".join(sorted(resources)),
            f"{resource} of {gvr.get('group') or 'core'}/{gvr.get('version')}",
        )
        raise MalformedReview(
            f"request.resource: expected {known} of {GROUP}/{VERSION}, got {printable(got)}", uid=request["uid"]
        )
    return resource


def _user(info: Mapping[str, Any]) -> User:
    return User(info.get("username") or "", info.get("uid") or "", tuple(info.get("groups") or ()))


def _uid(document: Any) -> str:
    """Return the uid of an invalid review, "" if it has none."""
    request = document.get("request") if isinstance(document, dict) else None
    uid = request.get("uid") if isinstance(request, dict) else None
    return printable(uid[:64]) if isinstance(uid, str) else ""


_DEEP: Final = "expected an AdmissionReview: the JSON is nested too deeply"
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def parse(body: bytes) -> Any:
    """Parse JSON (RFC 8259) strictly: reject everything that two parsers could read differently.

    Rejected are invalid UTF-8, a byte order mark, a repeated key, NaN and infinities, and a lone surrogate.

    Raises:
        MalformedReview: as `decode` does.
    """
    fast = _canonical(body)
    return _strict(body) if fast is None else fast


def _canonical(body: bytes) -> Any:
    """Return the document if encoding it again gives the same bytes, as for almost every review, else None.

    Such a document contains nothing that two parsers could read differently.
    """
    try:
        document = orjson.loads(body)
        return document if orjson.dumps(document) == body.rstrip(b"\n") else None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None


def _strict(body: bytes) -> Any:
    try:
        text = body.decode()
        document = DECODER.decode(text)
        if _SURROGATE.search(text):
            json.dumps(document, ensure_ascii=False).encode()
        orjson.dumps(document)  # a record must be able to hold it
    except UnicodeDecodeError as error:
        raise MalformedReview(f"expected JSON in UTF-8; byte {error.start} is invalid") from None
    except UnicodeEncodeError:
        raise MalformedReview("expected JSON: a string contains a lone surrogate") from None
    except (RecursionError, orjson.JSONEncodeError):
        raise MalformedReview(_DEEP) from None
    except ValueError as error:
        raise MalformedReview(f"expected JSON: {printable(str(error))}") from None
    return document


def encode(review: Review, decision: Decision, annotations: Mapping[str, str]) -> bytes:
    """Encode the answer to `review`.

    Args:
        review: the request.
        decision: the decision.
        annotations: audit annotations, by their keys without prefix.
    """
    response: dict[str, Any] = {"uid": review.uid, "allowed": decision.allowed}
    if not decision.allowed:
        response["status"] = _status(review, decision)
    elif warnings := decision.in_mode(Mode.WARN):
        response["warnings"] = _warnings(warnings, unknown=decision.cut)
    if decision.patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = b64encode(orjson.dumps([operation(op) for op in decision.patch])).decode()
    if annotations:
        response["auditAnnotations"] = dict(annotations)
    answer = {"kind": "AdmissionReview", "apiVersion": review.version, "response": response}
    return orjson.dumps(answer)


def _warning(finding: Finding) -> str:
    """Return a finding as a warning; the message is truncated, never the name of the rule."""
    return cut(f"{finding.field}: {finding.message}", LONGEST_WARNING - len(finding.rule_suffix)) + finding.rule_suffix


def operation(op: PatchOp) -> dict[str, Any]:
    """Return a patch operation in the form of RFC 6902."""
    return {"op": op.op, "path": op.path, "value": op.value}


def _warnings(warnings: tuple[Finding, ...], *, unknown: bool) -> list[str]:
    """Return findings as warnings without duplicates; if some are omitted, the last one gives their number."""
    texts = list(dict.fromkeys(map(_warning, warnings)))
    if len(texts) <= MOST_WARNINGS and not unknown:
        return texts
    shown = texts[: MOST_WARNINGS - 1]
    return [*shown, more(len(texts) - len(shown), unknown=unknown)]


def _cause(finding: Finding) -> dict[str, Any]:
    return {"field": finding.field, "message": finding.sentence, "reason": finding.reason}


def _status(review: Review, decision: Decision) -> dict[str, Any]:
    """Return the Status (meta/v1) of a denial: 422 Invalid, because `oc tag` tries another resource after a 403.

    `kubectl` and `oc` print the causes instead of the message if there are any.
    """
    denials, unknown = decision.in_mode(Mode.ENFORCE), decision.cut
    causes = list(map(_cause, denials[:MOST_CAUSES]))
    if len(denials) > MOST_CAUSES or unknown:
        del causes[MOST_CAUSES - 1 :]
        left = more(len(denials) - len(causes), unknown=unknown)
        causes.append({"field": "", "message": left, "reason": Reason.INVALID})
    return {
        "status": "Failure",
        "code": _INVALID,
        "reason": "Invalid",
        "message": joined(map(str, denials), len(denials), "\n", LONGEST_MESSAGE, unknown=unknown),
        "details": {
            "name": cut(printable(review.name), _LONGEST_NAME),
            "group": GROUP,
            "kind": cut(printable(review.kind), _LONGEST_NAME),
            "causes": causes,
        },
    }
