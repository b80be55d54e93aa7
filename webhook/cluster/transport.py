"""Sends requests through the official client, without its model classes. Only this module uses the library."""

import os
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from webhook import __version__
from webhook.errors import ClusterError
from webhook.text import printable, quoted

_DEFAULT: Final = "~/.kube/config"
_CONNECT_SECONDS: Final = 5.0
_READ_SECONDS: Final = 30.0
_RETRIES: Final = 3  # for failed connections and idempotent requests; Retry-After is respected
_PATIENT_RETRIES: Final = 6
_PASSING: Final = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
_ERRORS: Final = range(400, 600)
_GONE: Final = 410


class Transport:
    """A configured client: its server, its credentials, and its trusted CAs."""

    def __init__(self, configuration: Any, patience: float) -> None:
        """Create a client from a Configuration of the library, and the patience that `connect` documents.

        Raises:
            ClusterError: the server does not use TLS, or would not be verified.
        """
        if not str(configuration.host).startswith("https://"):
            raise ClusterError(f"{quoted(str(configuration.host))} does not use TLS; expected https://")
        if not configuration.verify_ssl:
            raise ClusterError(
                f"{configuration.host}: insecure-skip-tls-verify is not supported; expected certificate-authority"
            )
        configuration.retries = retries(patience)
        self.server: str = configuration.host
        self._client = ApiClient(configuration)
        self._client.user_agent = f"istag-webhook/{__version__}"

    @classmethod
    def of(cls, kubeconfig: Path | None, context: str | None, patience: float) -> "Transport":
        """Create a client from a kubeconfig, or from the service account of the pod.

        Raises:
            ClusterError: neither can be used.
        """
        configuration = Configuration()
        paths = str(kubeconfig) if kubeconfig else os.environ.get("KUBECONFIG") or _DEFAULT
        there = any(Path(path).expanduser().exists() for path in paths.split(os.pathsep) if path)
        if not there and (kubeconfig or context or os.environ.get("KUBECONFIG")):
            raise ClusterError(f"{paths}: the kubeconfig does not exist")
        try:
            if there:
                config.load_kube_config(paths, context, configuration, persist_config=False)
            else:
                config.load_incluster_config(configuration)
        except Exception as error:  # the library fails in many ways on a malformed file
            message = printable(str(error)) or type(error).__name__
            if there:
                raise ClusterError(f"{paths}: the kubeconfig cannot be used: {message}") from error
            raise ClusterError(
                f"no cluster configured: expected --kubeconfig, KUBECONFIG, {_DEFAULT} or "
                f"a pod's service account: {message}"
            ) from error
        return cls(configuration, patience)

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """Send one request, and return the object in the answer.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            path: the path of the URL.
            query: the query parameters.
            body: the object to send, None for none.
            content_type: the media type of the body.

        Raises:
            ClusterError: there was no answer, or it is an error; the message is that of the API server.
        """
        headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if body is not None else {})
        if query:
            path = f"{path}?{urlencode(query)}"
        _, url, headers, *_ = self._client.param_serialize(
            method, path, header_params=headers, auth_settings=["BearerToken"]
        )
        try:
            response = self._client.call_api(
                method, url, headers, body, _request_timeout=(_CONNECT_SECONDS, _READ_SECONDS)
            )
            status, data = int(response.status), response.read()
        except (HTTPError, OSError, ApiException, config.ConfigException) as error:
            why = getattr(error, "reason", None) or error
            raise ClusterError(f"{self.server}: no answer: {printable(str(why))}") from None
        if status in _ERRORS:
            raise _error(status, data)
        return _object(data)


def retries(patience: float) -> Retry:
    """Return which requests are repeated, how often, and after how long: the client library does it."""
    if not patience:
        return Retry(_RETRIES, raise_on_status=False)
    return Retry(
        _PATIENT_RETRIES,
        connect=_RETRIES,  # a server that cannot be reached has the wrong address more often than it is ill
        allowed_methods=None,
        status_forcelist=_PASSING,
        backoff_factor=patience,
        backoff_jitter=patience,  # so that shards do not come back together
        raise_on_status=False,
    )


def _object(data: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ClusterError(f"expected JSON from the API server: {error}") from None
    if not isinstance(document, dict):
        raise ClusterError(f"expected an object from the API server, got {type(document).__name__}")
    return document


def _error(status: int, data: bytes) -> ClusterError:
    """Return the error of an answer: a Status (meta/v1), or the text of a proxy."""
    try:
        answer = _object(data)
        message = str(answer["message"])
    except (ClusterError, KeyError):
        answer, message = {}, f"HTTP status {status}: {data[:256].decode(errors='replace').strip()}"
    return ClusterError(printable(message), status, answer)
