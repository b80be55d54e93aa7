"""The certificate of an installation, made and renewed through the Kubernetes API; by several at once, if need be.

Everything that is known stands in one Secret, and whoever runs does the next step of what stands there:

1. stage: a new CA and the serving certificate that it signed are written beside the ones that are served;
2. trust: every caBundle gets what the Secret trusts, the new CA too;
3. serve: the staged pair becomes the one that is served.

A CA stays trusted until it expires, as the certificate that it signed does: while a pod may still serve that one, it
verifies. Nobody writes over what somebody else wrote (resourceVersion), and configurations are read before the Secret:
so who is slow cannot take a CA out of a bundle that has been staged in the meantime.
"""

import random
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from webhook.certs import issuing, serving
from webhook.cluster.client import Cluster, Resource
from webhook.errors import ClusterError

SECRETS: Final = Resource("", "v1", "secrets")
CONFIGURATIONS: Final = tuple(
    Resource("admissionregistration.k8s.io", "v1", f"{kind}webhookconfigurations")
    for kind in ("validating", "mutating")
)
_MANAGED: Final = ("app.kubernetes.io/managed-by", "istag-webhook")
# Who writes a caBundle by such an annotation would write over ours.
_INJECTED: Final = (
    "service.beta.openshift.io/inject-cabundle",
    "cert-manager.io/inject-ca-from",
    "cert-manager.io/inject-ca-from-secret",
)
_ATTEMPTS: Final = 50  # conflicts, each of which means that somebody else got further
_PAUSE: Final = 0.25  # seconds, at most
_STEPS: Final = 12  # a renewal takes 5


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the webhook is installed.

    Attributes:
        namespace: of the Secret and the Service.
        secret: the Secret that the pods mount.
        service: the Service that the API server calls.
        configuration: the name of the validating and of the mutating webhook configuration.
    """

    namespace: str
    secret: str
    service: str
    configuration: str

    @property
    def names(self) -> tuple[str, ...]:
        """What a serving certificate is for; the API server asks for the first (its ServiceResolver)."""
        host = f"{self.service}.{self.namespace}.svc"
        return (host, f"{host}.cluster.local")


@dataclass(frozen=True, slots=True)
class Terms:
    """When and for how long.

    Attributes:
        days: that a certificate is valid.
        renew_before: days before its end that it is renewed.
        now: whether to renew it whatever its end.
        forget: whether to stop trusting what did not sign the one that is served.
        dry_run: whether the API server is to check the next step, and store nothing.
    """

    days: int
    renew_before: int
    now: bool = False
    forget: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _State:
    """The Secret, and the configurations as they were before it was read."""

    secret: dict[str, Any] | None
    configurations: tuple[tuple[Resource, dict[str, Any]], ...]

    def data(self, key: str) -> bytes:
        """Return one entry of the Secret, b"" where it is not there."""
        return b64decode(((self.secret or {}).get("data") or {}).get(key) or "")


def renew(cluster: Cluster, installation: Installation, terms: Terms, say: Callable[[str], None]) -> datetime | None:
    """Do what is to be done, step by step, and return when the certificate that is served expires.

    Args:
        cluster: where.
        installation: what.
        terms: when.
        say: called with a sentence for each step.

    Raises:
        ClusterError: the API server's denial, or objects that are not as they have to be.
        CertificateError: a name that no certificate can have.
    """
    at_first = _read(cluster, installation).data("tls.crt")
    attempts = steps = 0
    while True:
        try:
            state = _read(cluster, installation)
            done = _step(cluster, installation, terms, state, at_first)
        except ClusterError as error:
            attempts += 1
            if error.status != HTTPStatus.CONFLICT or attempts == _ATTEMPTS:
                raise
            time.sleep(random.uniform(0, _PAUSE))  # noqa: S311 - so that two do not meet again
            continue
        if not done:
            return serving.expires(state.data("tls.crt"))
        say(done)
        steps += 1
        if terms.dry_run:
            return serving.expires(state.data("tls.crt"))
        if steps == _STEPS:
            raise ClusterError(f"somebody else goes on changing what was done: {done}")


def _read(cluster: Cluster, installation: Installation) -> _State:
    """Read everything: the configurations first, see above."""
    configurations = tuple((each, cluster.get(each, installation.configuration)) for each in CONFIGURATIONS)
    for resource, document in configurations:
        name = f"{resource.plural} {installation.configuration}"
        for annotation in _INJECTED:
            if annotation in (document["metadata"].get("annotations") or {}):
                raise ClusterError(f"{name}: its caBundle is injected ({annotation}); expected no such annotation")
        if not list(_clients(document, installation)):
            called = f"{installation.namespace}/{installation.service}"
            raise ClusterError(f"{name}: expected a webhook that calls the service {called}")
    try:
        secret = cluster.get(SECRETS, installation.secret, installation.namespace)
    except ClusterError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        secret = None
    state = _State(secret, configurations)
    managed = secret is None or (secret["metadata"].get("labels") or {}).get(_MANAGED[0]) == _MANAGED[1]
    if not managed and state.data("tls.crt"):
        raise ClusterError(
            f"secret {installation.namespace}/{installation.secret} was not made by this command; "
            f"expected the label {'='.join(_MANAGED)}, or no such secret"
        )
    return state


def _clients(configuration: dict[str, Any], installation: Installation) -> Iterator[dict[str, Any]]:
    """Yield the clientConfigs that call the installation."""
    for webhook in configuration.get("webhooks") or ():
        service = webhook["clientConfig"].get("service") or {}
        if (service.get("namespace"), service.get("name")) == (installation.namespace, installation.service):
            yield webhook["clientConfig"]


def _step(cluster: Cluster, installation: Installation, terms: Terms, state: _State, at_first: bytes) -> str:
    """Do the next step and say which, "" where there is none left."""
    trusted, served, staged = state.data("ca.crt"), state.data("tls.crt"), state.data("next.crt")
    host = installation.names[0]
    where = f"secret {installation.namespace}/{installation.secret}"
    if not serving.belongs(staged, state.data("next.key")) or not serving.signers(trusted, staged, host):
        staged = b""  # there is none, or it was left too long
    if not staged and _due(installation, terms, state, at_first):
        made = issuing.pair(installation.names, days=terms.days)
        # What a bundle trusts may be served by a pod, whatever became of the Secret.
        bundles = [_bundle(client) for _, each in state.configurations for client in _clients(each, installation)]
        known = serving.joined(trusted, *bundles, made.ca)
        _write(cluster, installation, terms, state, {"ca.crt": known, "next.crt": made.cert, "next.key": made.key})
        return f"{where}: staged a CA and a serving certificate for {', '.join(installation.names)}"
    kept = serving.signers(trusted, served, host) if terms.forget and not staged else serving.joined(trusted)
    if kept != trusted:
        _write(cluster, installation, terms, state, {"ca.crt": kept})
        return f"{where}: stopped trusting a CA that is not needed any more"
    for resource, document in state.configurations:
        clients = list(_clients(document, installation))
        if any(_bundle(client) != trusted for client in clients):
            for client in clients:
                client["caBundle"] = b64encode(trusted).decode()
            cluster.replace(resource, document, dry_run=terms.dry_run)
            return f"{resource.plural} {installation.configuration}: trusts the CA certificates of {where}"
    if staged:
        pair = {"tls.crt": staged, "tls.key": state.data("next.key"), "next.crt": b"", "next.key": b""}
        _write(cluster, installation, terms, state, pair)
        return f"{where}: serves the new certificate"
    return ""


def _due(installation: Installation, terms: Terms, state: _State, at_first: bytes) -> bool:
    """Whether a new certificate is to be made: soon, or because the one that is there does not serve."""
    cert, expires = state.data("tls.crt"), serving.expires(state.data("tls.crt"))
    if expires is None or (terms.now and cert == at_first):
        return True
    serves = serving.belongs(cert, state.data("tls.key")) and all(
        serving.signers(state.data("ca.crt"), cert, name) for name in installation.names
    )
    return not serves or expires - datetime.now(UTC) < timedelta(days=terms.renew_before)


def _bundle(client: dict[str, Any]) -> bytes:
    return b64decode(client.get("caBundle") or "")


def _write(
    cluster: Cluster, installation: Installation, terms: Terms, state: _State, entries: dict[str, bytes]
) -> None:
    """Write entries of the Secret, b"" to take one out; a conflict (409) where somebody else has written it."""
    found: dict[str, Any] = state.secret or {"metadata": {"name": installation.secret}, "type": "kubernetes.io/tls"}
    data = {"tls.crt": "", "tls.key": "", **(found.get("data") or {})}
    data.update({key: b64encode(value).decode() for key, value in entries.items()})
    labels = {**(found["metadata"].get("labels") or {}), _MANAGED[0]: _MANAGED[1]}
    document = {
        **found,
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**found["metadata"], "labels": labels},
        "data": {key: value for key, value in data.items() if value or key.startswith("tls.")},
    }
    if state.secret is None:
        cluster.create(SECRETS, document, installation.namespace, dry_run=terms.dry_run)
    else:
        cluster.replace(SECRETS, document, installation.namespace, dry_run=terms.dry_run)
