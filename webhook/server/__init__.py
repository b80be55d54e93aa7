"""gunicorn around the apps; the one room that knows it."""

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from mmap import mmap
from queue import Empty
from signal import SIGINT, SIGQUIT, SIGTERM
from typing import Any, Final, NoReturn

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.sock import close_sockets

from webhook.server.worker import Served, Terms, Worker

__all__ = ["Listen", "Served", "run"]
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - the workers' heartbeats must not wait for a disk, nor need a writable root
_STUCK_SECONDS: Final = 30
_SPARE_SECONDS: Final = 5
_REAP_SECONDS: Final = 0.1
# An API server sends a dozen short header fields; a thousand connections may each hold as many as are allowed.
_FIELDS: Final = 50
_FIELD_BYTES: Final = 2_048  # fewer than the digits of a length that int() takes


@dataclass(frozen=True, slots=True)
class Listen:
    """Where and how to serve.

    Attributes:
        keepalive: seconds that an idle connection is kept.
        drain: seconds to go on answering after SIGTERM.
        grace: seconds for requests under way after that.
        largest: bytes of a request's body.
        patience: seconds that an admission request may wait before it is judged; then it is answered 503.
    """

    host: str
    port: int
    management_port: int
    workers: int
    keepalive: int
    drain: float
    grace: int
    largest: int
    patience: float


class _Logs(Logger):  # type: ignore[misc]
    """gunicorn's logs go where all others go."""

    def setup(self, cfg: Any) -> None:
        """Leave level and handlers to Python's root logger."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.propagate = True


class _Arbiter(Arbiter):  # type: ignore[misc]
    """Keeps what its next worker inherits up to date, and tells the workers whether the server stops."""

    def manage_workers(self) -> None:
        """Called about once a second, and before a worker that ended is replaced."""
        try:
            self.app.beat()
        except Exception:
            self.log.exception("the periodic check failed")
        super().manage_workers()

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002 - gunicorn's signature
        """Stop the workers, and the server with them."""
        self.app.terms.stopping[0] = 1
        super().stop(graceful and self._waited())

    def _waited(self) -> bool:
        """Wait for the workers to end, False where they are to be quick; gunicorn's own wait is by the time of day."""
        close_sockets(self.LISTENERS, unlink=False)
        self.LISTENERS: list[Any] = []
        self.kill_workers(SIGTERM)
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while self.WORKERS and time.monotonic() < deadline:
            with suppress(Empty):
                if self.SIG_QUEUE.get_nowait() in (SIGINT, SIGQUIT):
                    return False
            self.reap_workers()
            time.sleep(_REAP_SECONDS)
        return True


class _Application(BaseApplication):  # type: ignore[misc]
    """The settings in gunicorn's words."""

    def __init__(
        self, listen: Listen, build: Callable[[], Served], beat: Callable[[], None], worker_ended: Callable[[int], None]
    ) -> None:
        self._listen, self._build, self._worker_ended = listen, build, worker_ended
        self.beat = beat
        self.terms = Terms(listen.drain, listen.grace, listen.largest, listen.patience, mmap(-1, 1))
        super().__init__()

    def load_config(self) -> None:
        """Set every option; no command line, environment or file of gunicorn's own is read."""
        listen = self._listen
        host = f"[{listen.host}]" if ":" in listen.host else listen.host
        options = {
            "bind": [f"{host}:{listen.port}", f"{host}:{listen.management_port}"],
            "workers": listen.workers,
            "worker_class": Worker,
            "logger_class": _Logs,
            "keepalive": listen.keepalive,
            "timeout": _STUCK_SECONDS,
            "graceful_timeout": int(listen.drain + listen.grace) + _SPARE_SECONDS,
            "limit_request_fields": _FIELDS,
            "limit_request_field_size": _FIELD_BYTES,
            "asgi_lifespan": "off",
            "asgi_disconnect_grace_period": 0,  # who is gone is not judged
            "asgi_loop": "asyncio",
            "control_socket_disable": True,
            "proc_name": "istag-webhook",
            "worker_tmp_dir": _SHARED_MEMORY if os.path.isdir(_SHARED_MEMORY) else None,  # noqa: PTH112 - a path for gunicorn
            "when_ready": _listening,
            "child_exit": self._ended,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Served:
        """Return what this worker serves."""
        return self._build()

    def run(self) -> None:
        """Serve until told to stop."""
        _Arbiter(self).run()

    def _ended(self, _arbiter: Arbiter, worker: Any) -> None:
        self._worker_ended(worker.pid)


def _listening(arbiter: Arbiter) -> None:
    admission, management = (listener.sock.getsockname()[:2] for listener in arbiter.LISTENERS)
    logging.getLogger("webhook.server").info(
        "listening", extra={"admission": f"https://{_where(admission)}", "management": f"http://{_where(management)}"}
    )


def _where(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def run(
    listen: Listen,
    build: Callable[[], Served],
    *,
    beat: Callable[[], None] = lambda: None,
    worker_ended: Callable[[int], None] = lambda _: None,
) -> NoReturn:
    """Serve until SIGTERM or SIGINT, and end the process with gunicorn's exit code.

    Args:
        listen: where and how.
        build: makes what a worker serves, in the worker.
        beat: called in this process about once a second, and before a worker is replaced; what it raises is logged.
        worker_ended: called in this process with the pid of a worker that ended.
    """
    _Application(listen, build, beat, worker_ended).run()
    raise SystemExit(0)
