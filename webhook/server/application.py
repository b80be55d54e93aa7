"""Runs gunicorn's arbiter around the worker, by its documented settings and hooks."""

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
from webhook.text import address

_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - heartbeats must not wait for a disk or need a writable root
_STUCK_SECONDS: Final = 30
_SPARE_SECONDS: Final = 5
_LONG: Final = 10**9  # seconds
_REDUNDANT: Final = ("Starting gunicorn", "Listening at", "Using worker")


@dataclass(frozen=True, slots=True)
class Listen:
    """The parameters of the server.

    Attributes:
        keepalive: seconds to keep an idle connection open.
        drain: seconds to keep answering after SIGTERM.
        grace: seconds for requests in progress after that.
        largest: the maximum size of a request body, in bytes.
        patience: seconds that an admission request may wait; then it is answered with 503.
        about: additional fields of the log line `listening`.
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
    """Sends gunicorn's logs to the same place as all others."""

    def setup(self, cfg: Any) -> None:
        """Leave level and handlers to Python's root logger."""
        self.cfg = cfg
        self.error_log.propagate = True

    def info(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Skip what `listening` already reports; gunicorn does not know that a port uses TLS, and logs http."""
        if not msg.startswith(_REDUNDANT):
            super().info(msg, *args, **kwargs)


class _Arbiter(Arbiter):  # type: ignore[misc]
    """Keeps the state that its next worker inherits up to date.

    `manage_workers` is overridden because gunicorn calls no hook between forks. Without it, the arbiter would only know
    the policy of the last fork. A new worker needs a newer one if the files have become invalid since.
    """

    def manage_workers(self) -> None:
        """Called about once a second, and before an ended worker is replaced."""
        try:
            self.app.beat()
        except Exception:
            self.log.exception("periodic check failed")
        super().manage_workers()


class _Application(BaseApplication):  # type: ignore[misc]
    """The settings in gunicorn's terms."""

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
        """Set all options; gunicorn's own command line, environment and file are not read."""
        listen = self._listen
        options = {
            "bind": [address(listen.host, port) for port in (listen.port, listen.management_port)],
            "workers": listen.workers,
            "worker_class": Worker,
            "logger_class": _Logs,
            "timeout": _STUCK_SECONDS,
            "graceful_timeout": int(listen.drain + listen.grace) + _SPARE_SECONDS,
            "control_socket_disable": True,
            "proc_name": "istag-webhook",
            "worker_tmp_dir": _SHARED_MEMORY if os.path.isdir(_SHARED_MEMORY) else None,  # noqa: PTH112 - gunicorn expects a str
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
        """Serve until a signal stops the server."""
        _Arbiter(self).run()

    def _listening(self, _arbiter: Arbiter, worker: Worker) -> None:
        """Log the addresses before the first worker is forked."""
        if not self._logged:
            self._logged = True
            admission, management = (address(*each.sock.getsockname()[:2]) for each in worker.sockets)
            logging.getLogger("webhook.server").info(
                "listening",
                extra={"admission": f"https://{admission}", "management": f"http://{management}", **self._listen.about},
            )

    def _stop_in_time(self, _arbiter: Arbiter) -> None:
        """Tell the workers that the server stops, and measure the timeout with a monotonic clock.

        gunicorn measures it with the time of day, which may jump. It gets a long timeout instead, and an alarm ends the
        wait with SIGINT, gunicorn's signal for a quick shutdown.
        """
        arbiter, stop = os.getpid(), signal.getsignal(signal.SIGTERM)  # gunicorn has already installed its handlers
        seconds = self.cfg.graceful_timeout

        def stopping(number: int, frame: FrameType | None) -> None:
            if os.getpid() == arbiter:  # not in a worker that has just been forked
                self.terms.stopping[0] = 1
                self.cfg.set("graceful_timeout", _LONG)
                signal.signal(signal.SIGALRM, lambda *_: os.kill(arbiter, signal.SIGINT))
                signal.setitimer(signal.ITIMER_REAL, seconds)
            if callable(stop):
                stop(number, frame)

        signal.signal(signal.SIGTERM, stopping)

    def _ended(self, _arbiter: Arbiter, worker: Any) -> None:
        self._worker_ended(worker.pid)


def run(
    listen: Listen,
    build: Callable[[], Served],
    *,
    beat: Callable[[], None] = lambda: None,
    worker_ended: Callable[[int], None] = lambda _: None,
) -> NoReturn:
    """Serve until SIGTERM or SIGINT, and end the process with gunicorn's exit code.

    Args:
        listen: the parameters.
        build: creates what a worker serves, in the worker.
        beat: called in this process about once a second, and before a worker is replaced; its errors are logged.
        worker_ended: called in this process with the pid of a worker that ended.
    """
    _Application(listen, build, beat, worker_ended).run()
    raise SystemExit(0)
