"""Issues and renews the certificate of an installation through the Kubernetes API; safe to run concurrently.

The whole state is in one Secret, and each run performs the next step from there:

1. stage: write a new CA and its serving certificate next to the current ones;
2. trust: add the CA certificates of the Secret, including the new one, to every caBundle;
3. serve: make the staged pair the current one.

A CA stays trusted until it expires, together with its certificate, because a pod may still serve that certificate.
Updates use resourceVersion, so no client overwrites the changes of another. Configurations are read before the Secret,
so a slow client cannot remove a CA that has been staged in the meantime.
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
# Controllers that inject a caBundle because of such an annotation would overwrite ours.
_INJECTED: Final = (
    "service.beta.openshift.io/inject-cabundle",
    "cert-manager.io/inject-ca-from",
    "cert-manager.io/inject-ca-from-secret",
)
_ATTEMPTS: Final = 50  # conflicts; after each of them another client has made progress
_PAUSE: Final = 0.25  # seconds, at most
_STEPS: Final = 12  # a renewal takes 5


@dataclass(frozen=True, slots=True)
class Installation:
    """The objects of an installation.

    Attributes:
        namespace: the namespace of the Secret and the Service.
        secret: the Secret that the pods mount.
        service: the Service that the API server calls.
        configuration: the name of both the validating and the mutating webhook configuration.
    """

    namespace: str
    secret: str
    service: str
    configuration: str

    @property
    def names(self) -> tuple[str, ...]:
        """The DNS names of a serving certificate; the API server verifies the first (its ServiceResolver)."""
        host = f"{self.service}.{self.namespace}.svc"
        return (host, f"{host}.cluster.local")


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a renewal.

    Attributes:
        days: the validity of a certificate.
        renew_before: the number of days before expiry at which to renew.
        now: whether to renew regardless of the expiry.
        forget: whether to stop trusting CAs that did not sign the served certificate.
        dry_run: whether the API server only validates the next step, and stores nothing.
    """

    days: int
    renew_before: int
    now: bool = False
    forget: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _State:
    """The Secret, and the configurations as of just before it was read."""

    secret: dict[str, Any] | None
    configurations: tuple[tuple[Resource, dict[str, Any]], ...]

    def data(self, key: str) -> bytes:
        """Return one entry of the Secret, b"" if it is missing."""
        return b64decode(((self.secret or {}).get("data") or {}).get(key) or "")


def renew(cluster: Cluster, installation: Installation, terms: Terms, say: Callable[[str], None]) -> datetime | None:
    """Perform the missing steps one by one, and return when the served certificate expires.

    Args:
        cluster: the cluster.
        installation: the objects of the installation.
        terms: the terms of the renewal.
        say: called with a message for each step.

    Raises:
        ClusterError: the API server denied a request, or an object is not as expected.
        CertificateError: a name is invalid in a certificate.
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
            time.sleep(random.uniform(0, _PAUSE))  # noqa: S311 - so that two clients do not collide again
            continue
        if not done:
            return serving.expires(state.data("tls.crt"))
        say(done)
        steps += 1
        if terms.dry_run:
            return serving.expires(state.data("tls.crt"))
        if steps == _STEPS:
            raise ClusterError(f"another client keeps undoing this step: {done}")


def _read(cluster: Cluster, installation: Installation) -> _State:
    """Read all objects: the configurations first, as the module explains."""
    configurations = tuple((each, cluster.get(each, installation.configuration)) for each in CONFIGURATIONS)
    for resource, document in configurations:
        name = f"{resource.plural} {installation.configuration}"
        for annotation in _INJECTED:
            if annotation in (document["metadata"].get("annotations") or {}):
                raise ClusterError(f"{name}: the annotation {annotation} injects its caBundle; remove the annotation")
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
            f"secret {installation.namespace}/{installation.secret} was not created by this command; "
            f"expected the label {'='.join(_MANAGED)}, or no secret of this name"
        )
    return state


def _clients(configuration: dict[str, Any], installation: Installation) -> Iterator[dict[str, Any]]:
    """Yield the clientConfigs that call the installation."""
    for webhook in configuration.get("webhooks") or ():
        service = webhook["clientConfig"].get("service") or {}
        if (service.get("namespace"), service.get("name")) == (installation.namespace, installation.service):
            yield webhook["clientConfig"]


def _step(cluster: Cluster, installation: Installation, terms: Terms, state: _State, at_first: bytes) -> str:
    """Perform the next step, and return its description, "" if none is left."""
    trusted, served, staged = state.data("ca.crt"), state.data("tls.crt"), state.data("next.crt")
    host = installation.names[0]
    where = f"secret {installation.namespace}/{installation.secret}"
    if not serving.belongs(staged, state.data("next.key")) or not serving.signers(trusted, staged, host):
        staged = b""  # it is missing, or too old
    if not staged and _due(installation, terms, state, at_first):
        made = issuing.pair(installation.names, days=terms.days)
        # A pod may serve any certificate that a bundle trusts, whatever happened to the Secret.
        bundles = [_bundle(client) for _, each in state.configurations for client in _clients(each, installation)]
        known = serving.joined(trusted, *bundles, made.ca)
        _write(cluster, installation, terms, state, {"ca.crt": known, "next.crt": made.cert, "next.key": made.key})
        return f"{where}: staged a CA and a serving certificate for {', '.join(installation.names)}"
    kept = serving.signers(trusted, served, host) if terms.forget and not staged else serving.joined(trusted)
    if kept != trusted:
        _write(cluster, installation, terms, state, {"ca.crt": kept})
        return f"{where}: stopped trusting a CA that is no longer needed"
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
    """Whether to issue a new certificate: the current one expires soon, or cannot be served."""
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
    """Write entries of the Secret, b"" to remove one; a conflict (409) if another client has changed it."""
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
