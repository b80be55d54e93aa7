"""Compare a folder of recorded sequences with the model: `python -m tests.openshift FOLDER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import comparison, recorded


def main() -> int:
    """Print the steps that differ; exit with 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m tests.openshift", description=__doc__)
    parser.add_argument("source", type=Path, help="a folder of NNN.json files, or a file that --pack wrote")
    parser.add_argument(
        "--pack", type=Path, metavar="FILE", help="write the sequences to FILE, compressed, and compare nothing"
    )
    arguments = parser.parse_args()
    if not arguments.source.exists():
        parser.error(f"{arguments.source}: expected a folder of NNN.json files, found nothing")
    traces = list(recorded.read(arguments.source))
    if not traces:
        parser.error(f"{arguments.source}: expected NNN.json files, found none")
    if arguments.pack:
        recorded.pack(traces, arguments.pack)
        return 0
    found = [difference for trace in traces for difference in comparison.differences(trace)]
    steps = sum(len(trace["steps"]) for trace in traces)
    differ = "1 step differs" if len(found) == 1 else f"{len(found)} steps differ"
    sequences = "1 sequence" if len(traces) == 1 else f"{len(traces)} sequences"
    left_out = [f"  {what}: {why}" for what, why in comparison.UNCOMPARED.items()]
    lines = [*map(str, found), f"{sequences}, {steps} steps: {differ} from the model", "Not compared:", *left_out]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
