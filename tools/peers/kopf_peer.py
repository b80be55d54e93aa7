"""The four rules of the comparison as kopf handlers; run by `tools/bench_peers.py` in an environment of its own."""

import os
import re
from typing import Any

import kopf

_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_ALLOWED = ("quay.io/acme/", "docker.io/library/")


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Serve on the given port, with the given certificate."""
    settings.admission.server = kopf.WebhookServer(
        addr="127.0.0.1",
        port=int(os.environ["PEER_PORT"]),
        certfile=os.environ["PEER_CERT"],
        pkeyfile=os.environ["PEER_KEY"],
    )


@kopf.on.validate("image.openshift.io", "v1", "imagestreamtags", id="tags")
def tags(body: kopf.Body, name: str | None, **_: Any) -> None:
    """Refuse other registries, another policy than Local, an insecure import, a name that no registry can serve."""
    tag = body.get("tag") or {}
    source = tag.get("from") or {}
    wrong = []
    if source.get("kind") == "DockerImage" and not source.get("name", "").startswith(_ALLOWED):
        wrong.append(f"{source.get('name')} is not an allowed repository")
    if (tag.get("referencePolicy") or {}).get("type", "Source") != "Local":
        wrong.append("the reference policy must be Local")
    if (tag.get("importPolicy") or {}).get("insecure"):
        wrong.append("an insecure import is not allowed")
    if not _TAG.fullmatch((name or body["metadata"]["name"]).partition(":")[2] or "latest"):
        wrong.append("no registry can serve this tag")
    if wrong:
        raise kopf.AdmissionError("; ".join(wrong), code=422)
