"""Count the instructions of a review over the versions, from the socket to the record, into docs/performance.md.

Valgrind's callgrind counts what one worker of the real command does in user mode. The count of a worker with a few
reviews is subtracted from that of one with many. So neither the start nor a busy machine changes the result. Every review
is different. Any version of the repository can be counted: `--tree` names a checkout of it.
"""

import os
import re
import signal
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
from tests.support.bodies import KINDS, Kind
from tests.support.paths import ROOT
from tests.support.serving import until
from tools import figures

from webhook.certs.issuing import issue

_POLICY: Final = ROOT / "tools" / "peers" / "policy.yaml"  # every version reads it
_START_SECONDS: Final = 300.0  # within valgrind
_WARM: Final = 5
_TOTAL: Final = re.compile(rb"^(?:totals|summary): (\d+)", re.MULTILINE)
_COMMAND: Final = "from webhook.cli.main import main; main()"


def counted(tree: Path, directory: Path, number: int, kind: Kind | None) -> int:
    """Return the instructions of one worker that answers a kind of review, or nothing but the first few.

    Args:
        tree: a checkout of the repository.
        directory: where the certificate is; files are written there.
        number: of this run; no two have the same at one time.
        kind: what is answered.
    """
    within, port = directory / f"run-{number}", 21_600 + number
    within.mkdir()
    command = [
        "valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={within}/counts.%p", sys.executable, "-c", _COMMAND, "serve",
        "--host", "127.0.0.1", "--port", str(port), "--management-port", "0", "--workers", "1", "--drain", "0",
        "--cert", str(directory / "tls.crt"), "--key", str(directory / "tls.key"), "--policy", str(_POLICY),
    ]  # fmt: skip
    given = {**os.environ, "PYTHONPATH": str(tree), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    with (within / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=within, env=given, stdout=subprocess.DEVNULL, stderr=log)
    try:
        plain = KINDS["plain"]
        connection = _first(process, port, directory, plain.make("0"))
        for version in range(1, _WARM):
            _post(connection, plain.path, plain.make(str(version)))
        for version in range(kind.reviews if kind else 0):
            assert kind is not None
            _post(connection, kind.path, kind.make(f"1.{version}"))
        listed = subprocess.run(["pgrep", "-P", str(process.pid)], stdout=subprocess.PIPE, check=True).stdout.split()
        (worker,) = map(int, listed)
        connection.close()
        os.kill(worker, signal.SIGTERM)  # not gunicorn, which would not wait long enough for what valgrind writes then
        counts = within / f"counts.{worker}"
        found = until(lambda: counts.exists() and _TOTAL.search(counts.read_bytes()), "the counts", _START_SECONDS)
        return int(found[1])
    finally:
        process.terminate()
        process.wait()


def _first(process: "subprocess.Popen[bytes]", port: int, directory: Path, body: bytes) -> HTTPSConnection:
    """Return a connection on which the server has answered."""
    context = ssl.create_default_context(cafile=directory / "ca.crt")
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = HTTPSConnection("localhost", port, context=context, timeout=_START_SECONDS)
        with suppress(OSError, HTTPException):
            _post(connection, "/validate", body)
            return connection
        time.sleep(0.5)
    raise click.ClickException(f"the server did not start; exit code {process.poll()}")


def _post(connection: HTTPSConnection, path: str, body: bytes) -> None:
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise click.ClickException(f"not answered: {answer.status} {text!r}")


def instructions(tree: Path) -> dict[str, float | None]:
    """Return the thousands of instructions of a review of each kind, None for one that this version does not answer."""
    with TemporaryDirectory() as name, ThreadPoolExecutor(os.cpu_count()) as pool:
        directory = Path(name)
        issue(directory, ["localhost"])
        bare = pool.submit(counted, tree, directory, 0, None)
        runs = {
            name: pool.submit(counted, tree, directory, number, kind)
            for number, (name, kind) in enumerate(KINDS.items(), 1)
        }
        found: dict[str, float | None] = {}
        for what, run in runs.items():
            error = run.exception()
            if isinstance(error, click.ClickException):
                click.echo(f"{what}: {error.message}", err=True)
                found[what] = None
            else:
                found[what] = (run.result() - bare.result()) / KINDS[what].reviews / 1_000
        return found


@click.command()
@click.option(
    "--tree",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=ROOT,
    help="A checkout; default: this one.",
)
@click.option(
    "--version", default="", help="What the row is called; it replaces the one of that name in docs/performance.md."
)
def main(tree: Path, version: str) -> None:
    """Count, and print the row; with --version, write it."""
    found = instructions(tree.resolve())
    row = ["-" if value is None else f"{value:,.0f}" for value in found.values()]
    click.echo("| version | " + " | ".join(found) + " |")
    click.echo(f"| {version} | " + " | ".join(row) + " |")
    if version:
        figures.put_row(figures.PERFORMANCE, "instructions", version, row)


if __name__ == "__main__":
    main()
