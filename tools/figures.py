"""Writes figures to a page, between `<!-- NAME -->` and `<!-- end -->`."""

import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.support.paths import ROOT

PERFORMANCE: Final = ROOT / "docs" / "performance.md"


def put(page: Path, name: str, lines: Iterable[str]) -> None:
    """Replace the part `name` of a page.

    Raises:
        ValueError: the page has no such part, or several.
    """
    text = "\n".join((f"<!-- {name} -->", *lines, "<!-- end -->"))
    page_text, count = _part(name).subn(lambda _: text, page.read_text())
    if count != 1:
        raise ValueError(f"{page.name}: expected one part <!-- {name} -->, found {count}")
    page.write_text(page_text)


def machine() -> str:
    """Return what the figures of a page depend on: cores, processor, kernel and Python."""
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    cores = os.cpu_count()  # not those of this process: a benchmark keeps to one
    return (
        f"{cores} cores ({models[0] if models else platform.machine()}), Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def put_row(page: Path, name: str, first: str, cells: Iterable[str]) -> None:
    """Replace the row of the table `name` whose first cell is `first`, or add it as the last.

    Raises:
        ValueError: the page has no such part, or several.
    """
    row = f"| {first} | {' | '.join(cells)} |"
    rows = part(page, name)
    kept = [line for line in rows if not line.startswith(f"| {first} |")]
    at = next((number for number, line in enumerate(rows) if line.startswith(f"| {first} |")), len(kept))
    put(page, name, [*kept[:at], row, *kept[at:]])


def part(page: Path, name: str) -> list[str]:
    """Return the lines of the part `name` of a page, none if there is none."""
    found = _part(name).search(page.read_text())
    return found[1].splitlines() if found else []


def _part(name: str) -> re.Pattern[str]:
    return re.compile(rf"<!-- {re.escape(name)} -->\n(.*?)<!-- end -->", re.DOTALL)
