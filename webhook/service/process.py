"""The process of `istag-webhook serve`: checks the settings before any worker starts, and defines each worker."""

import logging
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from webhook import __version__
from webhook.audit.chain import Chain, Signer, Writer
from webhook.audit.journal import Journal
from webhook.audit.record import policy_record
from webhook.certs.serving import Serving
from webhook.certs.signing import signer as signer_of
from webhook.errors import CertificateError, Fault, InputError, PolicyError, RecordFailed, SettingsError
from webhook.files import SharedMutex
from webhook.policy.lint.checks import log_warnings, warnings_of
from webhook.policy.loading import PolicySource
from webhook.policy.policy import Policy
from webhook.settings import EVERY_ADDRESS, EVERY_IPV4_ADDRESS, Settings, is_dual_stack, meant, unavailable, unknown

if TYPE_CHECKING:
    from webhook.service.metrics import Metrics

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
        signer: signs checkpoints of the record; None if there is no key.
    """

    settings: Settings
    policy: PolicySource
    serving: Serving
    mutex: SharedMutex
    signer: Signer | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Process":
        """Check everything that `settings` refer to, before any worker starts.

        Raises:
            SettingsError: with every fault.
        """
        if settings.host == EVERY_ADDRESS and not is_dual_stack():
            settings = replace(settings, host=EVERY_IPV4_ADDRESS)
        faults = [*(Fault(name, "", f"no such setting{meant(name)}") for name in unknown()), *unavailable(settings)]
        policy = serving = signer = None
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
            signer = None if settings.record_key is None else signer_of(settings.record_key)
        except CertificateError as error:
            faults.extend(error.faults)
        try:
            Journal(settings.record, mutex).close()
        except RecordFailed as error:
            faults.append(Fault("", "", str(error)))
        if faults or policy is None or serving is None:
            raise SettingsError(tuple(faults))
        return cls(settings, policy, serving, mutex, signer)

    def run(self) -> None:
        """Run the workers until the server stops."""
        directory, parent = tempfile.mkdtemp(prefix="istag-webhook-"), os.getpid()
        os.environ[_METRICS] = directory
        from webhook.server.application import run  # noqa: PLC0415 - as above
        from webhook.service.app import LARGEST  # noqa: PLC0415 - it reads the environment on import
        from webhook.service.metrics import forget  # noqa: PLC0415 - as above

        try:
            run(
                self.settings,
                self._worker,
                largest=LARGEST,
                about=self._about(),
                beat=self._beat,
                worker_ended=forget,
            )
        finally:
            if os.getpid() == parent:  # a worker that ends also gets here
                shutil.rmtree(directory, ignore_errors=True)

    def _about(self) -> dict[str, Any]:
        """Return the fields of the log line `listening`."""
        policy = self.policy.current
        return {
            "version": __version__,
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

        metrics = Metrics()
        metrics.started(__version__)
        metrics.certificate(self.serving.expires.timestamp())
        journal = Journal(self.settings.record, self.mutex, chain=Chain(Writer.current(), self.signer))
        best_effort = self.settings.audit == "best-effort"
        watched = _Watched(self.policy, self.serving, metrics, journal, best_effort)
        draining: list[str] = []
        watched.tick()  # before the first answer
        service = Service(
            policy=lambda: watched.used,
            journal=journal,
            metrics=metrics,
            version=__version__,
            level=self.settings.record_level,
            best_effort=best_effort,
        )
        return Served(
            admission=create_app(service).wsgi_app,
            management=create_management_app(lambda: draining[0] if draining else "", metrics).wsgi_app,
            context=lambda: self.serving.context,
            tick=watched.tick,
            drain=lambda: draining.append("draining"),
            shed=metrics.shed,
            end=lambda: watched.checkpoint(end=True),
        )


@dataclass(slots=True)
class _Watched:
    """The periodic work of a worker: reload changed files, and sign a checkpoint of the record.

    Attributes:
        best_effort: whether a policy may be used that could not be recorded.
        used: the policy that decides.
    """

    policy: PolicySource
    serving: Serving
    metrics: "Metrics"
    journal: Journal
    best_effort: bool
    used: Policy = field(init=False)
    _recorded: str = field(init=False, default="")  # digests
    _counted: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.used = self.policy.current

    def tick(self, under_way: int = 0) -> None:
        """Reload changed files, and write the metrics; called about once a second."""
        self.metrics.in_flight(under_way)
        self.metrics.flush()
        self._refresh_policy()
        self._use_policy()
        self.metrics.policy_current(current=not self.policy.rejected)
        self._refresh_certificate()
        self.checkpoint()

    def checkpoint(self, *, end: bool = False) -> None:
        """Write a checkpoint of the record; if that fails, the next one also covers its lines."""
        try:
            self.journal.checkpoint(end=end)
        except RecordFailed as error:
            _log.warning("checkpoint not written", extra={"error": str(error)})

    def _refresh_policy(self) -> None:
        policy = self.policy
        try:
            was_rejected = policy.rejected
            policy.refresh()
            if was_rejected and not policy.rejected:
                _log.info("policy valid again", extra={"policy": str(policy.current)})
        except PolicyError as error:
            self.metrics.policy_rejected()
            _log_rejected("policy rejected, the last valid one stays in use", error)

    def _use_policy(self) -> None:
        """Record the current policy if it is new, then use it; if it cannot be recorded, the next check tries again."""
        current, now = self.policy.current, datetime.now(UTC)
        if current.digest != self._recorded:
            try:
                self.journal.write(policy_record(current, __version__, now))
            except RecordFailed as error:
                _log.warning("policy not recorded", extra={"policy": str(current), "error": str(error)})
                if not self.best_effort and self._counted:
                    return
            else:
                self._recorded = current.digest
        if current.digest == self._counted:
            return
        first, self._counted, self.used = not self._counted, current.digest, current
        self.metrics.policy_loaded(current, now.timestamp())
        self.metrics.policy_warned(each.name for each in log_warnings(current, _log, now))
        if not first:
            _log.info("policy loaded", extra={"policy": str(current)})

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
