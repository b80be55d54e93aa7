"""The Flask endpoints: decode, decide, record, encode."""

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from time import perf_counter
from typing import Any, Final, Protocol

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from webhook.admission import engine
from webhook.admission.codec import decode, encode
from webhook.audit.journal import Entry
from webhook.audit.record import MOST, Context, annotations, record, tags
from webhook.errors import MalformedReview, RecordFailed
from webhook.model.decision import Decision
from webhook.model.review import Review
from webhook.policy.policy import Policy
from webhook.resources import catalog
from webhook.service.lean import JSON, Deferred, Lean
from webhook.service.metrics import CONTENT_TYPE, Metrics
from webhook.text import printable

# The body limit of controller-runtime's webhook server (pkg/webhook/admission/http.go). etcd accepts requests of 1.5
# MiB, and an AdmissionReview contains the object twice, so there is room to spare.
LARGEST: Final = 7 * 2**20
# W3C Trace Context, 3.2: version, trace ID, parent ID and flags. ff is no version, and an ID is not zero.
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_log: Final = logging.getLogger("webhook.app")


class Journal(Protocol):
    """The destination of records."""

    def add(self, line: bytes) -> Entry:
        """Take one line."""

    def settle(self, entry: Entry) -> None:
        """Write the lines that were added, unless `entry` is settled.

        Raises:
            RecordFailed: the line could not be written.
        """


@dataclass(frozen=True, slots=True)
class Service:
    """The dependencies of the endpoints.

    Attributes:
        policy: returns the current policy.
        journal: the destination of records.
        metrics: the metrics.
        version: the version of this package.
        level: the content of a record, `metadata` or `request`.
        best_effort: whether to answer although the record could not be written.
    """

    policy: Callable[[], Policy]
    journal: Journal
    metrics: Metrics
    version: str
    level: str = "metadata"
    best_effort: bool = False


Decide = Callable[[Review, Policy], Decision]


def create_app(service: Service) -> Flask:
    """Return the app of the TLS port: `/validate` and `/mutate`."""
    app = Lean("webhook")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    validating = Context("validate", service.version, service.level)
    mutating = Context("mutate", service.version, service.level)

    @app.post("/validate")
    def validate() -> Response | Deferred:
        return _answer(service, validating, engine.validate)

    @app.post("/mutate")
    def mutate() -> Response | Deferred:
        return _answer(service, mutating, engine.mutate)

    @app.errorhandler(MalformedReview)
    def malformed(error: MalformedReview) -> Response:
        service.metrics.malformed(error.status)
        _log.warning("malformed review: %s", error, extra={"uid": error.uid})
        return _status(error.status, str(error))

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
        service.metrics.malformed(status)
        response = _status(status, _expected(status) or error.description or status.phrase)
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = "POST, OPTIONS"
        return response

    return app


def _answer(service: Service, context: Context, decide: Decide) -> Response | Deferred:
    """Decode, decide, encode, and record. The record is written last and before the answer is sent, so they agree.

    It is written when the server reads the answer, with the records of other reviews that were evaluated until then.
    """
    time, started, policy = datetime.now(UTC), perf_counter(), service.policy()
    environ = request.environ
    review = decode(_body(environ), catalog.RESOURCES, time)
    try:
        decision = decide(review, policy)
        changed = tags(decision, MOST)
        body = encode(review, decision, annotations(decision, changed, policy))
        trace, seconds = environ.get("HTTP_TRACEPARENT", ""), perf_counter() - started
        if trace and not _TRACEPARENT.fullmatch(trace):
            trace = ""
        line = record(review, decision, changed, policy, context, time=time, seconds=seconds, traceparent=trace)
        entry = service.journal.add(line)
    except Exception:  # noqa: BLE001 - logged with its traceback, and answered with 500
        return _failed(service, review)

    def finish() -> Response | bytes:
        try:
            written = _recorded(service, entry, review.uid)
        except Exception:  # noqa: BLE001 - as above
            return _failed(service, review)
        service.metrics.answered(context.webhook, review, decision, perf_counter() - started, written=written)
        return body

    return Deferred(finish)


def _recorded(service: Service, entry: Entry, uid: str) -> bool:
    """Write the record; return whether it was written. A failure is an error unless the setting is best-effort."""
    try:
        service.journal.settle(entry)
    except RecordFailed as error:
        if not service.best_effort:
            service.metrics.record_failed()
            raise
        _log.warning("record lost: %s", error, extra={"uid": printable(uid)})
        return False
    return True


def _failed(service: Service, review: Review) -> Response:
    """Log the current exception, and return an answer that says only that."""
    service.metrics.fault()
    _log.exception("review failed", extra={"uid": printable(review.uid)})
    return _status(HTTPStatus.INTERNAL_SERVER_ERROR, "the webhook failed to evaluate the review; see its log")


def _body(environ: Mapping[str, Any]) -> bytes:
    """Return the body of the request, whose WSGI environment (PEP 3333) is `environ`.

    Raises:
        MalformedReview: its media type is not JSON, or it is too large.
    """
    encoding = environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if (environ.get("CONTENT_TYPE") != JSON and request.mimetype != JSON) or encoding != "identity":
        got = " ".join(
            part for part in (request.mimetype or "none", encoding if encoding != "identity" else "") if part
        )
        raise MalformedReview(
            f"expected Content-Type {JSON}, got {printable(got)[:100]}", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        )
    length = environ.get("CONTENT_LENGTH", "")
    if length.isdecimal() and int(length) <= LARGEST:
        body: bytes = environ["wsgi.input"].read(int(length))
        return body
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise MalformedReview(
            f"expected a body of at most {LARGEST} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        ) from None


def _expected(status: HTTPStatus) -> str:
    """Return the message for a request that matches no endpoint."""
    return {
        HTTPStatus.METHOD_NOT_ALLOWED: f"expected POST, got {request.method}",
        HTTPStatus.NOT_FOUND: f"expected /validate or /mutate, got {printable(request.path)[:200]}",
    }.get(status, "")


def _status(status: HTTPStatus, message: str) -> Response:
    """Return a Status (meta/v1), because the API server shows its message to the user."""
    document = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": status,
        "reason": status.phrase.title().replace(" ", ""),
        "message": message,
    }
    return Response(json.dumps(document), status=status, content_type=JSON)


def create_management_app(ready: Callable[[], str], metrics: Metrics) -> Flask:
    """Return the app of the plain port, for the kubelet and Prometheus: `/livez`, `/readyz`, `/metrics`.

    Args:
        ready: returns "" if the worker can answer, else the reason why not.
        metrics: the metrics for `/metrics`.
    """
    app = Flask("webhook.management", static_folder=None)

    @app.get("/livez")
    def livez() -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    @app.get("/readyz")
    def readyz() -> Response:
        why = ready()
        status = HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK
        return Response(f"{why or 'ok'}\n", status=status, content_type="text/plain; charset=utf-8")

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        known = f"expected /livez, /readyz or /metrics, got {printable(request.path)[:200]}"
        text = known if error.code == HTTPStatus.NOT_FOUND else str(error.description)
        return Response(f"{text}\n", status=error.code, content_type="text/plain; charset=utf-8")

    @app.get("/metrics")
    def exposition() -> Response:
        return Response(metrics.exposition(), content_type=CONTENT_TYPE)

    return app
