"""A gunicorn worker with one event loop: admission over TLS, management in plain HTTP, and a bounded shutdown."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from mmap import mmap
from ssl import SSLContext
from typing import Any, Final
from wsgiref.types import WSGIApplication

from gunicorn.workers.base import Worker as Base

from webhook.server.capacity import AdmissionQueue, HandshakeQueue
from webhook.server.connection import Connection
from webhook.server.state import GOODBYE_SECONDS, Buffers, Listener, Port
from webhook.server.tls import Handshakes, SecuredConnection
from webhook.settings import Settings

_BEAT_SECONDS: Final = 1.0
_STEP_SECONDS: Final = 0.05
_GARBAGE: Final = 20_000  # net allocations of container objects between two collections


@dataclass(frozen=True, slots=True)
class Served:
    """The apps and callbacks of one worker, created in the worker after the fork.

    Attributes:
        admission: the app of the TLS port.
        management: the app of the plain port.
        context: returns the current TLS context; called for each connection.
        tick: called about once a second in a thread, never concurrently, with the number of admission requests in
            progress;
            its errors are logged.
        drain: called when the server stops, to make readiness fail.
        shed: called for each admission request that is answered with 503 because of overload.
        end: called last, when all requests are answered.
    """

    admission: WSGIApplication
    management: WSGIApplication
    context: Callable[[], SSLContext]
    tick: Callable[[int], None]
    drain: Callable[[], None]
    shed: Callable[[], None]
    end: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings of a worker, and whether its server stops.

    Attributes:
        settings: the settings of the service.
        largest: the maximum size of a request body, in bytes.
        stopping: one shared byte; nonzero if the server stops, and does not only replace its workers.
    """

    settings: Settings
    largest: int
    stopping: mmap


class Worker(Base):  # type: ignore[misc]
    """Serves both ports on one event loop."""

    def run(self) -> None:
        """Serve until stopped; gunicorn calls this in the worker's process."""
        asyncio.run(self._serve(self.wsgi, self.app.terms))

    async def _serve(self, served: Served, terms: Terms) -> None:
        # The policy and the modules are permanent, so the garbage collector need not scan them under load.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE)
        loop = asyncio.get_running_loop()
        self._ending, self._quick = asyncio.Event(), False
        loop.add_signal_handler(signal.SIGTERM, self._ending.set)
        for number in (signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(number, self._quit)
        if not self.alive:  # SIGTERM came before the handler was installed
            self._ending.set()
        admission, management = _ports(loop, served, terms)
        self._ports = (admission, management)
        tls, plain = (each.sock for each in self.sockets)
        of_admission = Listener(loop, tls, partial(SecuredConnection, admission))
        of_management = Listener(loop, plain, partial(Connection, management))
        ticking = loop.create_task(self._tick(served.tick, admission))
        while not self._ending.is_set() and self.ppid == os.getppid():
            self._beat()
            await self._pause(_BEAT_SECONDS)
        for port in self._ports:
            port.ending = True
        if terms.stopping[0] and not self._quick:
            served.drain()
            await self._until(loop.time() + terms.settings.drain, lambda: self._quick)
        else:
            await of_management.close()  # the other workers keep answering, and are ready
        await of_admission.close()
        await self._until(loop.time() + (0.0 if self._quick else terms.settings.grace), self._idle_closed)
        await of_management.close()
        await self._until(loop.time() + GOODBYE_SECONDS, self._idle_closed)
        for port in self._ports:
            port.kept.abort()
        await asyncio.sleep(0)  # requests that are evaluated get their records
        ticking.cancel()
        await loop.shutdown_default_executor()  # a periodic check in progress may still use what `end` closes
        served.end()

    def _quit(self) -> None:
        """Stop immediately, on SIGINT and SIGQUIT."""
        self.cfg.worker_int(self)
        self._quick = True
        self._ending.set()

    def _beat(self) -> None:
        """Send a heartbeat to the arbiter, and close the connections that have timed out."""
        self.notify()
        for port in self._ports:
            port.kept.expire(port.clock())

    async def _pause(self, seconds: float) -> None:
        """Wait for `seconds`, or until the worker stops."""
        try:
            await asyncio.wait_for(self._ending.wait(), seconds)
        except TimeoutError:
            return

    async def _tick(self, tick: Callable[[int], None], port: Port) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            try:
                await asyncio.get_running_loop().run_in_executor(None, tick, port.kept.under_way)
            except Exception:
                self.log.exception("periodic check failed")

    def _idle_closed(self) -> bool:
        """Close all idle connections; return whether none is left, including those with an incomplete handshake."""
        return not sum(port.kept.close_idle() for port in self._ports)

    async def _until(self, deadline: float, done: Callable[[], bool]) -> None:
        """Wait until `done`, or until `deadline` on the loop's clock, with heartbeats to the arbiter."""
        clock = asyncio.get_running_loop().time
        while not (done() or self._quick) and clock() < deadline:
            self._beat()
            await asyncio.sleep(_STEP_SECONDS)


def _ports(loop: asyncio.AbstractEventLoop, served: Served, terms: Terms) -> tuple[Port, Port]:
    """Return the admission and the management port; each limits its own connections."""
    common: dict[str, Any] = {
        "largest": terms.largest,
        "keepalive": terms.settings.keepalive,
        "context": served.context,
        "failed": Handshakes().failed,
        "handshakes": HandshakeQueue(loop),
        "buffers": Buffers(),
        "clock": loop.time,
    }
    return (
        Port(served.admission, AdmissionQueue(terms.settings.patience), shed=served.shed, **common),
        Port(served.management, AdmissionQueue(inf), shed=lambda: None, **common),
    )
