"""The Flask endpoints: decode, decide, record, encode."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from time import perf_counter
from typing import Final, Protocol

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from webhook.admission import engine
from webhook.admission.codec import decode, encode
from webhook.audit.record import MOST, Context, annotations, record, tags
from webhook.errors import MalformedReview, RecordFailed
from webhook.model.decision import Decision
from webhook.model.review import Review
from webhook.policy.loading import Policy
from webhook.resources import catalog
from webhook.service.lean import Lean, RawResponse
from webhook.service.metrics import CONTENT_TYPE, Metrics
from webhook.text import printable

# The body limit of controller-runtime's webhook server (pkg/webhook/admission/http.go): etcd takes requests of 1.5 MiB,
# and an AdmissionReview carries the object twice, with room to spare.
LARGEST: Final = 7 * 2**20
_JSON: Final = "application/json"
_log: Final = logging.getLogger("webhook.app")


class Journal(Protocol):
    """Where records go."""

    def write(self, line: bytes) -> None:
        """Write one line.

        Raises:
            RecordFailed: it could not be written.
        """


@dataclass(frozen=True, slots=True)
class Service:
    """What the endpoints need.

    Attributes:
        policy: returns the policy in force.
        journal: where decisions are recorded.
        metrics: where they are counted.
        version: of this package.
        level: what a record holds, `metadata` or `request`.
        best_effort: whether an answer goes out although its record could not be written.
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
    def validate() -> Response | RawResponse:
        return _answer(service, validating, engine.validate)

    @app.post("/mutate")
    def mutate() -> Response | RawResponse:
        return _answer(service, mutating, engine.mutate)

    @app.errorhandler(MalformedReview)
    def malformed(error: MalformedReview) -> Response:
        service.metrics.malformed(error.status)
        _log.warning("not a review: %s", error, extra={"uid": error.uid})
        return _status(error.status, str(error))

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
        service.metrics.malformed(status)
        response = _status(status, _expected(status) or error.description or status.phrase)
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = "POST, OPTIONS"
        return response

    return app


def _answer(service: Service, context: Context, decide: Decide) -> Response | RawResponse:
    """Decode, decide, encode, record: the record is written last, and before the answer leaves, so that they agree."""
    time, started, policy = datetime.now(UTC), perf_counter(), service.policy()
    review = decode(_body(), catalog.RESOURCES)
    try:
        decision = decide(review, policy)
        judged = tags(decision, MOST)
        body = encode(review, decision, annotations(decision, judged, policy))
        line = record(review, decision, judged, policy, context, time=time, seconds=perf_counter() - started)
        written = _kept(service, line, review.uid)
    except Exception:  # noqa: BLE001 - logged with its traceback, and answered
        service.metrics.fault()
        _log.exception("the review could not be answered", extra={"uid": printable(review.uid)})
        return _status(HTTPStatus.INTERNAL_SERVER_ERROR, "the webhook failed to evaluate the review; its log says why")
    service.metrics.answered(context.webhook, review, decision, perf_counter() - started, written=written)
    return RawResponse(body, _JSON)


def _kept(service: Service, line: bytes, uid: str) -> bool:
    """Write the record, and say whether it was; one that is lost is a fault of ours, unless settings say otherwise."""
    try:
        service.journal.write(line)
    except RecordFailed as error:
        if not service.best_effort:
            service.metrics.record_failed()
            raise
        _log.warning("the record is lost: %s", error, extra={"uid": printable(uid)})
        return False
    return True


def _body() -> bytes:
    """Return the request's body.

    Raises:
        MalformedReview: it is not JSON by its media type, or it is too large.
    """
    environ = request.environ
    encoding = environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if (environ.get("CONTENT_TYPE") != _JSON and request.mimetype != _JSON) or encoding != "identity":
        got = " ".join(
            part for part in (request.mimetype or "none", encoding if encoding != "identity" else "") if part
        )
        raise MalformedReview(
            f"expected Content-Type {_JSON}, got {printable(got)[:100]}", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        )
    length = environ.get("CONTENT_LENGTH", "")
    if length.isdecimal() and int(length) <= LARGEST:
        body: bytes = environ["wsgi.input"].read(int(length))
        return body
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise MalformedReview(
            f"expected a body of {LARGEST} bytes at most", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        ) from None


def _expected(status: HTTPStatus) -> str:
    """Return the sentence for a request that no endpoint takes."""
    return {
        HTTPStatus.METHOD_NOT_ALLOWED: f"expected POST, got {request.method}",
        HTTPStatus.NOT_FOUND: f"expected /validate or /mutate, got {printable(request.path)[:200]}",
    }.get(status, "")


def _status(status: HTTPStatus, message: str) -> Response:
    """Return a Status (meta/v1): the API server shows its message to the user."""
    document = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": status,
        "reason": status.phrase.title().replace(" ", ""),
        "message": message,
    }
    return Response(json.dumps(document), status=status, content_type=_JSON)


def create_management_app(ready: Callable[[], str], metrics: Metrics) -> Flask:
    """Return the app of the plain port, for the kubelet and Prometheus: `/livez`, `/readyz`, `/metrics`.

    Args:
        ready: returns "" where the worker can answer, else why it cannot.
        metrics: what `/metrics` shows.
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
    def refused(error: HTTPException) -> Response:
        known = f"expected /livez, /readyz or /metrics, got {printable(request.path)[:200]}"
        text = known if error.code == HTTPStatus.NOT_FOUND else str(error.description)
        return Response(f"{text}\n", status=error.code, content_type="text/plain; charset=utf-8")

    @app.get("/metrics")
    def exposition() -> Response:
        return Response(metrics.exposition(), content_type=CONTENT_TYPE)

    return app
