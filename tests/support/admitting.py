"""Calls validating webhooks over TLS as an API server does (k8s.io/apiserver, pkg/admission/plugin/webhook)."""

import base64
import http.client
import json
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import cel

GROUP: Final = "image.openshift.io"
_KINDS: Final = {
    "imagestreamtags": "ImageStreamTag",
    "imagetags": "ImageTag",
    "imagestreams": "ImageStream",
    "imagestreamimports": "ImageStreamImport",
    "imagestreammappings": "ImageStreamMapping",
}


@dataclass(frozen=True)
class Denied(Exception):
    """A request is denied: the HTTP status, and the fields of the Status (meta/v1)."""

    code: int
    reason: str
    message: str
    details: Mapping[str, Any]

    def status(self) -> dict[str, Any]:
        """Return the Status that is answered."""
        found = {"message": self.message, "reason": self.reason, "details": dict(self.details), "code": self.code}
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", **found}


@dataclass(frozen=True)
class Attributes:
    """The attributes of an admission request."""

    resource: str
    namespace: str
    labels: Mapping[str, str]
    name: str
    operation: str
    object: Mapping[str, Any]
    old: Mapping[str, Any] | None = None
    dry_run: bool = False

    def request(self) -> dict[str, Any]:
        """Return the `request` of an AdmissionReview."""
        plural, _, subresource = self.resource.partition("/")
        kind = {"group": GROUP, "version": "v1", "kind": _KINDS[plural]}
        resource = {"group": GROUP, "version": "v1", "resource": plural}
        sub = {"subResource": subresource, "requestSubResource": subresource} if subresource else {}
        return {
            "uid": str(uuid4()),
            "kind": kind,
            "resource": resource,
            **sub,
            "requestKind": kind,
            "requestResource": resource,
            "name": self.name,
            "namespace": self.namespace,
            "operation": self.operation,
            "userInfo": {"username": "alice", "groups": ["system:authenticated"]},
            "object": self.object,
            "oldObject": self.old,
            "dryRun": self.dry_run,
            "options": {"kind": f"{self.operation.title()}Options", "apiVersion": "meta.k8s.io/v1"},
        }


def admit(configurations: Iterable[Mapping[str, Any]], attributes: Attributes) -> None:
    """Call every webhook that the configurations select for a request.

    Raises:
        Denied: one denied it, or could not be called and its failurePolicy is Fail.
    """
    for configuration in configurations:
        for webhook in configuration["webhooks"]:
            request = attributes.request()
            if _selects(webhook, attributes, request):
                _call(webhook, request)


def _selects(webhook: Mapping[str, Any], attributes: Attributes, request: Mapping[str, Any]) -> bool:
    ruled = any(
        {GROUP, "*"} & set(rule["apiGroups"])
        and {attributes.operation, "*"} & set(rule["operations"])
        and {attributes.resource, "*/*"} & set(rule["resources"])
        for rule in webhook["rules"]
    )
    selector = webhook.get("namespaceSelector") or {}
    wanted = all(attributes.labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    for each in selector.get("matchExpressions") or ():
        found = attributes.labels.get(each["key"]) in each["values"]
        assert each["operator"] in ("In", "NotIn")
        wanted = wanted and found is (each["operator"] == "In")
    variables = {"request": request, "object": request["object"], "oldObject": request["oldObject"]}
    return (
        ruled
        and wanted
        and all(cel.compile(each["expression"]).execute(variables) for each in webhook.get("matchConditions") or ())
    )


def _call(webhook: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    """Call one webhook and raise Denied unless it allows the request."""
    try:
        code, body = _posted(webhook["clientConfig"], request)
        why = "" if code == 200 else f"the server responded with {code}: {body.decode()}"
    except OSError as error:
        why, body = str(error), b""
    if why:
        if webhook.get("failurePolicy", "Fail") == "Ignore":
            return
        url = webhook["clientConfig"]["url"]
        said = f'failed calling webhook "{webhook["name"]}": failed to call webhook: Post "{url}": {why}'
        raise Denied(500, "InternalError", f"Internal error occurred: {said}", {"causes": [{"message": said}]})
    response = json.loads(body)["response"]
    assert response["uid"] == request["uid"]
    if not response["allowed"]:
        status = response.get("status") or {}
        said = f'admission webhook "{webhook["name"]}" denied the request'
        message = f"{said}: {status['message']}" if status.get("message") else f"{said} without explanation"
        raise Denied(status.get("code", 400), status.get("reason", ""), message, status.get("details") or {})


def _posted(client: Mapping[str, Any], request: Mapping[str, Any]) -> tuple[int, bytes]:
    """Post a review to where a webhook is called, and return the HTTP status and the body of the answer."""
    url = urlsplit(client["url"])
    review = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
    trusted = ssl.create_default_context(cadata=base64.b64decode(client["caBundle"]).decode())
    connection = http.client.HTTPSConnection(url.hostname or "", url.port, context=trusted, timeout=10)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"{url.path}?timeout=10s", json.dumps(review), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
