"""Webhooks that fail: a real TLS server whose path selects the fault, and ports without a listener."""

import http.server
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import trustme

_PATCH: Final = "W10="  # []
_V1BETA1: Final = "admission.k8s.io/v1beta1"


@dataclass(frozen=True)
class Faulty:
    """The URLs of the webhooks that fail.

    Attributes:
        ca: the certificate that the answering server's comes from.
        other_ca: one that it does not come from.
        answering: the URL of the server that answers; `/<fault>` says how.
        down: a URL where connections are denied.
        slow: a URL where they are taken, and nothing is ever answered.
    """

    ca: Path
    other_ca: Path
    answering: str
    down: str
    slow: str


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Answer a review as the path says; a query follows it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, media_type, answer = _answer(self.path.partition("?")[0].strip("/"), json.loads(body))
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's
        """Say nothing."""


def _answer(fault: str, review: dict[str, Any]) -> tuple[int, str, bytes]:
    """Return status, media type and body."""
    response = {"uid": review["request"]["uid"], "allowed": True}
    document = {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response}
    match fault:
        case "500":
            return 500, "application/json", b'{"kind":"Status","apiVersion":"v1","status":"Failure","message":"broken"}'
        case "html":
            return 200, "text/html", b"<html><body>Please log in</body></html>"
        case "wrong-uid":
            response["uid"] = "another"
        case "wrong-version":
            document["apiVersion"] = _V1BETA1
        case "no-response":
            del document["response"]
        case "patch":
            response |= {"patch": _PATCH, "patchType": "JSONPatch"}
        case "untyped-patch":
            response |= {"patch": _PATCH}
        case _:
            assert fault == "healthy"
    return 200, "application/json", json.dumps(document).encode()


@contextmanager
def faulty(directory: Path) -> Iterator[Faulty]:
    """Run the webhooks that fail, until the end of the block."""
    ca, other = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(directory / "ca.crt")
    other.cert_pem.write_to_path(directory / "other-ca.crt")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server,
        socket.create_server(("127.0.0.1", 0)) as slow,
        socket.socket() as down,
    ):
        server.socket = context.wrap_socket(server.socket, server_side=True)
        down.bind(("127.0.0.1", 0))  # and does not listen
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            ports = [each.getsockname()[1] for each in (server.socket, down, slow)]
            urls = [f"https://127.0.0.1:{port}" for port in ports]
            yield Faulty(directory / "ca.crt", directory / "other-ca.crt", *urls)
        finally:
            server.shutdown()
            thread.join()
