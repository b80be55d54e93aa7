"""A cluster's worth of image streams, the same each time: for the tests of `scan` and for its benchmark."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from webhook.cluster.client import Resource, connect
from webhook.report.json import read
from webhook.report.outcome import Outcome
from webhook.report.tally import Tally

STREAMS: Final = Resource("image.openshift.io", "v1", "imagestreams")
NAMESPACES: Final = Resource("", "v1", "namespaces")
_TOGETHER: Final = 8
# Runs the command and says the most memory that it had (proc(5), VmHWM): what wait4 says begins with the parent's.
_MEASURING: Final = """
import re, sys
from pathlib import Path
from webhook.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def streams(count: int, tags: int, *, each: int = 5, prefix: str = "team", **labels: str) -> Iterator[dict[str, Any]]:
    """Yield `count` image streams of `tags` tags, `each` a namespace, with these labels.

    Of twenty tags one is insecure, which the shipped policy denies, and one lacks its tag, which it warns of.
    """
    for number in range(count):
        yield {
            "apiVersion": "image.openshift.io/v1",
            "kind": "ImageStream",
            "metadata": {
                "namespace": f"{prefix}-{number // each:03}",
                "name": f"app-{number % each}",
                "labels": labels,
            },
            "spec": {"lookupPolicy": {"local": False}, "tags": [tag(number * tags + each) for each in range(tags)]},
        }


def tag(number: int) -> dict[str, Any]:
    """Return the tag with this number of all."""
    insecure = {"insecure": True} if number % 20 == 7 else {}
    return {
        "name": f"v{number}",
        "annotations": None,
        "from": {"kind": "DockerImage", "name": f"quay.io/acme/app{'' if number % 20 == 9 else f':{number}'}"},
        "generation": 1,
        "importPolicy": {**insecure, "importMode": "Legacy"},
        "referencePolicy": {"type": "Source"},
    }


def fill(kubeconfig: Path, documents: Iterable[dict[str, Any]]) -> set[str]:
    """Create the streams, and the namespaces that they are in, whose names are returned."""
    cluster, wanted = connect(kubeconfig), list(documents)
    namespaces = {document["metadata"]["namespace"] for document in wanted}
    with ThreadPoolExecutor(_TOGETHER) as pool:
        list(pool.map(lambda name: cluster.create(NAMESPACES, {"metadata": {"name": name}}), namespaces))
        list(pool.map(lambda each: cluster.create(STREAMS, each, each["metadata"]["namespace"]), wanted))
    return namespaces


def empty(kubeconfig: Path, namespaces: Iterable[str]) -> None:
    """Delete all streams of the namespaces."""
    cluster = connect(kubeconfig)
    with ThreadPoolExecutor(_TOGETHER) as pool:
        list(pool.map(lambda name: cluster.delete(STREAMS, "", name), namespaces))


def peak(kubeconfig: Path, selector: str, *arguments: str) -> int:
    """Return the most memory, in KiB, that a scan of the streams that `selector` selects takes."""
    command: list[str | Path] = [
        sys.executable,
        "-c",
        _MEASURING,
        "scan",
        "--kubeconfig",
        kubeconfig,
        "--selector",
        selector,
    ]
    done = subprocess.run([*command, "--output", "/dev/null", *arguments], stdout=subprocess.PIPE, check=False)
    assert done.returncode == 1
    return int(done.stdout)


def command(kubeconfig: Path, *arguments: str | Path) -> list[str | Path]:
    """Return the command line of a scan."""
    return [sys.executable, "-m", "webhook.cli", "scan", "--kubeconfig", kubeconfig, *arguments]


def report_of(text: str) -> tuple[list[Outcome], Tally]:
    """Read what a scan printed with `--format json`."""
    tally = Tally()
    _, outcomes = read("report", text.encode().splitlines(keepends=True), tally)
    return list(outcomes), tally
