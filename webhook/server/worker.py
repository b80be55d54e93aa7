"""gunicorn's asgi worker with two sockets: admission over TLS, management in plain; and a drain that ends.

`_serve` is gunicorn's own and private, which is why gunicorn is pinned to one major version; the tests of this room
prove what it relies on.
"""

import asyncio
import gc
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from mmap import mmap
from ssl import SSLContext
from typing import Final
from wsgiref.types import WSGIApplication

from gunicorn.workers.gasgi import ASGIWorker

from webhook.server.connections import Connection, Kept
from webhook.server.handshakes import Handshakes
from webhook.server.inline import inline
from webhook.server.tls import Buffer, Tls
from webhook.server.turns import Turns

_BEAT_SECONDS: Final = 1.0
_SETTLE_SECONDS: Final = 0.25  # what was accepted just before is a connection some turns of the loop later
_STEP_SECONDS: Final = 0.05
# A handshake costs as much as a review or more: under a storm of them those that are there would not be judged.
_ACCEPTED: Final = 16  # connections taken in one turn of the loop (asyncio calls that backlog too)
_WAITING: Final = 2_048  # connections that the kernel keeps for us (listen(2)); gunicorn's own default
_GARBAGE: Final = 20_000  # container objects made, and not freed, between two collections


@dataclass(frozen=True, slots=True)
class Served:
    """What one worker serves; made in the worker, after the fork.

    Attributes:
        admission: the app of the TLS port.
        management: the app of the plain port.
        context: returns the newest TLS context; asked for each connection.
        tick: called about once a second in a thread, never twice at once, with the number of admission requests under
            way; what it raises is logged.
        drain: called when the server stops, so that readiness can say so.
        shed: called for each admission request that is answered 503 because there were too many.
    """

    admission: WSGIApplication
    management: WSGIApplication
    context: Callable[[], SSLContext]
    tick: Callable[[int], None]
    drain: Callable[[], None]
    shed: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Terms:
    """How a worker ends and what it takes.

    Attributes:
        drain: seconds to go on answering when the server stops.
        grace: seconds for requests under way after that.
        largest: bytes of a request's body.
        patience: seconds that an admission request may wait before it is judged.
        stopping: one byte, not zero when the server stops (and does not only replace its workers).
    """

    drain: float
    grace: float
    largest: int
    patience: float
    stopping: mmap


class Worker(ASGIWorker):  # type: ignore[misc]
    """Serves both ports on one event loop."""

    admitted: Kept
    managing: Kept

    def handle_exit_signal(self) -> None:
        """Begin to end, at SIGTERM."""
        self._ending.set()

    def handle_quit_signal(self) -> None:
        """End at once, at SIGINT and SIGQUIT."""
        super().handle_quit_signal()
        self._ending.set()

    def init_process(self) -> None:
        """Begin; the signals come after this."""
        self.admitted, self.managing = Kept(), Kept()  # each port's own: who fills one does not close the other
        self._ending = asyncio.Event()
        super().init_process()

    async def _serve(self) -> None:
        served: Served = self.asgi
        # What is there now stays: the collector need not walk policy and modules again and again under load.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE)
        terms: Terms = self.app.terms
        admission = inline(served.admission, terms.largest, Turns(terms.patience), served.shed)
        management = inline(served.management, terms.largest, Turns(inf), lambda: None)
        buffer, handshakes = Buffer(), Handshakes()

        def secured() -> Tls:
            inner = Connection(self, admission, self.admitted)
            # Kept from here on, for its handshake may never end; and once more by itself, with the transport above.
            come, gone = partial(self.admitted.come, inner), partial(self.admitted.gone, inner)
            return Tls(self.loop, inner, served.context(), buffer, come, gone, handshakes.failed)

        tls, plain = self.sockets

        def unsecured() -> Connection:
            return Connection(self, management, self.managing)

        of_admission = await self.loop.create_server(secured, sock=tls.sock, backlog=_ACCEPTED)
        tls.sock.listen(_WAITING)
        of_management = await self.loop.create_server(unsecured, sock=plain.sock)
        self.servers = [of_admission, of_management]
        self._made = {of_admission: (tls.sock, secured), of_management: (plain.sock, unsecured)}
        ticking = self.loop.create_task(self._tick(served.tick))
        while not self._ending.is_set() and self.ppid == os.getppid():
            self.notify()
            await self._pause(_BEAT_SECONDS)
        await self._end(served, terms)
        ticking.cancel()

    async def _pause(self, seconds: float) -> None:
        """Wait for `seconds`, or for the end."""
        try:
            await asyncio.wait_for(self._ending.wait(), seconds)
        except TimeoutError:
            return

    async def _tick(self, tick: Callable[[int], None]) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            try:
                await self.loop.run_in_executor(None, tick, self.admitted.under_way)
            except Exception:
                self.log.exception("the periodic check failed")

    async def _end(self, served: Served, terms: Terms) -> None:
        """Answer on for the drain where the server stops, close what is idle, finish what is under way."""
        admission, management = self.servers
        stopping = terms.stopping[0] != 0
        self.alive = False  # from now on every answer closes its connection
        if stopping and not self._quick_shutdown:
            served.drain()
            await self._until(self.loop.time() + terms.drain, lambda: self._quick_shutdown)
        else:
            # Others go on answering for us, and they are ready.
            await self._closed(management)
        await self._closed(admission)
        if not self._quick_shutdown:
            await asyncio.sleep(_SETTLE_SECONDS)
        deadline = self.loop.time() + (0.0 if self._quick_shutdown else terms.grace)
        await self._until(deadline, self._idle_closed)
        management.close()
        self.admitted.abort()
        self.managing.abort()

    async def _closed(self, server: asyncio.Server) -> None:
        """Accept what the kernel has accepted already, and then close the listener: closing resets what is left."""
        listener, protocol = self._made[server]
        self.loop.remove_reader(listener.fileno())
        await asyncio.sleep(0)  # a connection that was just accepted is attached to the server in the next turn
        accepted = []
        with suppress(BlockingIOError):
            while True:
                accepted.append(listener.accept()[0])
        server.close()
        for each in accepted:
            with suppress(OSError):  # the client is gone
                await self.loop.connect_accepted_socket(protocol, each)

    def _idle_closed(self) -> bool:
        """Close every idle connection; whether none is left, those that still shake hands too."""
        left = (self.admitted.close_idle(), self.managing.close_idle())
        return not any(left)

    async def _until(self, deadline: float, done: Callable[[], bool]) -> None:
        """Wait until `done`, or until `deadline` on the loop's clock; the arbiter hears that we live."""
        while not done() and self.loop.time() < deadline:
            self.notify()
            await asyncio.sleep(_STEP_SECONDS)
