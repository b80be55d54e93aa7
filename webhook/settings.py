"""The settings of the service: flag, environment variable or default, validated together into one frozen value."""

import errno
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from webhook.errors import Fault, SettingsError
from webhook.text import address, nearest, printable

PREFIX: Final = "ISTAG_WEBHOOK_"
RECORD_LEVELS: Final = ("metadata", "request")
LOG_FORMATS: Final = ("auto", "text", "json")
EVERY_ADDRESS: Final = "::"
EVERY_IPV4_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - a pod listens on its only address
_ELSEWHERE: Final = (errno.EADDRINUSE, errno.EACCES)  # another port may work
_PORTS: Final = range(65_536)
_WORKERS: Final = range(1, 65)
_API_SERVER_TIMEOUT: Final = 30  # seconds (admissionregistration.k8s.io/v1, timeoutSeconds)
_API_SERVER_IDLE: Final = 90  # seconds (client-go's transport, IdleConnTimeout)


def setting(default: Any, text: str, choices: tuple[str, ...] = ()) -> Any:
    """Declare a setting: its default, its sentence in `--help`, and its values if they are a closed set."""
    return field(default=default, metadata={"help": text, "choices": choices})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the service."""

    host: str = setting("::", "Address to listen on; :: stands for every address, IPv6 and IPv4.")
    port: int = setting(8443, "TLS port of the admission endpoints, 0 for any.")
    management_port: int = setting(8080, "Plain port of /livez, /readyz and /metrics, 0 for any.")
    policy: tuple[Path, ...] = setting((), "Policy file or directory; may be repeated. Default: the shipped policy.")
    cert: Path = setting(Path("certs/tls.crt"), "Serving certificate with its chain, PEM.")
    key: Path = setting(Path("certs/tls.key"), "Key of the serving certificate, PEM.")
    client_ca: Path | None = setting(
        None, "CA bundle that client certificates must verify against, PEM. Default: any client."
    )
    workers: int = setting(2, "Worker processes.")
    record: str = setting("-", "File to record decisions in, - for standard output.")
    record_level: str = setting(
        "metadata", "What a record holds: metadata, or request to include the whole request.", RECORD_LEVELS
    )
    record_key: Path | None = setting(
        None, "Ed25519 key that signs a checkpoint of the record each second, PEM. Default: no checkpoints."
    )
    audit: str = setting(
        "required",
        "required: answer only when the decision is recorded; best-effort: answer in any case.",
        ("required", "best-effort"),
    )
    log_level: str = setting("info", "Lowest severity to log.", ("debug", "info", "warning", "error"))
    log_format: str = setting("auto", "Format of the log; auto: text on a terminal, json otherwise.", LOG_FORMATS)
    keepalive: int = setting(120, "Seconds to keep an idle connection open; the API server keeps its own for 90.")
    patience: float = setting(
        1.0, "Seconds that a request may wait to be evaluated; a request that would wait longer is answered with 503."
    )
    drain: float = setting(5.0, "Seconds to keep answering after SIGTERM, until no more requests arrive.")
    grace: int = setting(10, "Seconds that requests in progress may take after that.")


def documented() -> tuple[Field[Any], ...]:
    """Return every setting, in the order of `--help`."""
    return fields(Settings)


def variable(name: str) -> str:
    """Return the name of the environment variable of a setting."""
    return PREFIX + name.upper()


def flag(name: str) -> str:
    """Return the command-line option of a setting."""
    return f"--{name.replace('_', '-')}"


def resolve(values: Mapping[str, Any]) -> Settings:
    """Return the validated settings, with defaults for those that `values` omits.

    Args:
        values: the settings by name, already converted to their types.

    Raises:
        SettingsError: with every fault.
    """
    settings = Settings(**values)
    checks = (
        ("port", settings.port in _PORTS, "expected a port from 0 to 65535"),
        ("management_port", settings.management_port in _PORTS, "expected a port from 0 to 65535"),
        (
            "management_port",
            settings.management_port == 0 or settings.management_port != settings.port,
            "expected a port other than that of the admission endpoints",
        ),
        ("workers", settings.workers in _WORKERS, "expected 1 to 64 workers"),
        ("record", settings.record != "", "expected a file, or - for standard output"),
        *_closed(settings),
        (
            "keepalive",
            settings.keepalive > _API_SERVER_IDLE,
            f"expected more than the {_API_SERVER_IDLE} seconds that the API server keeps a connection",
        ),
        (
            "patience",
            0 < settings.patience < _API_SERVER_TIMEOUT,
            f"expected more than 0 seconds and less than {_API_SERVER_TIMEOUT}, the longest that the API server waits",
        ),
        ("drain", settings.drain >= 0, "expected 0 seconds or more"),
        ("grace", settings.grace >= 1, "expected 1 second or more"),
    )
    if faults := tuple(
        Fault(flag(name), "", f"{expected}, got {_shown(getattr(settings, name))}")
        for name, holds, expected in checks
        if not holds
    ):
        raise SettingsError(faults)
    return settings


def _closed(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    """Yield a check for each setting with a fixed set of values."""
    for each in documented():
        if choices := each.metadata["choices"]:
            expected = f"expected {', '.join(choices[:-1])} or {choices[-1]}"
            yield each.name, getattr(settings, each.name) in choices, expected


def _shown(value: object) -> str:
    return str(value) or "nothing"


def unknown(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the environment variables that have the prefix of a setting but name none."""
    known = {variable(each.name) for each in documented()}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def meant(name: str) -> str:
    """Return a hint at the environment variable that is most like `name`, empty if none is."""
    near = nearest(name, (variable(each.name) for each in documented()))
    return f"; did you mean {near}?" if near else ""


def is_dual_stack() -> bool:
    """Return whether a socket on `::` accepts IPv4 too: the machine has IPv6, and net.ipv6.bindv6only is 0."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            return not probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    except OSError:
        return False


def unavailable(settings: Settings) -> Iterator[Fault]:
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
