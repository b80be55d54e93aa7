"""The process of `istag-webhook serve`: checks the settings before any worker starts, and defines each worker."""

import errno
import logging
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from webhook.audit.journal import Journal
from webhook.certs.serving import Serving
from webhook.errors import CertificateError, Fault, InputError, PolicyError, RecordFailed, SettingsError
from webhook.files import SharedMutex
from webhook.policy.lint.reported import log_warnings, warnings_of
from webhook.policy.sources import PolicySource
from webhook.settings import Settings, documented, flag, unknown, variable
from webhook.text import address, nearest, printable

if TYPE_CHECKING:
    from webhook.service.metrics import Metrics

DISTRIBUTION: Final = "istag-webhook"
_EVERY_ADDRESS: Final = "::"
_EVERY_IPV4_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - a pod listens on its only address
_ELSEWHERE: Final = (errno.EADDRINUSE, errno.EACCES)  # another port may work
_METRICS: Final = "PROMETHEUS_MULTIPROC_DIR"
_log: Final = logging.getLogger("webhook.serve")


@dataclass(frozen=True, slots=True)
class Process:
    """The state that the workers of one server share.

    Attributes:
        settings: the settings of the service.
        policy: the current policy and its files.
        serving: the serving certificate.
        mutex: the mutex of the writers of records.
    """

    settings: Settings
    policy: PolicySource
    serving: Serving
    mutex: SharedMutex

    @classmethod
    def of(cls, settings: Settings) -> "Process":
        """Check everything that `settings` refer to, before any worker starts.

        Raises:
            SettingsError: with every fault.
        """
        if settings.host == _EVERY_ADDRESS and not _is_dual_stack():
            settings = replace(settings, host=_EVERY_IPV4_ADDRESS)
        faults = [*(Fault(name, "", f"no such setting{_meant(name)}") for name in unknown()), *_unusable(settings)]
        policy = serving = None
        mutex = SharedMutex.make()
        try:
            policy = PolicySource(*settings.policy)
        except PolicyError as error:
            faults.extend(error.faults)
        try:
            serving = Serving(settings.cert, settings.key, settings.client_ca)
        except CertificateError as error:
            faults.extend(error.faults)
        try:
            Journal(settings.record, mutex).close()
        except RecordFailed as error:
            faults.append(Fault("", "", str(error)))
        if faults or policy is None or serving is None:
            raise SettingsError(tuple(faults))
        return cls(settings, policy, serving, mutex)

    def run(self) -> None:
        """Run the workers until the server stops."""
        directory, parent = tempfile.mkdtemp(prefix="istag-webhook-"), os.getpid()
        os.environ[_METRICS] = directory
        from webhook.server.application import Listen, run  # noqa: PLC0415 - as above
        from webhook.service.app import LARGEST  # noqa: PLC0415 - it reads the environment on import
        from webhook.service.metrics import forget  # noqa: PLC0415 - as above

        settings = self.settings
        listen = Listen(
            settings.host,
            settings.port,
            settings.management_port,
            settings.workers,
            settings.keepalive,
            settings.drain,
            settings.grace,
            LARGEST,
            settings.patience,
            self._about(),
        )
        try:
            run(listen, self._worker, beat=self._beat, worker_ended=forget)
        finally:
            if os.getpid() == parent:  # a worker that ends also gets here
                shutil.rmtree(directory, ignore_errors=True)

    def _about(self) -> dict[str, Any]:
        """Return the fields of the log line `listening`."""
        policy = self.policy.current
        return {
            "version": version(DISTRIBUTION),
            "policy": policy.name,
            "digest": policy.digest,
            "rules": len(policy.rules),
            "warnings": len(warnings_of(policy, _log, datetime.now(UTC))),
        }

    def _beat(self) -> None:
        """Refresh policy and certificate in the parent process too, because new workers inherit them."""
        for source in (self.policy, self.serving):
            with suppress(PolicyError, CertificateError):  # the workers log the error
                source.refresh()

    def _worker(self) -> Any:
        """Return what one worker serves."""
        from webhook.server.worker import Served  # noqa: PLC0415 - as in run
        from webhook.service.app import Service, create_app, create_management_app  # noqa: PLC0415 - as in run
        from webhook.service.metrics import Metrics  # noqa: PLC0415 - as in run

        metrics, package = Metrics(), version(DISTRIBUTION)
        metrics.started(package)
        metrics.certificate(self.serving.expires.timestamp())
        watched = _Watched(self.policy, self.serving, metrics)
        draining: list[str] = []
        watched.take()
        watched.tick()  # before the first answer
        service = Service(
            policy=lambda: self.policy.current,
            journal=Journal(self.settings.record, self.mutex),
            metrics=metrics,
            version=package,
            level=self.settings.record_level,
            best_effort=self.settings.audit == "best-effort",
        )
        return Served(
            admission=create_app(service).wsgi_app,
            management=create_management_app(lambda: draining[0] if draining else "", metrics).wsgi_app,
            context=lambda: self.serving.context,
            tick=watched.tick,
            drain=lambda: draining.append("draining"),
            shed=metrics.shed,
        )


@dataclass(frozen=True, slots=True)
class _Watched:
    """The policy and the certificate of a worker, reloaded when their files change."""

    policy: PolicySource
    serving: Serving
    metrics: "Metrics"

    def take(self) -> None:
        """Count the current policy and its warnings."""
        self.metrics.policy_loaded(self.policy.current, time.time())
        warnings = log_warnings(self.policy.current, _log, datetime.now(UTC))
        self.metrics.policy_warned(each.name for each in warnings)

    def tick(self, under_way: int = 0) -> None:
        """Reload changed files, and write the metrics; called about once a second."""
        self.metrics.in_flight(under_way)
        self.metrics.flush()
        self._refresh_policy()
        self.metrics.policy_current(current=not self.policy.rejected)
        self._refresh_certificate()

    def _refresh_policy(self) -> None:
        policy = self.policy
        try:
            was_rejected = policy.rejected
            if policy.refresh():
                self.take()
                _log.info("policy loaded", extra={"policy": str(policy.current)})
            if was_rejected and not policy.rejected:
                _log.info("policy valid again", extra={"policy": str(policy.current)})
        except PolicyError as error:
            self.metrics.policy_rejected()
            _log_rejected("policy rejected, the last valid one stays in use", error)

    def _refresh_certificate(self) -> None:
        serving = self.serving
        try:
            was_rejected = serving.rejected
            if serving.refresh():
                self.metrics.certificate(serving.expires.timestamp())
                _log.info("certificate loaded", extra={"expires": serving.expires.isoformat()})
            if was_rejected and not serving.rejected:
                _log.info("certificate valid again", extra={"expires": serving.expires.isoformat()})
        except CertificateError as error:
            _log_rejected("certificate rejected, the last valid one stays in use", error)


def _log_rejected(sentence: str, error: InputError) -> None:
    _log.error(sentence, extra={"faults": [str(fault) for fault in error.faults]})


def _meant(name: str) -> str:
    """Return a hint at the environment variable that is most like `name`, empty if none is."""
    near = nearest(name, (variable(each.name) for each in documented()))
    return f"; did you mean {near}?" if near else ""


def _is_dual_stack() -> bool:
    """Return whether a socket on `::` accepts IPv4 too: the machine has IPv6, and net.ipv6.bindv6only is 0."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            return not probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    except OSError:
        return False


def _unusable(settings: Settings) -> Iterator[Fault]:
    """Yield a fault for each address that is not available, because the server itself would retry forever."""
    host = printable(settings.host)
    for name, port in (("port", settings.port), ("management_port", settings.management_port)):
        try:
            family, kind, _, _, where = socket.getaddrinfo(settings.host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(where)
        except OSError as error:
            if error.errno not in _ELSEWHERE:
                yield Fault(flag("host"), "", f"cannot listen on {host}: {error.strerror}")
                return
            hint = f"set another port with {flag(name)} or {variable(name)}"
            sentence = f"cannot listen on {address(host, port)}: {error.strerror}; {hint}"
            yield Fault(flag(name), "", sentence)
