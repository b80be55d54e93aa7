"""The cost of a review, counted and not timed: calls and memory of each stage, compared with tests/data/budgets/.

`python -m tests.support.budget` prints what was counted; `--write` makes it the budget of this minor version of Python, and
`--version NAME` the row of that name in docs/performance.md. A call
is one of a function in Python or, from Python, of a function in C, as `sys.setprofile` reports them. Memory is what a
stage needs at most beyond what was there when it began, as `tracemalloc` sees it. The server takes each review from
a TLS connection in memory; none is like another.
"""

import argparse
import asyncio
import gc
import json
import os
import ssl
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType, FunctionType
from typing import Any, Final

from tests.support.bodies import KINDS, Kind
from tests.support.inmemory import Caller
from tests.support.paths import DATA, ROOT
from tools import figures

from webhook.admission import codec, engine
from webhook.audit import record
from webhook.audit.chain import Chain, Writer
from webhook.audit.journal import Journal
from webhook.certs.issuing import issue
from webhook.certs.serving import Serving
from webhook.files import SharedMutex
from webhook.policy.loading import load
from webhook.resources.catalog import RESOURCES
from webhook.service.app import Service, create_app
from webhook.service.metrics import Metrics

# Where a stage begins and ends: with the call of one of these functions. What they call belongs to it, unless that begins
# another stage. All else that the server does for a review is the last stage.
STAGES: Final[Mapping[str, tuple[Callable[..., Any], ...]]] = {
    "parse": (codec.parse,),
    "decode": (codec.decode,),
    "changes": tuple(resource.changes for resource in RESOURCES.values()),
    "rules": (engine.validate, engine.mutate),
    "record": (record.tags, record.annotations, record.record, Journal.add, Journal.settle),
    "encode": (codec.encode,),
}
LAST: Final = "http"
FOLDER: Final = DATA / "budgets"
MINOR: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
_TWENTY: Final = DATA / "policies" / "twenty.yaml"
_WARM: Final = 5
_COUNTED: Final = 3
_SPARE_CALLS: Final = 5  # of what is done once a second, such as the Date field
_SPARE_BYTES: Final = 512  # what a stage may need more or less, by what the allocator had at hand

Figures = dict[str, dict[str, dict[str, int]]]
"""By kind of review and stage: `calls` and `bytes`."""


class _Stages:
    """Which stage a function begins."""

    def __init__(self) -> None:
        self._of: dict[CodeType, str] = {}
        for stage, functions in STAGES.items():
            for function in functions:
                assert isinstance(function, FunctionType)
                self._of[function.__code__] = stage
        self.stack = [LAST]

    def enters(self, frame: FrameType, event: str) -> bool:
        """Note the begin or the end of a call; whether it was one that begins or ends a stage."""
        stage = self._of.get(frame.f_code)
        if stage is None:
            return False
        if event == "call":
            self.stack.append(stage)
        else:
            self.stack.pop()
        return True


@contextmanager
def _calls(found: Counter[str]) -> Iterator[None]:
    """Count the calls of each stage."""
    stages = _Stages()

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event in ("call", "return"):
            stages.enters(frame, event)
        if event in ("call", "c_call"):
            found[stages.stack[-1]] += 1

    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)


@contextmanager
def _bytes(found: Counter[str]) -> Iterator[None]:
    """Measure the most bytes that each stage needs beyond what there was when it began, or went on."""
    stages = _Stages()
    base = 0

    def measure(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal base
        stage = stages.stack[-1]
        if event in ("call", "return") and stages.enters(frame, event):
            now, peak = tracemalloc.get_traced_memory()
            found[stage] = max(found[stage], peak - base)
            base = now
            tracemalloc.reset_peak()

    tracemalloc.start()
    base = tracemalloc.get_traced_memory()[0]
    sys.setprofile(measure)
    try:
        yield
    finally:
        sys.setprofile(None)
        found[LAST] = max(found[LAST], tracemalloc.get_traced_memory()[1] - base)
        tracemalloc.stop()


async def _counted(directory: Path) -> Figures:
    """Count every kind of review."""
    issue(directory, ["localhost"])
    policy = load(_TWENTY)
    journal = Journal(os.devnull, SharedMutex.make(), chain=Chain(Writer.current()))
    service = Service(lambda: policy, journal, Metrics(), "budget")
    context: ssl.SSLContext = Serving(directory / "tls.crt", directory / "tls.key").context
    caller = Caller(create_app(service).wsgi_app, context, directory / "ca.crt")
    await caller.connect()
    return {name: await _kind(caller, kind) for name, kind in KINDS.items()}


async def _kind(caller: Caller, kind: Kind) -> dict[str, dict[str, int]]:
    """Count a kind of review: the minimum of several, without work that is done once a second."""
    for version in range(_WARM):
        await _answered(caller, kind, version, nullcontext)
    found: dict[str, dict[str, int]] = {stage: {} for stage in (*STAGES, LAST)}
    for version in range(_WARM, _WARM + _COUNTED):
        counts: dict[str, Counter[str]] = {"calls": Counter(), "bytes": Counter()}
        await _answered(caller, kind, 2 * version, partial(_calls, counts["calls"]))
        await _answered(caller, kind, 2 * version + 1, partial(_bytes, counts["bytes"]))
        for what, of in counts.items():
            for stage, kept in found.items():
                kept[what] = min(kept.get(what, of[stage]), of[stage])
    return found


async def _answered(
    caller: Caller, kind: Kind, version: int, around: Callable[[], AbstractContextManager[object]]
) -> None:
    gc.collect()
    answer = await caller.post(kind.path, kind.make(f"1.{version}"), around)
    assert answer.startswith(b"HTTP/1.1 200 "), answer


def count() -> Figures:
    """Count in a process of its own, in which nothing depends on chance or on what else was imported."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.budget", "--run"],
        cwd=ROOT,
        env={**given, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: Figures = json.loads(done.stdout)
    return found


def budget() -> Figures | None:
    """Return the budget of this minor version of Python, None if there is none."""
    path = FOLDER / f"{MINOR}.json"
    if not path.exists():
        return None
    found: Figures = json.loads(path.read_text())
    return found


def write(found: Figures) -> None:
    """Make what was counted the budget."""
    (FOLDER / f"{MINOR}.json").write_text(json.dumps(found, indent=1) + "\n")


def differences(found: Figures, allowed: Figures) -> list[str]:
    """Return a sentence for each stage that costs more than its budget, or so much less that the budget says nothing."""
    return [
        f"{kind}, stage {stage}: {found[kind][stage][what]:,} {what}, budget {most:,}"
        for kind, stages in allowed.items()
        for stage, limits in stages.items()
        for what, most in limits.items()
        if not _within(found[kind][stage][what], most, what)
    ]


def _within(found: int, most: int, what: str) -> bool:
    spare = max(_SPARE_BYTES, most // 20) if what == "bytes" else _SPARE_CALLS
    return most * 9 // 10 - spare <= found <= most + spare


def main() -> None:
    """Count, and print or write what was counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="make it the budget")
    parser.add_argument("--version", default="", help="write the calls to the row of this name in docs/performance.md")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        gc.disable()
        with TemporaryDirectory() as name:
            sys.stdout.write(json.dumps(asyncio.run(_counted(Path(name)))))
        return
    found = count()
    stages = (*STAGES, LAST)
    if given.write:
        write(found)
    if given.version:
        for kind, of in found.items():
            cells = [f"{of[stage]['calls']:,}" for stage in stages]
            total = sum(each["calls"] for each in of.values())
            figures.put_row(figures.PERFORMANCE, "calls", f"{given.version}: {kind}", [*cells, f"{total:,}"])
    sys.stdout.write(f"{'calls, bytes':22}" + "".join(f"{stage:>16}" for stage in stages) + f"{'calls':>10}\n")
    for kind, of in found.items():
        shown = "".join(f"{of[stage]['calls']:>6,} {of[stage]['bytes']:>9,}" for stage in stages)
        sys.stdout.write(f"{kind:22}{shown}{sum(each['calls'] for each in of.values()):>10,}\n")


if __name__ == "__main__":
    main()
