"""Count the instructions that an input costs, at a size and at twice that: `make scaling`.

Valgrind's callgrind counts them, in C too, so neither a slow machine nor a busy one changes the result. It counts while
`PyRun_StringFlags` runs, which `exec` of a string calls, and writes a profile each time that returns. No shape may cost
more than 2.3 times as much at twice the size.
"""

import argparse
import gc
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.support import shapes
from tests.support.builders import HEAD, NOW, policy_of
from tests.support.paths import ROOT
from tests.support.robust import completing, strict

from webhook.admission import engine
from webhook.admission.codec import decode, encode
from webhook.audit.record import MOST, Context, annotations, record, tags
from webhook.documents.reading import read
from webhook.errors import PolicyError
from webhook.policy.loading import load
from webhook.policy.written import located
from webhook.report import json as report
from webhook.report.header import header
from webhook.report.outcome import Origin, outcome
from webhook.report.tally import Tally
from webhook.resources import catalog

COUNTED: Final = "PyRun_StringFlags"
TIMES: Final = 2.3  # times the instructions, for twice the size
_TOTAL: Final = re.compile(rb"^(?:totals|summary): (\d+)", re.MULTILINE)
# The first size of each shape, large enough that constant costs do not hide the others.
_SIZES: Final = {
    "tags": 150, "bare": 300, "changed": 100, "kept": 300, "findings": 60, "keys": 500, "unknown": 400, "depth": 110,
    "name": 100_000, "credentials": 20_000, "escapes": 6_000, "history": 120, "histories": 120, "images": 100,
    "layers": 700, "groups": 8_000, "policy": 30, "faulty": 60, "listing": 80, "aliases": 400, "repeated": 4_000,
}  # fmt: skip


def main() -> int:
    """Measure, print a table, and return 1 if a shape costs too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", choices=[*_SIZES, []], default=[], metavar="SHAPE")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    chosen = given.shapes or list(_SIZES)
    if given.run:
        _run(chosen)
        return 0
    failed = False
    for name, once, twice in _counts(chosen):
        times = twice / once
        failed = failed or times > TIMES
        sys.stdout.write(f"{name:12} {once:>14,} {twice:>14,} {times:6.2f}{'  too much' if times > TIMES else ''}\n")
    return 1 if failed else 0


def _counts(chosen: list[str]) -> list[tuple[str, int, int]]:
    """Return the instructions that each shape costs, at its size and at twice that.

    Raises:
        RuntimeError: a profile is missing.
    """
    with TemporaryDirectory() as directory:
        options = (f"--toggle-collect={COUNTED}", f"--dump-after={COUNTED}", "--callgrind-out-file=counts")
        command = [
            "valgrind",
            "--quiet",
            "--tool=callgrind",
            *options,
            sys.executable,
            "-m",
            "tools.scaling",
            "--run",
            *chosen,
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        subprocess.run([*command], check=True, cwd=directory, env=environment)
        profiles = sorted(Path(directory).glob("counts.*"), key=lambda path: int(path.suffix[1:]))
        counts = list(map(_count, profiles[-2 * len(chosen) :]))  # imports call it too, before them
    return list(zip(chosen, counts[::2], counts[1::2], strict=True))


def _count(profile: Path) -> int:
    found = _TOTAL.search(profile.read_bytes())
    if found is None:
        raise RuntimeError(f"{profile.name} does not say how many instructions it counted")
    return int(found[1])


def _run(chosen: list[str]) -> None:
    """Evaluate every shape at both sizes, so that each evaluation is counted by itself."""
    pipelines = [(name, *_pipeline(name)) for name in chosen]
    for _, make, evaluate in pipelines:
        evaluate(make(8))  # what is imported or made once is made now
    for name, make, evaluate in pipelines:
        for size in (_SIZES[name], 2 * _SIZES[name]):
            scope = {"evaluate": evaluate, "given": make(size)}
            gc.collect()
            gc.freeze()  # a collection walks only what the evaluation makes, whenever it happens
            exec("evaluate(given)", scope)  # noqa: S102 - the only way to COUNTED that every build of Python has


def _pipeline(name: str) -> tuple[Callable[[int], Any], Callable[[Any], object]]:
    """Return what makes a shape, and what evaluates it."""
    if name in shapes.REVIEWS:
        return lambda size: json.dumps(shapes.REVIEWS[name](size), separators=(",", ":")).encode(), _answer()
    return shapes.DOCUMENTS[name], _documents(name)


def _answer() -> Callable[[bytes], object]:
    """Return what answers a review as the server does, and evaluates it as `check` does."""
    team = policy_of("spec: {rules: [{name: r, match: {groups: ['team-*x']}, pin: {digest: true}}]}")
    asked = [
        *((policy, "validate") for policy in (load(), strict(), team)),
        *((policy, "mutate") for policy in (load(), completing())),
    ]
    when = datetime(2026, 1, 1, tzinfo=UTC)

    def answer(body: bytes) -> None:
        for policy, webhook in asked:
            review = decode(body, catalog.RESOURCES, NOW)
            decision = getattr(engine, webhook)(review, policy)
            named = tags(decision, MOST)
            encode(review, decision, annotations(decision, named, policy))
            record(review, decision, named, policy, Context(webhook, "0", "request"), time=when, seconds=0.1)
        review, policy, tally = decode(body, catalog.RESOURCES, NOW), strict(), Tally()
        made = outcome(Origin("x", 1), review, engine.admit(review, policy))
        "".join(report.write(header("check", policy, "0", "2026-01-01T00:00:00Z"), tally.counting([made]), tally))

    return answer


def _documents(name: str) -> Callable[[str], object]:
    """Return what reads a document: a policy is loaded, and all else is read and looked up."""

    def look_up(text: str) -> None:
        for document in read("x", text.encode())[0]:
            for key in document.value:
                document.mark(key)

    def loaded(text: str) -> None:
        path = Path("policy.yaml")
        path.write_text(HEAD + text)
        try:
            located(load(path))
        except PolicyError as refused:
            str(refused)

    return look_up if name in ("aliases", "repeated") else loaded


if __name__ == "__main__":
    raise SystemExit(main())
