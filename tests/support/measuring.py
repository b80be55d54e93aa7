"""Counts of the fault tests, written to the table of FAULTS.md: `make faults`."""

import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import pytest

TABLE: Final = Path(__file__).parents[1] / "FAULTS.md"
NAME: Final = "measured"
Measured = Callable[..., None]  # takes what `sentence` takes
_NAMED: Final = re.compile(r"`(\w+/test_\w+\.py::test_\w+)`")
_MACHINE: Final = re.compile(r"(?<=<!-- machine -->\n).*?(?=<!-- end -->)", re.DOTALL)


def sentence(
    requests: int, lost: int, failed: int, recovery: float | None = None, replaced: float | None = None
) -> str:
    """Return what a test counted, in words.

    Args:
        requests: that were sent.
        lost: that got no answer.
        failed: that were answered, and not 200.
        recovery: seconds from the end of the fault to the first answer 200.
        replaced: seconds until there were as many workers as before.
    """
    said = [f"{requests:,} requests", f"{lost:,} lost", f"{failed:,} not 200"]
    if recovery is not None:
        said.append(f"200 again after {recovery:.2f} s")
    if replaced is not None:
        said.append(f"another worker after {replaced:.2f} s")
    return ", ".join(said)


def measured(reports: Iterable[pytest.TestReport]) -> dict[str, str]:
    """Return what each test said that it counted, by its name as the table has it; of several cases, each."""
    found: dict[str, list[str]] = {}
    for report in reports:
        for name, said in report.user_properties:
            if name == NAME:
                found.setdefault(report.nodeid.removeprefix("tests/").partition("[")[0], []).append(str(said))
    return {test: "; ".join(said) for test, said in found.items()}


def written(table: str, found: Mapping[str, str]) -> str:
    """Return the table with what was measured by the tests of `found`; the other rows stay as they are."""
    lines = table.splitlines(keepends=True)
    for number, line in enumerate(lines):
        said = [found[test] for test in _NAMED.findall(line) if test in found]
        if said:
            fault, holds, _, tests = line.strip().strip("|").split(" | ")
            lines[number] = f"| {fault.strip()} | {holds} | {'; '.join(said)} | {tests.strip()} |\n"
    return _MACHINE.sub(f"{_machine()}\n", "".join(lines))


def _machine() -> str:
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    cores = len(os.sched_getaffinity(0))
    return (
        f"Measured on {cores} cores ({models[0] if models else platform.machine()}), Linux {platform.release()}, "
        f"Python {platform.python_version()}; load and server share them."
    )
