"""The resources of a pod: memory and CPU of a server's processes after some thousands of reviews: `python -m tools.footprint`.

The figures in manifests/base/deployment.yaml come from here.
"""

import ctypes
import itertools
import os
import re
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.support.builders import REVIEWS
from tests.support.serving import Server, serving

_CALLERS: Final = 8
_RECORDED: Final = [
    (path.read_bytes(), "/mutate" if ".1-mutate" in path.name else "/validate")
    for path in sorted(REVIEWS.glob("*-*.json"))
    if "expected" not in path.name
]


def memory(pid: int, field: str) -> float:
    """Return a field of a process's memory (proc(5), smaps_rollup) in MiB: `Rss`, or `Pss`, where shared pages count once."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def seconds(pid: int) -> float:
    """Return the CPU seconds that a process has used, to the nanosecond: /proc has them in hundredths of a second.

    Raises:
        ProcessLookupError: there is none.
    """
    clock = ctypes.c_int()
    if error := ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)):  # clock_getcpuclockid(3)
        raise ProcessLookupError(error, f"no CPU clock of process {pid}")
    return time.clock_gettime(clock.value)


def send(server: Server, reviews: int) -> None:
    """Send recorded reviews on kept connections."""

    def call(bodies: "itertools.islice[tuple[bytes, str]]") -> None:
        connection = server.connect()
        for body, path in bodies:
            status, _ = server.post(body, path, connection)
            assert status == 200
        connection.close()

    share = reviews // _CALLERS
    threads = [
        threading.Thread(target=call, args=(itertools.islice(itertools.cycle(_RECORDED), number, number + share),))
        for number in range(_CALLERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    """Print a line for each number of workers."""
    for workers in (1, 2, 4):
        with (
            TemporaryDirectory() as directory,
            TemporaryDirectory() as written,
            serving(Path(directory), "--workers", str(workers), "--record", os.devnull, TMPDIR=written) as server,
        ):
            pids = [server.process.pid, *server.workers()]
            for reviews in (0, 2_000, 20_000):
                before = sum(map(seconds, pids))
                send(server, reviews)
                spent = sum(map(seconds, pids)) - before
                assert server.get("/metrics")[0] == 200
                files = sum(path.stat().st_blocks * 512 for path in Path(written).rglob("*") if path.is_file()) / 2**20
                rss, pss = (sum(memory(pid, field) for pid in pids) for field in ("Rss", "Pss"))
                cost = f"{spent / reviews * 1000:.2f} CPU ms a review" if reviews else "idle"
                sys.stdout.write(
                    f"{workers} workers, {reviews:>6,} reviews: {rss:.0f} MiB RSS, {pss:.0f} MiB PSS, "
                    f"{files:.1f} MiB in the temporary directory, {cost}\n"
                )


if __name__ == "__main__":
    main()
