"""What the connections of one port share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ssl import SSLContext, SSLError
from wsgiref.types import WSGIApplication

from webhook.server.handshakes import HandshakeQueue
from webhook.server.kept import Kept
from webhook.server.queue import AdmissionQueue
from webhook.server.tls import Buffers
from webhook.server.wsgi import Dates


@dataclass(slots=True)
class Port:
    """One of the two ports.

    Attributes:
        app: what answers.
        queue: when it does, and what memory there is for bodies.
        largest: bytes of a body.
        keepalive: seconds that an idle connection is kept.
        context: returns the newest TLS context; the plain port asks for none.
        shed: called for each request that is answered 503 because there were too many.
        failed: called for each TLS handshake that fails, with the client's address.
        handshakes: when a handshake goes on.
        buffers: what all connections read into.
        clock: returns the loop's time.
        kept: the connections.
        ending: from now on every answer closes its connection.
    """

    app: WSGIApplication
    queue: AdmissionQueue
    largest: int
    keepalive: float
    context: Callable[[], SSLContext]
    shed: Callable[[], None]
    failed: Callable[[str, SSLError], None]
    handshakes: HandshakeQueue
    buffers: Buffers
    clock: Callable[[], float]
    dates: Dates = field(default_factory=Dates)
    kept: Kept = field(default_factory=Kept)
    ending: bool = False
