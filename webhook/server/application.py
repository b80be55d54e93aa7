"""gunicorn's arbiter around the worker, by its documented settings and hooks."""

import logging
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from mmap import mmap
from types import FrameType
from typing import Any, Final, NoReturn

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from webhook.server.worker import Served, Terms, Worker

_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - the workers' heartbeats must not wait for a disk, nor need a writable root
_STUCK_SECONDS: Final = 30
_SPARE_SECONDS: Final = 5
_LONG: Final = 10**9  # seconds
_SAID: Final = ("Starting gunicorn", "Listening at", "Using worker")


@dataclass(frozen=True, slots=True)
class Listen:
    """Where and how to serve.

    Attributes:
        keepalive: seconds that an idle connection is kept.
        drain: seconds to go on answering after SIGTERM.
        grace: seconds for requests under way after that.
        largest: bytes of a request's body.
        patience: seconds that an admission request may wait for its evaluation; then it is answered 503.
        about: fields that the log line `listening` has too.
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
    about: Mapping[str, Any] = field(default_factory=dict)


class _Logs(Logger):  # type: ignore[misc]
    """gunicorn's logs go where all others go."""

    def setup(self, cfg: Any) -> None:
        """Leave level and handlers to Python's root logger."""
        self.cfg = cfg
        self.error_log.propagate = True

    def info(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log what `listening` does not say already: gunicorn does not know that a port is TLS, and says http."""
        if not msg.startswith(_SAID):
            super().info(msg, *args, **kwargs)


class _Arbiter(Arbiter):  # type: ignore[misc]
    """Keeps what its next worker inherits up to date.

    `manage_workers` is overridden because no hook is called while no worker is forked: a policy that was good some
    minutes ago would not be known here if it is bad when a worker has to be replaced.
    """

    def manage_workers(self) -> None:
        """Called about once a second, and before a worker that ended is replaced."""
        try:
            self.app.beat()
        except Exception:
            self.log.exception("the periodic check failed")
        super().manage_workers()


class _Application(BaseApplication):  # type: ignore[misc]
    """The settings in gunicorn's words."""

    def __init__(
        self, listen: Listen, build: Callable[[], Served], beat: Callable[[], None], worker_ended: Callable[[int], None]
    ) -> None:
        self._listen, self._build, self._worker_ended = listen, build, worker_ended
        self.beat, self._logged = beat, False
        self.terms = Terms(
            listen.keepalive, listen.drain, listen.grace, listen.largest, listen.patience, stopping=mmap(-1, 1)
        )
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
            "timeout": _STUCK_SECONDS,
            "graceful_timeout": int(listen.drain + listen.grace) + _SPARE_SECONDS,
            "control_socket_disable": True,
            "proc_name": "istag-webhook",
            "worker_tmp_dir": _SHARED_MEMORY if os.path.isdir(_SHARED_MEMORY) else None,  # noqa: PTH112 - a path for gunicorn
            "when_ready": self._stop_in_time,
            "pre_fork": self._listening,
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

    def _listening(self, _arbiter: Arbiter, worker: Worker) -> None:
        """Log the addresses before the first worker is forked."""
        if not self._logged:
            self._logged = True
            admission, management = (_address(each.sock.getsockname()) for each in worker.sockets)
            logging.getLogger("webhook.server").info(
                "listening",
                extra={"admission": f"https://{admission}", "management": f"http://{management}", **self._listen.about},
            )

    def _stop_in_time(self, _arbiter: Arbiter) -> None:
        """Tell the workers that the server stops, and measure the time of that by a clock that does not jump.

        gunicorn waits for its workers by the time of day. It is given long, and an alarm ends the wait with SIGINT,
        which gunicorn takes for a wish to stop quickly.
        """
        arbiter, stop = os.getpid(), signal.getsignal(signal.SIGTERM)  # gunicorn has set its handlers by now
        seconds = self.cfg.graceful_timeout

        def stopping(number: int, frame: FrameType | None) -> None:
            if os.getpid() == arbiter:  # not a worker that was forked a moment ago
                self.terms.stopping[0] = 1
                self.cfg.set("graceful_timeout", _LONG)
                signal.signal(signal.SIGALRM, lambda *_: os.kill(arbiter, signal.SIGINT))
                signal.setitimer(signal.ITIMER_REAL, seconds)
            if callable(stop):
                stop(number, frame)

        signal.signal(signal.SIGTERM, stopping)

    def _ended(self, _arbiter: Arbiter, worker: Any) -> None:
        self._worker_ended(worker.pid)


def _address(name: tuple[Any, ...]) -> str:
    host, port = name[:2]
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
