"""A clock of a process's own, which jumps while the process runs; the machine's is left alone."""

import platform
from datetime import timedelta
from pathlib import Path

import libfaketime
import pytest

_LIBRARY = Path(libfaketime.__file__).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"


class Clock:
    """The time of day of the processes that have its `environment`; their monotonic clock is the machine's, as it would be.

    Attributes:
        environment: what makes a process take its time of day from here.
    """

    def __init__(self, file: Path) -> None:
        if platform.machine() != "x86_64":
            pytest.skip("the wheel of libfaketime is for x86_64")
        self._file = file
        self.jump(timedelta())
        self.environment = {
            "LD_PRELOAD": str(_LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def jump(self, offset: timedelta) -> None:
        """Be as far from the machine's clock as `offset` says, at once."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset.total_seconds():+.0f}\n")
        new.rename(self._file)
