"""The API: a request goes to its handler, and comes back with every outcome that it can have."""

from __future__ import annotations

from collections.abc import Callable

from . import imagestreamtags, imagetags, imports, pushes, streams, tagging
from .admission import Admission, Listeners
from .choices import Choices, distinct, every_way
from .objects import InputError
from .server import Call, Cluster, Outcome, Request

# These two do for real what they are asked to try.
_WRITES_IN_A_DRY_RUN = ("imagestreamimports", "imagestreammappings")

_HANDLERS: dict[tuple[str, str], Callable[[Call], int]] = {
    ("imagestreams", "POST"): streams.post,
    ("imagestreams", "PUT"): streams.put,
    ("imagestreams", "PATCH"): streams.put,
    ("imagestreams", "DELETE"): streams.delete,
    ("imagestreams/status", "PUT"): streams.put_status,
    ("imagestreams/status", "PATCH"): streams.put_status,
    ("imagestreamtags", "POST"): imagestreamtags.post,
    ("imagestreamtags", "PUT"): imagestreamtags.put,
    ("imagestreamtags", "PATCH"): imagestreamtags.put,
    ("imagestreamtags", "DELETE"): tagging.delete,
    ("imagetags", "POST"): imagetags.post,
    ("imagetags", "PUT"): imagetags.put,
    ("imagetags", "PATCH"): imagetags.put,
    ("imagetags", "DELETE"): tagging.delete,
    ("imagestreamimports", "POST"): imports.post,
    ("imagestreammappings", "POST"): pushes.post,
}


def outcomes(cluster: Cluster, request: Request, admission: Admission | None = None) -> list[Outcome]:
    """Send a request.

    Args:
        cluster: The state.
        request: The request.
        admission: The webhooks; none that change or deny anything if it is left out.

    Returns:
        Every way in which it can end: one, but where the server itself is not deterministic.
    """
    return distinct(every_way(lambda choices: _outcome(cluster, request, admission or Listeners(), choices)))


def _outcome(cluster: Cluster, request: Request, admission: Admission, choices: Choices) -> Outcome:
    call = Call(cluster, request, admission, choices)
    try:
        code = _handle(call)
    except InputError as refusal:
        return Outcome(refusal.code, tuple(call.reviews), cluster, message=refusal.message)
    kept = request.dry_run and request.resource not in _WRITES_IN_A_DRY_RUN
    return Outcome(code, tuple(call.reviews), cluster if kept else call.cluster, call.answer)


def _handle(call: Call) -> int:
    """Answer a request.

    Args:
        call: The request.

    Returns:
        The HTTP status code of success.

    Raises:
        InputError: It fails.
    """
    request = call.request
    handler = _HANDLERS.get((request.resource, request.method))
    if handler is None or (request.resource.endswith("tags") and request.method == "DELETE" and not request.name):
        raise InputError(405, "the server does not allow this method on the requested resource")
    return handler(call)
