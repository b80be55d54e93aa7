"""Runs gunicorn's arbiter around the worker, by its documented settings and hooks."""

import logging
import os
import signal
from collections.abc import Callable, Mapping
from mmap import mmap
from types import FrameType, MappingProxyType
from typing import Any, Final, NoReturn

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from webhook.server.worker import Served, Terms, Worker
from webhook.settings import Settings
from webhook.text import address

_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - heartbeats must not wait for a disk or need a writable root
_STUCK_SECONDS: Final = 30
_SPARE_SECONDS: Final = 5
_LONG: Final = 10**9  # seconds
_REDUNDANT: Final = ("Starting gunicorn", "Listening at", "Using worker")


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
        self,
        terms: Terms,
        build: Callable[[], Served],
        about: Mapping[str, Any],
        beat: Callable[[], None],
        worker_ended: Callable[[int], None],
    ) -> None:
        self.terms, self._build, self._about = terms, build, about
        self.beat, self._worker_ended, self._logged = beat, worker_ended, False
        super().__init__()

    def load_config(self) -> None:
        """Set all options; gunicorn's own command line, environment and file are not read."""
        settings = self.terms.settings
        options = {
            "bind": [address(settings.host, port) for port in (settings.port, settings.management_port)],
            "workers": settings.workers,
            "worker_class": Worker,
            "logger_class": _Logs,
            "timeout": _STUCK_SECONDS,
            "graceful_timeout": int(settings.drain + settings.grace) + _SPARE_SECONDS,
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
                extra={"admission": f"https://{admission}", "management": f"http://{management}", **self._about},
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
    settings: Settings,
    build: Callable[[], Served],
    *,
    largest: int,
    about: Mapping[str, Any] = MappingProxyType({}),
    beat: Callable[[], None] = lambda: None,
    worker_ended: Callable[[int], None] = lambda _: None,
) -> NoReturn:
    """Serve until SIGTERM or SIGINT, and end the process with gunicorn's exit code.

    Args:
        settings: the settings of the service.
        build: creates what a worker serves, in the worker.
        largest: the maximum size of a request body, in bytes.
        about: additional fields of the log line `listening`.
        beat: called in this process about once a second, and before a worker is replaced; its errors are logged.
        worker_ended: called in this process with the pid of a worker that ended.
    """
    _Application(Terms(settings, largest, stopping=mmap(-1, 1)), build, about, beat, worker_ended).run()
    raise SystemExit(0)
