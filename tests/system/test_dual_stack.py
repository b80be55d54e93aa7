"""The server answers over IPv6 and over IPv4, and does without IPv6 if there is none."""

import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.serving import Server, serving, until

from webhook.certs.issuing import issue
from webhook.settings import Settings

_IPV6 = socket.has_ipv6 and Path("/proc/net/if_inet6").exists()


def _request(server: Server, host: str, port: int) -> int:
    """Return the status of /livez on the management port, or of an unknown path on the admission port."""
    with socket.create_connection((host, port), timeout=30) as connection:
        if port == server.management_port:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return int(connection.recv(64).split()[1])
        context = ssl.create_default_context(cafile=server.ca)
        with context.wrap_socket(connection, server_hostname="localhost") as secured:
            secured.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return int(secured.recv(64).split()[1])


@pytest.mark.skipif(not _IPV6, reason="the kernel has no IPv6")
def test_both_families_by_default(tmp_path: Path) -> None:
    """Both ports answer on ::1 and on 127.0.0.1 without a setting, and an IPv4 client's address is logged as one."""
    with serving(tmp_path, "--host", Settings().host) as server:
        line = server.logged("listening")
        assert line is not None
        assert (line["admission"], line["management"]) == (
            f"https://[::]:{server.port}", f"http://[::]:{server.management_port}",
        )  # fmt: skip
        for host in ("::1", "127.0.0.1"):
            assert (host, _request(server, host, server.management_port)) == (host, 200)
            assert (host, _request(server, host, server.port)) == (host, 404)
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(b"no handshake\r\n\r\n")
            failed = until(lambda: server.logged("TLS handshake failed"), "the failed handshake")
        assert failed["peer"] == "127.0.0.1"


# A network of its own, whose sockets on :: take IPv6 alone.
_IPV6_ONLY = [
    "unshare",
    "--net",
    "sh",
    "-c",
    'ip link set lo up && echo 1 > /proc/sys/net/ipv6/bindv6only && exec "$@"',
    "-",
]


def test_where_a_socket_takes_one_family(tmp_path: Path) -> None:
    """If a socket on :: would not take IPv4, the server listens on every IPv4 address."""
    able = subprocess.run([*_IPV6_ONLY, "true"], capture_output=True, text=True, check=False)
    if able.returncode:
        pytest.skip(f"a network of its own needs root and iproute2: {able.stderr.strip()}")
    issue(tmp_path, ["localhost"])
    command = [
        sys.executable, "-m", "webhook.cli", "serve", "--port", "0", "--management-port", "0", "--drain", "0",
        "--cert", str(tmp_path / "tls.crt"), "--key", str(tmp_path / "tls.key"),
    ]  # fmt: skip
    with subprocess.Popen(
        [*_IPV6_ONLY, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        try:
            assert process.stderr is not None
            line = json.loads(next(line for line in process.stderr if b"listening" in line))
            addresses = [line[name].rpartition(":")[0] for name in ("admission", "management")]
            assert addresses == ["https://0.0.0.0", "http://0.0.0.0"]
        finally:
            process.terminate()
        process.stderr.read()
    assert process.returncode == 0
